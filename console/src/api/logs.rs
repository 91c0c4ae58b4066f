//! The log lines of an execution.

use std::sync::Arc;

use axum::{
    Json,
    extract::{RawQuery, State},
    response::{IntoResponse, Response},
};
use windhover_proto::{flow::LogLevel, problem::Code};

use super::{
    Refused,
    executions::find,
    parameters::{Parameters, unsupported},
    tenant::Path,
};
use crate::{
    Parts,
    document::{self, LogDocument},
};

/// `GET logs/{id}`, with `minLevel` or `filters[level][…]=LEVEL`.
pub(super) async fn logs(
    State(parts): State<Arc<Parts>>,
    path: Path,
    RawQuery(query): RawQuery,
) -> Result<Response, Refused> {
    Ok(Json(wanted(&parts, &path, query.as_deref()).await?).into_response())
}

/// `GET logs/{id}/download`: the same as text, one line each.
pub(super) async fn download(
    State(parts): State<Arc<Parts>>,
    path: Path,
    RawQuery(query): RawQuery,
) -> Result<Response, Refused> {
    let lines: Vec<_> = wanted(&parts, &path, query.as_deref()).await?.iter().map(LogDocument::to_line).collect();
    Ok(lines.join("\n").into_response())
}

async fn wanted(parts: &Parts, path: &Path, query: Option<&str>) -> Result<Vec<LogDocument>, Refused> {
    let lowest = lowest_level(&Parameters::parse(query.unwrap_or_default())?)?;
    let (execution, lines) = find(parts, path).await?;
    let mut documents = document::logs(execution.id, &lines);
    documents.retain(|document| lowest.is_none_or(|lowest| document.level >= lowest));
    Ok(documents)
}

fn lowest_level(parameters: &Parameters) -> Result<Option<LogLevel>, Refused> {
    let mut lowest = None;
    for (name, value) in parameters.pairs() {
        let known = ["minLevel", "filters[level][GREATER_THAN_OR_EQUAL_TO]", "filters[level][EQUALS]"];
        if !known.contains(&name) {
            return Err(unsupported(name, &known).into());
        }
        let level = value.parse().map_err(|error| Code::Unprocessable.because(format!("`{name}`: {error}")))?;
        lowest = Some(level);
    }
    Ok(lowest)
}
