//! Filters that make numbers of text and text of numbers.

use std::sync::Arc;

use num_bigint::BigInt;

use super::super::call::Arguments;
use super::super::decimal::Decimal;
use super::super::error::RenderError;
use super::super::eval::Machine;
use super::super::java_format::digits::Digits;
use super::super::java_format::{decimal_format, printf};
use super::super::kinds::{class_name, is_number};
use super::super::value::Value;

type Outcome = Result<Value, RenderError>;

pub(super) fn format(machine: &mut Machine<'_, '_>, input: &Value, args: &Arguments) -> Outcome {
    if input.is_null() {
        return Ok(Value::Null);
    }
    let args: Vec<Value> = args.all().cloned().collect();
    let text = match input {
        Value::Text(text) => printf::format(text, &args)?,
        other => printf::format(&other.host_text(), &args)?,
    };
    machine.env.spend_bytes(text.len())?;
    Ok(Value::from(text))
}

pub(super) fn number_format(_: &mut Machine<'_, '_>, input: &Value, args: &Arguments) -> Outcome {
    if input.is_null() {
        return Ok(Value::Null);
    }
    if !is_number(input) {
        return Err(RenderError::engine("The input for the 'NumberFormat' filter has to be a number."));
    }
    let pattern = decimal_format::parse(args.text("format")?.unwrap_or(decimal_format::DEFAULT))?;
    // A float is multiplied as a float, for `%` and `‰`.
    let (input, pattern) = match (input, pattern.float_factor()) {
        (Value::Double(number), Some(factor)) => (Value::Double(number * factor), pattern.without_factor()),
        _ => (input.clone(), pattern),
    };
    Ok(match Digits::of(&input) {
        Some(digits) => Value::from(pattern.format(&digits)),
        None if input.as_f64().is_some_and(f64::is_nan) => Value::from("NaN"),
        None => Value::from(if input.as_f64() > Some(0.0) { "∞" } else { "-∞" }),
    })
}

fn no_number(text: &str) -> RenderError {
    RenderError::kind(format!("java.lang.NumberFormatException: For input string: \"{text}\""))
}

/// Reads a text as the kind that is asked for; without one, as the smallest that holds it.
pub(super) fn number(_: &mut Machine<'_, '_>, input: &Value, args: &Arguments) -> Outcome {
    let text = match input {
        Value::Null => return Ok(Value::Null),
        Value::Text(text) => text.to_string(),
        other => {
            let message =
                format!("'number' filter can only be applied to String. Actual type was: {}", class_name(other));
            return Err(RenderError::engine(message));
        }
    };
    let wanted = match (args.given("type"), args.text("type")?) {
        (Some(_), None) => return Err(RenderError::kind("java.lang.NullPointerException: `type` is null")),
        (_, wanted) => wanted.unwrap_or(""),
    };
    let value = match wanted {
        "INT" => decoded(&text).and_then(|number| i32::try_from(number).ok()).map(Value::Int),
        "LONG" => decoded(&text).and_then(|number| i64::try_from(number).ok()).map(Value::Long),
        "FLOAT" => java_float(&text).map(|number| Value::Float(float32(&text, number))),
        "DOUBLE" => java_float(&text).map(Value::Double),
        "BIGDECIMAL" => Decimal::parse(&text).map(|number| Value::Decimal(Arc::new(number))),
        "BIGINTEGER" => decoded(&text).map(|number| Value::Big(Arc::new(number))),
        _ => any_number(&text),
    };
    value.ok_or_else(|| no_number(&text))
}

/// Whole numbers with a sign: decimal, `0x` and `#` for hexadecimal, a leading 0 for octal.
fn decoded(text: &str) -> Option<BigInt> {
    let (negative, rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let hexadecimal = rest.strip_prefix("0x").or_else(|| rest.strip_prefix("0X")).or_else(|| rest.strip_prefix('#'));
    let (digits, radix) = match hexadecimal {
        Some(digits) => (digits, 16),
        None if rest.len() > 1 && rest.starts_with('0') => (&rest[1..], 8),
        None => (rest, 10),
    };
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(radix)) {
        return None;
    }
    let number = BigInt::parse_bytes(digits.as_bytes(), radix)?;
    Some(if negative { -number } else { number })
}

/// Floats as the host reads them: blanks around and a suffix `f` or `d` do not matter.
fn java_float(text: &str) -> Option<f64> {
    let text = text.trim();
    let bare =
        text.strip_suffix(['f', 'F', 'd', 'D']).filter(|bare| bare.ends_with(|c: char| c.is_ascii_digit() || c == '.'));
    let text = bare.unwrap_or(text);
    match text.trim_start_matches(['+', '-']) {
        "NaN" => Some(f64::NAN),
        "Infinity" => Some(if text.starts_with('-') { f64::NEG_INFINITY } else { f64::INFINITY }),
        digits if digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') && digits != "." => text.parse().ok(),
        _ => None,
    }
}

/// The nearest 32-bit float to the text, not to the 64-bit float.
fn float32(text: &str, number: f64) -> f32 {
    text.trim().parse().unwrap_or(number as f32)
}

/// A number of any kind: suffixes choose one, whole numbers take the smallest width, decimals a float that can hold them.
fn any_number(text: &str) -> Option<Value> {
    if text.is_empty() || text.contains(char::is_whitespace) {
        return None;
    }
    let unsigned = text.trim_start_matches(['+', '-']);
    let is_hexadecimal = unsigned.starts_with("0x") || unsigned.starts_with("0X") || unsigned.starts_with('#');
    if is_hexadecimal || unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
        return decoded(text).map(smallest);
    }
    let (bare, suffix) = text.split_at(text.len() - text.chars().next_back().map_or(0, char::len_utf8));
    match suffix {
        "f" | "F" => java_float(bare).map(|number| Value::Float(float32(bare, number))),
        "d" | "D" => java_float(bare).map(Value::Double),
        "l" | "L" => bare.parse().ok().map(Value::Long),
        _ => decimal(text, unsigned),
    }
}

fn smallest(number: BigInt) -> Value {
    match i32::try_from(&number) {
        Ok(small) => Value::Int(small),
        Err(_) => Value::long_or_big(number),
    }
}

/// Up to 7 decimals make a 32-bit float, up to 16 a 64-bit one, more an exact decimal.
fn decimal(text: &str, unsigned: &str) -> Option<Value> {
    if !unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    let number = java_float(text)?;
    let mantissa = unsigned.split(['e', 'E']).next().unwrap_or("");
    let decimals = mantissa.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    let is_zero = mantissa.bytes().all(|byte| matches!(byte, b'0' | b'.'));
    let float = float32(text, number);
    if decimals <= 7 && float.is_finite() && (float != 0.0 || is_zero) {
        return Some(Value::Float(float));
    }
    if decimals <= 16 && number.is_finite() && (number != 0.0 || is_zero) {
        return Some(Value::Double(number));
    }
    Decimal::parse(text).map(|number| Value::Decimal(Arc::new(number)))
}
