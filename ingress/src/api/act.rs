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
    input::{DeletionRequested, Input, KillRequested},
    problem::{Code, Problem},
};

use super::{
    Api, Call, query,
    submit::{append, decided, shown},
};
use crate::{answer::Refusal, limits, receive::random_bits};

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
    let gone = async {
        while call.find(execution).await?.is_some() {
            tokio::time::sleep(limits::GONE_POLL).await;
        }
        Ok(())
    };
    // It is on disk; whoever still sees it will not for long.
    tokio::time::timeout(limits::GONE_MAX, gone).await.unwrap_or(Ok(()))
}

fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}
