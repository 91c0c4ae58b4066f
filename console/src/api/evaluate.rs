//! An expression with the variables of an execution, for whoever looks for a fault.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use axum::{
    Json,
    extract::Request,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use windhover_proto::{
    api::{Address::OfTenant, Method, Operation},
    core::{Execution, Turn, evaluate},
    definitions::Definitions,
    expr::{Template, Value},
    id::{Fingerprint, TaskRunId},
    problem::Code,
    request::Body,
    time::Timestamp,
};

use super::{
    Refused, body,
    call::Call,
    executions::{body_blob, find, no_revision},
    route::{Route, json, takes},
};
use crate::Parts;

/// Longest expression, in bytes: far above anything that a person types.
const EXPRESSION_BYTES_MAX: usize = 64 * 1024;

pub(super) fn routes() -> Vec<Route> {
    let of_run = Operation { id: "evalTaskRun", path: OfTenant("/executions/{id}/actions/eval/{run}"), ..EVAL };
    let older = Operation { id: "evalOfTaskRun", path: OfTenant("/executions/{id}/eval/{run}"), ..EVAL };
    let oldest = Operation { id: "evalOfExecution", path: OfTenant("/executions/{id}/eval"), ..EVAL };
    vec![Route::new(EVAL, eval), Route::new(of_run, eval), Route::new(older, eval), Route::new(oldest, eval)]
}

const EVAL: Operation = Operation {
    id: "eval",
    tag: "executions",
    method: Method::Post,
    path: OfTenant("/executions/{id}/actions/eval"),
    summary: "Evaluates an expression with the variables of an execution. Secrets are masked before they are read.",
    parameters: &[],
    body: takes(&["text/plain"], r#"{"type": "string", "minLength": 1}"#),
    answers: &[json("What it gave, or why it failed.", r##"{"$ref": "#/components/schemas/Evaluated"}"##)],
};

/// What an expression gave.
#[derive(Serialize)]
#[serde(untagged)]
enum Evaluated {
    Result {
        result: String,
    },
    Error {
        error: String,
        #[serde(rename = "stackTrace")]
        stack_trace: String,
    },
}

async fn eval(call: Call, request: Request) -> Result<Response, Refused> {
    let source = body::text(request, &["text/plain"], EXPRESSION_BYTES_MAX).await?;
    let id = call.execution_id()?;
    let (execution, _) = find(&call, &id).await?;
    let run = task_run(&call, &execution)?;
    let definitions = call.definitions().await?;
    let blobs = blobs(&call.parts, &execution).await;
    call.query.finish()?;
    let parts = call.parts.clone();
    let evaluating = move || evaluated(&parts, &execution, &definitions, &blobs, run.as_ref(), &source);
    let evaluated = tokio::task::spawn_blocking(evaluating).await;
    let evaluated = evaluated.map_err(|_| Code::Internal.because("the evaluation panicked"))??;
    Ok(Json(evaluated).into_response())
}

fn task_run(call: &Call, execution: &Execution) -> Result<Option<TaskRunId>, Refused> {
    if call.part("run").is_empty() {
        return Ok(None);
    }
    let run = call.part("run").parse().ok().filter(|run| execution.task_run(run).is_some());
    let missing = || Code::NotFound.because(format!("Not Found: the execution has no task run `{}`", call.part("run")));
    Ok(Some(run.ok_or_else(missing)?))
}

async fn blobs(parts: &Parts, execution: &Execution) -> BTreeMap<Fingerprint, bytes::Bytes> {
    let body = execution.delivery.request.parse().ok().and_then(|request| request.body);
    match (body, body_blob(&parts.options.log, execution).await) {
        (Some(Body::Blob { fingerprint, .. }), Some(bytes)) => BTreeMap::from([(fingerprint, bytes)]),
        _ => BTreeMap::new(),
    }
}

fn evaluated(
    parts: &Parts,
    execution: &Execution,
    definitions: &Arc<Definitions>,
    blobs: &BTreeMap<Fingerprint, bytes::Bytes>,
    run: Option<&TaskRunId>,
    source: &str,
) -> Result<Evaluated, Refused> {
    let revision = definitions.revision(&execution.flow).ok_or_else(|| no_revision(execution))?;
    let flow = revision.flow.as_ref().map_err(|errors| Code::FlowInvalid.because(errors.to_string()))?;
    let template = match Template::compile(source) {
        Ok(template) => template,
        Err(error) => return Ok(failed(error.to_string(), error.to_string())),
    };
    let turn = Turn {
        now: now(),
        seed: execution.seed,
        definitions,
        surroundings: parts.options.surroundings.as_ref(),
        seal: None,
        kestra: Value::map([("url", Value::text(parts.options.public_url.as_str()))]),
        blobs,
    };
    Ok(match evaluate(execution, flow, run, &template, &turn) {
        Ok(result) => Evaluated::Result { result },
        Err(error) => failed(error.kestra_text(), error.to_string()),
    })
}

fn failed(error: String, stack_trace: String) -> Evaluated {
    Evaluated::Error { error, stack_trace }
}

fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
}
