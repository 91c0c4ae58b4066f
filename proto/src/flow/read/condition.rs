//! `conditions` of a trigger.

use jiff::civil::Weekday;

use super::{
    at::{At, nearest},
    fields::Fields,
};
use crate::{
    expr::Template,
    flow::condition::{Condition, DayInMonth},
};

/// The date that a condition looks at when it names none. A webhook has no such date, so the condition does not hold then.
const DATE_DEFAULT: &str = "{{ trigger.date }}";

const WEEKDAYS: [(&str, Weekday); 7] = [
    ("MONDAY", Weekday::Monday),
    ("TUESDAY", Weekday::Tuesday),
    ("WEDNESDAY", Weekday::Wednesday),
    ("THURSDAY", Weekday::Thursday),
    ("FRIDAY", Weekday::Friday),
    ("SATURDAY", Weekday::Saturday),
    ("SUNDAY", Weekday::Sunday),
];
const DAYS_IN_MONTH: [(&str, DayInMonth); 5] = [
    ("FIRST", DayInMonth::First),
    ("SECOND", DayInMonth::Second),
    ("THIRD", DayInMonth::Third),
    ("FOURTH", DayInMonth::Fourth),
    ("LAST", DayInMonth::Last),
];

/// Conditions that run on a webhook.
const RUNNING: [&str; 8] =
    ["Expression", "Not", "Or", "DayWeek", "DayWeekInMonth", "DateTimeBetween", "TimeBetween", "Weekend"];
/// Conditions about executions, flows and holidays.
const LATER: [&str; 12] = [
    "PublicHoliday",
    "ExecutionFlow",
    "ExecutionNamespace",
    "ExecutionStatus",
    "ExecutionLabels",
    "ExecutionOutputs",
    "HasRetryAttempt",
    "Flow",
    "FlowNamespace",
    "FlowExecution",
    "Variable",
    "DateTime",
];
const PREFIXES: [&str; 2] = ["io.kestra.plugin.core.condition.", "io.kestra.core.models.conditions.types."];

/// Reads a list of conditions; wrong ones are findings and left out.
pub(super) fn list(at: &At<'_>) -> Vec<Condition> {
    at.list().unwrap_or_default().iter().filter_map(one).collect()
}

fn one(at: &At<'_>) -> Option<Condition> {
    let fields = Fields::of(at, "condition")?;
    let Some(type_at) = fields.get("type") else {
        fields.missing("type", "Invalid type: null");
        return None;
    };
    let name = type_at.text()?;
    let fields = fields.named(name);
    let short = PREFIXES.iter().find_map(|prefix| name.strip_prefix(prefix)).unwrap_or(name);
    let short = short.strip_suffix("Condition").unwrap_or(short);
    if short == "Multiple" {
        type_at.wrong("invalid webhook: conditions of type MultipleCondition are not supported");
        return None;
    }
    if LATER.contains(&short) {
        type_at.wrong(format!("the condition type `{short}` is not supported yet"));
        return None;
    }
    if short == name || !RUNNING.contains(&short) {
        let full: Vec<String> = RUNNING.iter().map(|short| format!("{}{short}", PREFIXES[0])).collect();
        let suggestion = nearest(name, full.iter().map(String::as_str));
        type_at.report(type_at.node.at, format!("Invalid type: {name}"), suggestion);
        return None;
    }
    let condition = of_type(&fields, short);
    fields.finish();
    condition
}

/// At least one condition.
fn some(at: &At<'_>) -> Vec<Condition> {
    if at.node.content.is_empty_list() {
        at.wrong("must not be empty");
    }
    list(at)
}

fn of_type(fields: &Fields<'_>, short: &str) -> Option<Condition> {
    let date = || match fields.get("date") {
        Some(at) => at.template(),
        None => Template::compile(DATE_DEFAULT).ok(),
    };
    let day = || fields.require("dayOfWeek").and_then(|at| at.one_of(&WEEKDAYS));
    let inner = || fields.require("conditions").map(|at| some(&at));
    Some(match short {
        "Not" => Condition::Not { conditions: inner()? },
        "Or" => Condition::Or { conditions: inner()? },
        "DayWeek" => Condition::DayWeek { date: date()?, day_of_week: day()? },
        "DayWeekInMonth" => {
            let (date, day_of_week) = (date(), day());
            let day_in_month = fields.require("dayInMonth").and_then(|at| at.one_of(&DAYS_IN_MONTH));
            Condition::DayWeekInMonth { date: date?, day_of_week: day_of_week?, day_in_month: day_in_month? }
        }
        "DateTimeBetween" => {
            let (after, before) = limits(fields);
            Condition::DateTimeBetween { date: date()?, after, before }
        }
        "TimeBetween" => {
            let (after, before) = limits(fields);
            Condition::TimeBetween { date: date()?, after, before }
        }
        "Weekend" => Condition::Weekend { date: date()? },
        _ => Condition::Expression { expression: fields.require("expression")?.template()? },
    })
}

fn limits(fields: &Fields<'_>) -> (Option<Template>, Option<Template>) {
    let (after, before) = (fields.get("after"), fields.get("before"));
    if after.is_none() && before.is_none() {
        fields.at.wrong("`after` or `before` must be given");
    }
    let template = |at: Option<At<'_>>| at.and_then(|at| at.template());
    (template(after), template(before))
}
