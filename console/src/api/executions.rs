//! One execution.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use windhover_eventlog::{ObjectName, SharedLog};
use windhover_proto::{core::Execution, request::Body};

use super::{
    Refused,
    tenant::{Path, execution_id, execution_not_found, part, tenant},
};
use crate::{
    Parts,
    document::{self, Detail},
    view::{Lines, Settled, ViewError},
};

/// `GET executions/{id}`
pub(super) async fn execution(State(parts): State<Arc<Parts>>, path: Path) -> Result<Response, Refused> {
    let (execution, _) = find(&parts, &path).await?;
    let blob = body_blob(&parts.options.log, &execution).await;
    Ok(Json(document::execution(&execution, blob.as_deref(), Detail::Whole)).into_response())
}

/// The execution that a path names, and what happened to it. You read what you wrote: before one is said not to be there, the
/// views fold everything that was appended before the request.
pub(super) async fn find(parts: &Parts, path: &Path) -> Result<(Execution, Lines), Refused> {
    let (tenant, id) = (tenant(path)?, execution_id(path)?);
    let mut found = parts.views.execution(&id).await?;
    if found.as_ref().is_none_or(|(execution, _)| !execution.over) {
        let settled = parts.views.settle_one(&parts.options.owners, &id).await;
        found = parts.views.execution(&id).await?;
        if found.is_none() && settled == Settled::Making {
            return Err(ViewError::Making.into());
        }
    }
    let found = found.filter(|(execution, _)| execution.flow.tenant == tenant);
    found.ok_or_else(|| execution_not_found(part(path, "id")).into())
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
