//! The log lines of an execution.

use axum::{
    Json,
    http::header,
    response::{IntoResponse, Response},
};
use windhover_proto::{
    api::{Address::OfTenant, Method, Operation, Parameter},
    flow::LogLevel,
    problem::{Code, Problem},
};

use super::{
    Refused,
    call::Call,
    executions::find_in,
    parameters::{FilterParameter, Parameters, bad, unsupported},
    route::{Route, TEXT, json, query, text},
};
use crate::document::{self, LogDocument};

/// The last attempt that can be asked for: far above any that is made.
const ATTEMPT_MAX: usize = 1_000_000;

/// Which lines may be asked for with filters, for messages.
const FILTERS: &str = "filters[level|taskId|taskRunId|q][EQUALS|GREATER_THAN_OR_EQUAL_TO|CONTAINS]";

pub(super) const MIN_LEVEL: Parameter =
    query("minLevel", r#"{"enum": ["TRACE", "DEBUG", "INFO", "WARN", "ERROR"]}"#, "The lowest level, in any case.");

const PARAMETERS: &[Parameter] = &[
    MIN_LEVEL,
    query("taskId", TEXT, "Lines of this task only."),
    query("taskRunId", TEXT, "Lines of this task run only."),
    query("attempt", r#"{"type": "integer", "minimum": 0, "maximum": 1000000}"#, "Lines of this attempt only, from 0."),
    query("filters[level][GREATER_THAN_OR_EQUAL_TO]", MIN_LEVEL.schema, "The lowest level."),
    query("filters[level][EQUALS]", MIN_LEVEL.schema, "The level."),
    query("filters[taskId][EQUALS]", TEXT, "Lines of this task only."),
    query("filters[taskRunId][EQUALS]", TEXT, "Lines of this task run only."),
    query("filters[q][EQUALS]", TEXT, "Lines whose message holds this text, in any case."),
];

pub(super) fn routes() -> Vec<Route> {
    vec![Route::new(LOGS, logs), Route::new(DOWNLOAD, download)]
}

const LOGS: Operation = Operation {
    id: "logs",
    tag: "logs",
    method: Method::Get,
    path: OfTenant("/logs/{id}"),
    summary: "The log lines of an execution, in order; none of one that is not there.",
    parameters: PARAMETERS,
    body: None,
    answers: &[json("The lines.", r##"{"type": "array", "items": {"$ref": "#/components/schemas/LogEntry"}}"##)],
};

async fn logs(call: Call) -> Result<Response, Refused> {
    // As in Kestra: an execution that is not there has no lines.
    Ok(Json(wanted(call).await?.unwrap_or_default()).into_response())
}

const DOWNLOAD: Operation = Operation {
    id: "downloadLogs",
    tag: "logs",
    method: Method::Get,
    path: OfTenant("/logs/{id}/download"),
    summary: "The log lines of an execution as text, one each.",
    parameters: PARAMETERS,
    body: None,
    answers: &[text("Date, level and message of each line.")],
};

async fn download(call: Call) -> Result<Response, Refused> {
    let missing = call.no_execution();
    let lines = wanted(call).await?.ok_or(missing)?;
    let lines: Vec<_> = lines.iter().map(LogDocument::to_line).collect();
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], lines.join("\n")).into_response())
}

/// The lines that are asked for; `None` when the execution is not there.
async fn wanted(mut call: Call) -> Result<Option<Vec<LogDocument>>, Refused> {
    let choice = Choice::take(&mut call.query)?;
    std::mem::take(&mut call.query).finish()?;
    let Ok(id) = call.execution_id() else { return Ok(None) };
    let Some((execution, lines)) = find_in(&call.parts, &call.tenant, &id).await? else { return Ok(None) };
    let mut documents = document::logs(execution.id, &lines);
    documents.retain(|document| choice.holds(document));
    Ok(Some(documents))
}

/// Which lines are wanted.
#[derive(Debug, Default)]
pub(super) struct Choice {
    lowest: Option<LogLevel>,
    level: Option<LogLevel>,
    task: Option<String>,
    run: Option<String>,
    attempt: Option<usize>,
    /// In small letters.
    part: Option<String>,
}

impl Choice {
    pub(super) fn take(parameters: &mut Parameters) -> Result<Self, Problem> {
        let mut choice = Self::of_level(parameters)?;
        choice.task = parameters.one("taskId")?;
        choice.run = parameters.one("taskRunId")?;
        choice.attempt = parameters.parsed("attempt")?;
        if let Some(attempt) = choice.attempt.filter(|attempt| *attempt > ATTEMPT_MAX) {
            return Err(bad("attempt", &attempt.to_string(), &format!("at most {ATTEMPT_MAX} are counted")));
        }
        for filter in parameters.filters()? {
            if !choice.narrow(&filter)? {
                return Err(unsupported(&filter.name, &["minLevel", "taskId", "taskRunId", "attempt", FILTERS]));
            }
        }
        Ok(choice)
    }

    pub(super) fn of_level(parameters: &mut Parameters) -> Result<Self, Problem> {
        let given = parameters.one("minLevel")?;
        let lowest = given.map(|text| level("minLevel", &text)).transpose()?;
        Ok(Self { lowest, ..Self::default() })
    }

    /// Takes over a filter of 2.0; `false` when it is none about lines.
    pub(super) fn narrow(&mut self, filter: &FilterParameter) -> Result<bool, Problem> {
        let FilterParameter { name, field, operator, key, value } = filter;
        let level = || level(name, value);
        match (field.as_str(), operator.as_str(), key) {
            ("level" | "minLevel", "GREATER_THAN_OR_EQUAL_TO", None) | ("minLevel", "EQUALS", None) => {
                self.lowest = Some(level()?);
            }
            ("level", "EQUALS", None) => self.level = Some(level()?),
            ("taskId", "EQUALS", None) => self.task = Some(value.clone()),
            ("taskRunId", "EQUALS", None) => self.run = Some(value.clone()),
            ("q", "EQUALS" | "CONTAINS", None) => self.search(value),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Only lines whose message holds this text.
    pub(super) fn search(&mut self, part: &str) {
        self.part = Some(part.to_lowercase()).filter(|part| part != "*");
    }

    pub(super) fn holds(&self, line: &LogDocument) -> bool {
        let is = |wanted: &Option<String>, own: &Option<String>| wanted.is_none() || wanted == own;
        self.lowest.is_none_or(|lowest| line.level >= lowest)
            && self.level.is_none_or(|level| line.level == level)
            && is(&self.task, &line.task_id)
            && is(&self.run, &line.task_run_id.map(|run| run.to_string()))
            && self.attempt.is_none_or(|attempt| line.attempt_number == Some(attempt))
            && self.part.as_ref().is_none_or(|part| line.message.to_lowercase().contains(part))
    }
}

fn level(name: &str, text: &str) -> Result<LogLevel, Problem> {
    text.to_ascii_uppercase().parse().map_err(|error| bad(name, text, &error))
}

/// The refusal when too much would have to be read.
pub(super) fn too_much(found: usize, most: usize) -> Problem {
    Code::Unprocessable.because(format!(
        "{found} executions match, and lines of at most {most} are searched at once; narrow the search with namespace, \
         flowId, startDate or endDate"
    ))
}
