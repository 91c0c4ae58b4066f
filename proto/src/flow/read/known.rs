//! The types that exist, by name: what runs, what is only known, and older spellings.

use super::{at::nearest, shape};

/// Where Kestra's own types live.
const CORE: &str = "io.kestra.plugin.core.";

/// Older names of types, with their present short names. Kestra 2.0 accepts the `fs` ones and `WaitFor`; the
/// trigger is a spelling of 1.x, accepted so that those flows run.
const OLDER: [(&str, &str); 5] = [
    ("io.kestra.plugin.fs.http.Request", "http.Request"),
    ("io.kestra.plugin.fs.http.Download", "http.Download"),
    ("io.kestra.plugin.fs.http.Trigger", "http.Trigger"),
    ("io.kestra.plugin.core.flow.WaitFor", "flow.LoopUntil"),
    ("io.kestra.core.models.triggers.types.Webhook", "trigger.Webhook"),
];

/// Task types that run.
const TASKS: [&str; 8] = [
    "debug.Return",
    "debug.Echo",
    "log.Log",
    "output.OutputValues",
    "execution.Fail",
    "execution.Exit",
    "http.Request",
    "flow.Sleep",
];

/// Trigger types that run.
const TRIGGERS: [&str; 1] = ["trigger.Webhook"];

/// The short name of a task type; none of a name that is no task type.
pub(super) fn task(name: &str) -> Option<&str> {
    short(name).filter(|short| TASKS.contains(short) || shape::tasks().any(|known| known == *short))
}

/// The short name of a trigger type; none of a name that is no trigger type.
pub(super) fn trigger(name: &str) -> Option<&str> {
    short(name).filter(|short| TRIGGERS.contains(short) || shape::triggers().any(|known| known == *short))
}

fn short(name: &str) -> Option<&str> {
    let older = OLDER.iter().find(|(older, _)| *older == name).map(|(_, short)| *short);
    older.or_else(|| name.strip_prefix(CORE))
}

/// What to suggest instead of an unknown task type.
pub(super) fn suggest_task(name: &str) -> Option<String> {
    suggest(name, TASKS.into_iter().chain(shape::tasks()))
}

/// What to suggest instead of an unknown trigger type.
pub(super) fn suggest_trigger(name: &str) -> Option<String> {
    suggest(name, TRIGGERS.into_iter().chain(shape::triggers()))
}

/// Compares what follows the last dot too, so that `Log` and a wrong package lead to the right type.
fn suggest(name: &str, shorts: impl Iterator<Item = &'static str>) -> Option<String> {
    let shorts: Vec<&str> = shorts.collect();
    let last = |path: &str| path.rsplit('.').next().unwrap_or_default().to_lowercase();
    let same = shorts.iter().find(|short| last(short) == last(name));
    if let Some(same) = same {
        return Some(format!("did you mean `{CORE}{same}`?"));
    }
    let full: Vec<String> = shorts.iter().map(|short| format!("{CORE}{short}")).collect();
    name.starts_with("io.").then(|| nearest(name, full.iter().map(String::as_str)))?
}
