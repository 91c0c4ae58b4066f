//! Filters with regular expressions.

use super::super::arithmetic::truncated;
use super::super::call::Arguments;
use super::super::error::RenderError;
use super::super::eval::Machine;
use super::super::kinds::{cast, is_number};
use super::super::pattern::Pattern;
use super::super::value::Value;
use super::text::only_text;

type Outcome = Result<Value, RenderError>;

/// The required argument `name` as text.
fn required(args: &Arguments, name: &str) -> Result<String, RenderError> {
    match args.get(name) {
        Value::Null => Err(RenderError::engine(format!("The argument '{name}' is required."))),
        value => Ok(value.host_text()),
    }
}

pub(super) fn matches(machine: &mut Machine<'_, '_>, input: &Value, args: &Arguments) -> Outcome {
    if input.is_null() {
        return Ok(Value::Bool(false));
    }
    let pattern = Pattern::compile(machine, &required(args, "regex")?)?;
    Ok(Value::Bool(pattern.is_match(machine, &input.host_text())?))
}

pub(super) fn extract(machine: &mut Machine<'_, '_>, input: &Value, args: &Arguments) -> Outcome {
    if input.is_null() {
        return Ok(Value::Null);
    }
    let regex = required(args, "regex")?;
    let group = match args.get("group") {
        Value::Null => 0,
        number if is_number(number) => truncated(number).unwrap_or(i64::MAX),
        other => return Err(cast(other, "java.lang.Number")),
    };
    let Ok(group) = usize::try_from(group) else {
        return Err(RenderError::engine(format!("Group index {group} is out of bounds: must be >= 0.")));
    };
    let pattern = Pattern::compile(machine, &regex)?;
    let text = input.host_text();
    let Some(found) = pattern.captures(machine, &text)? else { return Ok(Value::Null) };
    if group > pattern.groups() {
        let groups = pattern.groups();
        let message = format!("Group index {group} is out of bounds: the pattern has only {groups} capture group(s).");
        return Err(RenderError::engine(message));
    }
    Ok(found.get(group).map_or(Value::Null, |found| Value::from(found.as_str())))
}

pub(super) fn replace(machine: &mut Machine<'_, '_>, input: &Value, args: &Arguments) -> Outcome {
    if input.is_null() {
        return Ok(Value::Null);
    }
    let regex = required(args, "regex")?;
    let replacement = required(args, "replacement")?;
    let pattern = Pattern::compile(machine, &regex)?;
    pattern.replace_all(machine, &input.host_text(), &replacement).map(Value::from)
}

/// Splits at a pattern. Empty parts at the end are dropped, unless a negative limit asks for them.
pub(super) fn split(machine: &mut Machine<'_, '_>, input: &Value, args: &Arguments) -> Outcome {
    if input.is_null() {
        return Ok(Value::Null);
    }
    let Some(delimiter) = args.text("delimiter")? else {
        return Err(RenderError::engine("missing delimiter parameter in split filter"));
    };
    let Some(text) = only_text(input)? else { return Ok(Value::Null) };
    let limit = match args.get("limit") {
        Value::Null => 0,
        number if is_number(number) => truncated(number).unwrap_or(0),
        other => return Err(cast(other, "java.lang.Number")),
    };
    let pattern = Pattern::compile(machine, delimiter)?;
    let parts = pattern.split(machine, text, limit)?;
    machine.pay_for_members(parts.len())?;
    Ok(super::super::host::Host::Array(parts.into_iter().map(Value::from).collect()).into())
}
