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
use crate::{Parts, document};

/// `GET logs/{id}`, with `minLevel` or `filters[level][…]=LEVEL`.
pub(super) async fn logs(
    State(parts): State<Arc<Parts>>,
    path: Path,
    RawQuery(query): RawQuery,
) -> Result<Response, Refused> {
    let lowest = lowest_level(&Parameters::parse(query.as_deref().unwrap_or_default())?)?;
    let (execution, lines) = find(&parts, &path).await?;
    let mut documents = document::logs(execution.id, &lines);
    documents.retain(|document| lowest.is_none_or(|lowest| document.level >= lowest));
    Ok(Json(documents).into_response())
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
