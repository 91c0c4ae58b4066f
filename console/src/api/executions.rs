//! One execution, and the flow that it runs.

use axum::{
    Json,
    http::header,
    response::{IntoResponse, Response},
};
use windhover_eventlog::{ObjectName, SharedLog};
use windhover_proto::{
    api::{Address::OfTenant, Method, Operation},
    core::Execution,
    id::{ExecutionId, TenantId},
    problem::{Code, Problem},
    request::Body,
};

use super::{
    Refused,
    call::Call,
    flows::document::for_execution,
    route::{Route, json},
};
use crate::{
    Parts,
    document::{self, Detail},
    view::Lines,
};

pub(super) fn routes() -> Vec<Route> {
    vec![Route::new(EXECUTION, execution), Route::new(FLOW, flow)]
}

const EXECUTION: Operation = Operation {
    id: "execution",
    tag: "executions",
    method: Method::Get,
    path: OfTenant("/executions/{id}"),
    summary: "An execution, with its task runs.",
    parameters: &[],
    body: None,
    answers: &[json("The execution.", r##"{"$ref": "#/components/schemas/Execution"}"##)],
};

async fn execution(call: Call) -> Result<Response, Refused> {
    let id = call.execution_id()?;
    let (execution, _) = find(&call, &id).await?;
    call.query.finish()?;
    let written = whole(&call.parts, &execution).await?;
    Ok(([(header::CONTENT_TYPE, "application/json")], written).into_response())
}

const FLOW: Operation = Operation {
    id: "flowOfExecution",
    tag: "executions",
    method: Method::Get,
    path: OfTenant("/executions/{id}/flow"),
    summary: "The revision of the flow that an execution runs, without what its tasks and triggers are made of.",
    parameters: &[],
    body: None,
    answers: &[json("The flow.", r##"{"$ref": "#/components/schemas/FlowForExecution"}"##)],
};

async fn flow(call: Call) -> Result<Response, Refused> {
    let id = call.execution_id()?;
    let (execution, _) = find(&call, &id).await?;
    let definitions = call.definitions().await?;
    call.query.finish()?;
    let revision = definitions.revision(&execution.flow).ok_or_else(|| no_revision(&execution))?;
    Ok(Json(for_execution(revision)).into_response())
}

/// The refusal when the flow of an execution is not there.
pub(super) fn no_revision(execution: &Execution) -> Problem {
    let flow = &execution.flow;
    let detail = format!("Flow not found: {}.{} revision {}", flow.namespace, flow.flow, flow.revision);
    Code::FlowNotFound.because(detail)
}

/// The JSON text of an execution as its own address answers it. It is never a tree in between, which would change numbers.
pub(crate) async fn whole(parts: &Parts, execution: &Execution) -> Result<String, Problem> {
    let blob = body_blob(&parts.options.log, execution).await;
    let definitions = parts.options.deployments.current();
    let document = document::execution(execution, blob.as_deref(), Detail::Whole)
        .with_variables_of(definitions.revision(&execution.flow).map(|revision| &**revision));
    serde_json::to_string(&document).map_err(|error| Code::Internal.because(format!("no JSON can be written: {error}")))
}

/// An execution of the tenant, and what happened to it. You read what you wrote: before one is said not to be there, the
/// views fold everything that was appended before the request; while nobody can say whether it is there the answer is 503.
pub(super) async fn find(call: &Call, id: &ExecutionId) -> Result<(Execution, Lines), Refused> {
    find_in(&call.parts, &call.tenant, id).await?.ok_or_else(|| call.no_execution().into())
}

/// As [`find`]; `None` when it is not there.
pub(crate) async fn find_in(
    parts: &Parts,
    tenant: &TenantId,
    id: &ExecutionId,
) -> Result<Option<(Execution, Lines)>, Refused> {
    let (views, owners) = (&parts.views, &parts.options.owners);
    let mut found = views.execution(id).await?;
    if found.as_ref().is_none_or(|(execution, _)| !execution.over) {
        let settled = views.settle_one(owners, id).await;
        found = views.execution(id).await?;
        if found.is_none() {
            settled?.conclusive()?;
        }
    }
    Ok(found.filter(|(execution, _)| execution.flow.tenant == *tenant))
}

/// The body of the delivery when it is kept apart from the log.
pub(super) async fn body_blob(log: &SharedLog, execution: &Execution) -> Option<bytes::Bytes> {
    match execution.delivery.request.parse().ok()?.body? {
        Body::Blob { fingerprint, .. } => {
            let name = ObjectName::new(format!("blob/{fingerprint}")).ok()?;
            log.object(name).await.ok()?
        }
        Body::Text(_) | Body::Bytes(_) => None,
    }
}
