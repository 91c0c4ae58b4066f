//! Names with a dash behind a dot: `{{ inputs.a-b }}` takes `b` from `inputs.a`, which nobody means.

use std::collections::HashSet;

use super::at::{At, join};
use crate::flow::{input::Input, yaml::Content};

/// Where expressions may read inputs and outputs.
const READERS: [&str; 5] = ["tasks", "errors", "finally", "afterExecution", "outputs"];

/// Looks for expressions that are nothing but such a name, of an input or a task that is there.
pub(super) fn check(flow: &At<'_>, inputs: &[Input]) {
    let dashed = inputs.iter().map(|input| input.id.as_str()).filter(|id| id.contains('-')).collect();
    for name in READERS {
        if let Some(node) = flow.node.get(name) {
            walk(&At { findings: flow.findings, node, path: name.to_owned() }, &dashed);
        }
    }
}

fn walk(at: &At<'_>, inputs: &HashSet<&str>) {
    let below = |node, path| At { findings: at.findings, node, path };
    match &at.node.content {
        Content::Scalar(scalar) => text(at, &scalar.text, inputs),
        Content::List(members) => members.iter().enumerate().for_each(|(place, node)| {
            walk(&below(node, format!("{}[{place}]", at.path)), inputs);
        }),
        Content::Map(entries) => entries.iter().for_each(|entry| {
            walk(&below(&entry.node, join(&at.path, &entry.key)), inputs);
        }),
    }
}

fn text(at: &At<'_>, text: &str, inputs: &HashSet<&str>) {
    for expression in text.split("{{").skip(1).filter_map(|rest| rest.split_once("}}")).map(|(inner, _)| inner.trim()) {
        if let Some(id) = expression.strip_prefix("inputs.").filter(|id| inputs.contains(id)) {
            report(at, "input", id);
        }
        let task = expression.strip_prefix("outputs.").and_then(|rest| rest.split_once('.')).map(|(id, _)| id);
        if let Some(id) = task.filter(|id| id.contains('-') && at.findings.knows_task(id)) {
            report(at, "output", id);
        }
    }
}

fn report(at: &At<'_>, kind: &str, id: &str) {
    at.wrong_but(
        format!(
            "Invalid Flow: Invalid {kind} reference: use {kind}s[key-name] instead of {kind}s.key-name — keys with dashes \
             require bracket notation, and this is {kind}s.{id}"
        ),
        format!("write `{kind}s['{id}']`"),
    );
}
