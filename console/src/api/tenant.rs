//! Path parameters: the tenant that a route names, or `main`.

use std::collections::HashMap;

use windhover_proto::{
    id::{ExecutionId, TenantId},
    problem::{Code, Problem},
};

/// The parameters of a path, by name.
pub(super) type Path = axum::extract::Path<HashMap<String, String>>;

/// The tenant of a request.
pub(super) fn tenant(path: &Path) -> Result<TenantId, Problem> {
    let Some(text) = path.get("tenant") else { return Ok(TenantId::main()) };
    text.parse().map_err(|error: windhover_proto::id::BadName| Code::NotFound.because(error.to_string()))
}

/// One parameter of the path.
pub(super) fn part<'a>(path: &'a Path, name: &str) -> &'a str {
    path.get(name).map(String::as_str).unwrap_or_default()
}

/// The execution that a path names.
pub(super) fn execution_id(path: &Path) -> Result<ExecutionId, Problem> {
    part(path, "id").parse().map_err(|_| execution_not_found(part(path, "id")))
}

pub(super) fn execution_not_found(id: &str) -> Problem {
    Code::ExecutionNotFound.because(format!("Execution not found: there is no execution `{id}`"))
}
