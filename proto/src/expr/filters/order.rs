//! Filters that sort and compare.

use std::cmp::Ordering;
use std::sync::Arc;

use num_traits::Signed as _;

use super::super::access::iterated;
use super::super::call::Arguments;
use super::super::decimal::Decimal;
use super::super::error::RenderError;
use super::super::eval::Machine;
use super::super::host::Host;
use super::super::kinds::cast;
use super::super::operators::{compare_numbers, compare_texts};
use super::super::value::Value;

type Outcome = Result<Value, RenderError>;

/// A new list in ascending order.
pub(super) fn sort(machine: &mut Machine<'_, '_>, input: &Value, _: &Arguments) -> Outcome {
    match input {
        Value::Null => Ok(Value::Null),
        Value::List(list) => sorted(machine, list, |order| order),
        Value::Host(host) if matches!(&**host, Host::Array(_)) => {
            sorted(machine, &iterated(input).unwrap_or_default(), |order| order)
        }
        _ => Err(RenderError::engine("Unsupported input type for sort filter")),
    }
}

/// A new list in descending order.
pub(super) fn rsort(machine: &mut Machine<'_, '_>, input: &Value, _: &Arguments) -> Outcome {
    match input {
        Value::Null => Ok(Value::Null),
        Value::List(list) => sorted(machine, list, Ordering::reverse),
        other => Err(cast(other, "java.util.List")),
    }
}

/// A new list from back to front.
pub(super) fn reverse(_: &mut Machine<'_, '_>, input: &Value, _: &Arguments) -> Outcome {
    match input {
        Value::Null => Ok(Value::Null),
        Value::List(list) => Ok(Value::from(list.iter().rev().cloned().collect::<Vec<_>>())),
        other => Err(cast(other, "java.util.List")),
    }
}

fn sorted(machine: &mut Machine<'_, '_>, list: &[Value], order: fn(Ordering) -> Ordering) -> Outcome {
    machine.env.spend((list.len() as u64).saturating_mul(u64::from(list.len().max(2).ilog2())) / 8)?;
    if let [single] = list {
        compare(single, single).ok();
        return Ok(Value::from(list.to_vec()));
    }
    for pair in list.windows(2) {
        compare(&pair[0], &pair[1])?;
    }
    let mut members = list.to_vec();
    members.sort_by(|left, right| order(compare(left, right).unwrap_or(Ordering::Equal)));
    Ok(Value::from(members))
}

/// Members compare only with members of their own kind.
fn compare(left: &Value, right: &Value) -> Result<Ordering, RenderError> {
    if left.is_null() || right.is_null() {
        return Err(RenderError::kind("java.lang.NullPointerException: null cannot be sorted"));
    }
    match (left, right) {
        (Value::Text(left), Value::Text(right)) => Ok(compare_texts(left, right)),
        (Value::Bool(left), Value::Bool(right)) => Ok(left.cmp(right)),
        (Value::Int(_), Value::Int(_))
        | (Value::Long(_), Value::Long(_))
        | (Value::Big(_), Value::Big(_))
        | (Value::Float(_), Value::Float(_))
        | (Value::Decimal(_), Value::Decimal(_))
        | (Value::Double(_) | Value::Exact(_), Value::Double(_) | Value::Exact(_)) => {
            Ok(compare_numbers(left, right).unwrap_or(Ordering::Equal))
        }
        (Value::Host(one), Value::Host(other)) => {
            compare_hosts(one, other).ok_or_else(|| cast(left, "java.lang.Comparable"))
        }
        (Value::List(_) | Value::Map(_), _) => Err(cast(left, "java.lang.Comparable")),
        _ => Err(cast(right, super::super::kinds::class_name(left))),
    }
}

fn compare_hosts(left: &Host, right: &Host) -> Option<Ordering> {
    match (left, right) {
        (Host::Instant(left), Host::Instant(right)) | (Host::OldDate(left), Host::OldDate(right)) => {
            Some(left.cmp(right))
        }
        (Host::Zoned(left), Host::Zoned(right)) => Some(left.cmp(right)),
        (Host::DateTime(left), Host::DateTime(right)) => Some(left.cmp(right)),
        (Host::Date(left), Host::Date(right)) => Some(left.cmp(right)),
        (Host::Time(left), Host::Time(right)) => Some(left.cmp(right)),
        (Host::Duration(left), Host::Duration(right)) => Some(left.cmp(right)),
        (Host::Char(left), Host::Char(right)) => Some(left.cmp(right)),
        (Host::Uri(left), Host::Uri(right)) | (Host::Uuid(left), Host::Uuid(right)) => Some(left.cmp(right)),
        _ => None,
    }
}

pub(super) fn abs(_: &mut Machine<'_, '_>, input: &Value, _: &Arguments) -> Outcome {
    Ok(match input {
        Value::Null => return Err(RenderError::engine("Can not pass null value to \"abs\" filter.")),
        Value::Int(number) => number.checked_abs().map_or(Value::Long(-i64::from(*number)), Value::Int),
        Value::Long(number) => number.checked_abs().map_or_else(|| big_abs(&(*number).into()), Value::Long),
        Value::Big(number) => big_abs(number),
        Value::Double(number) => Value::Double(number.abs()),
        Value::Float(number) => Value::Float(number.abs()),
        Value::Exact(digits) => Value::Exact(digits.trim_start_matches('-').into()),
        Value::Decimal(number) => {
            let positive = Decimal { unscaled: number.unscaled.abs(), scale: number.scale };
            Value::Decimal(Arc::new(if positive.scale < 0 { positive.stripped() } else { positive }))
        }
        other => match other.as_i64() {
            Some(number) => Value::integer(number.abs()),
            None => return Err(RenderError::engine("The 'abs' filter does require as input a number.")),
        },
    })
}

fn big_abs(number: &num_bigint::BigInt) -> Value {
    Value::Big(Arc::new(number.abs()))
}
