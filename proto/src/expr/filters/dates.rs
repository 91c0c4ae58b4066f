//! Filters on dates.

use jiff::{Span, ZonedDateTime};

use super::super::arithmetic::truncated;
use super::super::call::Arguments;
use super::super::dates::format::Moment;
use super::super::dates::names::Names;
use super::super::dates::zone::Zone;
use super::super::dates::{input, named};
use super::super::error::RenderError;
use super::super::eval::Machine;
use super::super::kinds::is_number;
use super::super::value::Value;

type Outcome = Result<Value, RenderError>;

fn zone(args: &Arguments) -> Result<Zone, RenderError> {
    args.text("timeZone")?.map_or_else(|| Ok(Zone::utc()), Zone::find)
}

fn names(args: &Arguments) -> Result<Names, RenderError> {
    Ok(args.text("locale")?.map_or_else(Names::english, Names::find))
}

/// The format; null that was given is not a format that was left out.
fn format(args: &Arguments) -> Result<Option<&str>, RenderError> {
    match (args.given("format"), args.text("format")?) {
        (Some(_), None) => Err(RenderError::kind("java.lang.NullPointerException: pattern")),
        (_, text) => Ok(text),
    }
}

/// The input in the zone that was asked for.
fn moment(input: &Value, args: &Arguments) -> Result<Moment, RenderError> {
    let zone = zone(args)?;
    let at = input::date(input, args.text("existingFormat")?)?.within(&zone)?;
    Ok(Moment { at, zone })
}

pub(super) fn date(_: &mut Machine<'_, '_>, input: &Value, args: &Arguments) -> Outcome {
    if input.is_null() {
        return Ok(Value::Null);
    }
    let names = names(args)?;
    let moment = moment(input, args)?;
    Ok(Value::from(named::format(&moment, format(args)?, names)?))
}

pub(super) fn date_add(_: &mut Machine<'_, '_>, input: &Value, args: &Arguments) -> Outcome {
    if input.is_null() {
        return Ok(Value::Null);
    }
    let amount = amount(args.get("amount"))?;
    let Some(unit) = args.text("unit")? else {
        return Err(RenderError::kind("java.lang.NullPointerException: Name is null"));
    };
    let names = names(args)?;
    let mut moment = moment(input, args)?;
    moment.at = added(&moment.at, amount, unit)?;
    Ok(Value::from(named::format(&moment, format(args)?, names)?))
}

fn amount(value: &Value) -> Result<i64, RenderError> {
    match value {
        number if is_number(number) => Ok(truncated(number).unwrap_or(i64::MAX)),
        Value::Text(text) => {
            text.parse().map_err(|_| RenderError::engine(format!("{text} can't be converted to long")))
        }
        other => Err(RenderError::engine(format!("Incorrect {} format, must be a number", other.host_text()))),
    }
}

/// Adds units of the calendar to the local date, and units of the clock to the moment.
fn added(at: &ZonedDateTime, amount: i64, unit: &str) -> Result<ZonedDateTime, RenderError> {
    let times = |factor: i64| amount.checked_mul(factor);
    let span = Span::new();
    let span = match unit {
        "NANOS" => span.try_nanoseconds(amount).ok(),
        "MICROS" => span.try_microseconds(amount).ok(),
        "MILLIS" => span.try_milliseconds(amount).ok(),
        "SECONDS" => span.try_seconds(amount).ok(),
        "MINUTES" => span.try_minutes(amount).ok(),
        "HOURS" => span.try_hours(amount).ok(),
        "HALF_DAYS" => times(12).and_then(|hours| span.try_hours(hours).ok()),
        "DAYS" => span.try_days(amount).ok(),
        "WEEKS" => span.try_weeks(amount).ok(),
        "MONTHS" => span.try_months(amount).ok(),
        "YEARS" => span.try_years(amount).ok(),
        "DECADES" => times(10).and_then(|years| span.try_years(years).ok()),
        "CENTURIES" => times(100).and_then(|years| span.try_years(years).ok()),
        "MILLENNIA" => times(1000).and_then(|years| span.try_years(years).ok()),
        "ERAS" | "FOREVER" => {
            let message = format!("java.time.temporal.UnsupportedTemporalTypeException: Unsupported unit: {unit}");
            return Err(RenderError::kind(message));
        }
        other => {
            let message =
                format!("java.lang.IllegalArgumentException: No enum constant java.time.temporal.ChronoUnit.{other}");
            return Err(RenderError::kind(message));
        }
    };
    span.and_then(|span| at.checked_add(span).ok()).ok_or_else(|| {
        RenderError::kind(format!("java.time.DateTimeException: {amount} {unit} lead beyond the year 9999"))
    })
}

/// A count of units since 1970.
fn since_epoch(input: &Value, args: &Arguments, count: fn(&ZonedDateTime) -> i128) -> Outcome {
    if input.is_null() {
        return Ok(Value::Null);
    }
    let moment = moment(input, args)?;
    let count = count(&moment.at);
    i64::try_from(count).map(Value::Long).map_err(|_| RenderError::kind("java.lang.ArithmeticException: long overflow"))
}

pub(super) fn timestamp(_: &mut Machine<'_, '_>, input: &Value, args: &Arguments) -> Outcome {
    since_epoch(input, args, |at| at.timestamp().as_nanosecond().div_euclid(1_000_000_000))
}

pub(super) fn timestamp_milli(_: &mut Machine<'_, '_>, input: &Value, args: &Arguments) -> Outcome {
    since_epoch(input, args, |at| at.timestamp().as_nanosecond().div_euclid(1_000_000))
}

pub(super) fn timestamp_micro(_: &mut Machine<'_, '_>, input: &Value, args: &Arguments) -> Outcome {
    since_epoch(input, args, |at| at.timestamp().as_nanosecond().div_euclid(1_000))
}

pub(super) fn timestamp_nano(_: &mut Machine<'_, '_>, input: &Value, args: &Arguments) -> Outcome {
    since_epoch(input, args, |at| at.timestamp().as_nanosecond())
}

/// `now()`, which formats the turn's time.
pub(crate) fn now(machine: &mut Machine<'_, '_>, args: &Arguments) -> Outcome {
    let zone = zone(args)?;
    let names = names(args)?;
    let moment = Moment { at: machine.env.now.to_zoned_datetime(zone.zone.clone()), zone };
    let format = args.text("format")?;
    Ok(Value::from(named::format(&moment, format, names)?))
}
