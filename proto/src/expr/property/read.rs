//! Reading texts and JSON values as types.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::PropertyError;
use crate::expr::arithmetic::truncated;
use crate::expr::dates::input::{Given, iso, iso_time};
use crate::expr::filters::number::{float32, float64};
use crate::expr::host::{Host, duration};
use crate::expr::json::{self, Decimals, Trailing};
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

/// The first JSON value of a text.
pub(super) fn json(text: &str) -> Option<Value> {
    json::read(text, Decimals::Exact, Trailing::Ignored).ok()
}

/// The text as the type itself, or as JSON whose value is read as the type. `None` is null, and blank text for most types.
pub(super) fn text(text: &str, kind: &str) -> Result<Option<Value>, PropertyError> {
    let parsed = || json(text).ok_or_else(|| PropertyError::kind(text, kind));
    if kind.starts_with("List<") || kind.starts_with("Map<") {
        return value(&parsed()?, kind).map(Some);
    }
    let kind = kind_named(kind)?;
    let needs_text = matches!(kind, Kind::String | Kind::Object | Kind::Map | Kind::State | Kind::Uri);
    if text.trim().is_empty() && !needs_text {
        return Ok(None);
    }
    match of_text(text, kind) {
        Some(read) => Ok(Some(read)),
        None => scalar(&parsed()?, kind).map(Some),
    }
    .map(|read| read.filter(|read| !read.is_null()))
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

fn scalar(value: &Value, kind: Kind) -> Read {
    let read = match value {
        Value::Null => Some(Value::Null),
        Value::Text(text) => of_text(text, kind),
        other => of_json(other, kind),
    };
    read.ok_or_else(|| PropertyError::kind(value.print(), &format!("{kind:?}")))
}

fn of_text(text: &str, kind: Kind) -> Option<Value> {
    if matches!(kind, Kind::String | Kind::Object) {
        return Some(Value::from(text));
    }
    let text = text.trim();
    Some(match kind {
        Kind::String | Kind::Object => Value::from(text),
        Kind::Integer => Value::Int(text.parse().ok()?),
        Kind::Long => Value::Long(text.parse().ok()?),
        Kind::Double => Value::Double(float64(text)?),
        Kind::Float => Value::Float(float32(text)?),
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
        Kind::LocalTime if text.contains('T') => match iso(text)? {
            Given::Local(at) => Host::Time(at.time()).into(),
            Given::Moment(_) => return None,
        },
        Kind::LocalTime => Host::Time(iso_time(text)?).into(),
        Kind::Uri if is_uri(text) => Host::Uri(text.into()).into(),
        Kind::State if STATES.contains(&text) => Host::Enum(text.into()).into(),
        Kind::LocalDateTime | Kind::Uri | Kind::State | Kind::Map => return None,
    })
}

/// Whether the text can be an address: no characters that need escaping, and a scheme that is one.
fn is_uri(text: &str) -> bool {
    let needs_escape = |c: char| c.is_whitespace() || c.is_control() || "\"<>\\^`{|}[]".contains(c);
    let escaped = |rest: &str| rest.len() >= 2 && rest.as_bytes()[..2].iter().all(u8::is_ascii_hexdigit);
    let scheme = text.split(['/', '?', '#']).next().and_then(|first| first.split_once(':'));
    let is_scheme = |name: &str, rest: &str| {
        let mut letters = name.bytes();
        letters.next().is_some_and(|first| first.is_ascii_alphabetic())
            && letters.all(|letter| letter.is_ascii_alphanumeric() || b"+-.".contains(&letter))
            && (!rest.is_empty() || text.len() > name.len() + 1)
    };
    !text.contains(needs_escape)
        && text.split('%').skip(1).all(escaped)
        && text.matches('#').count() <= 1
        && scheme.is_none_or(|(name, rest)| is_scheme(name, rest))
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

/// The moment so many seconds after 1970.
fn since_epoch(seconds: f64) -> Option<Timestamp> {
    let nanos = jiff::SignedDuration::try_from_secs_f64(seconds).ok()?.as_nanos();
    Timestamp::from_nanosecond(nanos).ok()
}

/// 2^63, from which on a float is no 64-bit whole number.
const LONG_LIMIT: f64 = 9_223_372_036_854_775_808.0;

fn of_json(value: &Value, kind: Kind) -> Option<Value> {
    let number = value.as_f64();
    Some(match kind {
        Kind::Integer => Value::Int(i32::try_from(truncated(value)?).ok()?),
        Kind::Long if number?.abs() < LONG_LIMIT || value.as_i64().is_some() => Value::Long(truncated(value)?),
        Kind::Double => Value::Double(number?),
        Kind::Float => Value::Float(number? as f32),
        Kind::Boolean => match value {
            Value::Bool(truth) => Value::Bool(*truth),
            Value::Int(_) | Value::Long(_) | Value::Big(_) => Value::Bool(value.as_i64() != Some(0)),
            _ => return None,
        },
        Kind::Duration => Host::Duration(jiff::SignedDuration::try_from_secs_f64(number?).ok()?).into(),
        Kind::Instant => Host::Instant(since_epoch(number?)?).into(),
        Kind::ZonedDateTime => Host::Zoned(since_epoch(number?)?.to_zoned_datetime(TimeZone::UTC)).into(),
        Kind::LocalDate => {
            let days = jiff::Span::new().try_days(value.as_i64()?).ok()?;
            Host::Date(jiff::civil::date(1970, 1, 1).checked_add(days).ok()?).into()
        }
        Kind::Map => Value::from(value.as_map()?.clone()),
        _ => return None,
    })
}
