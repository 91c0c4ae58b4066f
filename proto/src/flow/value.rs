//! Values of inputs: whether one is of its type, and what is kept of it.
//!
//! Values arrive as texts (forms, rendered expressions) or as they are (JSON). What is kept is what Kestra keeps: dates and
//! spans as text in one spelling, numbers as numbers, JSON and YAML as what they say. A refusal uses Kestra's words.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp, civil};

use super::{
    input::{Choice, ChoiceValue, ChoiceValues, InputKind, Pattern, ValueType},
    yaml,
};
use crate::expr::{Host, Value};

/// Reads a value of a type; lists of an array may hold anything.
///
/// # Errors
/// Why it is not of this type.
fn convert(value_type: ValueType, value: &Value) -> Result<Value, String> {
    match value_type {
        ValueType::String | ValueType::Select => Ok(Value::text(value.host_text())),
        ValueType::Int => int(value).map(Value::Int),
        ValueType::Float => float(value).map(Value::Float),
        ValueType::Bool => truth(value).map(Value::Bool),
        ValueType::DateTime => instant(value).map(|at| printed(Host::Instant(at))),
        ValueType::Date => date(value).map(|day| printed(Host::Date(day))),
        ValueType::Time => time(value).map(|time| Value::text(time.to_string())),
        ValueType::Duration => span(value).map(|span| printed(Host::Duration(span))),
        ValueType::Json => json(value, "JSON"),
        ValueType::Yaml => from_yaml(value),
        ValueType::Uri => uri(value),
        ValueType::Email => email(value),
        ValueType::Array | ValueType::MultiSelect => Ok(Value::list(list(value, value_type.as_str())?)),
    }
}

/// Reads a value for an input and holds it against the input's rules. Of a choice whose values are rendered, `choices` are
/// the values.
///
/// # Errors
/// What is wrong with it, in Kestra's words.
pub(super) fn accept(id: &str, kind: &InputKind, value: &Value, choices: &[ChoiceValue]) -> Result<Value, String> {
    match kind {
        InputKind::String { validator } => matching(value, validator.as_ref()),
        // In Kestra's words, which name the input of this type twice.
        InputKind::Secret { validator } => {
            matching(value, validator.as_ref()).map_err(|reason| format!("{id}: {reason}"))
        }
        InputKind::Select(choice) => one_of(choice, choices, value),
        InputKind::MultiSelect(choice) => some_of(choice, choices, value),
        InputKind::Int { min, max } => {
            let number = int(value)?;
            between(&i64::from(number), min.as_ref(), max.as_ref(), |limit| limit.to_string(), "it")?;
            Ok(Value::Int(number))
        }
        InputKind::Float { min, max } => {
            let number = float(value)?;
            between(&f64::from(number), min.as_ref(), max.as_ref(), |limit| Value::Double(*limit).print(), "it")?;
            Ok(Value::Float(number))
        }
        InputKind::Bool => convert(ValueType::Bool, value),
        InputKind::DateTime { after, before } => {
            let at = instant(value)?;
            around(&at, after.as_ref(), before.as_ref(), |limit| printed(Host::Instant(*limit)).print())?;
            convert(ValueType::DateTime, value)
        }
        InputKind::Date { after, before } => {
            let day = date(value)?;
            around(&day, after.as_ref(), before.as_ref(), |limit| printed(Host::Date(*limit)).print())?;
            convert(ValueType::Date, value)
        }
        InputKind::Time { after, before } => {
            let at = time(value)?;
            around(&at, after.as_ref(), before.as_ref(), |limit| printed(Host::Time(*limit)).print())?;
            convert(ValueType::Time, value)
        }
        InputKind::Duration { min, max } => {
            let length = span(value)?;
            let limits = (min.map(signed), max.map(signed));
            between(
                &length,
                limits.0.as_ref(),
                limits.1.as_ref(),
                |limit| printed(Host::Duration(*limit)).print(),
                "It",
            )?;
            convert(ValueType::Duration, value)
        }
        InputKind::Json => convert(ValueType::Json, value),
        InputKind::Yaml => convert(ValueType::Yaml, value),
        InputKind::Uri => convert(ValueType::Uri, value),
        InputKind::Email => convert(ValueType::Email, value),
        InputKind::Array { item } => {
            let members = list(value, "ARRAY")?;
            let items = members.iter().map(|member| {
                convert(*item, member)
                    .map_err(|_| format!("Unable to parse array element as `{}` on `{id}`", item.as_str()))
            });
            Ok(Value::list(items.collect::<Result<Vec<_>, _>>()?))
        }
        InputKind::File => Err("files are not supported yet".to_owned()),
    }
}

fn matching(value: &Value, validator: Option<&Pattern>) -> Result<Value, String> {
    let text = value.host_text();
    match validator {
        Some(pattern) if !pattern.matches(&text) => Err(format!("it must match the pattern `{}`", pattern.as_str())),
        Some(_) | None => Ok(Value::text(text)),
    }
}

fn fits(choice: &Choice, choices: &[ChoiceValue], text: &str) -> bool {
    choice.allow_custom_value || choices.iter().any(|choice| choice.value == text)
}

fn one_of(choice: &Choice, choices: &[ChoiceValue], value: &Value) -> Result<Value, String> {
    let text = value.host_text();
    match fits(choice, choices, &text) {
        true => Ok(Value::text(text)),
        false => Err(format!("it must match the values `{}`", named(choices))),
    }
}

fn some_of(choice: &Choice, choices: &[ChoiceValue], value: &Value) -> Result<Value, String> {
    let texts: Vec<String> = list(value, "MULTISELECT")?.iter().map(Value::host_text).collect();
    match texts.iter().find(|text| !fits(choice, choices, text)) {
        Some(wrong) => Err(format!("value `{wrong}` doesn't match the values `{}`", named(choices))),
        None => Ok(Value::list(texts.into_iter().map(Value::from))),
    }
}

/// The values of a choice that the document lists; none when they are rendered.
pub(super) fn listed_choices(kind: &InputKind) -> Option<&[ChoiceValue]> {
    match kind.choice().map(|choice| &choice.values) {
        None => Some(&[]),
        Some(ChoiceValues::Listed(values)) => Some(values),
        Some(ChoiceValues::Rendered(_)) => None,
    }
}

/// The members of a list, or of the text of a JSON list.
pub(super) fn list(value: &Value, wanted: &str) -> Result<Vec<Value>, String> {
    let parsed = json(value, wanted)?;
    match parsed.as_list() {
        Some(members) => Ok(members.to_vec()),
        None => Err(expected(wanted, value, "this is no JSON list")),
    }
}

fn named(choices: &[ChoiceValue]) -> String {
    let values: Vec<&str> = choices.iter().map(|choice| choice.value.as_str()).collect();
    format!("[{}]", values.join(", "))
}

fn printed(host: Host) -> Value {
    Value::text(Value::from(host).print())
}

fn signed(length: Duration) -> SignedDuration {
    SignedDuration::try_from(length).unwrap_or(SignedDuration::MAX)
}

fn between<T: PartialOrd>(
    value: &T,
    min: Option<&T>,
    max: Option<&T>,
    print: impl Fn(&T) -> String,
    it: &str,
) -> Result<(), String> {
    if let Some(min) = min.filter(|min| value < min) {
        return Err(format!("{it} must be more than `{}`", print(min)));
    }
    if let Some(max) = max.filter(|max| value > max) {
        return Err(format!("{it} must be less than `{}`", print(max)));
    }
    Ok(())
}

fn around<T: PartialOrd>(
    value: &T,
    after: Option<&T>,
    before: Option<&T>,
    print: impl Fn(&T) -> String,
) -> Result<(), String> {
    if let Some(after) = after.filter(|after| value < after) {
        return Err(format!("it must be after `{}`", print(after)));
    }
    if let Some(before) = before.filter(|before| value > before) {
        return Err(format!("it must be before `{}`", print(before)));
    }
    Ok(())
}

fn cannot(value: &Value, wanted: &str) -> String {
    format!("Cannot convert value '{}' to {wanted}", value.host_text())
}

fn expected(wanted: &str, value: &Value, cause: &str) -> String {
    format!("Expected `{wanted}` but received `{}` with errors:\n```\n{cause}\n```", value.host_text())
}

fn int(value: &Value) -> Result<i32, String> {
    let number = match value {
        Value::Text(text) => text.trim().parse().ok(),
        other => other.as_i64().and_then(|number| i32::try_from(number).ok()),
    };
    number.ok_or_else(|| cannot(value, "Integer"))
}

fn float(value: &Value) -> Result<f32, String> {
    let number: Option<f32> = match value {
        Value::Text(text) => text.trim().parse().ok(),
        #[expect(clippy::cast_possible_truncation, reason = "an input of type FLOAT has 32 bits, as in Kestra")]
        other => other.as_f64().map(|number| number as f32),
    };
    number.filter(|number| number.is_finite()).ok_or_else(|| cannot(value, "Float"))
}

fn truth(value: &Value) -> Result<bool, String> {
    let text = value.as_text().map(str::trim);
    match text {
        Some(text) if text.eq_ignore_ascii_case("true") => Ok(true),
        Some(text) if text.eq_ignore_ascii_case("false") => Ok(false),
        Some(_) | None => value.as_bool().ok_or_else(|| cannot(value, "Boolean")),
    }
}

fn instant(value: &Value) -> Result<Timestamp, String> {
    let text = value.host_text();
    let parsed = text.trim().parse().ok().filter(|_| is_spelled_out(&text) && text.contains(['T', 't']));
    parsed.ok_or_else(|| cannot(value, "Instant"))
}

fn date(value: &Value) -> Result<civil::Date, String> {
    let text = value.host_text();
    match Host::parse("LocalDate", text.trim()) {
        Some(Host::Date(day)) if is_spelled_out(&text) => Ok(day),
        Some(_) | None => Err(cannot(value, "LocalDate")),
    }
}

/// Whether a date has its dashes: `20240229` is a date for ISO 8601, and none for Kestra.
fn is_spelled_out(text: &str) -> bool {
    text.trim().trim_start_matches(['-', '+']).split('T').next().is_some_and(|day| day.matches('-').count() >= 2)
}

fn time(value: &Value) -> Result<civil::Time, String> {
    match Host::parse("LocalTime", value.host_text().trim()) {
        Some(Host::Time(time)) => Ok(time),
        Some(_) | None => Err(cannot(value, "LocalTime")),
    }
}

fn span(value: &Value) -> Result<SignedDuration, String> {
    match Host::parse("Duration", value.host_text().trim()) {
        Some(Host::Duration(length)) => Ok(length),
        Some(_) | None => Err(cannot(value, "Duration")),
    }
}

/// What the text of a JSON document says; anything but a text is taken as it is.
fn json(value: &Value, wanted: &str) -> Result<Value, String> {
    match value {
        Value::Text(text) => Value::from_json(text).map_err(|error| expected(wanted, value, &error.to_string())),
        other => Ok(other.clone()),
    }
}

fn from_yaml(value: &Value) -> Result<Value, String> {
    match value {
        Value::Text(text) => yaml::value(text).map_err(|error| expected("YAML", value, &error.message)),
        other => Ok(other.clone()),
    }
}

/// An address with its scheme, without blanks and the characters that no address holds.
fn uri(value: &Value) -> Result<Value, String> {
    let text = value.host_text();
    let good =
        |character: char| !character.is_whitespace() && !character.is_control() && !"<>\"{}|\\^`".contains(character);
    if has_scheme(&text) && text.chars().all(good) { Ok(Value::text(text)) } else { Err(cannot(value, "URI")) }
}

/// Whether a text begins as `https:` does, and goes on.
fn has_scheme(text: &str) -> bool {
    let is_name = |name: &str| {
        name.starts_with(|first: char| first.is_ascii_alphabetic())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
    };
    text.split_once(':').is_some_and(|(scheme, rest)| is_name(scheme) && !rest.trim_start_matches('/').is_empty())
}

fn email(value: &Value) -> Result<Value, String> {
    let text = value.host_text();
    let whole =
        text.split_once('@').is_some_and(|(name, host)| !name.is_empty() && !host.is_empty() && !host.contains('@'));
    if whole && !text.contains(char::is_whitespace) { Ok(Value::text(text)) } else { Err(cannot(value, "Email")) }
}
