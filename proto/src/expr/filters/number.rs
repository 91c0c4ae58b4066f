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
use super::super::print::{double_text, float_text};
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
    // The sign of a zero counts.
    let is_negative = input.as_f64().is_some_and(f64::is_sign_negative);
    Ok(match Digits::of(&input) {
        Some(digits) => Value::from(pattern.format(&digits, is_negative)),
        None if input.as_f64().is_some_and(f64::is_nan) => Value::from("NaN"),
        None => Value::from(pattern.affixed("∞", is_negative)),
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
        "FLOAT" => float32(&text).map(Value::Float),
        "DOUBLE" => float64(&text).map(Value::Double),
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

/// The digits of a float as the host reads it: blanks around them and a suffix `f` or `d` do not matter.
fn float_digits(text: &str) -> Option<&str> {
    let text = text.trim_matches(|c: char| c <= ' ');
    let bare =
        text.strip_suffix(['f', 'F', 'd', 'D']).filter(|bare| bare.ends_with(|c: char| c.is_ascii_digit() || c == '.'));
    let text = bare.unwrap_or(text);
    let is_float = match text.trim_start_matches(['+', '-']) {
        "NaN" | "Infinity" => true,
        "." => false,
        digits => digits.starts_with(|c: char| c.is_ascii_digit() || c == '.'),
    };
    is_float.then_some(text)
}

/// The nearest 64-bit float to the text.
pub(crate) fn float64(text: &str) -> Option<f64> {
    float_digits(text)?.parse().ok()
}

/// The nearest 32-bit float to the text, not to the 64-bit float.
pub(crate) fn float32(text: &str) -> Option<f32> {
    float_digits(text)?.parse().ok()
}

/// A number of any kind: suffixes choose one, whole numbers take the smallest width, decimals a float that can hold them.
fn any_number(text: &str) -> Option<Value> {
    let unsigned = text.trim_start_matches(['+', '-']);
    let is_hexadecimal = unsigned.starts_with("0x") || unsigned.starts_with("0X") || unsigned.starts_with('#');
    let is_decimal = unsigned.contains(['.', 'e', 'E']);
    let last = text.chars().next_back()?;
    let bare = &text[..text.len() - last.len_utf8()];
    match last {
        _ if is_hexadecimal => decoded(text).map(smallest),
        '0'..='9' | '.' if is_decimal => unambiguous(text),
        '0'..='9' => decoded(text).map(smallest),
        'l' | 'L' => long(bare),
        'f' | 'F' => {
            held32(text).map(Value::Float).or_else(|| held64(text).map(Value::Double)).or_else(|| exactly(bare))
        }
        'd' | 'D' => held64(text).map(Value::Double).or_else(|| exactly(bare)),
        _ => None,
    }
}

fn smallest(number: BigInt) -> Value {
    match i32::try_from(&number) {
        Ok(small) => Value::Int(small),
        Err(_) => Value::long_or_big(number),
    }
}

/// The number before a suffix `L`.
fn long(text: &str) -> Option<Value> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    decoded(text).filter(|_| !digits.starts_with('+')).map(Value::long_or_big)
}

/// Whether a decimal without its exponent is zero.
fn is_zero(text: &str) -> bool {
    let mantissa = text.split(['e', 'E']).next().unwrap_or("");
    !mantissa.contains(|c: char| ('1'..='9').contains(&c))
}

/// The 32-bit float of the text, unless it became infinite or zero.
fn held32(text: &str) -> Option<f32> {
    float32(text).filter(|float| float.is_finite() && (*float != 0.0 || is_zero(text)))
}

/// The 64-bit float of the text, unless it became infinite or zero.
fn held64(text: &str) -> Option<f64> {
    float64(text).filter(|float| float.is_finite() && (*float != 0.0 || is_zero(text)))
}

fn exactly(text: &str) -> Option<Value> {
    Decimal::parse(text).map(|number| Value::Decimal(Arc::new(number)))
}

/// A 32-bit float when it prints like the 64-bit one, a 64-bit float when it loses no digit, an exact decimal otherwise.
fn unambiguous(text: &str) -> Option<Value> {
    let (Some(single), Some(double)) = (float32(text), float64(text)) else { return exactly(text) };
    let printed = double_text(double);
    if held32(text).is_some() && float_text(single) == printed {
        return Some(Value::Float(single));
    }
    let decimal = Decimal::parse(text)?;
    let same = Decimal::parse(&printed).is_some_and(|other| decimal.compare(&other).is_eq());
    match held64(text) {
        Some(double) if same => Some(Value::Double(double)),
        _ => Some(Value::Decimal(Arc::new(decimal))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::kinds::class_name;

    fn read(text: &str) -> Option<String> {
        any_number(text).map(|number| format!("{} {}", class_name(&number), number.host_text()))
    }

    #[test]
    fn a_decimal_takes_the_smallest_kind_that_prints_it_unchanged() {
        for (text, wanted) in [
            ("3.14", "java.lang.Float 3.14"),
            ("123456789.5", "java.lang.Double 1.234567895E8"),
            ("16777217.0", "java.lang.Double 1.6777217E7"),
            ("0.12345678", "java.lang.Float 0.12345678"),
            ("0.30000000000000004", "java.lang.Double 0.30000000000000004"),
            ("1234567.891", "java.lang.Double 1234567.891"),
            ("9007199254740993.0", "java.math.BigDecimal 9007199254740993.0"),
            ("1e400", "java.math.BigDecimal 1E+400"),
            ("4.9E-324", "java.lang.Double 4.9E-324"),
            ("1e50f", "java.lang.Double 1.0E50"),
            ("5.", "java.lang.Float 5.0"),
        ] {
            assert_eq!(read(text).as_deref(), Some(wanted), "{text}");
        }
    }

    #[test]
    fn a_whole_number_may_be_octal_and_a_suffix_allows_no_plus() {
        assert_eq!(read("010L").as_deref(), Some("java.lang.Long 8"));
        assert_eq!(read("-5L").as_deref(), Some("java.lang.Long -5"));
        assert_eq!(read("99999999999999999999L").as_deref(), Some("java.math.BigInteger 99999999999999999999"));
        for text in ["", " ", " 5 ", "+5L", "0x1FL", "08", "1_000", "NaN", "Infinityf", "1.2.3", "5%"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
