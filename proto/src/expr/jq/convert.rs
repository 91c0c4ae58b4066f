//! Between our values and jaq's.

use std::sync::Arc;

use jaq_json::{Map as JaqMap, Num, Val};

use super::super::decimal::Decimal;
use super::super::map::Map;
use super::super::value::Value;

/// A value that was read from JSON.
pub(super) fn to_jaq(value: &Value) -> Val {
    match value {
        Value::Null => Val::Null,
        Value::Bool(truth) => Val::Bool(*truth),
        Value::Int(number) => Val::Num(Num::Int(*number as isize)),
        Value::Long(number) => Val::Num(Num::Int(*number as isize)),
        Value::Double(number) => Val::Num(Num::Float(*number)),
        Value::Big(_) | Value::Exact(_) | Value::Float(_) | Value::Decimal(_) => number(&value.host_text()),
        Value::Text(text) => Val::utf8_str(text.to_string()),
        Value::List(list) => Val::Arr(list.iter().map(to_jaq).collect::<Vec<_>>().into()),
        Value::Map(map) => {
            let entries = map.iter().map(|(key, value)| (Val::utf8_str(key.to_string()), to_jaq(value)));
            Val::obj(entries.collect::<JaqMap>())
        }
        Value::Host(_) => Val::utf8_str(value.host_text()),
    }
}

/// A number that needs exact digits.
fn number(digits: &str) -> Val {
    match digits.parse::<num_bigint::BigInt>() {
        Ok(whole) => Val::Num(Num::BigInt(whole.into())),
        Err(_) => Val::Num(Num::Dec(digits.to_owned().into())),
    }
}

/// What a program answers; decimals that are no float keep their digits.
pub(super) fn from_jaq(value: &Val) -> Value {
    match value {
        Val::Null => Value::Null,
        Val::Bool(truth) => Value::Bool(*truth),
        Val::Num(Num::Int(number)) => Value::integer(*number as i64),
        Val::Num(Num::BigInt(number)) => Value::Big(Arc::new((**number).clone())),
        Val::Num(Num::Float(number)) => Value::Double(*number),
        Val::Num(Num::Dec(digits)) => Value::from_json(digits)
            .unwrap_or_else(|_| Decimal::parse(digits).map_or(Value::Null, |d| Value::Decimal(Arc::new(d)))),
        Val::BStr(bytes) | Val::TStr(bytes) => Value::from(String::from_utf8_lossy(bytes).into_owned()),
        Val::Arr(members) => Value::from(members.iter().map(from_jaq).collect::<Vec<_>>()),
        Val::Obj(entries) => {
            let entries = entries.iter().map(|(key, value)| (from_jaq(key).host_text(), from_jaq(value)));
            Value::from(entries.collect::<Map>())
        }
    }
}
