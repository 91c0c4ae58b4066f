//! Operators that compare, join and decide. Arithmetic is next door.

use std::cmp::Ordering;

use super::arithmetic;
use super::ast::Binary;
use super::decimal::Decimal;
use super::error::{Class, RenderError};
use super::host::Host;
use super::kinds::{cast, class_name, is_number};
use super::limits::RANGE_MEMBERS_MAX;
use super::value::Value;

type Outcome = Result<Value, RenderError>;

/// The truth of a condition: `false`, 0 and empty text are false; null, lists and maps fail.
pub(crate) fn truth(value: &Value) -> Result<bool, RenderError> {
    match value {
        Value::Bool(truth) => Ok(*truth),
        Value::Text(text) => Ok(!text.is_empty()),
        Value::Null => Err(RenderError::engine("null value given to a condition")),
        number if is_number(number) => Ok(number.as_f64() != Some(0.0)),
        other => Err(cast(other, "java.lang.Boolean")),
    }
}

/// The truth of an operand of `and` and `or`.
pub(crate) fn operand_truth(value: &Value) -> Result<bool, RenderError> {
    match value {
        Value::Null => Err(RenderError::engine("null value used in and operator and strict variables is set to true")),
        other => truth(other),
    }
}

/// `not value`
pub(crate) fn not(value: &Value) -> Outcome {
    match value {
        Value::Null => Err(RenderError::engine("null value given to not() and strict variables is set to true")),
        other => Ok(Value::Bool(!truth(other)?)),
    }
}

/// `+value`
pub(crate) fn plus(value: &Value) -> Outcome {
    arithmetic::plus(value)
}

/// `-value`
pub(crate) fn minus(value: &Value) -> Outcome {
    arithmetic::minus(value)
}

/// The failure of an operator, whatever the cause. Limits are passed on as they are.
pub(crate) fn failed(operator: Binary, cause: RenderError) -> RenderError {
    let done = match operator {
        _ if cause.class() == Class::Limit => return cause,
        Binary::Add => "addition",
        Binary::Subtract => "subtraction",
        Binary::Multiply => "multiplication",
        Binary::Divide => "division",
        Binary::Remainder => "greater modulus",
        Binary::Equals => "equals comparison",
        Binary::NotEquals => "not equals comparison",
        Binary::Less => "less than comparisonPebb",
        Binary::LessOrEqual => "less than or equals comparison",
        Binary::Greater => "greater than comparison",
        Binary::GreaterOrEqual => "greater than or equals comparison",
        _ => return cause,
    };
    RenderError::engine(format!("Could not perform {done}"))
}

/// Arithmetic and comparison.
pub(crate) fn apply(operator: Binary, left: &Value, right: &Value) -> Outcome {
    match operator {
        Binary::Equals => Ok(Value::Bool(equal(left, right))),
        Binary::NotEquals => Ok(Value::Bool(!equal(left, right))),
        Binary::Less => compare(left, right, Ordering::is_lt),
        Binary::LessOrEqual => compare(left, right, Ordering::is_le),
        Binary::Greater => compare(left, right, Ordering::is_gt),
        Binary::GreaterOrEqual => compare(left, right, Ordering::is_ge),
        _ => arithmetic::apply(operator, left, right),
    }
}

/// Numbers by value, an enumeration also by its name, all else by kind and content.
pub(crate) fn equal(left: &Value, right: &Value) -> bool {
    if is_number(left) && is_number(right) {
        return compare_numbers(left, right) == Some(Ordering::Equal);
    }
    match (left, right) {
        (Value::Host(host), Value::Text(text)) | (Value::Text(text), Value::Host(host)) => {
            matches!(&**host, Host::Enum(name) if name == text)
        }
        (Value::List(left), Value::List(right)) => same_members(left, right),
        (Value::Map(left), Value::Map(right)) => {
            left.len() == right.len()
                && left.iter().all(|(key, value)| right.get(key).is_some_and(|other| same_member(value, other)))
        }
        _ => left == right,
    }
}

fn same_members(left: &[Value], right: &[Value]) -> bool {
    left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same_member(left, right))
}

/// Equality inside of lists and maps regards the kind of numbers: 1 of 32 bits is not 1 of 64 bits.
pub(crate) fn same_member(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::List(left), Value::List(right)) => same_members(left, right),
        (Value::Double(left), Value::Double(right)) => left.to_bits() == right.to_bits(),
        (Value::Exact(_), Value::Double(_)) | (Value::Double(_), Value::Exact(_)) => left.as_f64() == right.as_f64(),
        _ => left == right,
    }
}

fn compare(left: &Value, right: &Value, holds: fn(Ordering) -> bool) -> Outcome {
    if left.is_null() || right.is_null() {
        return Ok(Value::Bool(false));
    }
    let order = match (left, right) {
        (Value::Text(left), Value::Text(right)) => Some(compare_texts(left, right)),
        _ if is_number(left) && is_number(right) => compare_numbers(left, right),
        _ => return Err(RenderError::engine("only two texts or two numbers can be compared")),
    };
    Ok(Value::Bool(order.is_some_and(holds)))
}

/// Texts compare by their 16-bit units, as in the host language.
pub(crate) fn compare_texts(left: &str, right: &str) -> Ordering {
    left.encode_utf16().cmp(right.encode_utf16())
}

/// `None` when one of them is not a number (NaN).
pub(crate) fn compare_numbers(left: &Value, right: &Value) -> Option<Ordering> {
    if let (Some(left), Some(right)) = (left.as_i64(), right.as_i64()) {
        return Some(left.cmp(&right));
    }
    match (arithmetic::exact(left), arithmetic::exact(right)) {
        (Some(left), Some(right)) => Some(Decimal::compare(&left, &right)),
        _ => left.as_f64()?.partial_cmp(&right.as_f64()?),
    }
}

/// `left ~ right`: null is empty.
pub(crate) fn concatenate(left: &Value, right: &Value) -> String {
    let mut out = String::new();
    for side in [left, right] {
        if !side.is_null() {
            side.host_text_to(&mut out);
        }
    }
    out
}

/// `left contains right`; a list on the right asks for all of its members.
pub(crate) fn contains(left: &Value, right: &Value) -> Outcome {
    if let (Value::List(_), Value::List(wanted)) = (left, right) {
        let all = wanted.iter().map(|one| has(left, one)).collect::<Result<Vec<_>, _>>()?;
        return Ok(Value::Bool(all.into_iter().all(|found| found)));
    }
    has(left, right).map(Value::Bool)
}

fn has(left: &Value, wanted: &Value) -> Result<bool, RenderError> {
    match left {
        Value::Null => Ok(false),
        Value::Text(text) => Ok(text.contains(&wanted.host_text())),
        Value::Map(map) => Ok(matches!(wanted, Value::Text(key) if map.contains_key(key))),
        Value::List(list) => Ok(list.iter().any(|member| same_member(member, wanted))),
        Value::Host(host) => match &**host {
            Host::Set(members) | Host::Array(members) => Ok(members.iter().any(|member| same_member(member, wanted))),
            Host::IntArray(members) => Ok(members.iter().any(|member| same_member(&Value::Int(*member), wanted))),
            Host::Bytes(bytes) => Ok(bytes.iter().any(|byte| Value::from(Host::Byte(*byte as i8)) == *wanted)),
            _ => Err(not_a_collection(left)),
        },
        other => Err(not_a_collection(other)),
    }
}

fn not_a_collection(value: &Value) -> RenderError {
    RenderError::engine(format!(
        "Contains operator can only be used on Collections, Maps and arrays. Actual type was: {}",
        class_name(value)
    ))
}

/// `left isIn right`
pub(crate) fn is_in(left: &Value, right: &Value) -> Outcome {
    let text = left.host_text();
    let found = match right {
        Value::List(list) => list.iter().any(|member| member.host_text() == text),
        Value::Map(map) => map.iter().any(|(key, value)| **key == *text || value.host_text() == text),
        Value::Host(host) => match &**host {
            Host::Set(members) | Host::Array(members) => members.iter().any(|member| member.host_text() == text),
            _ => false,
        },
        _ => false,
    };
    Ok(Value::Bool(found))
}

/// `left .. right`: whole numbers or single characters, both ends included.
pub(crate) fn range(left: &Value, right: &Value) -> Outcome {
    if let (Value::Text(from), Value::Text(to)) = (left, right) {
        return character_range(from, to, 1);
    }
    let (Some(from), Some(to)) = (whole(left), whole(right)) else {
        return Err(RenderError::engine("Arguments 'start' and 'end' must be of type Number or String"));
    };
    let members = range_numbers(from, to, 1)?;
    Ok(Value::from(members.into_iter().map(Value::Long).collect::<Vec<_>>()))
}

/// A number without its decimals.
pub(crate) fn whole(value: &Value) -> Option<i64> {
    if is_number(value) { arithmetic::truncated(value) } else { None }
}

/// The numbers from `from` to `to`, in steps that may be negative.
pub(crate) fn range_numbers(from: i64, to: i64, step: i64) -> Result<Vec<i64>, RenderError> {
    if step == 0 {
        return Err(RenderError::engine("The increment of the range function must not be 0"));
    }
    let count = ((i128::from(to) - i128::from(from)) / i128::from(step) + 1).max(0);
    let backwards = (to > from && step < 0) || (to < from && step > 0);
    if backwards {
        return Ok(Vec::new());
    }
    if count > i128::from(RANGE_MEMBERS_MAX) {
        return Err(RenderError::limit(format!(
            "The range function cannot produce more than {RANGE_MEMBERS_MAX} elements, but this call would produce {count}."
        )));
    }
    Ok((0..count as i64).map(|place| from + place * step).collect())
}

/// The characters from one to another, every `step`th.
pub(crate) fn character_range(from: &str, to: &str, step: i64) -> Outcome {
    let single = |text: &str| {
        let mut chars = text.chars();
        chars.next().filter(|_| chars.next().is_none())
    };
    let (Some(from), Some(to)) = (single(from), single(to)) else {
        return Err(RenderError::engine("Arguments 'start' and 'end' must be single characters"));
    };
    let codes = range_numbers(i64::from(u32::from(from)), i64::from(u32::from(to)), step)?;
    let chars = codes.into_iter().filter_map(|code| u32::try_from(code).ok().and_then(char::from_u32));
    Ok(Value::from(chars.map(|char| Value::from(char.to_string())).collect::<Vec<_>>()))
}
