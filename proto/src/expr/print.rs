//! Turning values into text: the direct form of `{{ }}`, the host form of `~` and text filters, and JSON.

use base64::Engine as _;
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp, civil};

use super::host::Host;
use super::map::Map;
use super::value::Value;

impl Value {
    /// What `{{ value }}` prints: nothing for `null`, compact JSON for lists and maps, the plain text of all else.
    pub fn print(&self) -> String {
        let mut out = String::new();
        self.print_to(&mut out);
        out
    }

    /// Appends what [`Value::print`] answers.
    pub fn print_to(&self, out: &mut String) {
        match self {
            Value::Null => {}
            Value::Text(text) => out.push_str(text),
            Value::List(_) | Value::Map(_) => self.json_to(out),
            Value::Host(host) if host.prints_as_json() => self.json_to(out),
            _ => self.host_text_to(out),
        }
    }

    /// Compact JSON, `null` members kept.
    pub fn to_json(&self) -> String {
        let mut out = String::new();
        self.json_to(&mut out);
        out
    }

    /// Appends what [`Value::to_json`] answers.
    pub fn json_to(&self, out: &mut String) {
        match self {
            Value::Null => out.push_str("null"),
            Value::Text(text) => json_text_to(text, out),
            Value::List(list) => json_list_to(list, out),
            Value::Map(map) => json_map_to(map.iter(), out),
            Value::Double(number) if !number.is_finite() => json_text_to(&double_text(*number), out),
            Value::Float(number) if !number.is_finite() => json_text_to(&float_text(*number), out),
            Value::Host(host) => host.json_to(out),
            _ => self.host_text_to(out),
        }
    }

    /// The text of the host language: `{a=1, b=[1, 2]}` for maps and lists, `null` for null.
    pub fn host_text(&self) -> String {
        let mut out = String::new();
        self.host_text_to(&mut out);
        out
    }

    /// Appends what [`Value::host_text`] answers.
    pub fn host_text_to(&self, out: &mut String) {
        match self {
            Value::Null => out.push_str("null"),
            Value::Bool(true) => out.push_str("true"),
            Value::Bool(false) => out.push_str("false"),
            Value::Int(number) => out.push_str(itoa::Buffer::new().format(*number)),
            Value::Long(number) => out.push_str(itoa::Buffer::new().format(*number)),
            Value::Big(number) => out.push_str(&number.to_string()),
            Value::Float(number) => out.push_str(&float_text(*number)),
            Value::Double(number) => out.push_str(&double_text(*number)),
            Value::Decimal(number) => out.push_str(&number.to_string()),
            Value::Exact(digits) => out.push_str(digits),
            Value::Text(text) => out.push_str(text),
            Value::List(list) => host_list_to(list, out),
            Value::Map(map) => host_map_to(map, out),
            Value::Host(host) => host.text_to(out),
        }
    }
}

fn host_map_to(map: &Map, out: &mut String) {
    out.push('{');
    for (place, (key, value)) in map.iter().enumerate() {
        out.push_str(if place == 0 { "" } else { ", " });
        out.push_str(key);
        out.push('=');
        value.host_text_to(out);
    }
    out.push('}');
}

fn host_list_to(list: &[Value], out: &mut String) {
    out.push('[');
    for (place, member) in list.iter().enumerate() {
        out.push_str(if place == 0 { "" } else { ", " });
        member.host_text_to(out);
    }
    out.push(']');
}

fn json_list_to(list: &[Value], out: &mut String) {
    out.push('[');
    for (place, member) in list.iter().enumerate() {
        if place > 0 {
            out.push(',');
        }
        member.json_to(out);
    }
    out.push(']');
}

fn json_map_to<'a>(entries: impl Iterator<Item = (&'a super::value::Text, &'a Value)>, out: &mut String) {
    out.push('{');
    for (place, (key, value)) in entries.enumerate() {
        if place > 0 {
            out.push(',');
        }
        json_text_to(key, out);
        out.push(':');
        value.json_to(out);
    }
    out.push('}');
}

/// Appends a JSON text; only quotes, backslashes and control characters are escaped.
pub(crate) fn json_text_to(text: &str, out: &mut String) {
    out.push('"');
    let mut written = 0;
    for (at, byte) in text.bytes().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.push_str(&text[written..at]);
        written = at + 1;
        json_escape_to(byte, out);
    }
    out.push_str(&text[written..]);
    out.push('"');
}

#[cold]
fn json_escape_to(byte: u8, out: &mut String) {
    match byte {
        b'"' => out.push_str("\\\""),
        b'\\' => out.push_str("\\\\"),
        b'\n' => out.push_str("\\n"),
        b'\r' => out.push_str("\\r"),
        b'\t' => out.push_str("\\t"),
        0x08 => out.push_str("\\b"),
        0x0c => out.push_str("\\f"),
        other => out.push_str(&format!("\\u{other:04X}")),
    }
}

/// A 64-bit float as Java prints it: `1.0`, `1.0E7`, `1.0E-5`, `NaN`, `Infinity`.
pub(crate) fn double_text(number: f64) -> String {
    match number {
        n if n.is_nan() => "NaN".into(),
        n if n.is_infinite() => if n > 0.0 { "Infinity" } else { "-Infinity" }.into(),
        n => scientific_or_plain(&two_digits(format!("{n:e}"), || format!("{n:.1e}"), |text| text.parse() == Ok(n))),
    }
}

/// The nearest text of two digits in the place of one digit, which happens to the very smallest numbers.
fn two_digits(shortest: String, two: impl FnOnce() -> String, is_same: impl FnOnce(&str) -> bool) -> String {
    if shortest.contains('.') {
        return shortest;
    }
    let two = two();
    // A trailing zero is none of the digits.
    if !two.contains(".0") && is_same(&two) { two } else { shortest }
}

/// A 32-bit float as Java prints it.
pub(crate) fn float_text(number: f32) -> String {
    match number {
        n if n.is_nan() => "NaN".into(),
        n if n.is_infinite() => if n > 0.0 { "Infinity" } else { "-Infinity" }.into(),
        n => scientific_or_plain(&two_digits(format!("{n:e}"), || format!("{n:.1e}"), |text| text.parse() == Ok(n))),
    }
}

/// Takes `-1.25e-3`; magnitudes from 0.001 up to 10 000 000 are written without exponent.
fn scientific_or_plain(shortest: &str) -> String {
    let (mantissa, exponent) = shortest.split_once('e').unwrap_or((shortest, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |rest| ("-", rest));
    let digits = mantissa.replace('.', "");
    if digits == "0" {
        return format!("{sign}0.0");
    }
    if !(-3..7).contains(&exponent) {
        let (first, rest) = digits.split_at(1);
        let rest = if rest.is_empty() { "0" } else { rest };
        return format!("{sign}{first}.{rest}E{exponent}");
    }
    if exponent < 0 {
        return format!("{sign}0.{}{digits}", "0".repeat((-exponent - 1) as usize));
    }
    let whole = exponent as usize + 1;
    if digits.len() <= whole {
        return format!("{sign}{digits}{}.0", "0".repeat(whole - digits.len()));
    }
    format!("{sign}{}.{}", &digits[..whole], &digits[whole..])
}

impl Host {
    fn prints_as_json(&self) -> bool {
        matches!(self, Host::Bytes(_) | Host::Set(_) | Host::Array(_) | Host::IntArray(_))
    }

    /// The text form, as Java's `toString` gives it.
    pub(crate) fn text_to(&self, out: &mut String) {
        match self {
            Host::Instant(at) => out.push_str(&instant_text(*at)),
            Host::Zoned(at) => {
                out.push_str(&date_time_text(at.datetime()));
                out.push_str(&offset_text(at.offset()));
                if let Some(name) =
                    at.time_zone().iana_name().filter(|name| *name != "UTC" || at.offset() != Offset::UTC)
                {
                    out.push_str(&format!("[{name}]"));
                }
            }
            Host::Offset(at, offset) => {
                out.push_str(&date_time_text(*at));
                out.push_str(&offset_text(*offset));
            }
            Host::DateTime(at) => out.push_str(&date_time_text(*at)),
            Host::Date(day) => out.push_str(&date_text(*day)),
            Host::Time(time) => out.push_str(&time_text(*time)),
            Host::Duration(length) => out.push_str(&duration_text(*length)),
            Host::OldDate(at) => {
                out.push_str(&at.to_zoned_datetime(TimeZone::UTC).strftime("%a %b %d %H:%M:%S UTC %Y").to_string())
            }
            Host::Short(number) => out.push_str(&number.to_string()),
            Host::Byte(number) => out.push_str(&number.to_string()),
            Host::Char(char) => out.push(*char),
            Host::Enum(text) | Host::Uri(text) | Host::Uuid(text) => out.push_str(text),
            Host::Bytes(bytes) => out.push_str(&String::from_utf8_lossy(bytes)),
            Host::Set(members) | Host::Array(members) => host_list_to(members, out),
            Host::IntArray(members) => out.push_str(&format!("{members:?}")),
            Host::Entry(key, value) => {
                out.push_str(key);
                out.push('=');
                value.host_text_to(out);
            }
            Host::Loop(state) => host_map_to(state, out),
        }
    }

    fn json_to(&self, out: &mut String) {
        match self {
            Host::Instant(at) => json_text_to(&micros_text(*at), out),
            Host::Zoned(at) => json_text_to(&micros_text(at.timestamp()), out),
            Host::Offset(at, offset) => {
                let moment = offset.to_timestamp(*at).map(|at| date_time_seconds_text(Offset::UTC.to_datetime(at)));
                json_text_to(&format!("{}Z", moment.unwrap_or_default()), out);
            }
            Host::DateTime(at) => json_text_to(&date_time_seconds_text(*at), out),
            Host::Time(time) => json_text_to(&time_seconds_text(*time), out),
            Host::Duration(length) => out.push_str(&seconds_text(*length)),
            Host::OldDate(at) => {
                let text = at.to_zoned_datetime(TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%S.%3f+00:00").to_string();
                json_text_to(&text, out);
            }
            Host::Short(_) | Host::Byte(_) => self.text_to(out),
            Host::Bytes(bytes) => json_text_to(&base64::engine::general_purpose::STANDARD.encode(bytes), out),
            Host::Set(members) | Host::Array(members) => json_list_to(members, out),
            Host::IntArray(members) => out.push_str(&format!("{members:?}").replace(' ', "")),
            Host::Entry(key, value) => json_map_to(std::iter::once((key, value)), out),
            Host::Loop(state) => json_map_to(state.iter(), out),
            Host::Date(_) | Host::Char(_) | Host::Enum(_) | Host::Uri(_) | Host::Uuid(_) => {
                let mut text = String::new();
                self.text_to(&mut text);
                json_text_to(&text, out);
            }
        }
    }
}

/// `2024-05-06`; years beyond four digits carry a sign.
pub(crate) fn date_text(day: civil::Date) -> String {
    let year = i32::from(day.year());
    let sign = if year < 0 { "-" } else { "" };
    format!("{sign}{:04}-{:02}-{:02}", year.abs(), day.month(), day.day())
}

/// `07:08`, `07:08:09`, `07:08:09.123`: seconds only when needed, the fraction in groups of three digits.
pub(crate) fn time_text(time: civil::Time) -> String {
    if time.second() == 0 && time.subsec_nanosecond() == 0 {
        return format!("{:02}:{:02}", time.hour(), time.minute());
    }
    time_seconds_text(time)
}

/// As [`time_text`], but always with seconds.
pub(crate) fn time_seconds_text(time: civil::Time) -> String {
    let whole = format!("{:02}:{:02}:{:02}", time.hour(), time.minute(), time.second());
    let nanos = time.subsec_nanosecond();
    match nanos {
        0 => whole,
        _ if nanos % 1_000_000 == 0 => format!("{whole}.{:03}", nanos / 1_000_000),
        _ if nanos % 1_000 == 0 => format!("{whole}.{:06}", nanos / 1_000),
        _ => format!("{whole}.{nanos:09}"),
    }
}

/// `2024-05-06T07:08`, with seconds only when needed.
pub(crate) fn date_time_text(at: civil::DateTime) -> String {
    format!("{}T{}", date_text(at.date()), time_text(at.time()))
}

/// `2024-05-06T07:08:00`.
pub(crate) fn date_time_seconds_text(at: civil::DateTime) -> String {
    format!("{}T{}", date_text(at.date()), time_seconds_text(at.time()))
}

/// `Z`, `+02:00`, `-05:30:15`.
pub(crate) fn offset_text(offset: Offset) -> String {
    let seconds = offset.seconds();
    if seconds == 0 {
        return "Z".into();
    }
    let sign = if seconds < 0 { '-' } else { '+' };
    let seconds = seconds.abs();
    let text = format!("{sign}{:02}:{:02}", seconds / 3600, seconds / 60 % 60);
    if seconds % 60 == 0 { text } else { format!("{text}:{:02}", seconds % 60) }
}

/// `2024-05-06T07:08:09.123Z`.
pub(crate) fn instant_text(at: Timestamp) -> String {
    format!("{}Z", date_time_seconds_text(Offset::UTC.to_datetime(at)))
}

/// `2024-05-06T07:08:09.123000Z`.
fn micros_text(at: Timestamp) -> String {
    at.to_zoned_datetime(TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()
}

/// Seconds with nine decimals.
fn seconds_text(length: SignedDuration) -> String {
    let nanos = length.as_nanos();
    let sign = if nanos < 0 { "-" } else { "" };
    let nanos = nanos.unsigned_abs();
    format!("{sign}{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000)
}

/// `PT1H30M`, `PT-0.5S`, `PT0S`: hours, minutes and seconds only.
pub(crate) fn duration_text(length: SignedDuration) -> String {
    let (seconds, nanos) = (length.as_secs(), length.subsec_nanos());
    if seconds == 0 && nanos == 0 {
        return "PT0S".into();
    }
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    let rest = i128::from(seconds % 60) * 1_000_000_000 + i128::from(nanos);
    let mut out = String::from("PT");
    if hours != 0 {
        out.push_str(&format!("{hours}H"));
    }
    if minutes != 0 {
        out.push_str(&format!("{minutes}M"));
    }
    if rest != 0 {
        let sign = if rest < 0 { "-" } else { "" };
        let (whole, fraction) = (rest.unsigned_abs() / 1_000_000_000, rest.unsigned_abs() % 1_000_000_000);
        let fraction = format!("{fraction:09}");
        let fraction = fraction.trim_end_matches('0');
        let point = if fraction.is_empty() { "" } else { "." };
        out.push_str(&format!("{sign}{whole}{point}{fraction}S"));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_print_as_the_host_language_prints_them() {
        for (number, text) in [
            (1e7, "1.0E7"),
            (9_999_999.0, "9999999.0"),
            (1e-5, "1.0E-5"),
            (0.001, "0.001"),
            (3.0, "3.0"),
            (-0.0, "-0.0"),
            (1.234_567_89e8, "1.23456789E8"),
            (1.5e300, "1.5E300"),
            (f64::INFINITY, "Infinity"),
        ] {
            assert_eq!(double_text(number), text);
        }
        assert_eq!(float_text(1.1), "1.1");
    }

    #[test]
    fn maps_print_as_json_alone_and_as_host_text_inside_text() {
        let value = Value::from_json(r#"{"a":null,"b":[1,"x"]}"#).unwrap();
        assert_eq!(value.print(), r#"{"a":null,"b":[1,"x"]}"#);
        assert_eq!(value.host_text(), "{a=null, b=[1, x]}");
    }

    #[test]
    fn durations_print_without_days() {
        for (millis, text) in
            [(0, "PT0S"), (5_400_000, "PT1H30M"), (90_000_500, "PT25H0.5S"), (-500, "PT-0.5S"), (-90_000, "PT-1M-30S")]
        {
            assert_eq!(duration_text(SignedDuration::from_millis(millis)), text);
        }
    }
}
