//! Flows by name.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use serde_json::Value;
use windhover_proto::{
    api::{Address::OfTenant, Method, Operation, Parameter},
    definitions::Change,
    problem::Code,
};

use super::document::{Source, document, of_change};
use crate::api::{
    Refused,
    call::Call,
    route::{FLAG, Route, TEXT, json, query},
};

const REVISION: Parameter = query(
    "revision",
    r#"{"type": "integer", "minimum": 1, "maximum": 4294967295}"#,
    "The revision; the newest when absent.",
);

const LIST: &str = r##"{"type": "array", "items": {"$ref": "#/components/schemas/Flow"}}"##;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(FLOW, flow),
        Route::new(REVISIONS, revisions),
        Route::new(TASK, task),
        Route::new(OF_NAMESPACE, of_namespace),
        Route::new(NAMESPACES, namespaces),
    ]
}

const FLOW: Operation = Operation {
    id: "flow",
    tag: "flows",
    method: Method::Get,
    path: OfTenant("/flows/{namespace}/{flow}"),
    summary: "A flow.",
    parameters: &[
        query("source", FLAG, "Write its text too."),
        REVISION,
        query("allowDeleted", FLAG, "Also when it was deleted."),
    ],
    body: None,
    answers: &[json("The flow.", r##"{"$ref": "#/components/schemas/Flow"}"##)],
};

async fn flow(mut call: Call) -> Result<Response, Refused> {
    let source = if call.query.flag("source")? { Source::Shown } else { Source::Left };
    let number: Option<u32> = call.query.parsed("revision")?;
    let deleted_too = call.query.flag("allowDeleted")?;
    std::mem::take(&mut call.query).finish()?;
    let (key, definitions) = (call.flow_key()?, call.definitions().await?);
    let found = match (number, deleted_too) {
        (Some(number), _) => definitions.history(&key).into_iter().find(|change| number_of(change) == number),
        (None, true) => definitions.history(&key).pop(),
        (None, false) => definitions.newest(&key).cloned().map(Change::Deployed),
    };
    let found = found.filter(|change| deleted_too || matches!(change, Change::Deployed(_)));
    Ok(Json(of_change(&found.ok_or_else(|| call.no_flow())?, source)).into_response())
}

fn number_of(change: &Change) -> u32 {
    match change {
        Change::Deployed(revision) => revision.reference.revision,
        Change::Deleted { revision, .. } => *revision,
    }
}

const REVISIONS: Operation = Operation {
    id: "flowRevisions",
    tag: "flows",
    method: Method::Get,
    path: OfTenant("/flows/{namespace}/{flow}/revisions"),
    summary: "Every revision of a flow with its text, the oldest first; a deletion is a revision too.",
    parameters: &[query(
        "allowDelete",
        r#"{"type": "boolean", "default": true}"#,
        "Also the revisions that mark a deletion.",
    )],
    body: None,
    answers: &[json("The revisions; empty when there was never such a flow.", LIST)],
};

async fn revisions(mut call: Call) -> Result<Response, Refused> {
    let deletions = call.query.parsed("allowDelete")?.unwrap_or(true);
    std::mem::take(&mut call.query).finish()?;
    let (key, definitions) = (call.flow_key()?, call.definitions().await?);
    let history = definitions.history(&key);
    let shown = history.iter().filter(|change| deletions || matches!(change, Change::Deployed(_)));
    Ok(Json(shown.map(|change| of_change(change, Source::Shown)).collect::<Vec<_>>()).into_response())
}

const TASK: Operation = Operation {
    id: "taskOfFlow",
    tag: "flows",
    method: Method::Get,
    path: OfTenant("/flows/{namespace}/{flow}/tasks/{task}"),
    summary: "One task of a flow.",
    parameters: &[REVISION],
    body: None,
    answers: &[json("The task.", r#"{"type": "object"}"#)],
};

async fn task(mut call: Call) -> Result<Response, Refused> {
    let number: Option<u32> = call.query.parsed("revision")?;
    std::mem::take(&mut call.query).finish()?;
    let (key, definitions) = (call.flow_key()?, call.definitions().await?);
    let found = match number {
        Some(number) => definitions.revisions(&key).find(|revision| revision.reference.revision == number),
        None => definitions.newest(&key),
    };
    let flow = document(found.ok_or_else(|| call.no_flow())?, Source::Left);
    let no_task = || Code::NotFound.because(format!("Not Found: the flow has no task `{}`", call.part("task")));
    Ok(Json(task_in(&flow, call.part("task")).ok_or_else(no_task)?).into_response())
}

/// The task with this id among the tasks of a flow or of a task, at any depth.
fn task_in<'a>(of: &'a Value, id: &str) -> Option<&'a Value> {
    ["tasks", "then", "else", "errors", "finally", "afterExecution"].iter().find_map(|name| {
        let tasks = of.get(name)?.as_array()?;
        tasks.iter().find_map(|task| if task["id"] == id { Some(task) } else { task_in(task, id) })
    })
}

const OF_NAMESPACE: Operation = Operation {
    id: "flowsOfNamespace",
    tag: "flows",
    method: Method::Get,
    path: OfTenant("/flows/{namespace}"),
    summary: "The flows of exactly this namespace.",
    parameters: &[],
    body: None,
    answers: &[json("The flows.", LIST)],
};

async fn of_namespace(mut call: Call) -> Result<Response, Refused> {
    std::mem::take(&mut call.query).finish()?;
    let definitions = call.definitions().await?;
    let own = definitions.all().filter(|revision| {
        revision.reference.tenant == call.tenant && revision.reference.namespace.as_str() == call.part("namespace")
    });
    Ok(Json(own.map(|revision| document(revision, Source::Left)).collect::<Vec<_>>()).into_response())
}

const NAMESPACES: Operation = Operation {
    id: "distinctNamespaces",
    tag: "flows",
    method: Method::Get,
    path: OfTenant("/flows/distinct-namespaces"),
    summary: "The namespaces that hold flows.",
    parameters: &[query("q", TEXT, "A text in the namespace, in any case.")],
    body: None,
    answers: &[json("The namespaces, in order.", r#"{"type": "array", "items": {"type": "string"}}"#)],
};

async fn namespaces(mut call: Call) -> Result<Response, Refused> {
    let part = call.query.one("q")?.unwrap_or_default().to_lowercase();
    std::mem::take(&mut call.query).finish()?;
    let definitions = call.definitions().await?;
    let own = definitions.all().filter(|revision| revision.reference.tenant == call.tenant);
    let mut names: Vec<_> = own.map(|revision| revision.reference.namespace.as_str()).collect();
    names.retain(|name| name.to_lowercase().contains(&part));
    names.dedup();
    Ok(Json(names).into_response())
}
