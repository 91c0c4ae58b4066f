//! What is done to an execution that exists: it is stopped, or it is gone.

use std::{collections::HashMap, sync::Arc};

use axum::{
    body::Body,
    extract::{Path, Request, State},
    response::Response,
};
use http::StatusCode;
use windhover_proto::{
    core::Execution,
    id::DeliveryId,
    input::{DeletionRequested, Input, KillRequested, LogsDeletionRequested},
    problem::{Code, Problem},
};

use super::{
    Api, Call, query,
    submit::{append, decided, shown},
};
use crate::{answer::Refusal, receive::random_bits};

/// `DELETE executions/{id}/actions/kill`: the execution, as it stands then.
pub(super) async fn kill(
    State(api): State<Arc<Api>>,
    Path(path): Path<HashMap<String, String>>,
    request: Request,
) -> Response {
    let (call, body) = match Call::new(api, path, request) {
        Ok(begun) => begun,
        Err(response) => return *response,
    };
    let done = match kill_one(&call).await {
        Ok(killed) => shown(&call, &killed, None).await,
        Err(problem) => Err(problem),
    };
    call.answer(done.map_err(Refusal::from), body).await
}

/// `DELETE executions/{id}/kill`, as older versions have it: 202 without a body.
pub(super) async fn kill_quietly(
    State(api): State<Arc<Api>>,
    Path(path): Path<HashMap<String, String>>,
    request: Request,
) -> Response {
    let (call, body) = match Call::new(api, path, request) {
        Ok(begun) => begun,
        Err(response) => return *response,
    };
    let done = kill_one(&call).await.map(|_| empty(StatusCode::ACCEPTED));
    call.answer(done.map_err(Refusal::from), body).await
}

async fn kill_one(call: &Call) -> Result<Execution, Problem> {
    for (name, value) in query::pairs(call.parts.uri.query().unwrap_or_default())? {
        match name.as_str() {
            // There are no subflows yet, so it makes no difference.
            "isOnKillCascade" => drop(query::flag(&name, &value)?),
            _ => return Err(query::unknown(&name, &["isOnKillCascade"])),
        }
    }
    let execution = call.execution().await?;
    if execution.state().is_terminal() {
        let detail = format!("Execution is already finished, can't kill it: it ended {}", execution.state());
        return Err(Code::Conflict.because(detail));
    }
    let id = DeliveryId::from_bytes(random_bits());
    append(call.service(), &Input::KillRequested(KillRequested { id, execution: execution.id })).await?;
    decided(call.service(), execution.id, id).await;
    Ok(call.find(execution.id).await?.unwrap_or(execution))
}

/// `DELETE executions/{id}`
pub(super) async fn delete(
    State(api): State<Arc<Api>>,
    Path(path): Path<HashMap<String, String>>,
    request: Request,
) -> Response {
    let (call, body) = match Call::new(api, path, request) {
        Ok(begun) => begun,
        Err(response) => return *response,
    };
    let done = delete_one(&call).await.map(|()| empty(StatusCode::NO_CONTENT));
    call.answer(done.map_err(Refusal::from), body).await
}

/// `DELETE logs/{id}`: of this level and above, or all.
pub(super) async fn delete_logs(
    State(api): State<Arc<Api>>,
    Path(path): Path<HashMap<String, String>>,
    request: Request,
) -> Response {
    let (call, body) = match Call::new(api, path, request) {
        Ok(begun) => begun,
        Err(response) => return *response,
    };
    let done = delete_logs_of_one(&call).await.map(|()| empty(StatusCode::OK));
    call.answer(done.map_err(Refusal::from), body).await
}

async fn delete_logs_of_one(call: &Call) -> Result<(), Problem> {
    let mut lowest = None;
    for (name, value) in query::pairs(call.parts.uri.query().unwrap_or_default())? {
        let level = value.to_ascii_uppercase().parse();
        let bad = |_| Code::Unprocessable.because(format!("`{name}` is `{value}`, and no level"));
        match name.as_str() {
            "minLevel" => lowest = Some(level.map_err(bad)?),
            _ => return Err(query::unknown(&name, &["minLevel"])),
        }
    }
    let execution = call.execution().await?.id;
    let id = DeliveryId::from_bytes(random_bits());
    let request = LogsDeletionRequested { id, execution, lowest };
    append(call.service(), &Input::LogsDeletionRequested(request)).await?;
    decided(call.service(), execution, id).await;
    call.api.executions.settled(execution).await;
    Ok(())
}

/// What Kestra lets a caller keep; here all of an execution goes together.
const PARTS: [&str; 3] = ["deleteLogs", "deleteMetrics", "deleteStorage"];

async fn delete_one(call: &Call) -> Result<(), Problem> {
    for (name, value) in query::pairs(call.parts.uri.query().unwrap_or_default())? {
        if !PARTS.contains(&name.as_str()) {
            return Err(query::unknown(&name, &PARTS));
        }
        if query::flag(&name, &value)? == Some(false) {
            let detail = format!("`{name}=false` is not possible: everything of an execution goes with it");
            return Err(Code::Unprocessable.because(detail));
        }
    }
    let execution = call.execution().await?.id;
    let id = DeliveryId::from_bytes(random_bits());
    append(call.service(), &Input::DeletionRequested(DeletionRequested { id, execution })).await?;
    decided(call.service(), execution, id).await;
    call.api.executions.settled(execution).await;
    Ok(())
}

fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}
