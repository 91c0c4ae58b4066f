//! The functions about days: `dayOfWeek`, `isWeekend`, `isPublicHoliday` and so on.

use jiff::civil::{Date, DateTime, Weekday};

use super::input::{iso, iso_day};
use super::{holidays, input};
use crate::expr::call::Arguments;
use crate::expr::error::RenderError;
use crate::expr::eval::Machine;
use crate::expr::host::Host;
use crate::expr::value::Value;

type Outcome = Result<Value, RenderError>;

const WEEKDAYS: [&str; 7] = ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"];

/// The argument `date` as a local date and time, in the zone that it brings itself.
fn date_time(args: &Arguments, function: &str) -> Result<(DateTime, bool), RenderError> {
    let value = args.get("date");
    if value.is_null() {
        return Err(RenderError::engine(format!("The '{function}()' function expects a 'date' argument.")));
    }
    let read = match value {
        Value::Text(text) => local(text),
        Value::Host(host) => of_host(host),
        _ => None,
    };
    read.ok_or_else(|| {
        let text = value.host_text();
        let reason = input::unreadable(&text).kestra_text();
        RenderError::engine(format!("The '{function}()' function could not parse 'date': {reason}"))
    })
}

/// The local date and time of an ISO text, and whether it had a time.
fn local(text: &str) -> Option<(DateTime, bool)> {
    if let Some(day) = iso_day(text) {
        return Some((day.at(0, 0, 0, 0), false));
    }
    iso(text)?;
    let end = text.find(['Z', 'z', '+', '[']).or_else(|| text.rfind('-').filter(|at| *at > 10)).unwrap_or(text.len());
    match iso(&text[..end])? {
        input::Given::Local(at) => Some((at, true)),
        input::Given::Moment(_) => None,
    }
}

fn of_host(host: &Host) -> Option<(DateTime, bool)> {
    Some(match host {
        Host::Date(day) => (day.at(0, 0, 0, 0), false),
        Host::DateTime(at) | Host::Offset(at, _) => (*at, true),
        Host::Zoned(at) => (at.datetime(), true),
        Host::Instant(at) | Host::OldDate(at) => (jiff::tz::Offset::UTC.to_datetime(*at), true),
        _ => return None,
    })
}

fn day(args: &Arguments, function: &str) -> Result<Date, RenderError> {
    date_time(args, function).map(|(at, _)| at.date())
}

pub(crate) fn day_of_week(_: &mut Machine<'_, '_>, args: &Arguments) -> Outcome {
    let weekday = day(args, "dayOfWeek")?.weekday();
    Ok(Value::from(WEEKDAYS[usize::try_from(weekday.to_monday_zero_offset()).unwrap_or(0)]))
}

pub(crate) fn day_of_month(_: &mut Machine<'_, '_>, args: &Arguments) -> Outcome {
    Ok(Value::Int(i32::from(day(args, "dayOfMonth")?.day())))
}

pub(crate) fn month_of_year(_: &mut Machine<'_, '_>, args: &Arguments) -> Outcome {
    Ok(Value::Int(i32::from(day(args, "monthOfYear")?.month())))
}

/// A day alone has no hour.
pub(crate) fn hour_of_day(_: &mut Machine<'_, '_>, args: &Arguments) -> Outcome {
    match date_time(args, "hourOfDay")? {
        (at, true) => Ok(Value::Int(i32::from(at.hour()))),
        (at, false) => {
            let reason = input::unreadable(&at.date().to_string()).kestra_text();
            Err(RenderError::engine(format!("The 'hourOfDay()' function could not parse 'date': {reason}")))
        }
    }
}

pub(crate) fn is_weekend(_: &mut Machine<'_, '_>, args: &Arguments) -> Outcome {
    let weekday = day(args, "isWeekend")?.weekday();
    Ok(Value::Bool(matches!(weekday, Weekday::Saturday | Weekday::Sunday)))
}

pub(crate) fn is_public_holiday(_: &mut Machine<'_, '_>, args: &Arguments) -> Outcome {
    let day = day(args, "isPublicHoliday")?;
    let Some(country) = args.text("countryCode")? else {
        return Err(RenderError::engine("The 'isPublicHoliday()' function expects a 'countryCode' argument."));
    };
    if args.text("subDivision")?.is_some() {
        return Err(RenderError::engine(
            "the function `isPublicHoliday` knows nationwide holidays only; leave `subDivision` out",
        ));
    }
    holidays::is_holiday(day, country).map(Value::Bool).ok_or_else(|| {
        RenderError::engine(format!(
            "the function `isPublicHoliday` does not know the country `{country}`; it knows {}",
            holidays::countries()
        ))
    })
}

/// The weekday of a name, in capitals.
fn weekday_named(name: &str) -> Option<Weekday> {
    let place = WEEKDAYS.iter().position(|known| *known == name)?;
    Weekday::from_monday_zero_offset(i8::try_from(place).ok()?).ok()
}

pub(crate) fn is_day_week_in_month(_: &mut Machine<'_, '_>, args: &Arguments) -> Outcome {
    const FUNCTION: &str = "isDayWeekInMonth";
    let day = day(args, FUNCTION)?;
    let required = |name: &str| match args.text(name)? {
        Some(text) => Ok(text.to_uppercase()),
        None => Err(RenderError::engine(format!("The '{FUNCTION}()' function expects a '{name}' argument."))),
    };
    let name = required("dayOfWeek")?;
    let Some(weekday) = weekday_named(&name) else {
        return Err(RenderError::engine(format!(
            "The '{FUNCTION}()' function received an invalid 'dayOfWeek' value: '{name}'."
        )));
    };
    let position = required("position")?;
    let nth = match position.as_str() {
        "FIRST" => 1,
        "SECOND" => 2,
        "THIRD" => 3,
        "FOURTH" => 4,
        "LAST" => -1,
        other => {
            let message = format!(
                "The '{FUNCTION}()' function received an invalid 'position' value: '{other}'. Expected one of FIRST, LAST, SECOND, THIRD, FOURTH."
            );
            return Err(RenderError::engine(message));
        }
    };
    Ok(Value::Bool(day.nth_weekday_of_month(nth, weekday).is_ok_and(|found| found == day)))
}

/// Working days are Monday to Friday, unless they are given as one text with commas.
pub(crate) fn is_last_working_day(_: &mut Machine<'_, '_>, args: &Arguments) -> Outcome {
    let day = day(args, "isLastWorkingDay")?;
    let working = match args.get("workingDays") {
        Value::Null => WEEKDAYS[..5].iter().filter_map(|name| weekday_named(name)).collect(),
        other => working_days(&other.host_text())?,
    };
    let last = std::iter::successors(Some(day.last_of_month()), |day| day.yesterday().ok())
        .take(7)
        .find(|day| working.contains(&day.weekday()));
    Ok(Value::Bool(last == Some(day)))
}

fn working_days(text: &str) -> Result<Vec<Weekday>, RenderError> {
    let days = text.split(',').map(|name| weekday_named(&name.trim().to_uppercase()));
    days.collect::<Option<Vec<_>>>().ok_or_else(|| {
        RenderError::engine(format!(
            "The 'isLastWorkingDay()' function received an invalid 'workingDays' value: '{text}'. Expected days of the week."
        ))
    })
}
