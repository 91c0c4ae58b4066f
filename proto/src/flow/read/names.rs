//! Ids, with Kestra's words for what they must match.

use std::str::FromStr;

use super::{at::At, fields::Fields};
use crate::limit::{FLOW_ID_BYTES_MAX, NAMESPACE_BYTES_MAX, TASK_ID_BYTES_MAX};

/// The rule of one kind of id.
pub(super) struct Rule {
    pattern: &'static str,
    chars_max: usize,
}

pub(super) const FLOW_ID: Rule = Rule { pattern: "^[a-zA-Z0-9][a-zA-Z0-9._-]*", chars_max: FLOW_ID_BYTES_MAX };
pub(super) const NAMESPACE: Rule = Rule { pattern: "^[a-z0-9][a-z0-9._-]*", chars_max: NAMESPACE_BYTES_MAX };
pub(super) const TASK_ID: Rule = Rule { pattern: "^[a-zA-Z0-9][a-zA-Z0-9_-]*", chars_max: TASK_ID_BYTES_MAX };

/// The id of an object under `name`: missing, blank, too long and ill-formed ones are findings.
pub(super) fn read<T: FromStr>(fields: &Fields<'_>, name: &'static str, rule: &Rule) -> Option<T> {
    let at = fields.get_even_null(name);
    if at.is_none() {
        fields.missing(name, "must not be null");
    }
    parse(&at?, rule)
}

fn parse<T: FromStr>(at: &At<'_>, rule: &Rule) -> Option<T> {
    if is_blank(at, rule.pattern) {
        return None;
    }
    let text = at.text()?;
    let chars = text.chars().count();
    if chars > rule.chars_max {
        at.wrong(format!("size must be between 1 and {}, and this has {chars}", rule.chars_max));
        return None;
    }
    let id = text.parse().ok();
    if id.is_none() {
        at.wrong(format!("must match \"{}\", and \"{text}\" does not", rule.pattern));
    }
    id
}

/// Whether an id says nothing, which breaks two rules at once, as Kestra tells them.
pub(super) fn is_blank(at: &At<'_>, pattern: &str) -> bool {
    let blank = at.scalar().filter(|scalar| scalar.value.is_null() || scalar.text.trim().is_empty());
    if let Some(scalar) = blank {
        at.wrong("must not be blank");
        at.wrong(format!("must match \"{pattern}\", and \"{}\" does not", scalar.text));
    }
    blank.is_some()
}
