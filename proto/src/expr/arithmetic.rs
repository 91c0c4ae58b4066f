//! `+ - * / %`. Whole numbers give 64 bits, as in Kestra, but a result that does not fit takes the next width instead of
//! wrapping.

use std::sync::Arc;

use num_bigint::BigInt;
use num_traits::{Signed as _, ToPrimitive as _, Zero as _};

use super::ast::Binary;
use super::decimal::Decimal;
use super::error::RenderError;
use super::kinds::is_number;
use super::operators::same_member;
use super::value::Value;

type Outcome = Result<Value, RenderError>;

/// Widths in the order in which they win over each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Width {
    Whole,
    Float,
    Double,
    Decimal,
}

fn width(value: &Value) -> Width {
    match value {
        Value::Double(_) | Value::Exact(_) => Width::Double,
        Value::Float(_) => Width::Float,
        Value::Decimal(_) => Width::Decimal,
        _ => Width::Whole,
    }
}

/// The exact value of anything but floats.
pub(crate) fn exact(value: &Value) -> Option<Decimal> {
    match value {
        Value::Decimal(number) => Some((**number).clone()),
        Value::Big(number) => Some(Decimal { unscaled: (**number).clone(), scale: 0 }),
        other => other.as_i64().map(|number| Decimal { unscaled: number.into(), scale: 0 }),
    }
}

/// Arithmetic on two operands; text and lists have a meaning for `+` and `-` only.
pub(crate) fn apply(operator: Binary, left: &Value, right: &Value) -> Outcome {
    match (operator, left, right) {
        (Binary::Add, Value::Text(_), _) | (Binary::Add, _, Value::Text(_)) => {
            Ok(Value::from(left.host_text() + &right.host_text()))
        }
        (Binary::Add, Value::List(list), _) => Ok(added(list, right)),
        (Binary::Subtract, Value::List(list), _) => Ok(removed(list, right)),
        _ => numbers(operator, &number(left)?, &number(right)?),
    }
}

fn added(list: &[Value], right: &Value) -> Value {
    let mut members = list.to_vec();
    match right {
        Value::List(more) => members.extend(more.iter().cloned()),
        one => members.push(one.clone()),
    }
    Value::from(members)
}

/// Takes out all members of a list, or the first one that is like the value.
fn removed(list: &[Value], right: &Value) -> Value {
    let mut members = list.to_vec();
    match right {
        Value::List(gone) => members.retain(|member| !gone.iter().any(|one| same_member(member, one))),
        one => {
            if let Some(place) = members.iter().position(|member| same_member(member, one)) {
                members.remove(place);
            }
        }
    }
    Value::from(members)
}

/// An operand as a number: text with a point is a float, text without is a 64-bit number.
fn number(value: &Value) -> Outcome {
    match value {
        Value::Text(text) => number_of_text(text),
        other if is_number(other) => Ok(other.clone()),
        other => Err(RenderError::kind(format!(
            "java.lang.IllegalArgumentException: Cannot convert {} to a number",
            other.host_text()
        ))),
    }
}

fn number_of_text(text: &str) -> Outcome {
    let digits = text.trim_start_matches(['+', '-']);
    let parsed = match text.contains(['.', 'e', 'E']) {
        true => text.parse().ok().map(Value::Double),
        // A big number would read past underscores.
        false if !digits.bytes().all(|byte| byte.is_ascii_digit()) => None,
        false => text.strip_prefix('+').unwrap_or(text).parse::<BigInt>().ok().map(Value::long_or_big),
    };
    parsed.ok_or_else(|| RenderError::kind(format!("java.lang.NumberFormatException: For input string: \"{text}\"")))
}

fn numbers(operator: Binary, left: &Value, right: &Value) -> Outcome {
    match width(left).max(width(right)) {
        Width::Double => Ok(Value::Double(floats(operator, f64_of(left), f64_of(right)))),
        Width::Float => Ok(Value::Float(floats(operator, f64_of(left), f64_of(right)) as f32)),
        Width::Decimal => decimals(operator, left, right),
        Width::Whole => whole(operator, left, right),
    }
}

fn f64_of(value: &Value) -> f64 {
    value.as_f64().unwrap_or(f64::NAN)
}

fn floats(operator: Binary, left: f64, right: f64) -> f64 {
    match operator {
        Binary::Add => left + right,
        Binary::Subtract => left - right,
        Binary::Multiply => left * right,
        Binary::Divide => left / right,
        _ => left % right,
    }
}

fn division_by_zero() -> RenderError {
    RenderError::kind("java.lang.ArithmeticException: / by zero")
}

/// Whole numbers: 64 bits when they do, any size otherwise. Two numbers of 32 bits give one of 64, as in Kestra.
fn whole(operator: Binary, left: &Value, right: &Value) -> Outcome {
    let divides = matches!(operator, Binary::Divide | Binary::Remainder);
    if let (Some(left), Some(right)) = (left.as_i64(), right.as_i64()) {
        if divides && right == 0 {
            return Err(division_by_zero());
        }
        let result = match operator {
            Binary::Add => left.checked_add(right),
            Binary::Subtract => left.checked_sub(right),
            Binary::Multiply => left.checked_mul(right),
            Binary::Divide => left.checked_div(right),
            _ => left.checked_rem(right),
        };
        if let Some(result) = result {
            return Ok(Value::Long(result));
        }
    }
    let (left, right) = (big(left), big(right));
    if divides && right.is_zero() {
        return Err(division_by_zero());
    }
    Ok(Value::long_or_big(match operator {
        Binary::Add => left + right,
        Binary::Subtract => left - right,
        Binary::Multiply => left * right,
        Binary::Divide => left / right,
        _ => left % right,
    }))
}

fn big(value: &Value) -> BigInt {
    match value {
        Value::Big(number) => (**number).clone(),
        other => other.as_i64().unwrap_or(0).into(),
    }
}

/// Decimals are computed from the digits of the nearest 64-bit float, as Kestra does it.
fn through_float(value: &Value) -> Decimal {
    let text = super::print::double_text(f64_of(value));
    Decimal::parse(&text).unwrap_or_else(|| Decimal { unscaled: BigInt::zero(), scale: 0 })
}

/// Digits that a division of decimals keeps (Java's DECIMAL128).
const DECIMAL_DIGITS_MAX: i64 = 34;

fn decimals(operator: Binary, left: &Value, right: &Value) -> Outcome {
    let (left, right) = (through_float(left), through_float(right));
    let scale = left.scale.max(right.scale);
    let result = match operator {
        Binary::Add => Decimal { unscaled: left.at_scale(scale) + right.at_scale(scale), scale },
        Binary::Subtract => Decimal { unscaled: left.at_scale(scale) - right.at_scale(scale), scale },
        Binary::Multiply => Decimal { unscaled: &left.unscaled * &right.unscaled, scale: left.scale + right.scale },
        _ if right.unscaled.is_zero() => return Err(division_by_zero()),
        Binary::Divide => divided(&left, &right),
        _ => Decimal { unscaled: left.at_scale(scale) % right.at_scale(scale), scale },
    };
    Ok(Value::Decimal(Arc::new(result)))
}

/// The quotient with at most 34 digits, rounded half to even, at the scale nearest to the difference of the scales.
fn divided(left: &Decimal, right: &Decimal) -> Decimal {
    let preferred = left.scale - right.scale;
    let digits = |number: &BigInt| number.magnitude().to_string().len() as i64;
    let extra = (DECIMAL_DIGITS_MAX + 2 + digits(&right.unscaled) - digits(&left.unscaled)).max(0);
    let shifted = &left.unscaled * super::decimal::ten_to(extra);
    let quotient = &shifted / &right.unscaled;
    let inexact = !(&shifted % &right.unscaled).is_zero();
    let mut result = Decimal { unscaled: quotient, scale: preferred + extra };
    let excess = digits(&result.unscaled) - DECIMAL_DIGITS_MAX;
    if excess > 0 {
        result = rounded(&result, excess, inexact);
    }
    let ten = BigInt::from(10);
    while result.scale > preferred && (&result.unscaled % &ten).is_zero() && !result.unscaled.is_zero() {
        result.unscaled /= &ten;
        result.scale -= 1;
    }
    result
}

fn rounded(value: &Decimal, digits: i64, inexact: bool) -> Decimal {
    let unit = super::decimal::ten_to(digits);
    let (mut kept, rest) = (&value.unscaled / &unit, &value.unscaled % &unit);
    let twice = BigInt::from(rest.magnitude().clone()) * 2;
    let odd = !(&kept % 2u32).is_zero();
    if twice > unit || (twice == unit && (inexact || odd)) {
        kept += value.unscaled.signum();
    }
    Decimal { unscaled: kept, scale: value.scale - digits }
}

/// `+value`: a number stays what it is.
pub(crate) fn plus(value: &Value) -> Outcome {
    numbers(Binary::Add, &Value::Long(0), &number(value)?)
}

/// `-value`
pub(crate) fn minus(value: &Value) -> Outcome {
    let value = number(value)?;
    match &value {
        Value::Double(number) => Ok(Value::Double(-number)),
        Value::Float(number) => Ok(Value::Float(-number)),
        _ => numbers(Binary::Subtract, &Value::Long(0), &value),
    }
}

/// The number as 64 bits, decimals cut.
pub(crate) fn truncated(value: &Value) -> Option<i64> {
    match value {
        Value::Double(number) => Some(*number as i64),
        Value::Float(number) => Some(*number as i64),
        Value::Exact(_) => value.as_f64().map(|number| number as i64),
        Value::Decimal(number) => number.truncated().to_i64(),
        Value::Big(number) => number.to_i64(),
        other => other.as_i64(),
    }
}
