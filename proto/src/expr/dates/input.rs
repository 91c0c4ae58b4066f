//! What a date can be given as: a moment of the host, a number since 1970, a text.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::Offset;
use jiff::{Timestamp, ZonedDateTime};

use super::names::Names;
use super::parse::{Read, read};
use super::pattern;
use super::zone::{Zone, offset};
use crate::expr::error::RenderError;
use crate::expr::host::Host;
use crate::expr::kinds::cast;
use crate::expr::value::Value;

/// A date with the offset or zone that it brings itself, if it brings one.
pub(crate) enum Given {
    /// A moment on the time line.
    Moment(Timestamp),
    /// A local time, to be understood in the zone that was asked for.
    Local(DateTime),
}

impl Given {
    /// The moment in `zone`.
    pub(crate) fn within(self, zone: &Zone) -> Result<ZonedDateTime, RenderError> {
        match self {
            Given::Moment(at) => Ok(at.to_zoned_datetime(zone.zone.clone())),
            Given::Local(at) => at.to_zoned_datetime(zone.zone.clone()).map_err(|_| unreadable(&at.to_string())),
        }
    }
}

pub(crate) fn unreadable(text: &str) -> RenderError {
    RenderError::kind(format!("java.time.format.DateTimeParseException: Text '{text}' could not be parsed"))
}

/// The date in a value. Texts are read by `existing` where it is given, as ISO 8601 otherwise.
pub(crate) fn date(value: &Value, existing: Option<&str>) -> Result<Given, RenderError> {
    match value {
        Value::Long(number) => since_epoch(*number),
        Value::Text(text) => match existing {
            Some(pattern) => {
                let read = read(text, &pattern::parse(pattern)?, Names::english()).ok_or_else(|| unreadable(text))?;
                placed(read).ok_or_else(|| unreadable(text))
            }
            None => iso(text).ok_or_else(|| unreadable(text)),
        },
        Value::Host(host) => of_host(host).ok_or_else(|| cast(value, "java.lang.String")),
        other => Err(cast(other, "java.lang.String")),
    }
}

fn placed(read: Read) -> Option<Given> {
    match (read.offset, read.zone) {
        (Some(offset), _) => offset.to_timestamp(read.at).ok().map(Given::Moment),
        (None, Some(zone)) => Some(Given::Moment(zone.zone.to_timestamp(read.at).ok()?)),
        (None, None) => Some(Given::Local(read.at)),
    }
}

/// Numbers of up to 11 digits are seconds, up to 14 milliseconds, up to 17 microseconds, above nanoseconds.
fn since_epoch(number: i64) -> Result<Given, RenderError> {
    let at = match number.unsigned_abs() {
        0..=99_999_999_999 => Timestamp::from_second(number),
        100_000_000_000..=99_999_999_999_999 => Timestamp::from_millisecond(number),
        100_000_000_000_000..=99_999_999_999_999_999 => Timestamp::from_microsecond(number),
        _ => Timestamp::from_nanosecond(i128::from(number)),
    };
    at.map(Given::Moment).map_err(|_| unreadable(&number.to_string()))
}

fn of_host(host: &Host) -> Option<Given> {
    Some(match host {
        Host::Instant(at) | Host::OldDate(at) => Given::Moment(*at),
        Host::Zoned(at) => Given::Moment(at.timestamp()),
        Host::DateTime(at) => Given::Local(*at),
        // A day of the host stands for its noon.
        Host::Date(day) => Given::Local(day.at(12, 0, 0, 0)),
        _ => return None,
    })
}

/// `2024-05-06`, `2024-05-06T07:08[:09[.123]]`, each time with nothing, `Z`, `+02:00` or `+02:00[Europe/Paris]` behind it.
pub(crate) fn iso(text: &str) -> Option<Given> {
    let day = text.get(..date_length(text))?;
    let date = iso_day(day)?;
    let Some(rest) = text[day.len()..].strip_prefix(['T', 't']) else {
        return if text.len() == day.len() { Some(Given::Local(date.at(0, 0, 0, 0))) } else { None };
    };
    let length = rest.find(|c: char| !(c.is_ascii_digit() || c == ':' || c == '.')).unwrap_or(rest.len());
    let at = DateTime::from_parts(date, iso_time(&rest[..length])?);
    let rest = &rest[length..];
    if rest.is_empty() {
        return Some(Given::Local(at));
    }
    let (offset, zone) = iso_offset(rest)?;
    let moment = offset.to_timestamp(at).ok()?;
    match zone {
        // The region decides where it disagrees with the offset, if it knows that local time.
        Some(zone) => Some(Given::Moment(
            zone.zone
                .to_ambiguous_timestamp(at)
                .later()
                .ok()
                .filter(|_| zone.zone.to_offset(moment) != offset)
                .unwrap_or(moment),
        )),
        None => Some(Given::Moment(moment)),
    }
}

/// Bytes of the day at the start, whose year may have a sign and more than four digits.
fn date_length(text: &str) -> usize {
    text.find(['T', 't']).unwrap_or(text.len())
}

pub(crate) fn iso_day(text: &str) -> Option<Date> {
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let mut parts = rest.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let digits = |text: &str, length: usize| text.len() == length && text.bytes().all(|b| b.is_ascii_digit());
    if parts.next().is_some() || !digits(year, year.len().max(4)) || !digits(month, 2) || !digits(day, 2) {
        return None;
    }
    Date::new(sign * year.parse::<i16>().ok()?, month.parse().ok()?, day.parse().ok()?).ok()
}

pub(crate) fn iso_time(text: &str) -> Option<Time> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let parts: Vec<&str> = whole.split(':').collect();
    if !(2..=3).contains(&parts.len()) || parts.iter().any(|part| part.len() != 2) {
        return None;
    }
    if text.contains('.') && (parts.len() != 3 || fraction.len() > 9) {
        return None;
    }
    let part = |place: usize| parts.get(place).map_or(Some(0), |part| part.parse::<i8>().ok());
    let nanos: i32 = if fraction.is_empty() { 0 } else { format!("{fraction:0<9}").parse().ok()? };
    if part(2)? > 59 {
        return None;
    }
    Time::new(part(0)?, part(1)?, part(2)?, nanos).ok()
}

fn iso_offset(text: &str) -> Option<(Offset, Option<Zone>)> {
    let (offset_text, zone) = match text.split_once('[') {
        Some((before, zone)) => (before, Some(zone.strip_suffix(']')?)),
        None => (text, None),
    };
    let found = match offset_text {
        "Z" | "z" => Offset::UTC,
        _ if offset_text.len() == 3 || offset_text.contains(':') => offset(offset_text)?,
        _ => return None,
    };
    match zone {
        Some(name) => Some((found, Some(Zone::find(name).ok()?))),
        None => Some((found, None)),
    }
}
