//! Kinds of values that JSON does not have and that Kestra holds as objects of its host language.

use jiff::civil;
use jiff::{SignedDuration, Timestamp, ZonedDateTime, tz::Offset};

use super::map::Map;
use super::value::{Text, Value};

/// A value beyond JSON.
#[derive(Clone, Debug, PartialEq)]
pub enum Host {
    /// A moment: prints as `2024-05-06T07:08:09Z`.
    Instant(Timestamp),
    /// A moment with a named zone: prints as `2024-05-06T07:08:09+02:00[Europe/Paris]`.
    Zoned(ZonedDateTime),
    /// A moment with an offset: prints as `2024-05-06T07:08:09+02:00`.
    Offset(civil::DateTime, Offset),
    /// A date and time without zone.
    DateTime(civil::DateTime),
    /// A day.
    Date(civil::Date),
    /// A time of day.
    Time(civil::Time),
    /// A length of time: prints as `PT1H30M`.
    Duration(SignedDuration),
    /// The host's oldest kind of date: prints as `Mon May 06 07:08:09 UTC 2024`.
    OldDate(Timestamp),
    /// A 16-bit whole number.
    Short(i16),
    /// An 8-bit whole number.
    Byte(i8),
    /// One character.
    Char(char),
    /// A member of an enumeration, such as a state.
    Enum(Text),
    /// An address.
    Uri(Text),
    /// An id of 128 bits.
    Uuid(Text),
    /// Raw bytes.
    Bytes(Vec<u8>),
    /// Members without repetition.
    Set(Vec<Value>),
    /// A fixed list of values.
    Array(Vec<Value>),
    /// A fixed list of whole numbers.
    IntArray(Vec<i32>),
    /// One entry of a map, as a loop over a map gives it: prints as `key=value`.
    Entry(Text, Value),
    /// The state of a loop: a map that prints in the host's form.
    Loop(Map),
}

impl Host {
    /// The number, for the two number kinds.
    pub(crate) fn as_i64(&self) -> Option<i64> {
        match self {
            Host::Short(number) => Some(i64::from(*number)),
            Host::Byte(number) => Some(i64::from(*number)),
            _ => None,
        }
    }
}

impl Host {
    /// Reads the text form of the kind that Java calls `kind`; `None` when the kind or the text is unknown.
    pub fn parse(kind: &str, text: &str) -> Option<Host> {
        Some(match kind {
            "Instant" => Host::Instant(text.parse().ok()?),
            "ZonedDateTime" => Host::Zoned(zoned(text)?),
            "OffsetDateTime" => {
                let pieces = jiff::fmt::temporal::Pieces::parse(text).ok()?;
                let at = civil::DateTime::from_parts(pieces.date(), pieces.time()?);
                Host::Offset(at, pieces.to_numeric_offset()?)
            }
            "LocalDateTime" => Host::DateTime(text.parse().ok()?),
            "LocalDate" => Host::Date(text.parse().ok()?),
            "LocalTime" => Host::Time(text.parse().ok()?),
            "Duration" => Host::Duration(duration(text)?),
            "Date" => Host::OldDate(text.parse().ok()?),
            "Short" => Host::Short(text.parse().ok()?),
            "Byte" => Host::Byte(text.parse().ok()?),
            "Character" => Host::Char(text.chars().next()?),
            "enum" => Host::Enum(text.into()),
            "URI" => Host::Uri(text.into()),
            "UUID" => Host::Uuid(text.into()),
            _ => return None,
        })
    }
}

/// `2024-05-06T07:08:09+02:00[Europe/Paris]`, or only with an offset.
pub(crate) fn zoned(text: &str) -> Option<ZonedDateTime> {
    if let Ok(zoned) = text.parse() {
        return Some(zoned);
    }
    let pieces = jiff::fmt::temporal::Pieces::parse(text).ok()?;
    let offset = pieces.to_numeric_offset()?;
    let at = civil::DateTime::from_parts(pieces.date(), pieces.time()?);
    let zone = if offset == Offset::UTC { jiff::tz::TimeZone::UTC } else { jiff::tz::TimeZone::fixed(offset) };
    Some(offset.to_timestamp(at).ok()?.to_zoned_datetime(zone))
}

/// `P1DT2H3M4.5S` with an optional sign before each number and before all; days have 24 hours, no months or years.
pub(crate) fn duration(text: &str) -> Option<SignedDuration> {
    let upper = text.to_ascii_uppercase();
    let (negative, rest) = match upper.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, upper.strip_prefix('+').unwrap_or(&upper)),
    };
    let rest = rest.strip_prefix('P')?;
    let (days, times) = match rest.split_once('T') {
        Some((_, "")) => return None,
        Some((days, times)) => (days, times),
        None => (rest, ""),
    };
    let mut nanos: i128 = 0;
    let read_days = add_units(days, &[('D', 86_400)], &mut nanos)?;
    let read_times = add_units(times, &[('H', 3_600), ('M', 60), ('S', 1)], &mut nanos)?;
    if read_days + read_times == 0 {
        return None;
    }
    let nanos = if negative { -nanos } else { nanos };
    let seconds = i64::try_from(nanos / 1_000_000_000).ok()?;
    Some(SignedDuration::new(seconds, (nanos % 1_000_000_000) as i32))
}

/// Adds numbers with the given units, each at most once and in order; answers how many there were.
fn add_units(mut text: &str, units: &[(char, i128)], nanos: &mut i128) -> Option<usize> {
    let mut read = 0;
    for (unit, seconds) in units {
        let Some((number, rest)) = text.split_once(*unit) else { continue };
        let (whole, fraction) = number.split_once(['.', ',']).unwrap_or((number, ""));
        let fraction_allowed = *unit == 'S' && fraction.len() <= 9 && fraction.bytes().all(|b| b.is_ascii_digit());
        if number.contains(['.', ',']) && !fraction_allowed {
            return None;
        }
        let value: i64 = whole.parse().ok()?;
        let part: i128 = format!("{fraction:0<9}").parse().ok()?;
        let sign = if whole.starts_with('-') { -1 } else { 1 };
        *nanos = nanos.checked_add(i128::from(value) * seconds * 1_000_000_000 + sign * part)?;
        text = rest;
        read += 1;
    }
    if text.is_empty() { Some(read) } else { None }
}
