//! Values inside events: plain JSON where JSON can say it, a one-entry map with a `$` key where it cannot.
//!
//! A map of the user that looks like such a mark gets one more `$`, so that every value comes back as it was.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::{Error as _, MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeMap as _, SerializeSeq as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::decimal::Decimal;
use super::host::Host;
use super::json::{Decimals, Trailing, read};
use super::map::{Keys, Map};
use super::value::Value;

/// Values nested deeper than this are stored as one JSON text, because JSON readers refuse deep nesting.
const DEPTH_INLINE_MAX: usize = 48;

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.depth() > DEPTH_INLINE_MAX {
            return marked(serializer, "$deep", &deep_text(self));
        }
        self.serialize_inline(serializer)
    }
}

/// A wrapper so that only the outermost value measures its depth.
struct Inline<'a>(&'a Value);

impl Serialize for Inline<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize_inline(serializer)
    }
}

impl Value {
    fn serialize_inline<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Null => serializer.serialize_unit(),
            Value::Bool(truth) => serializer.serialize_bool(*truth),
            Value::Int(number) => serializer.serialize_i32(*number),
            Value::Long(number) => serializer.serialize_i64(*number),
            Value::Double(number) if survives(*number) => serializer.serialize_f64(*number),
            Value::Double(_) => marked(serializer, "$double", &self.host_text()),
            Value::Big(_) | Value::Exact(_) => marked(serializer, "$number", &self.host_text()),
            Value::Float(_) => marked(serializer, "$float", &self.host_text()),
            Value::Decimal(_) => marked(serializer, "$decimal", &self.host_text()),
            Value::Text(text) => serializer.serialize_str(text),
            Value::List(list) => serialize_list(serializer, list),
            Value::Map(map) => serialize_map(serializer, map),
            Value::Host(host) => serialize_host(serializer, host),
        }
    }
}

/// Whether a JSON reader gives back this very number: fast readers miss the last bit of some, and JSON has no infinity.
fn survives(number: f64) -> bool {
    let written = serde_json::to_string(&number).unwrap_or_default();
    number.is_finite() && serde_json::from_str(&written).is_ok_and(|read: f64| read.to_bits() == number.to_bits())
}

fn marked<S: Serializer, T: Serialize + ?Sized>(serializer: S, mark: &str, value: &T) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(1))?;
    map.serialize_entry(mark, value)?;
    map.end()
}

fn serialize_list<S: Serializer>(serializer: S, list: &[Value]) -> Result<S::Ok, S::Error> {
    let mut seq = serializer.serialize_seq(Some(list.len()))?;
    for member in list {
        seq.serialize_element(&Inline(member))?;
    }
    seq.end()
}

fn serialize_map<S: Serializer>(serializer: S, map: &Map) -> Result<S::Ok, S::Error> {
    match map.keys_compared() {
        Keys::Exact => serialize_entries(serializer, map),
        Keys::IgnoreCase => marked(serializer, "$headers", &Entries(map)),
    }
}

struct Entries<'a>(&'a Map);

impl Serialize for Entries<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_entries(serializer, self.0)
    }
}

fn serialize_entries<S: Serializer>(serializer: S, entries: &Map) -> Result<S::Ok, S::Error> {
    let looks_marked = entries.len() == 1 && entries.keys().all(|key| key.starts_with('$'));
    let mut map = serializer.serialize_map(Some(entries.len()))?;
    for (key, value) in entries.iter() {
        match looks_marked {
            true => map.serialize_entry(&format!("${key}"), &Inline(value))?,
            false => map.serialize_entry(&**key, &Inline(value))?,
        }
    }
    map.end()
}

fn serialize_host<S: Serializer>(serializer: S, host: &Host) -> Result<S::Ok, S::Error> {
    let mut text = String::new();
    host.text_to(&mut text);
    let mark = match host {
        Host::Bytes(bytes) => return marked(serializer, "$bytes", &STANDARD.encode(bytes)),
        Host::Set(members) => return marked(serializer, "$set", &members.iter().map(Inline).collect::<Vec<_>>()),
        Host::Array(members) => return marked(serializer, "$array", &members.iter().map(Inline).collect::<Vec<_>>()),
        Host::IntArray(members) => return marked(serializer, "$ints", members),
        Host::Entry(key, value) => {
            return serialize_entries(serializer, &Map::from_iter([(key.clone(), value.clone())]));
        }
        Host::Loop(state) => return serialize_entries(serializer, state),
        Host::OldDate(at) => return marked(serializer, "$date", &super::print::instant_text(*at)),
        Host::Zoned(at) => return marked(serializer, "$zoned", &at.to_string()),
        Host::Instant(_) => "$instant",
        Host::Offset(..) => "$offset",
        Host::DateTime(_) => "$dateTime",
        Host::Date(_) => "$day",
        Host::Time(_) => "$time",
        Host::Duration(_) => "$duration",
        Host::Short(_) => "$short",
        Host::Byte(_) => "$byte",
        Host::Char(_) => "$char",
        Host::Enum(_) => "$enum",
        Host::Uri(_) => "$uri",
        Host::Uuid(_) => "$uuid",
    };
    marked(serializer, mark, &text)
}

/// The marked form as one JSON text.
fn deep_text(value: &Value) -> String {
    struct Whole<'a>(&'a Value);
    impl Serialize for Whole<'_> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            self.0.serialize_inline(serializer)
        }
    }
    serde_json::to_string(&Whole(value)).unwrap_or_else(|_| "null".into())
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(Stored)
    }
}

struct Stored;

impl<'de> Visitor<'de> for Stored {
    type Value = Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Value::deserialize(deserializer)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Value, E> {
        Ok(Value::Bool(truth))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::integer(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(i64::try_from(number).map_or_else(|_| Value::Big(Arc::new(number.into())), Value::integer))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Value::Double(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::from(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = seq.next_element()? {
            members.push(member);
        }
        Ok(Value::from(members))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some((key, value)) = access.next_entry::<String, Value>()? {
            map.insert(key, value);
        }
        unmark(map).map_err(A::Error::custom)
    }
}

/// Undoes a mark; a map without one stays.
fn unmark(map: Map) -> Result<Value, String> {
    let Some((mark, value)) = map.iter().next().filter(|(key, _)| map.len() == 1 && key.starts_with('$')) else {
        return Ok(Value::from(map));
    };
    if let Some(key) = mark.strip_prefix("$$") {
        return Ok(Value::map([(format!("${key}"), value.clone())]));
    }
    marked_value(mark, value).ok_or_else(|| format!("`{mark}` does not hold what it should"))
}

fn marked_value(mark: &str, value: &Value) -> Option<Value> {
    if let Some(members) = value.as_list() {
        return marked_list(mark, members);
    }
    if mark == "$headers" {
        return Some(Value::from(headers(value.as_map()?)));
    }
    let text = value.as_text()?;
    Some(match mark {
        "$deep" => unmark_deep(&read(text, Decimals::Exact, Trailing::Refused).ok()?).ok()?,
        "$double" => Value::Double(java_float(text)?),
        "$number" if text.bytes().all(|b| b.is_ascii_digit() || b == b'-') => super::json::whole_number(text),
        "$number" => Value::Exact(text.into()),
        "$float" => Value::Float(java_float(text)? as f32),
        "$decimal" => Value::Decimal(Arc::new(Decimal::parse(text)?)),
        "$bytes" => Host::Bytes(STANDARD.decode(text).ok()?).into(),
        "$date" => Host::OldDate(text.parse().ok()?).into(),
        "$zoned" => Host::Zoned(text.parse().ok()?).into(),
        _ => marked_host(mark, text)?,
    })
}

fn marked_host(mark: &str, text: &str) -> Option<Value> {
    Host::parse(
        match mark {
            "$instant" => "Instant",
            "$offset" => "OffsetDateTime",
            "$dateTime" => "LocalDateTime",
            "$day" => "LocalDate",
            "$time" => "LocalTime",
            "$duration" => "Duration",
            "$short" => "Short",
            "$byte" => "Byte",
            "$char" => "Character",
            "$enum" => "enum",
            "$uri" => "URI",
            "$uuid" => "UUID",
            _ => return None,
        },
        text,
    )
    .map(Value::from)
}

fn marked_list(mark: &str, members: &[Value]) -> Option<Value> {
    match mark {
        "$set" => Some(Host::Set(members.to_vec()).into()),
        "$array" => Some(Host::Array(members.to_vec()).into()),
        "$ints" => {
            let ints = members.iter().map(|member| member.as_i64().and_then(|n| i32::try_from(n).ok()));
            Some(Host::IntArray(ints.collect::<Option<_>>()?).into())
        }
        _ => None,
    }
}

fn headers(entries: &Map) -> Map {
    let mut map = Map::ignoring_case();
    for (key, value) in entries.iter() {
        map.insert(key.clone(), value.clone());
    }
    map
}

fn unmark_deep(value: &Value) -> Result<Value, String> {
    match value {
        Value::List(list) => Ok(Value::from(list.iter().map(unmark_deep).collect::<Result<Vec<_>, _>>()?)),
        Value::Map(map) => {
            let entries = map.iter().map(|(key, value)| Ok((key.clone(), unmark_deep(value)?)));
            unmark(entries.collect::<Result<Map, String>>()?)
        }
        other => Ok(other.clone()),
    }
}

/// Reads what Java prints for floats.
pub(crate) fn java_float(text: &str) -> Option<f64> {
    match text {
        "Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        "NaN" => Some(f64::NAN),
        _ => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn back(value: &Value) -> Value {
        serde_json::from_str(&serde_json::to_string(value).unwrap()).unwrap()
    }

    #[test]
    fn every_kind_comes_back_from_an_event_as_it_was() {
        let mut headers = Map::ignoring_case();
        headers.insert("X-Event", Value::from("push"));
        for value in [
            Value::Null,
            Value::from(1),
            Value::Long(1 << 40),
            Value::Double(1.5),
            Value::Double(f64::INFINITY),
            Value::Float(1.1),
            Value::Exact("0.12345678901234567890".into()),
            Value::from_json("12345678901234567890123").unwrap(),
            Value::Decimal(Arc::new(Decimal::parse("10.10").unwrap())),
            Value::from_json(r#"{"$instant":"no instant at all","b":1}"#).unwrap(),
            Value::from_json(r#"{"$instant":{"$$x":[1,{"$":2}]}}"#).unwrap(),
            Host::Instant("2024-05-06T07:08:09.123456789Z".parse().unwrap()).into(),
            Host::Zoned("2024-05-06T07:08:09+02:00[Europe/Paris]".parse().unwrap()).into(),
            Host::Date(jiff::civil::date(2024, 5, 6)).into(),
            Host::Duration(jiff::SignedDuration::from_millis(-1500)).into(),
            Host::Enum("RUNNING".into()).into(),
            Host::Set(vec![Value::from("b"), Value::Null]).into(),
            Value::from(headers),
        ] {
            assert_eq!(back(&value), value);
        }
    }

    #[test]
    fn a_map_of_headers_stays_blind_to_case_in_an_event() {
        let mut headers = Map::ignoring_case();
        headers.insert("X-Event", Value::from("push"));
        assert_eq!(back(&Value::from(headers)).get("x-EVENT"), Some(&Value::from("push")));
    }

    #[test]
    fn deep_values_come_back() {
        let deep = (0..400).fold(Value::from(1), |inner, level| match level % 2 {
            0 => Value::from(vec![inner]),
            _ => Value::map([("$deep", inner)]),
        });
        assert_eq!(back(&deep), deep);
    }
}
