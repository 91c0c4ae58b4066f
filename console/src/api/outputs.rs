//! Outputs by the routes of 2.0. Executions have them inline too, as 1.3 does.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::value::RawValue;
use windhover_proto::{
    api::{Address::OfTenant, Answer, Method, Operation},
    core::TaskRun,
    id::{TaskId, TaskRunId},
    problem::Code,
};

use super::{
    Refused,
    call::Call,
    executions::find,
    route::{Route, json},
};
use crate::document;

const VALUES: &[Answer] = &[json("The outputs by name; empty when there are none.", r#"{"type": "object"}"#)];

const LIST: &[Answer] = &[json(
    "The task runs that have outputs.",
    r##"{"type": "array", "items": {"$ref": "#/components/schemas/TaskOutputs"}}"##,
)];

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(OF_EXECUTION, of_execution),
        Route::new(OF_TASKS, of_tasks),
        Route::new(Operation { id: "taskOutputsInformation", path: OfTenant("/outputs/{id}"), ..OF_TASKS }, of_tasks),
        Route::new(OF_RUN, of_run),
        Route::new(Operation { id: "outputsOfTaskRun", path: OfTenant("/outputs/{id}/{run}"), ..OF_RUN }, of_run),
    ]
}

const OF_EXECUTION: Operation = Operation {
    id: "executionOutputs",
    tag: "outputs",
    method: Method::Get,
    path: OfTenant("/outputs/executions/{id}"),
    summary: "The outputs of an execution.",
    parameters: &[],
    body: None,
    answers: VALUES,
};

async fn of_execution(call: Call) -> Result<Response, Refused> {
    let id = call.execution_id()?;
    let (execution, _) = find(&call, &id).await?;
    call.query.finish()?;
    Ok(Json(document::outputs(execution.outputs.as_ref())).into_response())
}

const OF_TASKS: Operation = Operation {
    id: "taskOutputs",
    tag: "outputs",
    method: Method::Get,
    path: OfTenant("/outputs/tasks/{id}"),
    summary: "Which task runs of an execution have outputs.",
    parameters: &[],
    body: None,
    answers: LIST,
};

/// Which task run has outputs. They are always kept with the execution, never in a storage apart.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TaskOutputs<'a> {
    task_id: &'a TaskId,
    task_run_id: TaskRunId,
    inline: bool,
}

impl<'a> TaskOutputs<'a> {
    fn of(run: &'a TaskRun) -> Self {
        Self { task_id: &run.task, task_run_id: run.id, inline: true }
    }
}

async fn of_tasks(call: Call) -> Result<Response, Refused> {
    let id = call.execution_id()?;
    let (execution, _) = find(&call, &id).await?;
    call.query.finish()?;
    let runs = execution.task_runs.iter().filter(|run| run.outputs.is_some());
    Ok(Json(runs.map(TaskOutputs::of).collect::<Vec<_>>()).into_response())
}

const OF_RUN: Operation = Operation {
    id: "taskRunOutputs",
    tag: "outputs",
    method: Method::Get,
    path: OfTenant("/outputs/tasks/{id}/{run}"),
    summary: "The outputs of one task run.",
    parameters: &[],
    body: None,
    answers: VALUES,
};

async fn of_run(call: Call) -> Result<Response, Refused> {
    let id = call.execution_id()?;
    let (execution, _) = find(&call, &id).await?;
    let run = call.part("run").parse().ok().and_then(|run| execution.task_run(&run));
    let no_run =
        || Code::NotFound.because(format!("Not Found: the execution {id} has no task run `{}`", call.part("run")));
    let outputs: Box<RawValue> = document::outputs(run.ok_or_else(no_run)?.outputs.as_ref());
    call.query.finish()?;
    Ok(Json(outputs).into_response())
}
