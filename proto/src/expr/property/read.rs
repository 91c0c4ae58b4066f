//! Reading texts and JSON values as types.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::PropertyError;
use crate::expr::arithmetic::truncated;
use crate::expr::dates::input::{Given, iso, iso_time};
use crate::expr::host::{Host, duration};
use crate::expr::map::Map;
use crate::expr::value::Value;

type Read = Result<Value, PropertyError>;

/// The types that a property can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    String,
    /// Any value, given as text.
    Object,
    /// A 32-bit whole number.
    Integer,
    /// A 64-bit whole number.
    Long,
    /// A 64-bit float.
    Double,
    /// A 32-bit float.
    Float,
    /// True or false.
    Boolean,
    /// A length of time.
    Duration,
    /// A moment.
    Instant,
    /// A moment in a zone.
    ZonedDateTime,
    /// A day.
    LocalDate,
    /// A day and a time.
    LocalDateTime,
    /// A time of day.
    LocalTime,
    /// An address.
    Uri,
    /// A state of an execution.
    State,
    /// A map of any values.
    Map,
}

/// The states that there are.
const STATES: [&str; 17] = [
    "CREATED",
    "SUBMITTED",
    "RUNNING",
    "PAUSED",
    "RESTARTED",
    "KILLING",
    "SUCCESS",
    "WARNING",
    "FAILED",
    "KILLED",
    "CANCELLED",
    "QUEUED",
    "RETRYING",
    "RETRIED",
    "SKIPPED",
    "BREAKPOINT",
    "RESUBMITTED",
];

impl Kind {
    /// The kind of this name.
    pub fn named(name: &str) -> Option<Kind> {
        Some(match name {
            "String" => Kind::String,
            "Object" => Kind::Object,
            "Integer" => Kind::Integer,
            "Long" => Kind::Long,
            "Double" => Kind::Double,
            "Float" => Kind::Float,
            "Boolean" => Kind::Boolean,
            "Duration" => Kind::Duration,
            "Instant" => Kind::Instant,
            "ZonedDateTime" => Kind::ZonedDateTime,
            "LocalDate" => Kind::LocalDate,
            "LocalDateTime" => Kind::LocalDateTime,
            "LocalTime" => Kind::LocalTime,
            "URI" => Kind::Uri,
            "State" => Kind::State,
            "Map" => Kind::Map,
            _ => return None,
        })
    }
}

fn kind_named(name: &str) -> Result<Kind, PropertyError> {
    Kind::named(name).ok_or_else(|| PropertyError::kind(name, "a type of properties"))
}

/// The text as the type; empty text is an absent value of all types but texts and collections.
pub(super) fn text(text: &str, kind: &str) -> Result<Option<Value>, PropertyError> {
    if kind.starts_with("List<") || kind.starts_with("Map<") {
        let parsed = Value::from_json(text).map_err(|_| PropertyError::kind(text, kind))?;
        return value(&parsed, kind).map(Some);
    }
    match kind_named(kind)? {
        Kind::String | Kind::Object => Ok(Some(Value::from(text))),
        _ if text.is_empty() => Ok(None),
        kind => scalar(&Value::from(text), kind).map(Some),
    }
}

/// A value that was read from JSON as the type.
pub(super) fn value(value: &Value, kind: &str) -> Read {
    let wrong = || PropertyError::kind(value.to_json(), kind);
    if let Some(of) = kind.strip_prefix("List<").and_then(|rest| rest.strip_suffix('>')) {
        let list = value.as_list().ok_or_else(wrong)?;
        return Ok(Value::from(list.iter().map(|member| one(member, of)).collect::<Result<Vec<_>, _>>()?));
    }
    if let Some(of) = kind.strip_prefix("Map<").and_then(|rest| rest.strip_suffix('>')) {
        let map = value.as_map().ok_or_else(wrong)?;
        let entries = map.iter().map(|(key, member)| Ok((key.clone(), one(member, of)?)));
        return Ok(Value::from(entries.collect::<Result<Map, PropertyError>>()?));
    }
    one(value, kind)
}

fn one(member: &Value, kind: &str) -> Read {
    match (kind_named(kind)?, member) {
        (_, Value::Null) => Ok(Value::Null),
        (Kind::Object, other) => Ok(other.clone()),
        (Kind::String, Value::List(_) | Value::Map(_)) => Err(PropertyError::kind(member.to_json(), kind)),
        (Kind::String, other) => Ok(Value::from(other.print())),
        (Kind::Map, Value::Map(_)) => Ok(member.clone()),
        (Kind::Map, _) => Err(PropertyError::kind(member.to_json(), kind)),
        (kind, other) => scalar(other, kind),
    }
}

/// Reads text as the type itself, then as JSON whose value is read as the type.
fn scalar(value: &Value, kind: Kind) -> Read {
    let wrong = || PropertyError::kind(value.print(), &format!("{kind:?}"));
    let Some(text) = value.as_text() else { return of_json(value, kind).ok_or_else(wrong) };
    if let Some(read) = of_text(text.trim(), kind) {
        return Ok(read);
    }
    let parsed = Value::from_json(text).map_err(|_| wrong())?;
    match &parsed {
        Value::Text(inner) => of_text(inner, kind).ok_or_else(wrong),
        other => of_json(other, kind).ok_or_else(wrong),
    }
}

fn of_text(text: &str, kind: Kind) -> Option<Value> {
    Some(match kind {
        Kind::String | Kind::Object => Value::from(text),
        Kind::Integer => Value::Int(text.parse().ok()?),
        Kind::Long => Value::Long(text.parse().ok()?),
        Kind::Double => Value::Double(text.parse().ok()?),
        Kind::Float => Value::Float(text.parse().ok()?),
        Kind::Boolean => match text {
            "true" | "True" | "TRUE" => Value::Bool(true),
            "false" | "False" | "FALSE" => Value::Bool(false),
            _ => return None,
        },
        Kind::Duration => Host::Duration(duration(text)?).into(),
        Kind::Instant => Host::Instant(moment(text)?).into(),
        Kind::ZonedDateTime => Host::Zoned(moment(text)?.to_zoned_datetime(TimeZone::UTC)).into(),
        Kind::LocalDate => Host::Date(local(text)?.date()).into(),
        Kind::LocalDateTime if text.contains('T') => Host::DateTime(local(text)?).into(),
        Kind::LocalTime => Host::Time(iso_time(text)?).into(),
        Kind::Uri if !text.contains(char::is_whitespace) => Host::Uri(text.into()).into(),
        Kind::State if STATES.contains(&text) => Host::Enum(text.into()).into(),
        Kind::LocalDateTime | Kind::Uri | Kind::State | Kind::Map => return None,
    })
}

fn moment(text: &str) -> Option<Timestamp> {
    match iso(text)? {
        Given::Moment(at) => Some(at),
        Given::Local(_) => None,
    }
}

/// The local date and time as it is written, whatever zone stands behind it.
fn local(text: &str) -> Option<jiff::civil::DateTime> {
    match iso(text.trim_end_matches('Z'))? {
        Given::Local(at) => Some(at),
        Given::Moment(_) => None,
    }
}

fn of_json(value: &Value, kind: Kind) -> Option<Value> {
    let number = value.as_f64();
    Some(match kind {
        Kind::Integer => Value::Int(i32::try_from(truncated(value)?).ok()?),
        Kind::Long => Value::Long(truncated(value)?),
        Kind::Double => Value::Double(number?),
        Kind::Float => Value::Float(number? as f32),
        Kind::Boolean => match value {
            Value::Bool(truth) => Value::Bool(*truth),
            Value::Int(number) => Value::Bool(*number != 0),
            _ => return None,
        },
        Kind::Duration => Host::Duration(jiff::SignedDuration::try_from_secs_f64(number?).ok()?).into(),
        Kind::Instant => {
            let nanos = jiff::SignedDuration::try_from_secs_f64(number?).ok()?.as_nanos();
            Host::Instant(Timestamp::from_nanosecond(nanos).ok()?).into()
        }
        Kind::Map => Value::from(value.as_map()?.clone()),
        _ => return None,
    })
}
