//! Plain scalars of YAML 1.1: `yes`, `0x1F`, `1_000`, `~`.

use crate::expr::json::whole_number;
use crate::expr::value::Value;

/// What a plain scalar stands for.
pub(super) fn read(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Value::Bool(true),
        "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => Value::Bool(false),
        _ => number(text).unwrap_or_else(|| Value::from(text)),
    }
}

fn number(text: &str) -> Option<Value> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    match digits {
        ".inf" | ".Inf" | ".INF" => {
            return Some(Value::Double(if sign.is_empty() { f64::INFINITY } else { f64::NEG_INFINITY }));
        }
        ".nan" | ".NaN" | ".NAN" => return Some(Value::Double(f64::NAN)),
        _ if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') => return None,
        _ => {}
    }
    let plain = digits.replace('_', "");
    for (prefix, radix) in [("0x", 16), ("0b", 2)] {
        if let Some(digits) = plain.strip_prefix(prefix) {
            let number = i64::from_str_radix(digits, radix).ok()?;
            return Some(Value::integer(if sign.is_empty() { number } else { -number }));
        }
    }
    if plain.bytes().all(|byte| byte.is_ascii_digit()) {
        if plain.len() > 1 && plain.starts_with('0') {
            let number = i64::from_str_radix(&plain, 8).ok()?;
            return Some(Value::integer(if sign.is_empty() { number } else { -number }));
        }
        return Some(whole_number(&format!("{sign}{plain}")));
    }
    let is_decimal = plain.bytes().all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte)) && plain != ".";
    if !is_decimal || !plain.contains(['.', 'e', 'E']) || plain.contains('-') && !plain.contains(['e', 'E']) {
        return None;
    }
    format!("{sign}{plain}").parse().ok().map(Value::Double)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octal_numbers_start_with_a_zero_alone() {
        assert_eq!((read("017"), read("0b11")), (Value::Int(15), Value::Int(3)));
        assert_eq!(read("0o17"), Value::from("0o17"));
    }
}
