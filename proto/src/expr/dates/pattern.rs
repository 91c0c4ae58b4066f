//! The pattern language of dates: `yyyy-MM-dd'T'HH:mm:ss`.

use crate::expr::error::RenderError;

/// One piece of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    Literal(String),
    /// A letter and how often it stands there.
    Field(char, usize),
    /// Pads the next piece to this width.
    Pad(usize),
    /// `[`
    OptionalStart,
    /// `]`
    OptionalEnd,
}

/// Letters with the most times that each may stand.
const FIELDS: [(char, usize); 36] = [
    ('G', 5),
    ('u', 19),
    ('y', 19),
    ('Y', 19),
    ('D', 3),
    ('M', 5),
    ('L', 5),
    ('Q', 5),
    ('q', 5),
    ('w', 2),
    ('W', 1),
    ('d', 2),
    ('E', 5),
    ('e', 5),
    ('c', 5),
    ('F', 2),
    ('g', 19),
    ('a', 1),
    ('B', 5),
    ('h', 2),
    ('K', 2),
    ('k', 2),
    ('H', 2),
    ('m', 2),
    ('s', 2),
    ('S', 9),
    ('A', 19),
    ('n', 19),
    ('N', 19),
    ('V', 2),
    ('v', 4),
    ('z', 4),
    ('O', 4),
    ('X', 5),
    ('x', 5),
    ('Z', 5),
];

fn illegal(message: impl std::fmt::Display) -> RenderError {
    RenderError::kind(format!("java.lang.IllegalArgumentException: {message}"))
}

/// Reads a pattern.
pub(crate) fn parse(pattern: &str) -> Result<Vec<Piece>, RenderError> {
    let mut pieces = Vec::new();
    let mut chars = pattern.chars().peekable();
    let mut open = 0usize;
    while let Some(char) = chars.next() {
        match char {
            'p' => pieces.push(pad(&mut chars)?),
            'a'..='z' | 'A'..='Z' => pieces.push(field(char, &mut chars)?),
            '\'' => pieces.push(Piece::Literal(quoted(pattern, &mut chars)?)),
            '[' => {
                open += 1;
                pieces.push(Piece::OptionalStart);
            }
            ']' if open == 0 => return Err(illegal("Pattern invalid as it contains ] without previous [")),
            ']' => {
                open -= 1;
                pieces.push(Piece::OptionalEnd);
            }
            '{' | '}' | '#' => return Err(illegal(format!("Pattern includes reserved character: '{char}'"))),
            other => pieces.push(Piece::Literal(other.to_string())),
        }
    }
    Ok(pieces)
}

type Chars<'a> = std::iter::Peekable<std::str::Chars<'a>>;

fn repeated(char: char, chars: &mut Chars<'_>) -> usize {
    let mut count = 1;
    while chars.next_if_eq(&char).is_some() {
        count += 1;
    }
    count
}

fn field(letter: char, chars: &mut Chars<'_>) -> Result<Piece, RenderError> {
    let count = repeated(letter, chars);
    let Some((_, most)) = FIELDS.iter().find(|(known, _)| *known == letter) else {
        return Err(illegal(format!("Unknown pattern letter: {letter}")));
    };
    let fits = match letter {
        'V' => count == 2,
        'v' | 'O' => count == 1 || count == 4,
        'B' => matches!(count, 1 | 4 | 5),
        'c' => count <= *most && count != 2,
        _ => count <= *most,
    };
    match fits {
        true => Ok(Piece::Field(letter, count)),
        false => Err(illegal(format!("Too many pattern letters: {letter}"))),
    }
}

fn pad(chars: &mut Chars<'_>) -> Result<Piece, RenderError> {
    let width = repeated('p', chars);
    match chars.peek() {
        Some(next) if next.is_ascii_alphabetic() => Ok(Piece::Pad(width)),
        _ => Err(illegal("Pad letter 'p' must be followed by valid pad pattern")),
    }
}

/// Text between quotes; two quotes are one.
fn quoted(pattern: &str, chars: &mut Chars<'_>) -> Result<String, RenderError> {
    let mut text = String::new();
    loop {
        match chars.next() {
            None => return Err(illegal(format!("Pattern ends with an incomplete string literal: {pattern}"))),
            Some('\'') if chars.next_if_eq(&'\'').is_some() => text.push('\''),
            Some('\'') if text.is_empty() => return Ok("'".into()),
            Some('\'') => return Ok(text),
            Some(other) => text.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_group_and_quotes_protect() {
        let pieces = parse("yyyy'o''clock'[''M]").unwrap();
        assert_eq!(
            pieces,
            [
                Piece::Field('y', 4),
                Piece::Literal("o'clock".into()),
                Piece::OptionalStart,
                Piece::Literal("'".into()),
                Piece::Field('M', 1),
                Piece::OptionalEnd,
            ]
        );
    }

    #[test]
    fn what_java_refuses_is_refused() {
        for pattern in ["b", "'x", "{", "]", "ddd", "p", "VVV"] {
            assert!(parse(pattern).is_err(), "{pattern}");
        }
    }
}
