//! Filters on text.

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

use super::super::call::Arguments;
use super::super::error::RenderError;
use super::super::eval::Machine;
use super::super::kinds::{self, cast};
use super::super::utf16;
use super::super::value::{Text, Value};

type Outcome = Result<Value, RenderError>;

/// The input as text, which it must be; `None` for null.
pub(super) fn only_text(input: &Value) -> Result<Option<&Text>, RenderError> {
    match input {
        Value::Null => Ok(None),
        Value::Text(text) => Ok(Some(text)),
        other => Err(cast(other, "java.lang.String")),
    }
}

/// Applies `change` to text, and answers null for null.
fn map_text(input: &Value, change: impl FnOnce(&str) -> String) -> Outcome {
    Ok(only_text(input)?.map_or(Value::Null, |text| Value::from(change(text))))
}

/// Applies `change` to the host's text of any value, and answers null for null.
fn map_any(input: &Value, change: impl FnOnce(&str) -> String) -> Outcome {
    Ok(match input {
        Value::Null => Value::Null,
        Value::Text(text) => Value::from(change(text)),
        other => Value::from(change(&other.host_text())),
    })
}

/// A text or a single character; null for null, an engine error otherwise.
fn text_like(input: &Value) -> Outcome {
    Ok(match input {
        Value::Null => Value::Null,
        other => Value::from(other.host_text()),
    })
}

pub(super) fn abbreviate(_: &mut Machine<'_, '_>, input: &Value, args: &Arguments) -> Outcome {
    let Some(text) = only_text(input)? else { return Ok(Value::Null) };
    let length = match args.get("length") {
        Value::Long(length) => *length,
        Value::Null => return Err(RenderError::kind("java.lang.NullPointerException: `length` is required")),
        other => return Err(cast(other, "java.lang.Long")),
    };
    let Ok(length) = usize::try_from(length) else {
        return Err(RenderError::engine("Invalid argument to abbreviate filter; must be greater than zero"));
    };
    let have = utf16::length(text);
    if have < length {
        return Ok(input.clone());
    }
    let shortened = match length {
        0..=3 => utf16::slice(text, 0, length),
        _ => utf16::slice(text, 0, length - 3) + "...",
    };
    Ok(Value::from(shortened))
}

pub(super) fn capitalize(_: &mut Machine<'_, '_>, input: &Value, _: &Arguments) -> Outcome {
    map_text(input, |text| {
        let start = text.len() - text.trim_start_matches(char::is_whitespace).len();
        let mut chars = text[start..].chars();
        let first = chars.next().map(title_case);
        text[..start].chars().chain(first).chain(chars).collect()
    })
}

pub(super) fn title(_: &mut Machine<'_, '_>, input: &Value, _: &Arguments) -> Outcome {
    map_text(input, |text| {
        let mut at_start = true;
        let titled = text.chars().map(|char| {
            let changed = if at_start { title_case(char) } else { char };
            at_start = char.is_whitespace();
            changed
        });
        titled.collect()
    })
}

/// The title case of one character, where that is one character.
fn title_case(char: char) -> char {
    match char {
        'Ǆ'..='ǆ' => 'ǅ',
        'Ǉ'..='ǉ' => 'ǈ',
        'Ǌ'..='ǌ' => 'ǋ',
        'Ǳ'..='ǳ' => 'ǲ',
        _ => {
            let mut upper = char.to_uppercase();
            match (upper.next(), upper.next()) {
                (Some(single), None) => single,
                _ => char,
            }
        }
    }
}

pub(super) fn lower(_: &mut Machine<'_, '_>, input: &Value, _: &Arguments) -> Outcome {
    map_any(input, str::to_lowercase)
}

pub(super) fn upper(_: &mut Machine<'_, '_>, input: &Value, _: &Arguments) -> Outcome {
    map_any(input, str::to_uppercase)
}

/// Takes away blanks and control characters at both ends, and nothing beyond ASCII.
pub(super) fn trim(_: &mut Machine<'_, '_>, input: &Value, _: &Arguments) -> Outcome {
    map_text(input, |text| text.trim_matches(|char| char <= ' ').to_owned())
}

pub(super) fn string(_: &mut Machine<'_, '_>, input: &Value, _: &Arguments) -> Outcome {
    text_like(input)
}

pub(super) fn class_name(_: &mut Machine<'_, '_>, input: &Value, _: &Arguments) -> Outcome {
    Ok(match input {
        Value::Null => Value::Null,
        other => Value::from(kinds::class_name(other)),
    })
}

pub(super) fn nl2br(_: &mut Machine<'_, '_>, input: &Value, _: &Arguments) -> Outcome {
    match input {
        Value::Null => Ok(Value::Null),
        Value::Text(text) => Ok(Value::from(text.replace("\r\n", "<br />").replace('\n', "<br />"))),
        _ => Err(RenderError::kind("java.lang.IllegalArgumentException: nl2br filters only supports String input.")),
    }
}

/// The required argument `value`, as text.
fn affix(input: &Value, args: &Arguments) -> Result<Option<(String, String)>, RenderError> {
    if input.is_null() {
        return Ok(None);
    }
    match args.get("value") {
        Value::Null => Err(RenderError::engine("The argument 'value' is required.")),
        value => Ok(Some((input.host_text(), value.host_text()))),
    }
}

pub(super) fn starts_with(_: &mut Machine<'_, '_>, input: &Value, args: &Arguments) -> Outcome {
    Ok(Value::Bool(affix(input, args)?.is_some_and(|(text, start)| text.starts_with(&start))))
}

pub(super) fn ends_with(_: &mut Machine<'_, '_>, input: &Value, args: &Arguments) -> Outcome {
    Ok(Value::Bool(affix(input, args)?.is_some_and(|(text, end)| text.ends_with(&end))))
}

/// The text and the separator of the substring filters; null input needs no separator.
fn separated(input: &Value, args: &Arguments, filter: &str) -> Result<Option<(String, Option<String>)>, RenderError> {
    if input.is_null() {
        return Ok(None);
    }
    if args.given("separator").is_none() {
        return Err(RenderError::engine(format!("The '{filter}' filter expects an argument 'separator'.")));
    }
    Ok(Some((input.host_text(), args.text("separator")?.map(str::to_owned))))
}

pub(super) fn substring_before(_: &mut Machine<'_, '_>, input: &Value, args: &Arguments) -> Outcome {
    Ok(match separated(input, args, "substringBefore")? {
        None => Value::Null,
        Some((text, None)) => Value::from(text),
        Some((text, Some(separator))) => Value::from(text.find(&separator).map_or(&*text, |at| &text[..at])),
    })
}

pub(super) fn substring_before_last(_: &mut Machine<'_, '_>, input: &Value, args: &Arguments) -> Outcome {
    Ok(match separated(input, args, "substringBeforeLast")? {
        None => Value::Null,
        Some((text, Some(separator))) if !separator.is_empty() => {
            Value::from(text.rfind(&separator).map_or(&*text, |at| &text[..at]))
        }
        Some((text, _)) => Value::from(text),
    })
}

pub(super) fn substring_after(_: &mut Machine<'_, '_>, input: &Value, args: &Arguments) -> Outcome {
    Ok(match separated(input, args, "substringAfter")? {
        None => Value::Null,
        Some((_, None)) => Value::from(""),
        Some((text, Some(separator))) => {
            Value::from(text.find(&separator).map_or("", |at| &text[at + separator.len()..]))
        }
    })
}

pub(super) fn substring_after_last(_: &mut Machine<'_, '_>, input: &Value, args: &Arguments) -> Outcome {
    Ok(match separated(input, args, "substringAfterLast")? {
        None => Value::Null,
        Some((text, Some(separator))) if !separator.is_empty() => {
            Value::from(text.rfind(&separator).map_or("", |at| &text[at + separator.len()..]))
        }
        Some(_) => Value::from(""),
    })
}

/// Most blanks that `indent` puts before a line.
const INDENT_MAX: i64 = 10_000;

/// The text and what goes before its lines.
fn indented(input: &Value, args: &Arguments, filter: &str) -> Result<Option<(String, String)>, RenderError> {
    if input.is_null() {
        return Ok(None);
    }
    let amount = match args.given("amount") {
        Some(Value::Long(amount)) => *amount,
        Some(Value::Null) => return Err(RenderError::kind("java.lang.NullPointerException: `amount` is null")),
        Some(other) => return Err(cast(other, "java.lang.Long")),
        None => {
            let message = format!("The '{filter}' filter expects an integer as argument 'amount'.");
            return Err(RenderError::engine(message));
        }
    };
    if amount > INDENT_MAX {
        return Err(RenderError::limit(format!("the '{filter}' filter indents by at most {INDENT_MAX}")));
    }
    let prefix = args.text("prefix")?.unwrap_or(" ");
    Ok(Some((input.host_text(), prefix.repeat(usize::try_from(amount).unwrap_or(0)))))
}

pub(super) fn indent(machine: &mut Machine<'_, '_>, input: &Value, args: &Arguments) -> Outcome {
    let Some((text, before)) = indented(input, args, "indent")? else { return Ok(Value::Null) };
    prefixed_lines(machine, &text, &before, "")
}

pub(super) fn nindent(machine: &mut Machine<'_, '_>, input: &Value, args: &Arguments) -> Outcome {
    let Some((text, before)) = indented(input, args, "nindent")? else { return Ok(Value::Null) };
    prefixed_lines(machine, &text, &before, &format!("\n{before}"))
}

fn prefixed_lines(machine: &mut Machine<'_, '_>, text: &str, before: &str, start: &str) -> Outcome {
    let lines = text.bytes().filter(|byte| *byte == b'\n').count();
    machine.env.spend_bytes(text.len() + (lines + 1) * before.len())?;
    Ok(Value::from(format!("{start}{}", text.replace('\n', &format!("\n{before}")))))
}

/// Letters and digits of ASCII in lower case, words joined by dashes; accents are dropped.
pub(super) fn slugify(_: &mut Machine<'_, '_>, input: &Value, _: &Arguments) -> Outcome {
    map_any(input, |text| {
        let mut slug = String::new();
        let mut gap = false;
        for char in text.nfd().filter(|char| !is_combining_mark(*char)) {
            match char {
                ' ' | '\t' | '\n' | '\r' | '\u{b}' | '\u{c}' | '_' | '-' => gap = true,
                _ if char.is_ascii_alphanumeric() => {
                    if gap && !slug.is_empty() {
                        slug.push('-');
                    }
                    gap = false;
                    slug.push(char.to_ascii_lowercase());
                }
                _ => {}
            }
        }
        slug
    })
}
