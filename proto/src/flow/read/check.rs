//! `checks` of a flow.

use super::{at::At, fields::Fields};
use crate::{
    expr::Template,
    flow::check::{Check, CheckBehavior},
};

/// How forms show the message: nothing here depends on it.
const STYLES: [(&str, ()); 4] = [("ERROR", ()), ("SUCCESS", ()), ("WARNING", ()), ("INFO", ())];
const BEHAVIORS: [(&str, Option<CheckBehavior>); 3] = [
    ("CREATE_EXECUTION", Some(CheckBehavior::Create)),
    ("BLOCK_EXECUTION", Some(CheckBehavior::Block)),
    ("FAIL_EXECUTION", None),
];

/// Reads the checks; wrong ones are findings and left out.
pub(super) fn list(at: &At<'_>) -> Vec<Check> {
    at.list().unwrap_or_default().iter().filter_map(one).collect()
}

fn one(at: &At<'_>) -> Option<Check> {
    let fields = Fields::of(at, "check")?;
    let when = when(&fields);
    let message = fields.require_with("message", "must not be empty").and_then(|at| some_text(&at).map(str::to_owned));
    let _ = fields.get("style").and_then(|at| at.one_of(&STYLES));
    let behavior = fields.get("behavior").map_or(Some(CheckBehavior::default()), |at| behavior(&at));
    fields.finish();
    Some(Check { when: when?, message: message?, behavior: behavior? })
}

/// `when`, or `condition`, its name of 1.x.
fn when(fields: &Fields<'_>) -> Option<Template> {
    let Some(at) = fields.get_either("when", "condition") else {
        fields.missing("when", "must not be null");
        return None;
    };
    some_text(&at)?;
    at.template()
}

fn some_text<'a>(at: &At<'a>) -> Option<&'a str> {
    let text = at.text()?;
    if text.is_empty() {
        at.wrong("must not be empty");
        return None;
    }
    Some(text)
}

fn behavior(at: &At<'_>) -> Option<CheckBehavior> {
    let found = at.one_of(&BEHAVIORS)?;
    if found.is_none() {
        at.wrong("`behavior: FAIL_EXECUTION` of a check is not supported yet");
    }
    found
}
