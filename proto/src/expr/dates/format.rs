//! Writes a date by a pattern.

use jiff::ZonedDateTime;
use jiff::civil::Date;
use jiff::tz::Offset;

use super::names::{Names, Width};
use super::pattern::Piece;
use super::zone::{Zone, long_name};
use crate::expr::error::RenderError;
use crate::expr::print::offset_text;

/// A moment in its zone, with the zone's name as it was given.
pub(crate) struct Moment {
    pub(crate) at: ZonedDateTime,
    pub(crate) zone: Zone,
}

/// The text of a moment by a pattern.
///
/// # Errors
/// When a piece is longer than the width that it is padded to.
pub(crate) fn format(moment: &Moment, pieces: &[Piece], names: Names) -> Result<String, RenderError> {
    let mut out = String::new();
    let mut width = None;
    for piece in pieces {
        let text = match piece {
            Piece::Literal(text) => text.clone(),
            Piece::Field(letter, count) => field(moment, *letter, *count, names),
            Piece::Pad(count) => {
                width = Some(*count);
                continue;
            }
            Piece::OptionalStart | Piece::OptionalEnd => continue,
        };
        let length = text.chars().count();
        let missing = width.take().unwrap_or(length).checked_sub(length).ok_or_else(|| too_long(&text))?;
        out.push_str(&" ".repeat(missing));
        out.push_str(&text);
    }
    Ok(out)
}

fn too_long(text: &str) -> RenderError {
    RenderError::kind(format!("java.time.DateTimeException: `{text}` exceeds the width that it is padded to"))
}

fn padded(number: i64, count: usize) -> String {
    let sign = if number < 0 { "-" } else { "" };
    format!("{sign}{:0>count$}", number.abs())
}

fn field(moment: &Moment, letter: char, count: usize, names: Names) -> String {
    let at = &moment.at;
    let time = at.time();
    let hour = i64::from(time.hour());
    let number = |value: i64| padded(value, count);
    match letter {
        'G' => era(at.year(), count),
        'u' => year(i64::from(at.year()), count),
        'y' => year(year_of_era(at.year()), count),
        'Y' => year(week_of_year(at.date(), names).0, count),
        'D' => number(i64::from(at.day_of_year())),
        'M' | 'L' => month(at.month(), count, names),
        'Q' | 'q' => quarter(at.month(), count),
        'w' => number(week_of_year(at.date(), names).1),
        'W' => number(week_of_month(at.date(), names)),
        'd' => number(i64::from(at.day())),
        'E' => weekday(at.date(), count.max(3), names),
        'e' | 'c' if count < 3 => number(local_weekday(at.date(), names)),
        'e' | 'c' => weekday(at.date(), count, names),
        'F' => number((i64::from(at.day()) - 1) / 7 + 1),
        'g' => number(days_of_julius(at.date())),
        'a' => names.half_day(time.hour()),
        'B' => day_period(hour, time.minute(), count).to_owned(),
        'h' => number((hour + 11) % 12 + 1),
        'K' => number(hour % 12),
        'k' => number((hour + 23) % 24 + 1),
        'H' => number(hour),
        'm' => number(i64::from(time.minute())),
        's' => number(i64::from(time.second())),
        'S' => format!("{:09}", time.subsec_nanosecond())[..count].to_owned(),
        'A' => number(nanos_of_day(moment) / 1_000_000),
        'n' => number(i64::from(time.subsec_nanosecond())),
        'N' => number(nanos_of_day(moment)),
        _ => zone_field(moment, letter, count),
    }
}

fn year_of_era(year: i16) -> i64 {
    let year = i64::from(year);
    if year > 0 { year } else { 1 - year }
}

fn year(year: i64, count: usize) -> String {
    if count == 2 { padded(year.abs() % 100, 2) } else { padded(year, count) }
}

fn era(year: i16, count: usize) -> String {
    let after = year > 0;
    match count {
        4 => if after { "Anno Domini" } else { "Before Christ" }.to_owned(),
        5 => if after { "A" } else { "B" }.to_owned(),
        _ => if after { "AD" } else { "BC" }.to_owned(),
    }
}

fn month(month: i8, count: usize, names: Names) -> String {
    match count {
        1 | 2 => padded(i64::from(month), count),
        3 => names.month(month, Width::Short),
        4 => names.month(month, Width::Full),
        _ => names.month(month, Width::Narrow),
    }
}

fn weekday(date: Date, count: usize, names: Names) -> String {
    let day = date.weekday().to_monday_one_offset();
    match count {
        4 => names.weekday(day, Width::Full),
        5 => names.weekday(day, Width::Narrow),
        _ => names.weekday(day, Width::Short),
    }
}

fn quarter(month: i8, count: usize) -> String {
    let quarter = (i64::from(month) - 1) / 3 + 1;
    match count {
        1 | 2 => padded(quarter, count),
        3 => format!("Q{quarter}"),
        4 => ["1st quarter", "2nd quarter", "3rd quarter", "4th quarter"][(quarter - 1) as usize].to_owned(),
        _ => quarter.to_string(),
    }
}

fn day_period(hour: i64, minute: i8, count: usize) -> &'static str {
    match hour {
        0 if minute == 0 => ["midnight", "mi"][usize::from(count == 5)],
        12 if minute == 0 => ["noon", "n"][usize::from(count == 5)],
        6..=11 => "in the morning",
        12..=17 => "in the afternoon",
        18..=20 => "in the evening",
        _ => "at night",
    }
}

fn nanos_of_day(moment: &Moment) -> i64 {
    let time = moment.at.time();
    let seconds = (i64::from(time.hour()) * 60 + i64::from(time.minute())) * 60 + i64::from(time.second());
    seconds * 1_000_000_000 + i64::from(time.subsec_nanosecond())
}

/// Days since November 17, 1858.
fn days_of_julius(date: Date) -> i64 {
    let epoch = jiff::civil::date(1858, 11, 17);
    date.duration_since(epoch).as_secs() / 86_400
}

/// The weekday counted from the first day of the language's week, from 1.
fn local_weekday(date: Date, names: Names) -> i64 {
    i64::from((date.weekday().to_monday_one_offset() - names.week_start).rem_euclid(7)) + 1
}

/// The number of the week of the `day`-th day, which is the `weekday`-th day of its week.
fn week_number(day: i64, weekday: i64, first_week_days: i64) -> i64 {
    let start = (day - weekday).rem_euclid(7);
    let offset = if start + 1 > first_week_days { 7 - start } else { -start };
    (7 + offset + (day - 1)) / 7
}

fn week_of_month(date: Date, names: Names) -> i64 {
    week_number(i64::from(date.day()), local_weekday(date, names), i64::from(names.first_week_days))
}

/// The week-based year and the week in it.
fn week_of_year(date: Date, names: Names) -> (i64, i64) {
    let weekday = local_weekday(date, names);
    let day = i64::from(date.day_of_year());
    let year = i64::from(date.year());
    let minimum = i64::from(names.first_week_days);
    let week = week_number(day, weekday, minimum);
    if week == 0 {
        let before = i64::from(date.year() - 1);
        let length = if jiff::civil::date((date.year() - 1).max(-9998), 1, 1).in_leap_year() { 366 } else { 365 };
        return (before, week_number(day + length, weekday, minimum));
    }
    let length = if date.in_leap_year() { 366 } else { 365 };
    let into_next = day + (7 - weekday) - length;
    if into_next >= minimum { (year + 1, 1) } else { (year, week) }
}

fn zone_field(moment: &Moment, letter: char, count: usize) -> String {
    let offset = moment.at.offset();
    match letter {
        'V' => moment.zone.name.clone(),
        'z' => zone_name(moment, count),
        'v' if count == 4 => {
            zone_name(moment, 4).replace(" Standard", "").replace(" Daylight", "").replace(" Summer", "")
        }
        'v' => generic_zone_name(moment),
        'O' => localized_offset(offset, count),
        'X' if offset == Offset::UTC => "Z".into(),
        'X' | 'x' => plain_offset(offset, count),
        _ => match count {
            1..=3 => plain_offset(offset, 2),
            4 => localized_offset(offset, 4),
            _ if offset == Offset::UTC => "Z".into(),
            _ => plain_offset(offset, 5),
        },
    }
}

fn zone_name(moment: &Moment, count: usize) -> String {
    let info = moment.at.time_zone().to_offset_info(moment.at.timestamp());
    let abbreviation = info.abbreviation();
    let is_fixed = moment.zone.name.starts_with(['+', '-']) || moment.zone.name == "Z";
    match count {
        _ if is_fixed => offset_text(moment.at.offset()),
        4 => long_name(abbreviation, info.dst().is_dst()).map_or_else(|| moment.zone.name.clone(), str::to_owned),
        _ if abbreviation.starts_with(['+', '-']) => moment.zone.name.clone(),
        _ => abbreviation.to_owned(),
    }
}

/// The name without regard to summer: `JT`, `PT`.
fn generic_zone_name(moment: &Moment) -> String {
    let name = zone_name(moment, 1);
    match name.as_str() {
        "JST" | "EST" | "EDT" | "CST" | "CDT" | "MST" | "MDT" | "PST" | "PDT" | "KST" => {
            format!("{}T", &name[..name.len() - 2])
        }
        _ => name,
    }
}

/// `GMT+9`, or with four letters `GMT+09:00`.
fn localized_offset(offset: Offset, count: usize) -> String {
    if offset == Offset::UTC {
        return "GMT".into();
    }
    let seconds = offset.seconds();
    let sign = if seconds < 0 { '-' } else { '+' };
    let (hours, minutes, rest) = (seconds.abs() / 3600, seconds.abs() / 60 % 60, seconds.abs() % 60);
    let rest = if rest == 0 { String::new() } else { format!(":{rest:02}") };
    match (count, minutes) {
        (4, _) => format!("GMT{sign}{hours:02}:{minutes:02}{rest}"),
        (_, 0) if rest.is_empty() => format!("GMT{sign}{hours}"),
        _ => format!("GMT{sign}{hours}:{minutes:02}{rest}"),
    }
}

/// 1: `+09`, 2: `+0900`, 3: `+09:00`, 4 and 5 with seconds where there are some.
fn plain_offset(offset: Offset, count: usize) -> String {
    let seconds = offset.seconds();
    let sign = if seconds < 0 { '-' } else { '+' };
    let (hours, minutes, rest) = (seconds.abs() / 3600, seconds.abs() / 60 % 60, seconds.abs() % 60);
    let colon = if count == 3 || count == 5 { ":" } else { "" };
    match count {
        1 if minutes == 0 => format!("{sign}{hours:02}"),
        4 | 5 if rest != 0 => format!("{sign}{hours:02}{colon}{minutes:02}{colon}{rest:02}"),
        _ => format!("{sign}{hours:02}{colon}{minutes:02}"),
    }
}
