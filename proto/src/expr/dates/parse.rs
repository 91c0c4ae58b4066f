//! Reads a text by a pattern.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::Offset;

use super::names::{Names, Width};
use super::pattern::Piece;
use super::zone::{Zone, offset};

/// What a text said: a day, perhaps a time, perhaps a zone.
#[derive(Clone, Debug)]
pub(crate) struct Read {
    pub(crate) at: DateTime,
    pub(crate) zone: Option<Zone>,
    pub(crate) offset: Option<Offset>,
}

#[derive(Default)]
struct Fields {
    year: Option<i64>,
    month: Option<i64>,
    day: Option<i64>,
    day_of_year: Option<i64>,
    hour: Option<i64>,
    half_hour: Option<i64>,
    afternoon: Option<bool>,
    minute: Option<i64>,
    second: Option<i64>,
    nanos: Option<i64>,
    zone: Option<Zone>,
    offset: Option<Offset>,
}

/// Reads `text` by the pieces of a pattern; `None` when it does not fit.
pub(crate) fn read(text: &str, pieces: &[Piece], names: Names) -> Option<Read> {
    let mut fields = Fields::default();
    let rest = read_pieces(text, pieces, names, &mut fields)?;
    if rest.is_empty() { resolve(fields) } else { None }
}

fn read_pieces<'t>(mut text: &'t str, pieces: &[Piece], names: Names, fields: &mut Fields) -> Option<&'t str> {
    let mut at = 0;
    while let Some(piece) = pieces.get(at) {
        text = match piece {
            Piece::Literal(literal) => text.strip_prefix(literal.as_str())?,
            Piece::Field(letter, count) => read_field(text, *letter, *count, &pieces[at + 1..], names, fields)?,
            Piece::Pad(_) => text.trim_start(),
            Piece::OptionalStart => {
                let inside = optional_length(&pieces[at + 1..]);
                let rest = read_pieces(text, &pieces[at + 1..at + 1 + inside], names, fields);
                at += inside + 1;
                rest.unwrap_or(text)
            }
            Piece::OptionalEnd => text,
        };
        at += 1;
    }
    Some(text)
}

/// Pieces up to the end of the optional part that was just opened.
fn optional_length(pieces: &[Piece]) -> usize {
    let mut depth = 1;
    for (at, piece) in pieces.iter().enumerate() {
        match piece {
            Piece::OptionalStart => depth += 1,
            Piece::OptionalEnd => depth -= 1,
            Piece::Literal(_) | Piece::Field(..) | Piece::Pad(_) => {}
        }
        if depth == 0 {
            return at;
        }
    }
    pieces.len()
}

/// Digits that number fields right behind this one will take, which this one must leave.
fn reserved(following: &[Piece]) -> usize {
    let numeric = following.iter().map_while(|piece| match piece {
        Piece::Field(letter, count) if "uyMdHhkKmsSD".contains(*letter) && (*letter != 'M' || *count < 3) => {
            Some(*count)
        }
        _ => None,
    });
    numeric.sum()
}

fn read_field<'t>(
    text: &'t str,
    letter: char,
    count: usize,
    following: &[Piece],
    names: Names,
    fields: &mut Fields,
) -> Option<&'t str> {
    match letter {
        'M' | 'L' if count >= 3 => {
            let (month, rest) = read_name(text, 12, |n| names.month(n, width(count)))?;
            fields.month = Some(month);
            return Some(rest);
        }
        'E' => return read_name(text, 7, |n| names.weekday(n, width(count))).map(|(_, rest)| rest),
        'a' => {
            let upper = text.get(..2)?.to_uppercase();
            fields.afternoon = Some(match upper.as_str() {
                "AM" => false,
                "PM" => true,
                _ => return None,
            });
            return Some(&text[2..]);
        }
        'G' => return text.strip_prefix("AD"),
        'X' | 'x' | 'Z' | 'O' => return read_offset(text, letter, fields),
        'V' | 'z' | 'v' => return read_zone(text, fields),
        _ => {}
    }
    let (number, rest) = read_number(text, letter, count, following)?;
    let slot = match letter {
        'u' | 'y' if count == 2 => return set(&mut fields.year, 2000 + number, rest),
        'u' | 'y' | 'Y' => &mut fields.year,
        'M' | 'L' => &mut fields.month,
        'd' => &mut fields.day,
        'D' => &mut fields.day_of_year,
        'H' => &mut fields.hour,
        'k' => return set(&mut fields.hour, number % 24, rest),
        'h' => return set(&mut fields.half_hour, number % 12, rest),
        'K' => &mut fields.half_hour,
        'm' => &mut fields.minute,
        's' => &mut fields.second,
        'S' | 'n' => &mut fields.nanos,
        'e' | 'c' | 'Q' | 'q' => return Some(rest),
        _ => return None,
    };
    set(slot, number, rest)
}

fn set<'t>(slot: &mut Option<i64>, number: i64, rest: &'t str) -> Option<&'t str> {
    *slot = Some(number);
    Some(rest)
}

fn width(count: usize) -> Width {
    if count >= 4 { Width::Full } else { Width::Short }
}

fn read_name(text: &str, count: i8, name: impl Fn(i8) -> String) -> Option<(i64, &str)> {
    let found = (1..=count).find(|number| {
        let name = name(*number);
        text.get(..name.len()).is_some_and(|start| start == name)
    })?;
    Some((i64::from(found), &text[name(found).len()..]))
}

fn read_number<'t>(text: &'t str, letter: char, count: usize, following: &[Piece]) -> Option<(i64, &'t str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (least, most) = match letter {
        'S' => (count, count),
        _ if count == 1 => (1, 19),
        'u' | 'y' | 'Y' if count > 2 => (count, 19),
        _ => (count, count),
    };
    let most = most.min(digits.saturating_sub(reserved(following)).max(least));
    if digits < least || most < least {
        return None;
    }
    let taken = &text[..most];
    let number: i64 = taken.parse().ok()?;
    let scaled = if letter == 'S' { number * 10_i64.pow(9 - count as u32) } else { number };
    Some((scaled, &text[most..]))
}

fn read_offset<'t>(text: &'t str, letter: char, fields: &mut Fields) -> Option<&'t str> {
    if (letter == 'X' || letter == 'Z')
        && let Some(rest) = text.strip_prefix('Z')
    {
        fields.offset = Some(Offset::UTC);
        return Some(rest);
    }
    let text = if letter == 'O' { text.strip_prefix("GMT")? } else { text };
    let length = text.find(|c: char| !(c.is_ascii_digit() || "+-:".contains(c))).unwrap_or(text.len());
    fields.offset = Some(offset(&text[..length])?);
    Some(&text[length..])
}

fn read_zone<'t>(text: &'t str, fields: &mut Fields) -> Option<&'t str> {
    let length = text.find(|c: char| !(c.is_ascii_alphanumeric() || "/_+-:".contains(c))).unwrap_or(text.len());
    fields.zone = Some(Zone::find(&text[..length]).ok()?);
    Some(&text[length..])
}

fn resolve(fields: Fields) -> Option<Read> {
    let small = |value: Option<i64>| i8::try_from(value.unwrap_or(0)).ok();
    let year = i16::try_from(fields.year?).ok()?;
    let date = match fields.day_of_year {
        Some(day) => Date::new(year, 1, 1).ok()?.checked_add(jiff::Span::new().try_days(day - 1).ok()?).ok()?,
        None => {
            let (month, day) = (small(Some(fields.month?))?, small(Some(fields.day?))?);
            // A day behind the end of a month is taken for the last day, up to 31.
            let first = Date::new(year, month, 1).ok()?;
            if !(1..=31).contains(&day) {
                return None;
            }
            Date::new(year, month, day.min(first.days_in_month())).ok()?
        }
    };
    let hour = match (fields.hour, fields.half_hour, fields.afternoon) {
        (Some(hour), _, _) => hour,
        (None, Some(hour), Some(afternoon)) => hour + if afternoon { 12 } else { 0 },
        (None, None, _) => 0,
        (None, Some(_), None) => return None,
    };
    let nanos = i32::try_from(fields.nanos.unwrap_or(0)).ok()?;
    let time = Time::new(small(Some(hour))?, small(fields.minute)?, small(fields.second)?, nanos).ok()?;
    Some(Read { at: DateTime::from_parts(date, time), zone: fields.zone, offset: fields.offset })
}
