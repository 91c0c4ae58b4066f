//! What a plain scalar stands for, by the rules of YAML 1.1 that Kestra's parser applies.

use crate::expr::Value;

/// Resolves a scalar without quotes and without a tag. A date stays text; so does a number in base 60.
pub(crate) fn resolve(text: &str) -> Value {
    match text {
        "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Value::Bool(true),
        "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => Value::Bool(false),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Value::Double(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => Value::Double(f64::NEG_INFINITY),
        ".nan" | ".NaN" | ".NAN" => Value::Double(f64::NAN),
        _ => number(text).unwrap_or_else(|| Value::text(text)),
    }
}

fn number(text: &str) -> Option<Value> {
    let first = text.bytes().next()?;
    if !first.is_ascii_digit() && !matches!(first, b'+' | b'-' | b'.') {
        return None;
    }
    whole(text).or_else(|| float(text))
}

fn whole(text: &str) -> Option<Value> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let radix = |prefix: usize, radix| i64::from_str_radix(&format!("{sign}{}", plain(&digits[prefix..])?), radix).ok();
    if digits.starts_with("0b") {
        return radix(2, 2).map(Value::integer);
    }
    if digits.starts_with("0x") {
        return radix(2, 16).map(Value::integer);
    }
    if digits.len() > 1 && digits.starts_with('0') {
        return radix(1, 8).map(Value::integer);
    }
    if !digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_') {
        return None;
    }
    Value::from_json(&format!("{sign}{}", plain(digits)?)).ok()
}

/// The digits without separators; none when there are no digits.
fn plain(digits: &str) -> Option<String> {
    let plain: String = digits.chars().filter(|digit| *digit != '_').collect();
    (!plain.is_empty() && !plain.starts_with(['-', '+'])).then_some(plain)
}

fn float(text: &str) -> Option<Value> {
    let known = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'_' | b'e' | b'E');
    if !text.bytes().all(known) || !text.bytes().any(|byte| byte.is_ascii_digit()) || !text.contains(['.', 'e', 'E']) {
        return None;
    }
    text.replace('_', "").parse().ok().map(Value::Double)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_follow_yaml_1_1() {
        for (text, truth) in [("true", true), ("yes", true), ("On", true), ("no", false), ("OFF", false)] {
            assert_eq!(resolve(text), Value::Bool(truth), "{text}");
        }
        for text in ["y", "n", "tRue", "YeS", "nULL", "", "none"] {
            assert_eq!(resolve(text), Value::text(text), "{text}");
        }
        assert_eq!(resolve("~"), Value::Null);
    }

    #[test]
    fn numbers_follow_yaml_1_1() {
        for (text, number) in [
            ("12345", 12345),
            ("-7", -7),
            ("+7", 7),
            ("1_000", 1000),
            ("012", 10),
            ("0x1F", 31),
            ("0b101", 5),
            ("0", 0),
        ] {
            assert_eq!(resolve(text), Value::integer(number), "{text}");
        }
        for (text, number) in [("1.5", 1.5), ("-.5", -0.5), ("1e3", 1000.0), ("1.", 1.0)] {
            assert_eq!(resolve(text), Value::Double(number), "{text}");
        }
        assert_eq!(resolve("123456789012345678901234567890").print(), "123456789012345678901234567890");
    }

    #[test]
    fn what_only_looks_like_a_number_is_text() {
        for text in
            ["1.2.3", "2024-05-06", "12:30", "1-2", "-", ".", "+", "0x", "0xZZ", "1a", "08", "_1", "0x-1", "e3", "--1"]
        {
            assert_eq!(resolve(text), Value::text(text), "{text}");
        }
    }
}
