//! Filters on lists and maps.

use super::super::access::iterated;
use super::super::arithmetic::truncated;
use super::super::call::Arguments;
use super::super::checks::is_empty;
use super::super::error::RenderError;
use super::super::eval::Machine;
use super::super::host::Host;
use super::super::kinds::{cast, class_name, is_number};
use super::super::map::Map;
use super::super::operators::same_member;
use super::super::utf16;
use super::super::value::Value;

type Outcome = Result<Value, RenderError>;

pub(super) fn default(_: &mut Machine<'_, '_>, input: &Value, args: &Arguments) -> Outcome {
    Ok(if is_empty(input) { args.get("default").clone() } else { input.clone() })
}

/// The members of a list, set or array; a map is none of these.
fn members(input: &Value) -> Option<Vec<Value>> {
    match input {
        Value::Map(_) => None,
        other => iterated(other),
    }
}

pub(super) fn chunk(_: &mut Machine<'_, '_>, input: &Value, args: &Arguments) -> Outcome {
    if input.is_null() {
        return Ok(Value::Null);
    }
    let Some(size) = args.given("size") else {
        return Err(RenderError::engine("'chunk' filter expects an argument 'size'."));
    };
    let Some(list) = input.as_list() else {
        let message = format!("'chunk' filter can only be applied to List. Actual type was: {}", class_name(input));
        return Err(RenderError::engine(message));
    };
    if !is_number(size) {
        let message = format!("'chunk' filter argument 'size' must be a number. Actual type was: {}", class_name(size));
        return Err(RenderError::engine(message));
    }
    let size = truncated(size).and_then(|size| usize::try_from(size).ok()).filter(|size| *size > 0);
    let Some(size) = size else { return Err(RenderError::kind("java.lang.IllegalArgumentException")) };
    Ok(Value::from(list.chunks(size).map(|part| Value::from(part.to_vec())).collect::<Vec<_>>()))
}

pub(super) fn distinct(machine: &mut Machine<'_, '_>, input: &Value, _: &Arguments) -> Outcome {
    let Some(list) = input.as_list() else {
        return match input {
            Value::Null => Ok(Value::from("null")),
            other => {
                let message = format!("Input must be a list, but received : {}", class_name(other));
                Err(RenderError::engine(message))
            }
        };
    };
    let mut seen = std::collections::BTreeMap::<String, Vec<usize>>::new();
    let mut kept: Vec<Value> = Vec::new();
    for member in list {
        machine.env.spend(1)?;
        let alike = seen.entry(member.host_text()).or_default();
        if alike.iter().all(|place| !like(&kept[*place], member)) {
            alike.push(kept.len());
            kept.push(member.clone());
        }
    }
    Ok(Value::from(kept))
}

/// Whole numbers of any width are alike when equal; all else must be of the same kind.
fn like(left: &Value, right: &Value) -> bool {
    match (left.as_i64(), right.as_i64()) {
        (Some(left), Some(right)) => left == right,
        _ => same_member(left, right),
    }
}

/// The first or last member, or the first or last character of a text.
fn end(input: &Value, of_list: fn(&[Value]) -> Option<&Value>, of_text: fn(&str) -> Option<char>) -> Outcome {
    match input {
        Value::Null => Ok(Value::Null),
        Value::Text(text) => match of_text(text) {
            Some(char) => Ok(Host::Char(char).into()),
            None => Err(RenderError::kind("java.lang.StringIndexOutOfBoundsException: the text is empty")),
        },
        other => match members(other) {
            Some(list) => Ok(of_list(&list).cloned().unwrap_or_default()),
            None => Err(cast(other, "java.util.Collection")),
        },
    }
}

pub(super) fn first(_: &mut Machine<'_, '_>, input: &Value, _: &Arguments) -> Outcome {
    end(input, <[Value]>::first, |text| text.chars().next())
}

pub(super) fn last(_: &mut Machine<'_, '_>, input: &Value, _: &Arguments) -> Outcome {
    end(input, <[Value]>::last, |text| text.chars().next_back())
}

/// Takes one level of lists away.
pub(super) fn flatten(machine: &mut Machine<'_, '_>, input: &Value, _: &Arguments) -> Outcome {
    let list = match input {
        Value::Null => return Ok(Value::Null),
        Value::List(list) => list,
        _ => return Err(RenderError::engine("The 'flatten' filter can only be applied to lists.")),
    };
    let mut flat = Vec::new();
    for member in list.iter() {
        match member {
            Value::List(inner) => flat.extend(inner.iter().cloned()),
            other => flat.push(other.clone()),
        }
        machine.pay_for_members(flat.len())?;
    }
    Ok(Value::from(flat))
}

pub(super) fn join(machine: &mut Machine<'_, '_>, input: &Value, args: &Arguments) -> Outcome {
    if input.is_null() {
        return Ok(Value::Null);
    }
    let Some(list) = members(input) else {
        return Err(RenderError::engine(
            "The 'join' filter expects that the input is either a collection or an array.",
        ));
    };
    let separator = args.text("separator")?.unwrap_or("");
    let mut out = String::new();
    for (place, member) in list.iter().enumerate() {
        out.push_str(if place == 0 { "" } else { separator });
        member.host_text_to(&mut out);
        machine.env.spend(1)?;
    }
    machine.env.spend_bytes(out.len())?;
    Ok(Value::from(out))
}

pub(super) fn keys(_: &mut Machine<'_, '_>, input: &Value, _: &Arguments) -> Outcome {
    let places = |count: usize| Value::from((0..count as i64).map(Value::integer).collect::<Vec<_>>());
    match input {
        Value::Null => Ok(Value::Null),
        Value::Map(map) => Ok(Host::Set(map.keys().map(|key| Value::Text(key.clone())).collect()).into()),
        Value::List(list) => Ok(places(list.len())),
        Value::Host(host) => match &**host {
            Host::Array(members) => Ok(places(members.len())),
            Host::IntArray(members) => Ok(places(members.len())),
            _ => Err(no_keys(input)),
        },
        other => Err(no_keys(other)),
    }
}

fn no_keys(value: &Value) -> RenderError {
    let kind = class_name(value);
    RenderError::engine(format!("'keys' filter can only be applied to List, Map, Array. Actual type was: {kind}"))
}

pub(super) fn values(_: &mut Machine<'_, '_>, input: &Value, _: &Arguments) -> Outcome {
    match input {
        Value::Null => Ok(Value::Null),
        Value::Map(map) => Ok(Value::from(map.values().cloned().collect::<Vec<_>>())),
        other => Err(RenderError::engine(format!(
            "'values' filter can only be applied to Map. Actual type was: {}",
            class_name(other)
        ))),
    }
}

/// How many members or 16-bit units there are; 0 for what has no length.
pub(super) fn length(_: &mut Machine<'_, '_>, input: &Value, _: &Arguments) -> Outcome {
    let length = match input {
        Value::Text(text) => utf16::length(text),
        Value::Map(map) => map.len(),
        other => members(other).map_or(0, |list| list.len()),
    };
    Ok(Value::integer(length as i64))
}

pub(super) fn merge(machine: &mut Machine<'_, '_>, input: &Value, args: &Arguments) -> Outcome {
    let items = args.get("items");
    let merged = match (input, items) {
        (Value::Null, Value::Null) => return Err(RenderError::engine("The two arguments to be merged are null")),
        (Value::Null, items) => return Ok(items.clone()),
        (_, Value::Null) => return Ok(input.clone()),
        (Value::Map(map), items) => merged_map(map, items)?,
        (Value::List(list), items) => merged_list(list, items)?,
        (Value::Host(host), _) if matches!(&**host, Host::Array(_) | Host::IntArray(_)) => {
            return Err(RenderError::kind("arrays cannot be merged; use a list"));
        }
        _ => return Err(RenderError::engine("The object being filtered is not a Map/List/Array")),
    };
    machine.pay_for(&merged)?;
    Ok(merged)
}

fn merged_map(map: &Map, items: &Value) -> Outcome {
    let mut merged = map.clone();
    match items {
        Value::Map(more) => more.iter().for_each(|(key, value)| merged.insert(key.clone(), value.clone())),
        Value::List(more) => more.iter().for_each(|value| merged.insert(value.host_text(), value.clone())),
        other => {
            let kind = class_name(other);
            return Err(RenderError::engine(format!(
                "Currently, only Maps and Lists can be merged with a Map. Arg2: {kind}"
            )));
        }
    }
    Ok(Value::from(merged))
}

fn merged_list(list: &[Value], items: &Value) -> Outcome {
    let mut merged = list.to_vec();
    match items {
        Value::Map(map) => merged.extend(map.iter().map(|(key, value)| Value::map([(key.clone(), value.clone())]))),
        Value::List(more) => merged.extend(more.iter().cloned()),
        other => {
            let kind = class_name(other);
            return Err(RenderError::engine(format!(
                "Currently, only Maps and Lists can be merged with a List. Arg2: {kind}"
            )));
        }
    }
    Ok(Value::from(merged))
}

/// A part of a text, list or array; places count from 0, the end is exclusive.
pub(super) fn slice(_: &mut Machine<'_, '_>, input: &Value, args: &Arguments) -> Outcome {
    if input.is_null() {
        return Ok(Value::Null);
    }
    let from = bound(args, "fromIndex")?.unwrap_or(0);
    if from < 0 {
        return Err(RenderError::kind("java.lang.IllegalArgumentException: fromIndex must be greater than 0"));
    }
    let to = bound(args, "toIndex")?;
    let list = match input {
        Value::Text(text) => {
            let (from, to) = checked_bounds(from, to, utf16::length(text))?;
            return Ok(Value::from(utf16::slice(text, from, to)));
        }
        Value::List(list) => list.to_vec(),
        Value::Host(host) if matches!(&**host, Host::Array(_) | Host::IntArray(_)) => {
            iterated(input).unwrap_or_default()
        }
        other => {
            let kind = class_name(other);
            let message =
                format!("Slice filter can only be applied to String, List and array inputs. Actual type was: {kind}");
            return Err(RenderError::engine(message));
        }
    };
    let (from, to) = checked_bounds(from, to, list.len())?;
    let part = Value::from(list[from..to].to_vec());
    Ok(match input {
        Value::Host(_) => Host::Array(list[from..to].to_vec()).into(),
        _ => part,
    })
}

fn bound(args: &Arguments, name: &str) -> Result<Option<i64>, RenderError> {
    match args.get(name) {
        Value::Null => Ok(None),
        number if is_number(number) => Ok(truncated(number)),
        other => {
            let kind = class_name(other);
            Err(RenderError::engine(format!("Argument {name} must be a number. Actual type: {kind}")))
        }
    }
}

fn checked_bounds(from: i64, to: Option<i64>, size: usize) -> Result<(usize, usize), RenderError> {
    let limit = size as i64;
    if let Some(to) = to {
        if to <= from {
            return Err(RenderError::engine("toIndex must be greater than fromIndex"));
        }
        if to > limit {
            return Err(RenderError::engine(format!("toIndex must be smaller than input size: {size}")));
        }
    }
    let to = to.unwrap_or(limit);
    if from > to {
        return Err(RenderError::kind(format!("Range [{from}, {to}) out of bounds for length {size}")));
    }
    Ok((from as usize, to as usize))
}
