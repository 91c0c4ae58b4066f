//! Time zones by name: regions of the time-zone database, offsets, and prefixed offsets such as `GMT+2`.

use jiff::tz::{Offset, TimeZone};

use crate::expr::error::RenderError;

/// A zone with the name that patterns print.
#[derive(Clone, Debug)]
pub(crate) struct Zone {
    pub(crate) zone: TimeZone,
    pub(crate) name: String,
}

impl Zone {
    /// Coordinated universal time, the zone that is meant where none is given.
    pub(crate) fn utc() -> Zone {
        Zone { zone: TimeZone::UTC, name: "UTC".into() }
    }

    /// The zone of this name.
    pub(crate) fn find(name: &str) -> Result<Zone, RenderError> {
        if name == "Z" {
            return Ok(Zone { zone: TimeZone::UTC, name: "Z".into() });
        }
        if name.starts_with(['+', '-']) || name.is_empty() {
            let offset = offset(name).ok_or_else(|| invalid_offset(name))?;
            return Ok(Zone { zone: fixed(offset), name: super::super::print::offset_text(offset) });
        }
        for prefix in ["UTC", "GMT", "UT"] {
            match name.strip_prefix(prefix) {
                Some("") => return Ok(Zone { zone: TimeZone::UTC, name: prefix.into() }),
                Some(rest) if rest.starts_with(['+', '-']) => {
                    let offset = offset(rest).ok_or_else(|| invalid_offset(name))?;
                    let text = super::super::print::offset_text(offset);
                    let name = format!("{prefix}{}", if text == "Z" { "" } else { &text });
                    return Ok(Zone { zone: fixed(offset), name });
                }
                _ => {}
            }
        }
        region(name)
    }
}

fn fixed(offset: Offset) -> TimeZone {
    if offset == Offset::UTC { TimeZone::UTC } else { TimeZone::fixed(offset) }
}

fn invalid_offset(name: &str) -> RenderError {
    RenderError::kind(format!("java.time.DateTimeException: Invalid ID for ZoneOffset, invalid format: {name}"))
}

/// Names of the database that Java has not as regions.
const NO_REGIONS: [&str; 4] = ["EST", "MST", "HST", "ROC"];

/// Regions are spelled exactly as the database has them.
fn region(name: &str) -> Result<Zone, RenderError> {
    match jiff::tz::db().get(name) {
        Ok(zone) if zone.iana_name() == Some(name) && !NO_REGIONS.contains(&name) => {
            Ok(Zone { zone, name: name.into() })
        }
        Ok(_) | Err(_) if name.len() == 1 => Err(invalid_offset(name)),
        Ok(_) | Err(_) => {
            Err(RenderError::kind(format!("java.time.zone.ZoneRulesException: Unknown time-zone ID: {name}")))
        }
    }
}

/// `+h`, `+hh`, `+hh:mm`, `+hhmm`, `+hh:mm:ss`, `+hhmmss`, up to 18 hours.
pub(crate) fn offset(text: &str) -> Option<Offset> {
    let negative = text.starts_with('-');
    let rest = text.strip_prefix(['+', '-'])?;
    let parts: Vec<&str> = match rest.contains(':') {
        true => rest.split(':').collect(),
        false if rest.len() <= 2 => vec![rest],
        false if rest.len() == 4 => vec![rest.get(..2)?, rest.get(2..)?],
        false => vec![rest.get(..2)?, rest.get(2..4)?, rest.get(4..)?],
    };
    let first_fits = parts.first().is_some_and(|part| part.len() == 2 || (part.len() == 1 && parts.len() == 1));
    if parts.len() > 3 || !first_fits || parts[1..].iter().any(|part| part.len() != 2) {
        return None;
    }
    let numbers =
        parts.iter().map(|part| part.parse::<i32>().ok().filter(|_| part.bytes().all(|b| b.is_ascii_digit())));
    let numbers = numbers.collect::<Option<Vec<_>>>()?;
    let part = |place: usize| numbers.get(place).copied().unwrap_or(0);
    if part(1) > 59 || part(2) > 59 {
        return None;
    }
    let seconds = part(0) * 3600 + part(1) * 60 + part(2);
    let seconds = if negative { -seconds } else { seconds };
    if seconds.abs() > 18 * 3600 { None } else { Offset::from_seconds(seconds).ok() }
}

/// Long names of zones, standard and in summer; the database has only abbreviations.
const LONG_NAMES: [(&str, &str, &str); 22] = [
    ("UTC", "Coordinated Universal Time", "Coordinated Universal Time"),
    ("GMT", "Greenwich Mean Time", "Greenwich Mean Time"),
    ("JST", "Japan Standard Time", "Japan Daylight Time"),
    ("KST", "Korean Standard Time", "Korean Daylight Time"),
    ("CET", "Central European Standard Time", "Central European Summer Time"),
    ("CEST", "Central European Standard Time", "Central European Summer Time"),
    ("EET", "Eastern European Standard Time", "Eastern European Summer Time"),
    ("EEST", "Eastern European Standard Time", "Eastern European Summer Time"),
    ("WET", "Western European Standard Time", "Western European Summer Time"),
    ("WEST", "Western European Standard Time", "Western European Summer Time"),
    ("BST", "Greenwich Mean Time", "British Summer Time"),
    ("EST", "Eastern Standard Time", "Eastern Daylight Time"),
    ("EDT", "Eastern Standard Time", "Eastern Daylight Time"),
    ("CST", "Central Standard Time", "Central Daylight Time"),
    ("CDT", "Central Standard Time", "Central Daylight Time"),
    ("MST", "Mountain Standard Time", "Mountain Daylight Time"),
    ("MDT", "Mountain Standard Time", "Mountain Daylight Time"),
    ("PST", "Pacific Standard Time", "Pacific Daylight Time"),
    ("PDT", "Pacific Standard Time", "Pacific Daylight Time"),
    ("IST", "India Standard Time", "India Standard Time"),
    ("AEST", "Australian Eastern Standard Time", "Australian Eastern Daylight Time"),
    ("AEDT", "Australian Eastern Standard Time", "Australian Eastern Daylight Time"),
];

/// The long name for an abbreviation of the database.
pub(crate) fn long_name(abbreviation: &str, in_summer: bool) -> Option<&'static str> {
    let (_, standard, summer) = LONG_NAMES.iter().find(|(known, _, _)| *known == abbreviation)?;
    Some(if in_summer { summer } else { standard })
}
