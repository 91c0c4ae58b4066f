//! `replace` and `escapeChar`, which reach into lists and maps.

use super::super::call::Arguments;
use super::super::error::RenderError;
use super::super::eval::Machine;
use super::super::kinds::cast;
use super::super::map::Map;
use super::super::pattern::Pattern;
use super::super::value::Value;

type Outcome = Result<Value, RenderError>;
type Change<'c> = &'c mut dyn FnMut(&str) -> Result<String, RenderError>;

/// How the keys of the pairs are meant.
#[derive(Clone, Copy)]
enum Read {
    Plainly,
    AsPattern,
}

/// Changes the text of every plain member; numbers inside of lists and maps become text.
fn each_text(value: &Value, change: Change<'_>) -> Outcome {
    match value {
        Value::List(list) => {
            let members = list.iter().map(|member| each_member(member, change));
            Ok(Value::from(members.collect::<Result<Vec<_>, _>>()?))
        }
        Value::Map(map) => {
            let mut changed = Map::with_capacity(map.len());
            for (key, member) in map.iter() {
                changed.insert(key.clone(), each_member(member, change)?);
            }
            Ok(Value::from(changed))
        }
        other => change(&other.host_text()).map(Value::from),
    }
}

fn each_member(member: &Value, change: Change<'_>) -> Outcome {
    match member {
        Value::Null => Err(RenderError::kind("java.lang.NullPointerException: a member is null")),
        other => each_text(other, change),
    }
}

/// `replace({"a": "b"})`: pair by pair, in the order of writing.
pub(super) fn replace(machine: &mut Machine<'_, '_>, input: &Value, args: &Arguments) -> Outcome {
    if input.is_null() {
        return Ok(Value::Null);
    }
    let pairs = match args.get("replace_pairs") {
        Value::Null => return Err(RenderError::engine("The argument 'replace_pairs' is required.")),
        Value::Map(map) => map.clone(),
        other => return Err(cast(other, "java.util.Map")),
    };
    let read = match args.get("regexp") {
        Value::Null | Value::Bool(false) => Read::Plainly,
        Value::Bool(true) => Read::AsPattern,
        other => return Err(cast(other, "java.lang.Boolean")),
    };
    let pairs = pairs.iter().map(|(from, to)| match to {
        Value::Null => Err(RenderError::kind("java.lang.NullPointerException: a replacement is null")),
        to => Ok((from.to_string(), to.host_text())),
    });
    let pairs = pairs.collect::<Result<Vec<_>, _>>()?;
    each_text(input, &mut |text| replaced(machine, text, &pairs, read))
}

fn replaced(
    machine: &mut Machine<'_, '_>,
    text: &str,
    pairs: &[(String, String)],
    read: Read,
) -> Result<String, RenderError> {
    let mut text = text.to_owned();
    for (from, to) in pairs {
        text = match read {
            Read::AsPattern => Pattern::compile(machine, from)?.replace_all(machine, &text, to)?,
            Read::Plainly => {
                let grown = text.len() + text.matches(from.as_str()).count() * to.len();
                machine.env.spend_bytes(grown)?;
                text.replace(from.as_str(), to)
            }
        };
    }
    Ok(text)
}

/// `escapeChar("single" | "double" | "shell")`
pub(super) fn escape_char(_: &mut Machine<'_, '_>, input: &Value, args: &Arguments) -> Outcome {
    if input.is_null() {
        return Ok(Value::Null);
    }
    if args.given("type").is_none() {
        return Err(RenderError::engine("The 'escapeChar' filter expects an argument 'type'."));
    }
    let (from, to) = match args.text("type")?.unwrap_or("").to_ascii_lowercase().as_str() {
        "single" => ("'", "\\'"),
        "double" => ("\"", "\\\""),
        "shell" => ("'", "'\\''"),
        _ => {
            return Err(RenderError::engine(
                "The 'escapeChar' filter expects the value of 'type' to be either 'single', 'double', or 'shell'.",
            ));
        }
    };
    each_text(input, &mut |text| Ok(text.replace(from, to)))
}
