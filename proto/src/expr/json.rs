//! Reading JSON: exact numbers, order kept, no copy beyond the values themselves.

use std::sync::Arc;

use num_bigint::BigInt;

use super::map::Map;
use super::value::{Text, Value};

/// Deepest nesting of lists and maps that is read, which bounds the stack of everything that walks a value.
pub const JSON_DEPTH_MAX: usize = 500;

/// Decimals with at most this many digits come back unchanged from a 64-bit float.
const DIGITS_EXACT_IN_DOUBLE: usize = 15;

/// Why a text is not one JSON value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message} at line {line}, column {column}")]
pub struct JsonError {
    /// What is wrong, without the place.
    pub message: String,
    /// 1-based line.
    pub line: usize,
    /// 1-based column, in characters.
    pub column: usize,
}

/// What becomes of a decimal whose digits a 64-bit float would change.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decimals {
    /// It keeps its digits.
    Exact,
    /// It is rounded, as Kestra's `fromJson` does.
    Rounded,
}

/// What may follow the first value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trailing {
    /// Nothing but white space.
    Refused,
    /// Anything, which is not read.
    Ignored,
}

impl Value {
    /// Reads exactly one JSON value: exact numbers, order kept, of a repeated key the last value at the first place.
    ///
    /// # Errors
    /// When the text is anything else, and when it is nested deeper than [`JSON_DEPTH_MAX`].
    pub fn from_json(text: &str) -> Result<Value, JsonError> {
        read(text, Decimals::Exact, Trailing::Refused)
    }
}

/// Reads a value as the arguments say.
pub(crate) fn read(text: &str, decimals: Decimals, trailing: Trailing) -> Result<Value, JsonError> {
    let mut reader = Reader { text, bytes: text.as_bytes(), at: 0, decimals, depth: 0, scratch: String::new() };
    let value = reader.value()?;
    reader.end_of_word(&value)?;
    reader.skip_space();
    match trailing {
        Trailing::Refused if reader.at < reader.bytes.len() => Err(reader.error("text after the JSON value")),
        Trailing::Refused | Trailing::Ignored => Ok(value),
    }
}

struct Reader<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    decimals: Decimals,
    depth: usize,
    /// Holds the text with escapes that is being read.
    scratch: String,
}

impl Reader<'_> {
    fn error(&self, message: impl Into<String>) -> JsonError {
        let before = &self.bytes[..self.at.min(self.bytes.len())];
        let line_start = before.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
        let column = String::from_utf8_lossy(&before[line_start..]).chars().count() + 1;
        let line = before.iter().filter(|b| **b == b'\n').count() + 1;
        JsonError { message: message.into(), line, column }
    }

    fn unexpected(&self) -> JsonError {
        match self.text.get(self.at..).and_then(|rest| rest.chars().next()) {
            Some(found) => self.error(format!("unexpected `{found}`")),
            None => self.error("the JSON text ends too early"),
        }
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    #[inline]
    fn skip_space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    fn value(&mut self) -> Result<Value, JsonError> {
        self.skip_space();
        match self.peek() {
            Some(b'"') => Ok(Value::Text(self.string()?)),
            Some(b'{') => self.nested(Self::map),
            Some(b'[') => self.nested(Self::list),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'n') => self.word("null", Value::Null),
            _ => Err(self.unexpected()),
        }
    }

    /// What follows a number or a word must be set apart from it.
    fn end_of_word(&self, value: &Value) -> Result<(), JsonError> {
        let next = self.text.get(self.at..).and_then(|rest| rest.chars().next());
        let touches = next.is_some_and(|next| match value {
            Value::Text(_) | Value::List(_) | Value::Map(_) => false,
            Value::Null | Value::Bool(_) => next.is_alphanumeric() || matches!(next, '_' | '$'),
            _ => !matches!(next, ' ' | '\n' | '\r' | '\t'),
        });
        if touches { Err(self.unexpected()) } else { Ok(()) }
    }

    fn nested(&mut self, read: fn(&mut Self) -> Result<Value, JsonError>) -> Result<Value, JsonError> {
        if self.depth == JSON_DEPTH_MAX {
            return Err(self.error(format!("the JSON text is nested deeper than {JSON_DEPTH_MAX} levels")));
        }
        self.at += 1;
        self.depth += 1;
        let value = read(self);
        self.depth -= 1;
        value
    }

    fn word(&mut self, word: &str, value: Value) -> Result<Value, JsonError> {
        if !self.bytes[self.at..].starts_with(word.as_bytes()) {
            return Err(self.unexpected());
        }
        self.at += word.len();
        Ok(value)
    }

    fn list(&mut self) -> Result<Value, JsonError> {
        let mut members = Vec::new();
        self.skip_space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Value::from(members));
        }
        loop {
            members.push(self.value()?);
            if self.comma_or(b']')? {
                return Ok(Value::from(members));
            }
        }
    }

    fn map(&mut self) -> Result<Value, JsonError> {
        let mut map = Map::new();
        self.skip_space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Value::from(map));
        }
        loop {
            self.skip_space();
            if self.peek() != Some(b'"') {
                return Err(self.unexpected());
            }
            let key = self.string()?;
            self.skip_space();
            if self.peek() != Some(b':') {
                return Err(self.unexpected());
            }
            self.at += 1;
            let value = self.value()?;
            map.insert(key, value);
            if self.comma_or(b'}')? {
                return Ok(Value::from(map));
            }
        }
    }

    /// True at the closing byte, false at a comma.
    fn comma_or(&mut self, close: u8) -> Result<bool, JsonError> {
        self.skip_space();
        match self.peek() {
            Some(found) if found == close => {
                self.at += 1;
                Ok(true)
            }
            Some(b',') => {
                self.at += 1;
                Ok(false)
            }
            _ => Err(self.unexpected()),
        }
    }

    /// The text at the opening quote; most texts have no escape and are copied once, as they stand.
    fn string(&mut self) -> Result<Text, JsonError> {
        self.at += 1;
        let start = self.at;
        let end = self.plain_run()?;
        if self.bytes[end] == b'"' {
            self.at = end + 1;
            return Ok(Arc::from(&self.text[start..end]));
        }
        self.scratch.clear();
        self.scratch.push_str(&self.text[start..end]);
        self.escaped(end)
    }

    /// The place of the next quote or backslash.
    #[inline]
    fn plain_run(&mut self) -> Result<usize, JsonError> {
        let rest = &self.bytes[self.at..];
        match rest.iter().position(|b| *b == b'"' || *b == b'\\' || *b < 0x20) {
            Some(found) if rest[found] >= 0x20 => Ok(self.at + found),
            Some(found) => {
                self.at += found;
                Err(self.error("a control character inside a text must be escaped"))
            }
            None => {
                self.at = self.bytes.len();
                Err(self.unexpected())
            }
        }
    }

    #[cold]
    fn escaped(&mut self, mut at: usize) -> Result<Text, JsonError> {
        loop {
            self.at = at;
            if self.bytes[at] == b'"' {
                self.at += 1;
                return Ok(Arc::from(self.scratch.as_str()));
            }
            let decoded = self.escape()?;
            self.scratch.push(decoded);
            at = self.plain_run()?;
            self.scratch.push_str(&self.text[self.at..at]);
        }
    }

    /// Reads one escape at its backslash. Half of a surrogate pair becomes the replacement character.
    fn escape(&mut self) -> Result<char, JsonError> {
        let kind = *self.bytes.get(self.at + 1).ok_or_else(|| self.error("the JSON text ends too early"))?;
        let plain = match kind {
            b'"' | b'\\' | b'/' => char::from(kind),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode(),
            _ => return Err(self.error("unknown escape")),
        };
        self.at += 2;
        Ok(plain)
    }

    fn unicode(&mut self) -> Result<char, JsonError> {
        let first = self.hex_at(self.at + 2).ok_or_else(|| self.error("`\\u` needs four hexadecimal digits"))?;
        self.at += 6;
        let follows = self.bytes[self.at..].starts_with(b"\\u");
        let second = if (0xD800..0xDC00).contains(&first) && follows { self.hex_at(self.at + 2) } else { None };
        match second {
            Some(low) if (0xDC00..0xE000).contains(&low) => {
                self.at += 6;
                let code = 0x1_0000 + ((first - 0xD800) << 10) + (low - 0xDC00);
                Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER))
            }
            _ => Ok(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER)),
        }
    }

    fn hex_at(&self, at: usize) -> Option<u32> {
        let digits = self.bytes.get(at..at + 4)?;
        let digits = std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|b| b.is_ascii_hexdigit()))?;
        u32::from_str_radix(digits, 16).ok()
    }

    fn number(&mut self) -> Result<Value, JsonError> {
        let start = self.at;
        self.at += usize::from(self.peek() == Some(b'-'));
        let whole = self.digits()?;
        if whole.len() > 1 && whole.starts_with('0') {
            return Err(self.error("a number must not start with 0"));
        }
        let is_whole = !matches!(self.peek(), Some(b'.' | b'e' | b'E'));
        if is_whole {
            return Ok(whole_number(&self.text[start..self.at]));
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), Some(b'+' | b'-')));
            self.digits()?;
        }
        Ok(decimal_number(&self.text[start..self.at], self.decimals))
    }

    fn digits(&mut self) -> Result<&str, JsonError> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        if start == self.at { Err(self.unexpected()) } else { Ok(&self.text[start..self.at]) }
    }
}

/// The smallest whole kind for decimal digits with an optional minus.
pub(crate) fn whole_number(digits: &str) -> Value {
    match digits.parse::<i64>() {
        Ok(number) => Value::integer(number),
        Err(_) => digits.parse::<BigInt>().map_or(Value::Null, |number| Value::Big(Arc::new(number))),
    }
}

fn decimal_number(text: &str, decimals: Decimals) -> Value {
    let double: f64 = text.parse().unwrap_or(f64::INFINITY);
    if decimals == Decimals::Rounded || is_exact(text, double) {
        return Value::Double(double);
    }
    Value::Exact(text.into())
}

/// Whether the float, printed with as many digits as it needs, is the number that was written.
fn is_exact(text: &str, double: f64) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let exponent = text.bytes().any(|b| matches!(b, b'e' | b'E'));
    if digits <= DIGITS_EXACT_IN_DOUBLE && !exponent {
        return true;
    }
    double.is_finite() && significant(text) == significant(&format!("{double:e}"))
}

/// Digits without leading and trailing zeros, and the power of ten of the first one.
fn significant(text: &str) -> (String, i64) {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let exponent: i64 = exponent.parse().unwrap_or(i64::MAX / 2);
    let mantissa = mantissa.trim_start_matches('-');
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    let leading = all.len() - all.trim_start_matches('0').len();
    let digits = all.trim_matches('0').to_owned();
    let power = if digits.is_empty() { 0 } else { whole.len() as i64 - leading as i64 + exponent };
    (digits, power)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_after_the_first_value_is_left_alone_unless_it_touches_a_word() {
        let first = |text| read(text, Decimals::Rounded, Trailing::Ignored).map(|value| value.to_json());
        for (text, value) in [("1 2", "1"), ("true,", "true"), ("[1]x", "[1]"), ("\"a\"b", "\"a\""), ("null x", "null")]
        {
            assert_eq!(first(text).as_deref(), Ok(value), "{text}");
        }
        for text in ["2024-05-06", "12abc", "1,2", "1.5.2", "truex", "null_"] {
            assert!(first(text).is_err(), "{text}");
        }
    }

    fn round_trip(text: &str) -> String {
        Value::from_json(text).unwrap().to_json()
    }

    #[test]
    fn what_a_provider_sent_is_what_is_printed() {
        for text in [
            r#"{"b":null,"a":[1,-2,3.25,true,false,{"z":{}}],"":"é世🐎"}"#,
            "12345678901234567890123",
            "0.1234567890123456789012",
            "-9223372036854775808",
            "1e999",
            r#""\b\f\n\r\t\"\\/""#,
        ] {
            assert_eq!(round_trip(text), text);
        }
    }

    #[test]
    fn numbers_get_the_kind_that_holds_them() {
        assert_eq!(Value::from_json("2147483647"), Ok(Value::Int(i32::MAX)));
        assert_eq!(Value::from_json("2147483648"), Ok(Value::Long(2_147_483_648)));
        assert_eq!(Value::from_json("1.50"), Ok(Value::Double(1.5)));
        assert_eq!(Value::from_json("0.1000000000000000000000"), Ok(Value::Double(0.1)));
        assert_eq!(Value::from_json("0.1000000000000000000001"), Ok(Value::Exact("0.1000000000000000000001".into())));
        assert_eq!(Value::from_json("1.0e21"), Ok(Value::Double(1e21)));
    }

    #[test]
    fn anything_but_one_value_is_refused_with_its_place() {
        for text in [
            "",
            "{",
            "[1,]",
            "{\"a\":1,}",
            "01",
            "1 2",
            "nul",
            "\"\t\"",
            "\"\\x\"",
            "'a'",
            "{a:1}",
            "+1",
            ".5",
            "1.",
            "1e",
            "-",
        ] {
            assert!(Value::from_json(text).is_err(), "{text}");
        }
        let error = Value::from_json("{\n  \"ä\": x}").unwrap_err();
        assert_eq!((error.line, error.column), (2, 8));
    }

    #[test]
    fn nesting_ends_at_the_limit() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(Value::from_json(&nested(JSON_DEPTH_MAX)).is_ok());
        let error = Value::from_json(&nested(JSON_DEPTH_MAX + 1)).unwrap_err();
        assert!(error.message.contains("500"), "{error}");
    }

    #[test]
    fn a_repeated_key_keeps_the_last_value_at_the_first_place() {
        assert_eq!(round_trip(r#"{"a":1,"b":2,"a":3}"#), r#"{"a":3,"b":2}"#);
    }

    #[test]
    fn surrogates_are_joined_and_halves_replaced() {
        assert_eq!(Value::from_json(r#""\ud83d\udc0e""#), Ok(Value::from("🐎")));
        assert_eq!(Value::from_json(r#""\ud83d!""#), Ok(Value::from("\u{fffd}!")));
    }
}
