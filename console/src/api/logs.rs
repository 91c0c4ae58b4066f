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
    parameters::{Parameters, unsupported},
    tenant::{Path, execution_id, execution_not_found, part, tenant},
};
use crate::{Parts, document};

/// `GET logs/{id}`, with `minLevel` or `filters[level][…]=LEVEL`.
pub(super) async fn logs(
    State(parts): State<Arc<Parts>>,
    path: Path,
    RawQuery(query): RawQuery,
) -> Result<Response, Refused> {
    let (tenant, id) = (tenant(&path)?, execution_id(&path)?);
    let lowest = lowest_level(&Parameters::parse(query.as_deref().unwrap_or_default())?)?;
    let mut found = parts.views.execution(&id)?;
    if found.as_ref().is_none_or(|execution| !execution.over) {
        parts.views.settle_one(&parts.options.owners, &id).await;
        found = parts.views.execution(&id)?;
    }
    if found.is_none_or(|execution| execution.flow.tenant != tenant) {
        return Err(execution_not_found(part(&path, "id")).into());
    }
    let mut documents = document::logs(id, &parts.views.lines(&id)?);
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
