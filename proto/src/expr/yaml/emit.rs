//! Writing YAML: two blanks for maps, one blank before the dash of lists, quotes only where they are needed.

use base64::Engine as _;

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
    let is_block = text.contains('\n') && !text.contains(['\t', '\r']) && !text.contains(" \n") && !text.ends_with(' ');
    if is_block {
        return block(text, indent, out);
    }
    styled(text, style(text), out);
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

/// Words that would not read as text.
const RESERVED: [&str; 26] = [
    "", "false", "False", "FALSE", "n", "N", "no", "No", "NO", "null", "Null", "NULL", "on", "On", "ON", "off", "Off",
    "OFF", "true", "True", "TRUE", "y", "Y", "yes", "Yes", "YES",
];

fn is_reserved(text: &str) -> bool {
    RESERVED.contains(&text) || text.starts_with('~')
}

/// Whether the text has a character that means something in YAML, wherever it stands.
fn has_structure(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_blank = |byte: Option<&u8>| byte.is_none_or(|byte| matches!(byte, b' ' | b'\t'));
    bytes.iter().enumerate().any(|(at, byte)| match byte {
        b'[' | b']' | b'{' | b'}' | b',' => true,
        b'#' => at == 0 || is_blank(bytes.get(at - 1)),
        b':' => is_blank(bytes.get(at + 1)),
        _ => false,
    })
}

fn style(text: &str) -> Style {
    if is_reserved(text) || has_structure(text) { Style::Double } else { plain_or_quoted(text) }
}

/// Plain unless that would read as something else: then single quotes, and double ones for what needs an escape.
fn plain_or_quoted(text: &str) -> Style {
    if text.chars().any(char::is_control) {
        return Style::Double;
    }
    let mut chars = text.chars();
    let (first, second) = (chars.next(), chars.next());
    let is_indicator = match first {
        Some('-' | '?' | ':') => second.is_none_or(|next| next == ' '),
        Some(first) => "#,[]{}&*!|>'\"%@`".contains(first),
        None => true,
    };
    let has_mark = text.starts_with("---") || text.starts_with("...") || text.contains(": ") || text.contains(" #");
    let has_edge = text.starts_with(' ') || text.ends_with(' ') || text.ends_with(':');
    if is_indicator || has_mark || has_edge { Style::Single } else { Style::Plain }
}

fn styled(text: &str, style: Style, out: &mut String) {
    match style {
        Style::Plain => out.push_str(text),
        Style::Single => out.push_str(&format!("'{}'", text.replace('\'', "''"))),
        Style::Double => double_quoted(text, out),
    }
}

/// A key is quoted when it is reserved or starts like a number; commas and brackets inside do not matter.
fn quoted_key(key: &str) -> String {
    let mut out = String::new();
    let like_a_number = key.starts_with(|c: char| c.is_ascii_digit() || "-+.".contains(c));
    let style = if is_reserved(key) || like_a_number { Style::Double } else { plain_or_quoted(key) };
    styled(key, style, &mut out);
    out
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_quoted_where_they_would_read_as_something_else() {
        for (text, wanted) in [
            ("a,b,,c,", r#""a,b,,c,""#),
            ("a [b]", r#""a [b]""#),
            ("# c", r##""# c""##),
            ("a #b", r##""a #b""##),
            ("a#b:c", "a#b:c"),
            ("a:", r#""a:""#),
            ("~x", r#""~x""#),
            ("- a", "'- a'"),
            ("-", "'-'"),
            ("-a", "-a"),
            ("*a", "'*a'"),
            ("@a", "'@a'"),
            ("'q'", "'''q'''"),
            ("\"q\"", "'\"q\"'"),
            ("? a", "'? a'"),
            ("?a", "?a"),
            ("---", "'---'"),
            ("a ", "'a '"),
            ("yes", r#""yes""#),
            ("1.5", "1.5"),
            ("a\tb", r#""a\tb""#),
            ("a \nb", r#""a \nb""#),
        ] {
            assert_eq!(write(&Value::from(text)), format!("{wanted}\n"), "{text}");
        }
    }

    #[test]
    fn keys_are_quoted_where_they_are_reserved_or_start_like_numbers() {
        for (key, wanted) in [
            ("a,b", "a,b"),
            ("1x", r#""1x""#),
            ("-a", r#""-a""#),
            ("n", r#""n""#),
            ("a: b", "'a: b'"),
            ("[a]", "'[a]'"),
            ("", r#""""#),
        ] {
            assert_eq!(quoted_key(key), wanted, "{key}");
        }
    }
}
