//! Reading Ion: structs, lists, s-expressions, texts, symbols, numbers, timestamps, blobs, comments.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use num_bigint::BigInt;

use crate::expr::decimal::Decimal;
use crate::expr::host::Host;
use crate::expr::json::{JSON_DEPTH_MAX, whole_number};
use crate::expr::map::Map;
use crate::expr::value::Value;

/// The values of a text, in order.
pub(crate) fn read(text: &str) -> Result<Vec<Value>, String> {
    let mut reader = Reader { text, at: 0, depth: 0 };
    let mut rows = Vec::new();
    loop {
        reader.skip();
        if reader.at == text.len() {
            return Ok(rows);
        }
        rows.push(reader.value()?);
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

type Read<T> = Result<T, String>;

/// What stands between the members of a list.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Between {
    Commas,
    Blanks,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn wrong<T>(&self) -> Read<T> {
        match self.peek() {
            Some(char) => Err(format!("unexpected `{char}` at byte {}", self.at)),
            None => Err("the text ends too early".into()),
        }
    }

    /// Passes over blanks and comments.
    fn skip(&mut self) {
        loop {
            let trimmed = self.rest().trim_start();
            self.at = self.text.len() - trimmed.len();
            let length = match trimmed {
                line if line.starts_with("//") => line.find('\n').unwrap_or(line.len()),
                block if block.starts_with("/*") => block.find("*/").map_or(block.len(), |end| end + 2),
                _ => return,
            };
            self.at += length;
        }
    }

    fn take(&mut self, char: char) -> Read<()> {
        self.skip();
        if self.peek() != Some(char) {
            return self.wrong();
        }
        self.at += char.len_utf8();
        Ok(())
    }

    fn value(&mut self) -> Read<Value> {
        self.skip();
        if self.depth == JSON_DEPTH_MAX {
            return Err(format!("nested deeper than {JSON_DEPTH_MAX} levels"));
        }
        self.depth += 1;
        let value = self.any();
        self.depth -= 1;
        value
    }

    fn any(&mut self) -> Read<Value> {
        match self.peek() {
            Some('{') if self.rest().starts_with("{{") => self.blob(),
            Some('{') => self.structure(),
            Some('[') => self.list(']', Between::Commas),
            Some('(') => self.list(')', Between::Blanks),
            Some('"') => self.quoted('"').map(Value::from),
            Some('\'') if self.rest().starts_with("'''") => self.long_text(),
            Some('\'') => {
                let name = self.quoted('\'')?;
                self.symbol_or_annotated(name)
            }
            Some(char) if char.is_ascii_digit() || char == '-' || self.rest().starts_with("+inf") => self.number(),
            Some(char) if char.is_alphabetic() || char == '_' || char == '$' => {
                let word = self.word();
                self.symbol_or_annotated(word)
            }
            _ => self.wrong(),
        }
    }

    fn word(&mut self) -> String {
        let length =
            self.rest().find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$')).unwrap_or(self.rest().len());
        let word = self.rest()[..length].to_owned();
        self.at += length;
        word
    }

    /// A symbol, a keyword, or the annotation of the value behind it.
    fn symbol_or_annotated(&mut self, word: String) -> Read<Value> {
        if let Some(rest) = self.rest().trim_start().strip_prefix("::") {
            self.at = self.text.len() - rest.len();
            return self.value();
        }
        if word == "null" && self.rest().starts_with('.') {
            self.at += 1;
            self.word();
            return Ok(Value::Null);
        }
        Ok(match word.as_str() {
            "null" => Value::Null,
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            "nan" => Value::Double(f64::NAN),
            _ => Value::from(word),
        })
    }

    fn structure(&mut self) -> Read<Value> {
        self.take('{')?;
        let mut map = Map::new();
        loop {
            self.skip();
            let key = match self.peek() {
                Some('}') => break,
                Some('"') => self.quoted('"')?,
                Some('\'') => self.quoted('\'')?,
                Some(char) if char.is_alphabetic() || char == '_' || char == '$' => self.word(),
                _ => return self.wrong(),
            };
            self.take(':')?;
            map.insert(key, self.value()?);
            self.skip();
            if self.peek() == Some(',') {
                self.at += 1;
            } else if self.peek() != Some('}') {
                return self.wrong();
            }
        }
        self.take('}')?;
        Ok(Value::from(map))
    }

    fn list(&mut self, close: char, between: Between) -> Read<Value> {
        self.at += 1;
        let mut members = Vec::new();
        loop {
            self.skip();
            if self.peek() == Some(close) {
                self.at += 1;
                return Ok(Value::from(members));
            }
            members.push(self.value()?);
            self.skip();
            match self.peek() {
                Some(',') if between == Between::Commas => self.at += 1,
                Some(char) if char == close || between == Between::Blanks => {}
                _ => return self.wrong(),
            }
        }
    }

    fn quoted(&mut self, quote: char) -> Read<String> {
        self.at += 1;
        let mut out = String::new();
        loop {
            let Some(char) = self.peek() else { return self.wrong() };
            self.at += char.len_utf8();
            match char {
                _ if char == quote => return Ok(out),
                '\\' => out.push(self.escape()?),
                other => out.push(other),
            }
        }
    }

    fn escape(&mut self) -> Read<char> {
        let Some(kind) = self.peek() else { return self.wrong() };
        self.at += kind.len_utf8();
        let digits = match kind {
            'n' => return Ok('\n'),
            't' => return Ok('\t'),
            'r' => return Ok('\r'),
            '0' => return Ok('\0'),
            'x' => 2,
            'u' => 4,
            'U' => 8,
            other => return Ok(other),
        };
        let code = self.rest().get(..digits).and_then(|hex| u32::from_str_radix(hex, 16).ok());
        self.at += digits;
        code.and_then(char::from_u32).ok_or_else(|| "unknown escape".into())
    }

    fn long_text(&mut self) -> Read<Value> {
        let mut out = String::new();
        while self.rest().starts_with("'''") {
            self.at += 3;
            let Some(end) = self.rest().find("'''") else { return self.wrong() };
            out.push_str(&self.rest()[..end]);
            self.at += end + 3;
            self.skip();
        }
        Ok(Value::from(out))
    }

    fn blob(&mut self) -> Read<Value> {
        let Some(end) = self.rest().find("}}") else { return self.wrong() };
        let inside: String = self.rest()[2..end].split_whitespace().collect();
        self.at += end + 2;
        STANDARD.decode(inside).map(|bytes| Host::Bytes(bytes).into()).map_err(|error| error.to_string())
    }

    fn number(&mut self) -> Read<Value> {
        let length = self
            .rest()
            .find(|c: char| !(c.is_ascii_alphanumeric() || "+-.:_".contains(c)))
            .unwrap_or(self.rest().len());
        let written = &self.rest()[..length];
        self.at += length;
        if let Some(value) = timestamp(written) {
            return Ok(value);
        }
        let digits = written.replace('_', "");
        let wrong = || format!("`{written}` is no number");
        if let Some(infinite) = digits.strip_suffix("inf") {
            return Ok(Value::Double(if infinite == "-" { f64::NEG_INFINITY } else { f64::INFINITY }));
        }
        if digits.bytes().skip(usize::from(digits.starts_with('-'))).all(|byte| byte.is_ascii_digit()) && digits != "-"
        {
            return Ok(whole_number(&digits));
        }
        if let Some(number) = radix_number(&digits) {
            return Ok(number);
        }
        if digits.contains(['e', 'E']) {
            return digits.parse().map(Value::Double).map_err(|_| wrong());
        }
        let decimal = Decimal::parse(digits.replace(['d', 'D'], "E").trim_end_matches('.'));
        decimal.map(|number| Value::Decimal(Arc::new(number))).ok_or_else(wrong)
    }
}

/// `0x1F` and `0b101`, with a minus where they are negative.
fn radix_number(digits: &str) -> Option<Value> {
    let unsigned = digits.strip_prefix('-').unwrap_or(digits);
    let (radix, rest) = match unsigned.get(..2)? {
        "0x" | "0X" => (16, &unsigned[2..]),
        "0b" | "0B" => (2, &unsigned[2..]),
        _ => return None,
    };
    let number = BigInt::parse_bytes(rest.as_bytes(), radix)?;
    let number = if digits.starts_with('-') { -number } else { number };
    Some(whole_number(&number.to_string()))
}

/// `2024T`, `2024-05T`, `2024-05-06`, `2024-05-06T07:08:09.123Z`.
fn timestamp(text: &str) -> Option<Value> {
    let year = text.get(..4).filter(|year| year.bytes().all(|byte| byte.is_ascii_digit()))?;
    let day = match text.len() {
        5 if text.ends_with('T') => format!("{year}-01-01"),
        8 if text.ends_with('T') => format!("{}-01", &text[..7]),
        10 | 11 if text[4..].starts_with('-') => text[..10].to_owned(),
        _ => String::new(),
    };
    if let Ok(day) = day.parse::<jiff::civil::Date>() {
        return Some(Host::Date(day).into());
    }
    if !text[4..].starts_with('-') || !text.contains('T') {
        return None;
    }
    let text = if text.ends_with("-00:00") { text.replace("-00:00", "Z") } else { text.to_owned() };
    text.parse::<jiff::Timestamp>().ok().map(|at| Host::Instant(at).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_may_be_hexadecimal_or_binary() {
        for (digits, number) in [("0x1F", 31), ("-0b101", -5)] {
            assert_eq!(radix_number(digits), Some(Value::Int(number)), "{digits}");
        }
        for digits in ["0", "12", "0xG", "é", "-"] {
            assert_eq!(radix_number(digits), None, "{digits}");
        }
    }
}
