//! Writing Ion: `{a:1,'b c':"x"}`.

use base64::Engine as _;

use crate::expr::access::iterated;
use crate::expr::host::Host;
use crate::expr::print::{instant_text, json_text_to};
use crate::expr::value::Value;

/// The Ion text of a value.
pub(crate) fn write(value: &Value) -> String {
    let mut out = String::new();
    value_to(value, &mut out);
    out
}

fn value_to(value: &Value, out: &mut String) {
    match value {
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Long(_) | Value::Big(_) => value.host_text_to(out),
        Value::Double(number) => out.push_str(&float(*number)),
        Value::Float(number) => out.push_str(&float(f64::from(*number))),
        Value::Exact(digits) => out.push_str(&digits.replace(['e', 'E'], "d")),
        Value::Decimal(number) => out.push_str(&decimal(&number.to_string())),
        Value::Text(text) => json_text_to(text, out),
        Value::Map(map) => {
            out.push('{');
            for (place, (key, member)) in map.iter().enumerate() {
                out.push_str(if place == 0 { "" } else { "," });
                out.push_str(&symbol(key));
                out.push(':');
                value_to(member, out);
            }
            out.push('}');
        }
        Value::Host(host) if iterated(value).is_none() || matches!(&**host, Host::Bytes(_)) => {
            host_to(host, value, out)
        }
        other => {
            out.push('[');
            for (place, member) in iterated(other).unwrap_or_default().iter().enumerate() {
                out.push_str(if place == 0 { "" } else { "," });
                value_to(member, out);
            }
            out.push(']');
        }
    }
}

/// Floats carry an exponent: `3.14e0`, `3e0`, `1.0e-7`.
fn float(number: f64) -> String {
    if number.is_nan() {
        return "nan".into();
    }
    if number.is_infinite() {
        return if number > 0.0 { "+inf" } else { "-inf" }.into();
    }
    let text = crate::expr::print::double_text(number);
    match text.split_once('E') {
        Some((mantissa, exponent)) => format!("{mantissa}e{exponent}"),
        None => format!("{}e0", text.strip_suffix(".0").unwrap_or(&text)),
    }
}

fn decimal(text: &str) -> String {
    let text = text.replace("E+", "d").replace('E', "d");
    if text.contains(['.', 'd']) { text } else { format!("{text}.") }
}

fn host_to(host: &Host, value: &Value, out: &mut String) {
    let marked = |mark: &str, text: &str, out: &mut String| {
        out.push_str(mark);
        out.push_str("::");
        json_text_to(text, out);
    };
    match host {
        Host::Instant(at) => out.push_str(&instant_text(*at)),
        Host::OldDate(at) => {
            out.push_str(&at.to_zoned_datetime(jiff::tz::TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string())
        }
        Host::Date(_) => value.host_text_to(out),
        Host::Zoned(_) => marked("ZonedDateTime", &value.host_text(), out),
        Host::Offset(..) => marked("OffsetDateTime", &value.host_text(), out),
        Host::DateTime(_) => marked("LocalDateTime", value.to_json().trim_matches('"'), out),
        Host::Time(_) => marked("LocalTime", value.to_json().trim_matches('"'), out),
        Host::Bytes(bytes) => {
            out.push_str("{{");
            out.push_str(&base64::engine::general_purpose::STANDARD.encode(bytes));
            out.push_str("}}");
        }
        Host::Duration(_) => out.push_str(&value.to_json()),
        Host::Short(_) | Host::Byte(_) => value.host_text_to(out),
        Host::Loop(state) => value_to(&Value::from(state.clone()), out),
        Host::Entry(key, member) => value_to(&Value::map([(key.clone(), member.clone())]), out),
        Host::Char(_)
        | Host::Enum(_)
        | Host::Uri(_)
        | Host::Uuid(_)
        | Host::Set(_)
        | Host::Array(_)
        | Host::IntArray(_) => {
            json_text_to(&value.host_text(), out);
        }
    }
}

/// A field name: quoted unless it is an identifier that is no keyword.
fn symbol(name: &str) -> String {
    let identifier = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == '$')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '$');
    let keyword = matches!(name, "null" | "true" | "false" | "nan");
    match identifier && !keyword {
        true => name.to_owned(),
        false => format!("'{}'", name.replace('\\', "\\\\").replace('\'', "\\'").replace('\n', "\\n")),
    }
}
