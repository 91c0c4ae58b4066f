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
        Value::Map(map) => in_map_by_name(map, name),
        Value::Host(host) => match &**host {
            Host::Loop(state) => in_map_by_name(state, name),
            Host::Entry(key, _) if name == "key" => Ok(Value::Text(key.clone())),
            Host::Entry(_, value) if name == "value" => Ok(value.clone()),
            _ => Err(no_getter(object, name)),
        },
        other => Err(no_getter(other, name)),
    }
}

fn in_map_by_name(map: &Map, name: &str) -> Outcome {
    map.get(name).cloned().ok_or_else(|| missing_in(map, name))
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
            _ => member(object, &key.host_text()),
        },
        other => Err(match key.as_text() {
            Some(name) => no_getter(other, name),
            None => RenderError::missing(key.host_text()),
        }),
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
    RenderError::missing(name).among(map.keys())
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

/// The refusal of `object.name`: a getter of the host is named with what to use in its place, all else is missing.
fn no_getter(object: &Value, name: &str) -> RenderError {
    match (kind_of(object), hint(object, name)) {
        (Some(Receiver::Map), _) | (_, None) => RenderError::missing(name),
        (_, Some(instead)) => refused(object, name, instead),
    }
}

/// The refusal of `object.name(…)`.
pub(crate) fn no_method(object: &Value, name: &str) -> RenderError {
    match hint(object, name) {
        Some(instead) => refused(object, name, instead),
        None => RenderError::missing(name),
    }
}

fn refused(object: &Value, name: &str, instead: &str) -> RenderError {
    RenderError::engine(format!(
        "`{name}` is a method or getter of the host object {}, which expressions do not call; use {instead}",
        class_name(object)
    ))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Receiver {
    Text,
    List,
    Map,
    Number,
    Other,
}

fn kind_of(object: &Value) -> Option<Receiver> {
    match object {
        Value::Null => None,
        Value::Text(_) => Some(Receiver::Text),
        Value::List(_) => Some(Receiver::List),
        Value::Map(_) => Some(Receiver::Map),
        Value::Host(_) => Some(Receiver::Other),
        _ => Some(Receiver::Number),
    }
}

/// What to use instead of a method or getter of the host.
fn hint(object: &Value, name: &str) -> Option<&'static str> {
    let receiver = kind_of(object)?;
    let specific = HINTS.iter().find(|(kind, known, _)| *kind == receiver && *known == name);
    let general = COMMON_HINTS.iter().find(|(known, _)| *known == name);
    specific.map(|(_, _, hint)| *hint).or_else(|| general.map(|(_, hint)| *hint))
}

/// Methods that every object of the host has.
const COMMON_HINTS: [(&str, &str); 6] = [
    ("toString", "`| string`"),
    ("hashCode", "`| md5`"),
    ("class", "`| className`"),
    ("getClass", "`| className`"),
    ("equals", "`==`"),
    ("compareTo", "`<`"),
];

/// Methods and getters of the host with what answers the same.
const HINTS: [(Receiver, &str, &str); 52] = [
    (Receiver::Text, "length", "`| length`"),
    (Receiver::Text, "empty", "`is empty`"),
    (Receiver::Text, "isEmpty", "`is empty`"),
    (Receiver::Text, "blank", "`is empty`"),
    (Receiver::Text, "isBlank", "`is empty`"),
    (Receiver::Text, "bytes", "`| base64encode`"),
    (Receiver::Text, "getBytes", "`| base64encode`"),
    (Receiver::Text, "toUpperCase", "`| upper`"),
    (Receiver::Text, "toLowerCase", "`| lower`"),
    (Receiver::Text, "trim", "`| trim`"),
    (Receiver::Text, "strip", "`| trim`"),
    (Receiver::Text, "contains", "`contains`"),
    (Receiver::Text, "startsWith", "`| startsWith`"),
    (Receiver::Text, "endsWith", "`| endsWith`"),
    (Receiver::Text, "replace", "`| replace`"),
    (Receiver::Text, "replaceAll", "`| regexReplace`"),
    (Receiver::Text, "replaceFirst", "`| regexReplace`"),
    (Receiver::Text, "matches", "`| regexMatch`"),
    (Receiver::Text, "split", "`| split`"),
    (Receiver::Text, "indexOf", "`| substringBefore` and `| length`"),
    (Receiver::Text, "lastIndexOf", "`| substringBeforeLast` and `| length`"),
    (Receiver::Text, "concat", "`~`"),
    (Receiver::Text, "lines", "`| split`"),
    (Receiver::Text, "chars", "`| split`"),
    (Receiver::Text, "equalsIgnoreCase", "`| lower` and `==`"),
    (Receiver::Text, "intern", "the text itself"),
    (Receiver::List, "size", "`| length`"),
    (Receiver::List, "empty", "`is empty`"),
    (Receiver::List, "isEmpty", "`is empty`"),
    (Receiver::List, "first", "`| first`"),
    (Receiver::List, "last", "`| last`"),
    (Receiver::List, "getFirst", "`| first`"),
    (Receiver::List, "getLast", "`| last`"),
    (Receiver::List, "contains", "`contains`"),
    (Receiver::List, "indexOf", "`contains`, or `| jq(\"index(…)\")`"),
    (Receiver::List, "add", "`+` or `| merge`"),
    (Receiver::List, "addAll", "`+` or `| merge`"),
    (Receiver::List, "remove", "`-`"),
    (Receiver::List, "reversed", "`| reverse`"),
    (Receiver::List, "toArray", "the list itself"),
    (Receiver::Map, "size", "`| length`"),
    (Receiver::Map, "isEmpty", "`is empty`"),
    (Receiver::Map, "keySet", "`| keys`"),
    (Receiver::Map, "values", "`| values`"),
    (Receiver::Map, "entrySet", "a loop over the map"),
    (Receiver::Map, "containsKey", "`contains`"),
    (Receiver::Map, "containsValue", "`| values` and `contains`"),
    (Receiver::Map, "get", "`[…]`"),
    (Receiver::Map, "getOrDefault", "`[…] ?? …`"),
    (Receiver::Map, "put", "`| merge`"),
    (Receiver::Number, "intValue", "the number itself"),
    (Receiver::Number, "isNaN", "`!=` with itself"),
];

/// The members that `for` walks over; `None` when the value is not iterable. A map gives its entries.
pub(crate) fn iterated(value: &Value) -> Option<Vec<Value>> {
    match value {
        Value::List(list) => Some(list.to_vec()),
        Value::Map(map) => Some(map.iter().map(|(key, value)| entry(key, value)).collect()),
        Value::Host(host) => match &**host {
            Host::Array(members) | Host::Set(members) => Some(members.clone()),
            Host::IntArray(members) => Some(members.iter().map(|n| Value::Int(*n)).collect()),
            Host::Bytes(bytes) => Some(bytes.iter().map(|byte| Host::Byte(*byte as i8).into()).collect()),
            _ => None,
        },
        _ => None,
    }
}

/// An entry of a map, with the members `key` and `value`.
fn entry(key: &Text, value: &Value) -> Value {
    Host::Entry(key.clone(), value.clone()).into()
}
