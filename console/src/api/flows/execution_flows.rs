//! Flows for whoever may start them: names and inputs, not what they do.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use windhover_proto::{
    api::{Address::OfTenant, Method, Operation},
    definitions::Revision,
};

use super::document::for_execution;
use crate::api::{
    Refused,
    call::Call,
    route::{Route, json, query},
};

pub(super) fn routes() -> Vec<Route> {
    vec![Route::new(FLOW, flow), Route::new(NAMESPACES, namespaces), Route::new(OF_NAMESPACE, of_namespace)]
}

const FLOW: Operation = Operation {
    id: "flowForExecution",
    tag: "executions",
    method: Method::Get,
    path: OfTenant("/executions/flows/{namespace}/{flow}"),
    summary: "A flow as somebody who starts it needs it.",
    parameters: &[query(
        "revision",
        r#"{"type": "integer", "minimum": 1, "maximum": 4294967295}"#,
        "The revision; the newest when absent.",
    )],
    body: None,
    answers: &[json("The flow.", r##"{"$ref": "#/components/schemas/FlowForExecution"}"##)],
};

async fn flow(mut call: Call) -> Result<Response, Refused> {
    let number: Option<u32> = call.query.parsed("revision")?;
    std::mem::take(&mut call.query).finish()?;
    let (key, definitions) = (call.flow_key()?, call.definitions().await?);
    let found = match number {
        Some(number) => definitions.revisions(&key).find(|revision| revision.reference.revision == number),
        None => definitions.newest(&key),
    };
    Ok(Json(for_execution(found.ok_or_else(|| call.no_flow())?)).into_response())
}

const NAMESPACES: Operation = Operation {
    id: "executableNamespaces",
    tag: "executions",
    method: Method::Get,
    path: OfTenant("/executions/namespaces"),
    summary: "The namespaces that hold flows, or held them: those in which executions may be.",
    parameters: &[],
    body: None,
    answers: &[json("The namespaces, in order.", r#"{"type": "array", "items": {"type": "string"}}"#)],
};

async fn namespaces(mut call: Call) -> Result<Response, Refused> {
    std::mem::take(&mut call.query).finish()?;
    let definitions = call.definitions().await?;
    let names: Vec<_> = definitions.namespaces_ever(&call.tenant).map(|namespace| namespace.as_str()).collect();
    Ok(Json(names).into_response())
}

const OF_NAMESPACE: Operation = Operation {
    id: "executableFlows",
    tag: "executions",
    method: Method::Get,
    path: OfTenant("/executions/namespaces/{namespace}/flows"),
    summary: "The flows of a namespace which can be started.",
    parameters: &[],
    body: None,
    answers: &[json(
        "The flows.",
        r##"{"type": "array", "items": {"$ref": "#/components/schemas/FlowForExecution"}}"##,
    )],
};

async fn of_namespace(mut call: Call) -> Result<Response, Refused> {
    std::mem::take(&mut call.query).finish()?;
    let definitions = call.definitions().await?;
    let own = definitions.all().filter(|revision| {
        let reference = &revision.reference;
        reference.tenant == call.tenant && reference.namespace.as_str() == call.part("namespace") && can_start(revision)
    });
    Ok(Json(own.map(|revision| for_execution(revision)).collect::<Vec<_>>()).into_response())
}

fn can_start(revision: &Revision) -> bool {
    revision.flow.as_ref().is_ok_and(|flow| !flow.disabled)
}
