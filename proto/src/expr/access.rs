//! Members and indexes.
//!
//! Only data is answered. Kestra also calls public methods and getters of its host objects; here a map's own member always
//! wins and everything else is refused with the name of the filter that does the same.

use super::error::RenderError;
use super::host::Host;
use super::kinds::class_name;
use super::map::Map;
use super::value::{Text, Value};

type Outcome = Result<Value, RenderError>;

/// `object.name`
pub(crate) fn member(object: &Value, name: &str) -> Outcome {
    match object {
        Value::Map(map) => match map.get(name) {
            Some(value) => Ok(value.clone()),
            None => Err(missing_in(map, name)),
        },
        other => Err(match getter_hint(other, name) {
            Some(_) => no_method(other, name),
            None => RenderError::missing(name),
        }),
    }
}

/// `object[key]`
pub(crate) fn index(object: &Value, key: &Value) -> Outcome {
    match object {
        Value::Map(map) => in_map(map, key),
        Value::List(list) => in_list(list, key),
        Value::Host(host) => match &**host {
            Host::Array(members) => in_list(members, key),
            Host::IntArray(members) => {
                let members: Vec<Value> = members.iter().map(|n| Value::Int(*n)).collect();
                in_list(&members, key)
            }
            _ => Err(RenderError::missing(key.host_text())),
        },
        other => match key.as_text().and_then(|name| getter_hint(other, name)) {
            Some(_) => Err(no_method(other, &key.host_text())),
            None => Err(RenderError::missing(key.host_text())),
        },
    }
}

fn in_map(map: &Map, key: &Value) -> Outcome {
    let text = key.host_text();
    if super::kinds::is_number(key) && !map.is_empty() {
        let message = format!("type class java.lang.String not supported for key {text}");
        return Err(RenderError::engine(message));
    }
    map.get(&text).cloned().ok_or_else(|| missing_in(map, &text))
}

fn missing_in(map: &Map, name: &str) -> RenderError {
    RenderError::missing(name).with_nearest(map.keys().map(|key| &**key))
}

/// Numbers and texts of digits count from 0.
fn in_list(list: &[Value], key: &Value) -> Outcome {
    let place = match key {
        Value::Text(text) => text.parse::<usize>().ok(),
        other => other.as_i64().and_then(|place| usize::try_from(place).ok()),
    };
    let found = place.and_then(|place| list.get(place));
    found.cloned().ok_or_else(|| RenderError::missing(key.host_text()))
}

/// The refusal of `object.name(…)`, and of a getter of the host.
pub(crate) fn no_method(object: &Value, name: &str) -> RenderError {
    if object.is_null() {
        return RenderError::missing(name);
    }
    let instead = match getter_hint(object, name) {
        Some(filter) => format!("use `{filter}`"),
        None => "use a filter".to_owned(),
    };
    RenderError::engine(format!(
        "`{name}` is a method or getter of the host object {}, which expressions do not call; {instead}",
        class_name(object)
    ))
}

/// What to use instead of a well-known method of texts, lists and maps.
fn getter_hint(object: &Value, name: &str) -> Option<&'static str> {
    if matches!(object, Value::Null | Value::Bool(_)) {
        return None;
    }
    let (_, hint) = HINTS.iter().find(|(known, _)| *known == name)?;
    let has_members = matches!(object, Value::Text(_) | Value::List(_) | Value::Map(_) | Value::Host(_));
    has_members.then_some(*hint)
}

/// Methods of the host with the filter or test that answers the same.
const HINTS: [(&str, &str); 38] = [
    ("length", "| length"),
    ("size", "| length"),
    ("isEmpty", "is empty"),
    ("empty", "is empty"),
    ("blank", "is empty"),
    ("isBlank", "is empty"),
    ("first", "| first"),
    ("last", "| last"),
    ("toUpperCase", "| upper"),
    ("toLowerCase", "| lower"),
    ("trim", "| trim"),
    ("strip", "| trim"),
    ("toString", "| string"),
    ("string", "| string"),
    ("contains", "contains"),
    ("startsWith", "| startsWith"),
    ("endsWith", "| endsWith"),
    ("replace", "| replace"),
    ("replaceAll", "| regexReplace"),
    ("matches", "| regexMatch"),
    ("split", "| split"),
    ("substring", "| slice"),
    ("subList", "| slice"),
    ("get", "[…]"),
    ("keySet", "| keys"),
    ("values", "| values"),
    ("entrySet", "a loop over the map"),
    ("containsKey", "contains"),
    ("class", "| className"),
    ("getClass", "| className"),
    ("bytes", "| base64encode"),
    ("reversed", "| reverse"),
    ("hashCode", "| md5"),
    ("epochSecond", "| timestamp"),
    ("year", "| date(\"yyyy\")"),
    ("monthValue", "| date(\"M\")"),
    ("dayOfMonth", "| date(\"d\")"),
    ("seconds", "| toJson"),
];

/// The members that `for` walks over; `None` when the value is not iterable. A map gives its entries.
pub(crate) fn iterated(value: &Value) -> Option<Vec<Value>> {
    match value {
        Value::List(list) => Some(list.to_vec()),
        Value::Map(map) => Some(map.iter().map(|(key, value)| entry(key, value)).collect()),
        Value::Host(host) => match &**host {
            Host::Array(members) | Host::Set(members) => Some(members.clone()),
            Host::IntArray(members) => Some(members.iter().map(|n| Value::Int(*n)).collect()),
            _ => None,
        },
        _ => None,
    }
}

/// An entry of a map, with the members `key` and `value`.
fn entry(key: &Text, value: &Value) -> Value {
    Value::map([("key", Value::Text(key.clone())), ("value", value.clone())])
}
