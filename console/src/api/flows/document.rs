//! Flows as the API writes them: what the text says, and what the server knows of the revision.

use serde_json::{Map, Value, json};
use windhover_proto::{
    definitions::{Change, Revision},
    time::Timestamp,
};

/// Whether the text of the flow is written too.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::api) enum Source {
    Shown,
    Left,
}

/// One revision.
pub(in crate::api) fn document(revision: &Revision, source: Source) -> Value {
    written(revision, revision.reference.revision, revision.deployed_at, None, source)
}

/// One entry in the history of a flow: a deletion is a revision that says so.
pub(in crate::api) fn of_change(change: &Change, source: Source) -> Value {
    match change {
        Change::Deployed(revision) => document(revision, source),
        Change::Deleted { revision, at, last } => written(last, *revision, *at, Some(()), source),
    }
}

fn written(revision: &Revision, number: u32, at: Timestamp, deleted: Option<()>, source: Source) -> Value {
    let mut members = members(revision);
    members.insert("tenantId".into(), revision.reference.tenant.as_str().into());
    members.insert("revision".into(), number.into());
    members.insert("updated".into(), at.to_string().into());
    members.insert("deleted".into(), deleted.is_some().into());
    for name in ["disabled", "draft"] {
        members.entry(name).or_insert(false.into());
    }
    members.remove("source");
    if source == Source::Shown {
        members.insert("source".into(), (*revision.source).into());
    }
    if let Err(errors) = &revision.flow {
        members.insert("exception".into(), errors.to_string().into());
    }
    members.into()
}

/// What the text says, with labels as a list whichever way they were written.
fn members(revision: &Revision) -> Map<String, Value> {
    let mut members = match serde_yaml::from_str(&revision.source) {
        Ok(Value::Object(members)) => members,
        Ok(_) | Err(_) => Map::new(),
    };
    if let Ok(flow) = &revision.flow {
        members.insert("id".into(), flow.id.as_str().into());
        members.insert("namespace".into(), flow.namespace.as_str().into());
        if !flow.labels.is_empty() {
            let labels = flow.labels.iter().map(|(key, value)| json!({"key": key, "value": value}));
            members.insert("labels".into(), labels.collect());
        }
    }
    members
}

/// A flow without what its tasks and triggers are made of, for whoever may start it and not read it.
pub(in crate::api) fn for_execution(revision: &Revision) -> Value {
    let whole = written(revision, revision.reference.revision, revision.deployed_at, None, Source::Left);
    let mut shown = Map::new();
    for name in ["id", "namespace", "tenantId", "revision", "description", "disabled", "draft", "deleted", "inputs"] {
        if let Some(value) = whole.get(name) {
            shown.insert(name.into(), value.clone());
        }
    }
    for name in ["tasks", "errors", "finally", "afterExecution", "triggers"] {
        if let Some(Value::Array(all)) = whole.get(name) {
            shown.insert(name.into(), all.iter().map(outline).collect());
        }
    }
    shown.into()
}

/// Id and type of a task, and those of the tasks inside it.
fn outline(task: &Value) -> Value {
    let mut shown = Map::new();
    for name in ["id", "type"] {
        if let Some(value) = task.get(name) {
            shown.insert(name.into(), value.clone());
        }
    }
    for name in ["tasks", "then", "else", "errors", "finally"] {
        if let Some(Value::Array(inside)) = task.get(name) {
            shown.insert(name.into(), inside.iter().map(outline).collect());
        }
    }
    shown.into()
}
