//! What every handler is given: the parts of the console, the tenant, the parts of the path, the query and the headers.

use std::{collections::HashMap, sync::Arc};

use axum::{
    extract::{FromRequestParts, Path},
    http::{HeaderMap, request},
};
use windhover_proto::{
    definitions::{Definitions, FlowKey},
    id::{BadName, ExecutionId, TenantId},
    problem::{Code, Problem},
};

use super::{Refused, parameters::Parameters};
use crate::Parts;

/// One request, without its body.
pub(super) struct Call {
    pub(super) parts: Arc<Parts>,
    pub(super) tenant: TenantId,
    pub(super) query: Parameters,
    pub(super) headers: HeaderMap,
    path: HashMap<String, String>,
}

impl FromRequestParts<Arc<Parts>> for Call {
    type Rejection = Refused;

    async fn from_request_parts(request: &mut request::Parts, state: &Arc<Parts>) -> Result<Self, Refused> {
        let path = Path::<HashMap<String, String>>::from_request_parts(request, state).await;
        let Path(path) = path.map_err(|_| Code::Malformed.because("the path is not percent-encoded UTF-8"))?;
        let tenant = match path.get("tenant") {
            Some(text) => text.parse().map_err(|error: BadName| Code::NotFound.because(error.to_string()))?,
            None => TenantId::main(),
        };
        let query = Parameters::parse(request.uri.query().unwrap_or_default())?;
        Ok(Self { parts: state.clone(), tenant, query, headers: request.headers.clone(), path })
    }
}

impl Call {
    /// One part of the path.
    pub(super) fn part(&self, name: &str) -> &str {
        self.path.get(name).map(String::as_str).unwrap_or_default()
    }

    /// The execution that the path names.
    pub(super) fn execution_id(&self) -> Result<ExecutionId, Problem> {
        self.part("id").parse().map_err(|_| self.no_execution())
    }

    pub(super) fn no_execution(&self) -> Problem {
        Code::ExecutionNotFound.because(format!("Execution not found: there is no execution `{}`", self.part("id")))
    }

    /// The flow that the path names; a name that no flow can have is not found.
    pub(super) fn flow_key(&self) -> Result<FlowKey, Problem> {
        let (namespace, flow) = (self.part("namespace"), self.part("flow"));
        let key = namespace.parse().ok().zip(flow.parse().ok());
        let (namespace, flow) = key.ok_or_else(|| self.no_flow())?;
        Ok((self.tenant.clone(), namespace, flow))
    }

    pub(super) fn no_flow(&self) -> Problem {
        Code::FlowNotFound.because(format!("Flow not found: {}.{}", self.part("namespace"), self.part("flow")))
    }

    /// The deployed flows, with everything that was deployed before the request.
    pub(super) async fn definitions(&self) -> Result<Arc<Definitions>, Problem> {
        let unreadable = |_| Code::Unavailable.because("the definitions cannot be read now");
        self.parts.options.deployments.refreshed().await.map_err(unreadable)
    }
}
