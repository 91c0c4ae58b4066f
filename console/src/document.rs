//! Executions and log lines as Kestra's API writes them: the members of 2.0, and those of 1.3 that its clients still read.

use serde::Serialize;
use serde_json::value::RawValue;
use windhover_proto::{
    codec::Line,
    core::{Attempt, Execution, TaskRun},
    definitions::Revision,
    event::{Event, Kept},
    expr::Value,
    flow::LogLevel,
    id::{DeliveryId, ExecutionId, Fingerprint, TaskRunId},
    state::{History, State},
    time::Timestamp,
    trigger::{self, Sensitive},
};

use crate::duration;

/// Whether task runs are written: a single execution has them, one in a list does not.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detail {
    Whole,
    Listed,
}

/// An execution.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ExecutionDocument<'a> {
    tenant_id: &'a str,
    id: ExecutionId,
    namespace: &'a str,
    flow_id: &'a str,
    flow_revision: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    task_run_list: Option<Vec<TaskRunDocument<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    inputs: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outputs: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    variables: Option<Box<RawValue>>,
    labels: Vec<Label<'a>>,
    state: StateDocument,
    original_id: ExecutionId,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_id: Option<ExecutionId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trigger: Option<TriggerDocument<'a>>,
    deleted: bool,
    metadata: Metadata,
    windhover: Own<'a>,
}

#[derive(Serialize)]
struct Label<'a> {
    key: &'a str,
    value: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StateDocument {
    current: State,
    histories: Vec<HistoryEntry>,
    duration: String,
    start_date: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_date: Option<String>,
}

#[derive(Serialize)]
struct HistoryEntry {
    state: State,
    date: String,
}

#[derive(Serialize)]
struct TriggerDocument<'a> {
    id: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    variables: Box<RawValue>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    attempt_number: u32,
    original_created_date: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TaskRunDocument<'a> {
    id: TaskRunId,
    execution_id: ExecutionId,
    namespace: &'a str,
    flow_id: &'a str,
    task_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_task_run_id: Option<TaskRunId>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attempts: Vec<AttemptDocument>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outputs: Option<Box<RawValue>>,
    state: StateDocument,
}

#[derive(Serialize)]
struct AttemptDocument {
    state: StateDocument,
}

/// What only Windhover knows: why this execution exists once, and what came after it under the same key.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Own<'a> {
    delivery_id: DeliveryId,
    received_date: String,
    body_sha256: Fingerprint,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    suppressed_count: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    suppressed: Vec<SuppressedDocument>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stuck: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SuppressedDocument {
    delivery_id: DeliveryId,
    received_date: String,
    body_sha256: Fingerprint,
    same_body: bool,
}

/// Writes an execution. `blob` is its body when that is kept apart.
pub(crate) fn execution<'a>(execution: &'a Execution, blob: Option<&[u8]>, detail: Detail) -> ExecutionDocument<'a> {
    let flow = &execution.flow;
    let runs = || execution.task_runs.iter().map(|run| task_run(execution, run)).collect();
    ExecutionDocument {
        tenant_id: flow.tenant.as_str(),
        id: execution.id,
        namespace: flow.namespace.as_str(),
        flow_id: flow.flow.as_str(),
        flow_revision: flow.revision,
        task_run_list: (detail == Detail::Whole).then(runs),
        inputs: execution.inputs.as_ref().map(raw),
        outputs: execution.outputs.as_ref().map(Kept::shown).map(raw),
        variables: None,
        labels: execution.labels.iter().map(|(key, value)| Label { key, value }).collect(),
        state: state(&execution.history),
        original_id: execution.original(),
        parent_id: execution.replay.map(|replay| replay.of),
        trigger: trigger_document(execution, blob),
        deleted: false,
        metadata: Metadata {
            attempt_number: execution.attempt(),
            original_created_date: execution.history.started_at().to_string(),
        },
        windhover: own(execution),
    }
}

impl ExecutionDocument<'_> {
    /// Adds the variables of the flow, unrendered, when it has any.
    pub(crate) fn with_variables_of(mut self, revision: Option<&Revision>) -> Self {
        let flow = revision.and_then(|revision| revision.flow.as_ref().ok());
        let variables = flow.map(|flow| &flow.variables).filter(|variables| !variables.is_empty());
        self.variables = variables.map(|variables| raw(&Value::Map(variables.clone().into())));
        self
    }
}

fn raw(value: &Value) -> Box<RawValue> {
    RawValue::from_string(value.to_json()).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

/// Outputs as the API shows them: a map, empty when there are none.
pub(crate) fn outputs(outputs: Option<&Kept>) -> Box<RawValue> {
    let empty = || RawValue::from_string("{}".to_owned()).unwrap_or_else(|_| RawValue::NULL.to_owned());
    outputs.map(Kept::shown).map_or_else(empty, raw)
}

/// None of an execution that no trigger started.
fn trigger_document<'a>(execution: &'a Execution, blob: Option<&[u8]>) -> Option<TriggerDocument<'a>> {
    let id = execution.delivery.trigger.as_ref()?.as_str();
    let request = execution.delivery.request.parse();
    let variables = request.map(|request| trigger::variables(&request, blob, Sensitive::Masked).map);
    let variables = variables.map_or(Value::Null, |map| Value::Map(map.into()));
    Some(TriggerDocument { id, kind: trigger::WEBHOOK_TYPE, variables: raw(&variables) })
}

fn task_run<'a>(execution: &'a Execution, run: &'a TaskRun) -> TaskRunDocument<'a> {
    let attempt = |attempt: &Attempt| AttemptDocument { state: state(&attempt.history) };
    TaskRunDocument {
        id: run.id,
        execution_id: execution.id,
        namespace: execution.flow.namespace.as_str(),
        flow_id: execution.flow.flow.as_str(),
        task_id: run.task.as_str(),
        parent_task_run_id: run.parent,
        attempts: run.attempts.iter().map(attempt).collect(),
        outputs: run_outputs(run),
        state: state(&run.history),
    }
}

/// An ended run has outputs, though they may be empty; one that goes on has none yet.
fn run_outputs(run: &TaskRun) -> Option<Box<RawValue>> {
    let ended = run.history.current().is_terminal();
    (ended || run.outputs.is_some()).then(|| outputs(run.outputs.as_ref()))
}

fn state(history: &History) -> StateDocument {
    let current = history.current();
    let ended = current.is_terminal() || current == State::Paused;
    let entry = |(state, at): &(State, Timestamp)| HistoryEntry { state: *state, date: at.to_string() };
    StateDocument {
        current,
        histories: history.entries().iter().map(entry).collect(),
        duration: duration::iso(history.changed_at().millis_since(history.started_at())),
        start_date: history.started_at().to_string(),
        end_date: ended.then(|| history.changed_at().to_string()),
    }
}

fn own(execution: &Execution) -> Own<'_> {
    let suppressed = &execution.suppressed;
    let kept = suppressed.first.iter().chain(&suppressed.last).map(|(_, suppressed)| SuppressedDocument {
        delivery_id: suppressed.delivery.id,
        received_date: suppressed.delivery.received_at.to_string(),
        body_sha256: suppressed.delivery.fingerprint,
        same_body: suppressed.same_body,
    });
    Own {
        delivery_id: execution.delivery.id,
        received_date: execution.delivery.received_at.to_string(),
        body_sha256: execution.delivery.fingerprint,
        key: execution.delivery.key.as_ref().map(|key| key.id.as_str()),
        suppressed_count: suppressed.count,
        suppressed: kept.collect(),
        stuck: execution.stuck.as_deref(),
    }
}

/// One log line.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LogDocument {
    namespace: String,
    flow_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) task_id: Option<String>,
    execution_id: ExecutionId,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) task_run_id: Option<TaskRunId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) attempt_number: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trigger_id: Option<String>,
    timestamp: String,
    #[serde(skip)]
    pub(crate) at: Timestamp,
    pub(crate) level: LogLevel,
    thread: &'static str,
    pub(crate) message: String,
    deleted: bool,
}

impl LogDocument {
    /// Date, level and message, as a line of a text.
    pub(crate) fn to_line(&self) -> String {
        format!("{} {} {}", self.timestamp, self.level, self.message)
    }
}

/// The log lines of an execution, in order.
pub(crate) fn logs(id: ExecutionId, lines: &[Line]) -> Vec<LogDocument> {
    let mut documents = Vec::new();
    let mut state = None;
    for line in lines {
        for event in &line.events {
            if matches!(event, Event::ExecutionCreated(_)) {
                state = None;
                documents.clear();
            }
            windhover_proto::core::apply(&mut state, id, event, line.at);
            if let Event::LogsDeleted { lowest, .. } = event {
                documents.retain(|kept: &LogDocument| Some(kept.level) < *lowest);
            }
            if let (Some(logged), Some(execution)) = (event.log_line(), &state) {
                documents.push(log_document(execution, logged, line.at));
            }
        }
    }
    documents
}

fn log_document(
    execution: &Execution,
    (task_run, level, message): (Option<TaskRunId>, LogLevel, &str),
    at: Timestamp,
) -> LogDocument {
    let run = task_run.and_then(|id| execution.task_run(&id));
    LogDocument {
        namespace: execution.flow.namespace.to_string(),
        flow_id: execution.flow.flow.to_string(),
        task_id: run.map(|run| run.task.to_string()),
        execution_id: execution.id,
        task_run_id: task_run,
        attempt_number: run.map(|run| run.attempts.len().saturating_sub(1)),
        trigger_id: execution.delivery.trigger.as_ref().map(ToString::to_string),
        timestamp: at.to_string(),
        at,
        level,
        thread: "engine",
        message: message.to_owned(),
        deleted: false,
    }
}
