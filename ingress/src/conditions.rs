//! Whether a trigger wants a call: `when`, and `conditions`, its 1.x form.

use jiff::{
    civil::{Date, DateTime, Time, Weekday},
    fmt::temporal::Pieces,
    tz::Offset,
};
use windhover_proto::{
    delivery::FlowRef,
    expr::{Template, verdict},
    flow::{Condition, DayInMonth, Webhook},
};

use crate::context::Call;

/// Why a condition has no answer. It then does not hold.
#[derive(Debug, thiserror::Error)]
enum NoAnswer {
    #[error("{0}")]
    Render(Box<windhover_proto::expr::RenderError>),
    #[error("{0}")]
    Parse(String),
}

/// Whether the trigger wants the call. What cannot be rendered does not hold.
pub(crate) fn hold(webhook: &Webhook, call: &Call<'_>) -> bool {
    let when = webhook.when.as_ref().is_none_or(|when| answered(rendered(when, call).map(|text| verdict(&text)), call));
    when && webhook.conditions.iter().all(|condition| answered(holds(condition, call), call))
}

fn answered(answer: Result<bool, NoAnswer>, call: &Call<'_>) -> bool {
    answer.unwrap_or_else(|error| {
        let FlowRef { tenant, namespace, flow, revision } = call.reference;
        let trigger = &call.trigger.id;
        tracing::warn!(%tenant, %namespace, %flow, revision, %trigger, %error, "a condition of a trigger failed: the call starts nothing");
        false
    })
}

fn rendered(template: &Template, call: &Call<'_>) -> Result<String, NoAnswer> {
    call.text(template).map_err(|error| NoAnswer::Render(Box::new(error)))
}

/// Renders a text and reads it as something; the fault does not quote what is secret in it.
fn read<T>(template: &Template, call: &Call<'_>, kind: &str, read: fn(&str) -> Option<T>) -> Result<T, NoAnswer> {
    if let Some(value) = read(&rendered(template, call)?) {
        return Ok(value);
    }
    let text = call.render(template).map_err(|error| NoAnswer::Render(Box::new(error)))?;
    Err(NoAnswer::Parse(format!("`{}` is no {kind}", text.shown())))
}

/// A text counts as true unless it is blank or says `false`. What is blank is Kestra's notion, and so Java's: a blank that
/// keeps words together is something, as is one beside `false` that is wider than a space.
fn is_true(text: &str) -> bool {
    const KEPT_TOGETHER: [char; 3] = ['\u{a0}', '\u{2007}', '\u{202f}'];
    let is_blank = |letter: char| {
        matches!(letter, '\u{1c}'..='\u{1f}') || letter.is_whitespace() && !KEPT_TOGETHER.contains(&letter)
    };
    !text.chars().all(is_blank) && text.trim_matches(|letter| letter <= ' ') != "false"
}

fn holds(condition: &Condition, call: &Call<'_>) -> Result<bool, NoAnswer> {
    let day = |date: &Template| at(date, call).map(|at| at.local.date());
    Ok(match condition {
        Condition::Expression { expression } => is_true(&rendered(expression, call)?),
        Condition::Not { conditions } => !any(conditions, call)?,
        Condition::Or { conditions } => any(conditions, call)?,
        Condition::DayWeek { date, day_of_week } => day(date)?.weekday() == *day_of_week,
        Condition::DayWeekInMonth { date, day_of_week, day_in_month } => {
            is_nth(day(date)?, *day_of_week, *day_in_month)
        }
        Condition::Weekend { date } => matches!(day(date)?.weekday(), Weekday::Saturday | Weekday::Sunday),
        Condition::DateTimeBetween { date, after, before } => {
            let instant = |template: &Template| at(template, call).map(|at| at.instant());
            between(instant(date)?, limit(after, instant)?, limit(before, instant)?)
        }
        Condition::TimeBetween { date, after, before } => {
            let moment = at(date, call)?.time_of_day();
            let time = |template: &Template| time(template, call);
            between(moment, limit(after, time)?, limit(before, time)?)
        }
    })
}

fn any(conditions: &[Condition], call: &Call<'_>) -> Result<bool, NoAnswer> {
    conditions.iter().try_fold(false, |any, condition| Ok(any || holds(condition, call)?))
}

fn limit<T>(
    template: &Option<Template>,
    read: impl FnOnce(&Template) -> Result<T, NoAnswer>,
) -> Result<Option<T>, NoAnswer> {
    template.as_ref().map(read).transpose()
}

/// Strictly after one and strictly before the other, as far as they are given.
fn between<T: PartialOrd + Copy>(moment: T, after: Option<T>, before: Option<T>) -> bool {
    after.is_none_or(|after| moment > after) && before.is_none_or(|before| moment < before)
}

/// A date with its time, as somebody's clock shows it.
#[derive(Clone, Copy, Debug)]
struct At {
    local: DateTime,
    offset: Offset,
}

impl At {
    /// Nanoseconds since the epoch.
    fn instant(self) -> i128 {
        let epoch = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);
        self.local.duration_since(epoch).as_nanos() - nanos(self.offset)
    }

    /// Nanoseconds since midnight, moved by the offset.
    fn time_of_day(self) -> i128 {
        self.local.time().duration_since(Time::midnight()).as_nanos() - nanos(self.offset)
    }
}

fn nanos(offset: Offset) -> i128 {
    i128::from(offset.seconds()) * 1_000_000_000
}

/// Reads a rendered date. Without an offset it is UTC, without a time it is midnight.
fn at(date: &Template, call: &Call<'_>) -> Result<At, NoAnswer> {
    read(date, call, "date", date_of)
}

fn date_of(text: &str) -> Option<At> {
    let pieces = Pieces::parse(text.trim()).ok()?;
    let local = pieces.date().to_datetime(pieces.time().unwrap_or(Time::midnight()));
    let offset = match pieces.to_numeric_offset() {
        Some(offset) => offset,
        None => match pieces.to_time_zone().ok()? {
            Some(zone) => local.to_zoned_datetime(zone).ok()?.offset(),
            None => Offset::UTC,
        },
    };
    Some(At { local, offset })
}

/// Reads a rendered time of a day with its offset, `16:19:12+02:00`.
fn time(time: &Template, call: &Call<'_>) -> Result<i128, NoAnswer> {
    read(time, call, "time with an offset", time_of)
}

fn time_of(text: &str) -> Option<i128> {
    let on_a_day = format!("1970-01-01T{}", text.trim());
    let pieces = Pieces::parse(&on_a_day).ok()?;
    let local = Date::constant(1970, 1, 1).to_datetime(pieces.time()?);
    let offset = pieces.to_numeric_offset().unwrap_or(Offset::UTC);
    Some(At { local, offset }.time_of_day())
}

/// Whether a day is the nth of its month with this name.
fn is_nth(day: Date, weekday: Weekday, nth: DayInMonth) -> bool {
    let place = (day.day() - 1) / 7 + 1;
    let is_place = match nth {
        DayInMonth::First => place == 1,
        DayInMonth::Second => place == 2,
        DayInMonth::Third => place == 3,
        DayInMonth::Fourth => place == 4,
        DayInMonth::Last => day.day() > day.days_in_month() - 7,
    };
    day.weekday() == weekday && is_place
}

#[cfg(test)]
mod tests {
    use super::is_true;

    #[test]
    fn blank_texts_and_false_are_not_true() {
        for text in ["", " ", "\t\r\n", "\u{2003}", "\u{1f}", "false", " false ", "false\n"] {
            assert!(!is_true(text), "{text:?}");
        }
        for text in ["true", "0", "no", "False", "[]", "\u{a0}", "\u{2003}false", "false false"] {
            assert!(is_true(text), "{text:?}");
        }
    }
}
