//! Labels, written as a map or as a list of keys and values.

use super::{at::At, fields::Fields};
use crate::flow::{
    error::Position,
    yaml::{Content, Entry},
};

/// One label as it is written.
pub(super) struct Label<'a> {
    pub(super) key: String,
    key_at: Position,
    pub(super) value: At<'a>,
}

/// The labels that only the system sets, but for this one, which a flow may carry.
const READ_ONLY: &str = "system.readOnly";

/// Reads labels; each wrong one is a finding.
pub(super) fn read<'a>(at: &At<'a>) -> Vec<Label<'a>> {
    let labels = match &at.node.content {
        Content::List(_) => listed(at),
        Content::Map(_) | Content::Scalar(_) => mapped(at),
    };
    labels.into_iter().flatten().filter(check).collect()
}

fn mapped<'a>(at: &At<'a>) -> Vec<Option<Label<'a>>> {
    let entries = at.entries().unwrap_or_default();
    let label = |(entry, value): (&Entry, At<'a>)| Label { key: entry.key.clone(), key_at: entry.key_at, value };
    entries.into_iter().map(|entry| Some(label(entry))).collect()
}

fn listed<'a>(at: &At<'a>) -> Vec<Option<Label<'a>>> {
    at.list().unwrap_or_default().iter().map(pair).collect()
}

fn pair<'a>(at: &At<'a>) -> Option<Label<'a>> {
    let fields = Fields::of(at, "label")?;
    let key = fields.require_with("key", "must not be empty");
    let value = fields.require_with("value", "must not be empty");
    fields.finish();
    let key = key?;
    Some(Label { key: key.text()?.to_owned(), key_at: key.node.at, value: value? })
}

/// Whether a label may be set, and has a value.
fn check(label: &Label<'_>) -> bool {
    let at = &label.value;
    let Some(scalar) = at.scalar() else {
        at.wrong(format!("Unsupported type for key: {}, value: a label's value is a text", label.key));
        return false;
    };
    let value = scalar.text.as_str();
    if label.key.starts_with("system.") && label.key != READ_ONLY {
        let (key, value) = (&label.key, super::at::cut(value));
        at.wrong(format!("System labels can only be set by Kestra itself, offending label: {key}={value}"));
        return false;
    }
    if scalar.value.is_null() || value.is_empty() {
        at.wrong("must not be empty");
        return false;
    }
    if !is_key(&label.key) {
        let message = format!(
            "Invalid label key. A valid key contains only lowercase letters numbers hyphens (-) underscores (_) or periods (.) \
             and must begin with a lowercase letter. \"{}\" does not",
            super::at::cut(&label.key)
        );
        at.report(label.key_at, message, None);
        return false;
    }
    true
}

/// Kestra's message speaks of lowercase letters, and is kept for who looks for it; its rule takes any letter behind the first.
fn is_key(key: &str) -> bool {
    let rest = |letter: char| letter.is_alphabetic() || letter.is_ascii_digit() || matches!(letter, '.' | '_' | '-');
    key.starts_with(char::is_lowercase) && key.chars().all(rest)
}
