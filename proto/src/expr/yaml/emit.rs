//! Writing YAML: two blanks for maps, one blank before the dash of lists, quotes only where they are needed.

use base64::Engine as _;

use super::scalar;
use crate::expr::access::iterated;
use crate::expr::host::Host;
use crate::expr::value::Value;

/// The YAML text of a value, with a line break at its end.
pub(crate) fn write(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::Text(text) if text.is_empty() => return "--- \"\"\n".into(),
        Value::Map(map) if map.is_empty() => return "{}\n".into(),
        Value::Map(_) => node(value, 0, &mut out),
        Value::Host(host) if matches!(&**host, Host::Bytes(_)) => bytes(host, &mut out),
        other => match members(other) {
            Some(list) if list.is_empty() => return "[]\n".into(),
            Some(_) => node(value, 0, &mut out),
            None => scalar_to(other, 0, &mut out),
        },
    }
    if !out.ends_with('\n') {
        out.push('\n');
    }
    out
}

fn members(value: &Value) -> Option<Vec<Value>> {
    match value {
        Value::Map(_) => None,
        Value::Host(host) if matches!(&**host, Host::Entry(..) | Host::Bytes(_)) => None,
        other => iterated(other),
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Parent {
    Map,
    List,
}

fn bytes(host: &Host, out: &mut String) {
    if let Host::Bytes(bytes) = host {
        let encoded = base64::engine::general_purpose::STANDARD.encode(bytes);
        out.push_str(&format!("!!binary |-\n  {encoded}\n"));
    }
}

/// The entries of a map or the members of a list, at this indentation, each on lines of its own.
fn node(value: &Value, indent: usize, out: &mut String) {
    let blanks = " ".repeat(indent);
    if let Value::Map(map) = value {
        for (key, member) in map.iter() {
            out.push_str(&blanks);
            out.push_str(&quoted_key(key));
            out.push(':');
            below(member, indent + 2, Parent::Map, out);
        }
        return;
    }
    for member in members(value).unwrap_or_default() {
        out.push_str(&blanks);
        out.push_str(" -");
        below(&member, indent + 2, Parent::List, out);
    }
}

/// What stands behind a key or a dash. The dashes of a list below a key stand one blank further right than the key.
fn below(value: &Value, indent: usize, parent: Parent, out: &mut String) {
    match value {
        Value::Map(map) if map.is_empty() => out.push_str(" {}\n"),
        Value::Map(_) => {
            out.push('\n');
            node(value, indent, out);
        }
        other => match members(other) {
            Some(list) if list.is_empty() => out.push_str(" []\n"),
            Some(_) => {
                out.push('\n');
                node(other, if parent == Parent::Map { indent - 2 } else { indent }, out);
            }
            None => {
                out.push(' ');
                scalar_to(other, indent, out);
                if !out.ends_with('\n') {
                    out.push('\n');
                }
            }
        },
    }
}

fn scalar_to(value: &Value, indent: usize, out: &mut String) {
    match value {
        Value::Text(text) => text_to(text, indent, out),
        Value::Host(host) => match &**host {
            // Alone and inside of lists and maps, dates have their own text and durations are seconds.
            Host::Duration(_) | Host::OldDate(_) | Host::DateTime(_) | Host::Time(_) => {
                out.push_str(value.to_json().trim_matches('"'));
            }
            _ => out.push_str(&value.host_text()),
        },
        other => other.host_text_to(out),
    }
}

fn text_to(text: &str, indent: usize, out: &mut String) {
    if text.is_empty() {
        return out.push_str("\"\"");
    }
    if text.contains('\n') && !text.contains(['\t', '\r']) {
        return block(text, indent, out);
    }
    match style(text) {
        Style::Plain => out.push_str(text),
        Style::Single => out.push_str(&format!("'{}'", text.replace('\'', "''"))),
        Style::Double => double_quoted(text, out),
    }
}

/// Lines behind `|`, with a `-` when there is no line break at the end.
fn block(text: &str, indent: usize, out: &mut String) {
    let blanks = " ".repeat(indent.max(2));
    let hint = if text.starts_with([' ', '\n']) { "2" } else { "" };
    let (body, chomp) = match text.strip_suffix('\n') {
        Some(body) if body.ends_with('\n') => (body, "+"),
        Some(body) => (body, ""),
        None => (text, "-"),
    };
    out.push_str(&format!("|{hint}{chomp}\n"));
    for line in body.split('\n') {
        if !line.is_empty() {
            out.push_str(&blanks);
            out.push_str(line);
        }
        out.push('\n');
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Style {
    Plain,
    Single,
    Double,
}

fn style(text: &str) -> Style {
    if text.chars().any(|char| char.is_control()) {
        return Style::Double;
    }
    if text.starts_with(' ') || text.ends_with(' ') {
        return Style::Single;
    }
    let is_word = !matches!(scalar::read(text), Value::Text(_))
        && !text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c));
    let is_special = is_word || matches!(text, "y" | "Y" | "n" | "N" | "true" | "false");
    let starts = text
        .starts_with(['{', '}', '[', ']', ',', '&', '*', '#', '|', '>', '!', '%', '@', '`', '"', '\'', '?', '-', ':']);
    let starts = starts && !starts_like_number(text);
    let inside = text.contains(": ") || text.contains(" #") || text.ends_with(':');
    if is_special || starts || inside { Style::Double } else { Style::Plain }
}

fn starts_like_number(text: &str) -> bool {
    text.strip_prefix('-').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphanumeric()))
}

fn double_quoted(text: &str, out: &mut String) {
    out.push('"');
    for char in text.chars() {
        match char {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            other if other.is_control() => out.push_str(&format!("\\x{:02X}", u32::from(other))),
            other => out.push(other),
        }
    }
    out.push('"');
}

/// Keys are quoted where a scalar of theirs would not be text.
fn quoted_key(key: &str) -> String {
    let mut out = String::new();
    let is_number = !key.is_empty() && !matches!(scalar::read(key), Value::Text(_));
    match style(key) {
        Style::Plain if !is_number && !key.is_empty() => out.push_str(key),
        Style::Single => out.push_str(&format!("'{}'", key.replace('\'', "''"))),
        Style::Plain | Style::Double => double_quoted(key, &mut out),
    }
    out
}
