//! Rendered values, read as the type that a flow declares for an output.

use jiff::{Timestamp, civil};

use crate::{
    expr::Value,
    flow::{FromDocument, ValueType},
};

/// Reads a value as a type; null stays null.
///
/// # Errors
/// Kestra's words: what cannot be converted, and to what.
pub(super) fn read(value_type: ValueType, value: Value) -> Result<Value, String> {
    if value.is_null() {
        return Ok(value);
    }
    match value_type {
        ValueType::String | ValueType::Select | ValueType::Uri | ValueType::Email => Ok(Value::text(text_of(&value))),
        ValueType::Int => parsed(&value, "Integer", |text| text.parse().ok().map(Value::integer)),
        ValueType::Float => parsed(&value, "Float", |text| text.parse().ok().map(Value::Double)),
        ValueType::Bool => Ok(Value::Bool(text_of(&value).trim().eq_ignore_ascii_case("true"))),
        ValueType::DateTime => parsed(&value, "Instant", date_time),
        ValueType::Date => {
            parsed(&value, "LocalDate", |text| text.parse::<civil::Date>().ok().map(|d| Value::text(d.to_string())))
        }
        ValueType::Time => {
            parsed(&value, "LocalTime", |text| text.parse::<civil::Time>().ok().map(|_| Value::text(text)))
        }
        ValueType::Duration => parsed(&value, "Duration", seconds),
        ValueType::Json => structured(value, "JSON", |text| Value::from_json(text).ok()),
        ValueType::Yaml => structured(value, "YAML", |text| serde_yaml::from_str(text).ok()),
        ValueType::Array | ValueType::MultiSelect => structured(value, "List", |text| Value::from_json(text).ok())
            .and_then(|value| match value.as_list() {
                Some(_) => Ok(value),
                None => Err(cannot(&value, "List")),
            }),
    }
}

fn text_of(value: &Value) -> String {
    value.as_text().map_or_else(|| value.to_json(), str::to_owned)
}

fn cannot(value: &Value, kind: &str) -> String {
    format!("Cannot convert value '{}' to {kind}", text_of(value))
}

fn parsed(value: &Value, kind: &str, read: impl FnOnce(&str) -> Option<Value>) -> Result<Value, String> {
    read(text_of(value).trim()).ok_or_else(|| cannot(value, kind))
}

/// A text is read; anything else is the structure already.
fn structured(value: Value, kind: &str, read: impl FnOnce(&str) -> Option<Value>) -> Result<Value, String> {
    let Some(text) = value.as_text() else { return Ok(value) };
    read(text).ok_or_else(|| cannot(&value, kind))
}

fn date_time(text: &str) -> Option<Value> {
    let at: Timestamp = text.parse().ok()?;
    Some(Value::text(format!("{at:.6}")))
}

/// A duration stands in outputs as its seconds.
fn seconds(text: &str) -> Option<Value> {
    let duration = std::time::Duration::from_document(text).ok()?;
    Some(Value::Double(duration.as_secs_f64()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(value_type: ValueType, text: &str) -> Result<String, String> {
        read(value_type, Value::text(text)).map(|value| value.to_json())
    }

    #[test]
    fn texts_become_what_the_output_declares() {
        let cases = [
            (ValueType::Int, "5", "5"),
            (ValueType::Float, "1.5", "1.5"),
            (ValueType::Bool, "maybe", "false"),
            (ValueType::Json, "{\"a\":[1]}", "{\"a\":[1]}"),
            (ValueType::Array, "[1,\"x\"]", "[1,\"x\"]"),
            (ValueType::DateTime, "2026-01-02T03:04:05Z", "\"2026-01-02T03:04:05.000000Z\""),
            (ValueType::Duration, "PT5M", "300.0"),
            (ValueType::Date, "2026-01-02", "\"2026-01-02\""),
        ];
        for (value_type, text, expected) in cases {
            assert_eq!(read_text(value_type, text).as_deref(), Ok(expected), "{value_type:?}");
        }
    }

    #[test]
    fn what_cannot_be_converted_is_named() {
        assert_eq!(read_text(ValueType::Int, "abc"), Err("Cannot convert value 'abc' to Integer".to_owned()));
        assert!(read_text(ValueType::Duration, "5m").is_err());
        assert!(read_text(ValueType::Array, "{}").is_err());
    }
}
