//! Spells a Java pattern for our engine.

use std::iter::Peekable;
use std::str::Chars;

/// Classes with their members in ASCII, which Java takes them to have.
const CLASSES: [(&str, &str); 22] = [
    ("Lower", "a-z"),
    ("Upper", "A-Z"),
    ("ASCII", "\\x00-\\x7F"),
    ("Alpha", "a-zA-Z"),
    ("Digit", "0-9"),
    ("Alnum", "a-zA-Z0-9"),
    ("Punct", "!-/:-@\\[-`{-~"),
    ("Graph", "!-~"),
    ("Print", " -~"),
    ("Blank", " \\t"),
    ("Cntrl", "\\x00-\\x1F\\x7F"),
    ("XDigit", "0-9a-fA-F"),
    ("Space", " \\t\\n\\x0B\\f\\r"),
    ("javaLowerCase", "\\p{Lowercase}"),
    ("javaUpperCase", "\\p{Uppercase}"),
    ("javaTitleCase", "\\p{Lt}"),
    ("javaAlphabetic", "\\p{Alphabetic}"),
    ("javaLetter", "\\p{L}"),
    ("javaDigit", "\\p{Nd}"),
    ("javaLetterOrDigit", "\\p{L}\\p{Nd}"),
    ("javaSpaceChar", "\\p{Z}"),
    (
        "javaWhitespace",
        "\\t-\\r\\x1C-\\x20\\u{1680}\\u{2000}-\\u{2006}\\u{2008}-\\u{200A}\\u{2028}\\u{2029}\\u{205F}\\u{3000}",
    ),
];

type Source<'s> = Peekable<Chars<'s>>;

/// The same pattern for our engine: `\d`, `\w`, `\s`, `\b` and the classes of POSIX mean ASCII, `\Z` may stand before a last line
/// break.
///
/// # Errors
/// Says what is wrong with braces, escapes and the kinds of groups; everything else is left to the engine.
pub(super) fn translated(source: &str) -> Result<String, &'static str> {
    let mut out = String::with_capacity(source.len() + 16);
    let mut chars = source.chars().peekable();
    let mut depth = 0usize;
    while let Some(char) = chars.next() {
        match char {
            '\\' => match chars.next() {
                Some('Q') => quote(&mut chars, &mut out),
                Some('N') if chars.peek() != Some(&'{') => return Err("Illegal character name escape sequence"),
                Some(escaped) if ILLEGAL_ESCAPES.contains(escaped) => {
                    return Err("Illegal/unsupported escape sequence");
                }
                Some(escaped) => escape_to(escaped, &mut chars, Place::at(depth), &mut out),
                None => out.push('\\'),
            },
            '[' => {
                depth += 1;
                open_class(&mut chars, &mut out);
            }
            ']' if depth > 0 => {
                depth -= 1;
                out.push(']');
            }
            ']' => out.push_str("\\]"),
            '{' if depth == 0 => count(&mut chars, &mut out)?,
            '(' if depth == 0 => group(&mut chars, &mut out)?,
            // Java has no such operators inside of classes, our engine does.
            '~' | '-' if depth > 0 && chars.peek() == Some(&char) => {
                out.push('\\');
                out.push(char);
            }
            other => out.push(other),
        }
    }
    Ok(out)
}

/// The beginning of a class, nested ones included; a bracket that is its first member stands for itself.
fn open_class(chars: &mut Source<'_>, out: &mut String) {
    out.push('[');
    if chars.next_if_eq(&'^').is_some() {
        out.push('^');
    }
    if chars.next_if_eq(&']').is_some() {
        out.push_str("\\]");
    }
    // Our engine would read the name of a class.
    if chars.next_if_eq(&':').is_some() {
        out.push_str(":-:");
    }
}

/// Letters that mean nothing behind a backslash, some of which our engine would give a meaning.
const ILLEGAL_ESCAPES: &str = "CEFIJKLMOTUYgijlmoqy";

/// The beginning of a group: its flags, of which our engine lacks `d` and has another `U`, or its name.
fn group(chars: &mut Source<'_>, out: &mut String) -> Result<(), &'static str> {
    out.push('(');
    if chars.next_if_eq(&'?').is_none() {
        return Ok(());
    }
    out.push('?');
    match chars.peek() {
        Some('P') => return Err("Unknown inline modifier"),
        Some('<') => return name(chars, out),
        _ => {}
    }
    let flags: String = std::iter::from_fn(|| chars.next_if(|char| "idmsuxU-".contains(*char))).collect();
    let kept = flags.replace(['d', 'U'], "");
    out.push_str(&kept);
    if kept.is_empty() && !flags.is_empty() && chars.peek() == Some(&')') {
        out.push(':');
    }
    Ok(())
}

/// `<name>`, or the beginning of looking behind.
fn name(chars: &mut Source<'_>, out: &mut String) -> Result<(), &'static str> {
    out.extend(chars.next());
    if matches!(chars.peek(), Some('=' | '!')) {
        return Ok(());
    }
    let name: String = std::iter::from_fn(|| chars.next_if(char::is_ascii_alphanumeric)).collect();
    if !name.starts_with(|first: char| first.is_ascii_alphabetic()) {
        return Err("Unknown look-behind group");
    }
    out.push_str(&name);
    if chars.peek() == Some(&'>') { Ok(()) } else { Err("named capturing group is missing trailing '>'") }
}

/// How often something stands: `{2}`, `{2,}`, `{2,3}`. A brace means nothing else.
fn count(chars: &mut Source<'_>, out: &mut String) -> Result<(), &'static str> {
    if !chars.peek().is_some_and(char::is_ascii_digit) {
        return Err("Illegal repetition");
    }
    out.push('{');
    digits(chars, out);
    if chars.next_if_eq(&',').is_some() {
        out.push(',');
        digits(chars, out);
    }
    chars.next_if_eq(&'}').ok_or("Unclosed counted closure")?;
    out.push('}');
    Ok(())
}

fn digits(chars: &mut Source<'_>, out: &mut String) {
    out.extend(std::iter::from_fn(|| chars.next_if(char::is_ascii_digit)));
}

fn quote(chars: &mut Source<'_>, out: &mut String) {
    let rest: String = chars.clone().collect();
    let literal = rest.split("\\E").next().unwrap_or("").to_owned();
    let skipped = literal.chars().count() + if rest.contains("\\E") { 2 } else { 0 };
    for _ in 0..skipped {
        chars.next();
    }
    out.push_str(&fancy_regex::escape(&literal));
}

/// Where something of a pattern stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Outside,
    InClass,
}

impl Place {
    fn at(depth: usize) -> Place {
        if depth > 0 { Place::InClass } else { Place::Outside }
    }

    /// Writes the members of a class.
    fn class(self, members: &str, out: &mut String) {
        match self {
            Place::InClass => out.push_str(members),
            Place::Outside => out.extend(["[", members, "]"]),
        }
    }
}

const SPACE: &str = " \\t\\n\\x0B\\f\\r";
const HORIZONTAL: &str = " \\t\\u{A0}\\u{1680}\\u{180e}\\u{2000}-\\u{200a}\\u{202f}\\u{205f}\\u{3000}";
const VERTICAL: &str = "\\n\\x0B\\f\\r\\u{85}\\u{2028}\\u{2029}";

fn escape_to(escaped: char, chars: &mut Source<'_>, place: Place, out: &mut String) {
    match escaped {
        'd' => place.class("0-9", out),
        'w' => place.class("a-zA-Z0-9_", out),
        's' => place.class(SPACE, out),
        'h' => place.class(HORIZONTAL, out),
        'v' => place.class(VERTICAL, out),
        'D' => out.push_str("[^0-9]"),
        'W' => out.push_str("[^a-zA-Z0-9_]"),
        'S' => out.extend(["[^", SPACE, "]"]),
        'H' => out.extend(["[^", HORIZONTAL, "]"]),
        'V' => out.extend(["[^", VERTICAL, "]"]),
        'Z' => out.push_str("(?=\\n?\\z)"),
        'R' => out.extend(["(?:\\r\\n|[", VERTICAL, "])"]),
        'e' => out.push_str("\\x1B"),
        '0' => octal(chars, out),
        'p' | 'P' | 'x' if chars.peek() == Some(&'{') => named(escaped, chars, place, out),
        other => out.extend(['\\', other]),
    }
}

/// `\0` with up to three digits, of which the first of three is at most 3.
fn octal(chars: &mut Source<'_>, out: &mut String) {
    let mut code = 0;
    for _ in 0..3 {
        let fits = |char: &char| char.to_digit(8).is_some_and(|digit| code * 8 + digit <= 0o377);
        match chars.next_if(fits).and_then(|char| char.to_digit(8)) {
            Some(digit) => code = code * 8 + digit,
            None => break,
        }
    }
    out.push_str(&format!("\\x{{{code:x}}}"));
}

/// `\p{…}`, `\P{…}` and `\x{…}`.
fn named(escaped: char, chars: &mut Source<'_>, place: Place, out: &mut String) {
    let braced: String = std::iter::from_fn(|| chars.next_if(|char| *char != '}')).collect();
    let name = braced.trim_start_matches('{');
    match CLASSES.iter().find(|(known, _)| *known == name).filter(|_| escaped != 'x' && chars.peek() == Some(&'}')) {
        Some((_, members)) => {
            chars.next();
            match escaped {
                'P' => out.extend(["[^", members, "]"]),
                _ => place.class(members, out),
            }
        }
        // The closing brace, if there is one, is written like any other character.
        None => out.extend(["\\", escaped.encode_utf8(&mut [0; 4]), &braced]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_and_classes_mean_what_they_mean_in_java() {
        for (java, ours) in [
            ("\\d\\D", "[0-9][^0-9]"),
            ("[\\d-]", "[0-9-]"),
            ("\\p{Upper}\\P{Upper}[\\p{Upper}]", "[A-Z][^A-Z][A-Z]"),
            ("\\p{IsGreek}{2}", "\\p{IsGreek}{2}"),
            ("\\p{javaLowerCase}", "[\\p{Lowercase}]"),
            ("\\x{41}\\0101\\018", "\\x{41}\\x{41}\\x{1}8"),
            ("[[:alpha:]]", "[[:-:alpha:]]"),
            ("[]a]", "[\\]a]"),
            ("\\Qa.b\\E+", "a\\.b+"),
            ("(a)(?:b)(?<n1>c)(?<=d)(?<!e)(?=f)", "(a)(?:b)(?<n1>c)(?<=d)(?<!e)(?=f)"),
            ("(?i)a(?d).(?U)b(?dm:c)(?-i)", "(?i)a(?:).(?:)b(?m:c)(?-i)"),
            ("a{2}b{1,}c{1,3}[{]x}", "a{2}b{1,}c{1,3}[{]x}"),
        ] {
            assert_eq!(translated(java).as_deref(), Ok(ours), "{java}");
        }
    }

    #[test]
    fn groups_and_escapes_that_java_does_not_have_are_refused() {
        for pattern in ["(?P<n>a)", "(?<1>a)", "(?<a_b>a)", "(?<a", "\\N", "\\K", "\\y", "[\\q]"] {
            assert!(translated(pattern).is_err(), "{pattern}");
        }
    }

    #[test]
    fn a_brace_that_counts_nothing_is_refused() {
        for pattern in ["{", "a{", "a{,2}", "(a){b}"] {
            assert_eq!(translated(pattern), Err("Illegal repetition"), "{pattern}");
        }
        for pattern in ["a{2", "a{2x}", "a{1,2"] {
            assert_eq!(translated(pattern), Err("Unclosed counted closure"), "{pattern}");
        }
    }
}
