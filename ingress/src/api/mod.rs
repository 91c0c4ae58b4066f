//! The part of Kestra's API that asks for something to happen: executions created, replayed, stopped and deleted. Everything
//! here ends in an input for the log; what it takes to find and show executions comes from the console.

mod act;
mod checks;
mod create;
mod form;
mod inputs;
mod labels;
mod operations;
mod origin;
mod query;
mod replay;
mod submit;

use std::{collections::HashMap, fmt, sync::Arc};

use axum::{
    Router,
    body::Body,
    extract::Request,
    response::Response,
    routing::{MethodRouter, delete, post},
};
use futures_util::future::BoxFuture;
use http::request::Parts;
use windhover_proto::{
    api::Operation,
    core::Execution,
    id::{BadName, ExecutionId, TenantId},
    problem::{Code, Problem},
};

use crate::{
    answer::{self, Refusal},
    body,
    service::Service,
};

/// Finds executions and shows them. A console does both.
pub trait Executions: Send + Sync + fmt::Debug + 'static {
    /// The execution, when this tenant has it; whatever was appended before the call is seen.
    ///
    /// # Errors
    /// When it cannot be read now.
    fn find(&self, tenant: TenantId, id: ExecutionId) -> BoxFuture<'static, Result<Option<Execution>, Problem>>;

    /// Resolves when whatever was appended before about an execution is shown, or soon after.
    fn settled(&self, id: ExecutionId) -> BoxFuture<'static, ()>;

    /// The JSON object that shows an execution, all of it.
    ///
    /// # Errors
    /// When it cannot be written.
    fn document(&self, execution: &Execution) -> BoxFuture<'static, Result<String, Problem>>;
}

/// What the handlers share.
#[derive(Debug)]
pub(crate) struct Api {
    service: Arc<Service>,
    executions: Arc<dyn Executions>,
}

/// What these routes offer, for the document that describes the API.
pub fn operations() -> &'static [Operation] {
    &operations::ALL
}

/// The routes.
pub(crate) fn router(service: Arc<Service>, executions: Arc<dyn Executions>) -> Router {
    let mut router = Router::new();
    for (operation, handler) in routes() {
        for route in operation.path.routes() {
            // Kestra takes a slash at the end of every address but a webhook's.
            router = router.route(&route, handler.clone()).route(&format!("{route}/"), handler.clone());
        }
    }
    // Older versions had the word `trigger` in front, and no word in front of what is done.
    for prefix in ["/api/v1/{tenant}", "/api/v1"] {
        let at = |path: &str| format!("{prefix}/executions{path}");
        router = router
            .route(&at("/trigger/{namespace}/{flow}"), post(create::create))
            .route(&at("/{id}/kill"), delete(act::kill_quietly))
            .route(&at("/{id}/replay"), post(replay::replay))
            .route(&at("/{id}/replay-with-inputs"), post(replay::replay_with_inputs));
    }
    router.layer(axum::middleware::from_fn(origin::refuse_others)).with_state(Arc::new(Api { service, executions }))
}

fn routes() -> [(&'static Operation, MethodRouter<Arc<Api>>); 6] {
    [
        (&operations::CREATE, post(create::create)),
        (&operations::KILL, delete(act::kill)),
        (&operations::DELETE, delete(act::delete)),
        (&operations::DELETE_LOGS, delete(act::delete_logs)),
        (&operations::REPLAY, post(replay::replay)),
        (&operations::REPLAY_WITH_INPUTS, post(replay::replay_with_inputs)),
    ]
}

/// One request without its body: the parts of its path and its head.
pub(super) struct Call {
    api: Arc<Api>,
    tenant: TenantId,
    path: HashMap<String, String>,
    parts: Parts,
}

impl Call {
    /// Splits a request.
    ///
    /// # Errors
    /// 404 for a tenant that nobody can have.
    fn new(api: Arc<Api>, path: HashMap<String, String>, request: Request) -> Result<(Self, Body), Box<Response>> {
        let (parts, body) = request.into_parts();
        let tenant = match path.get("tenant") {
            Some(text) => text.parse().map_err(|error: BadName| Code::NotFound.because(error.to_string())),
            None => Ok(TenantId::main()),
        };
        let tenant = tenant.map_err(|problem| Box::new(answer::problem_response(&problem)))?;
        Ok((Self { api, tenant, path, parts }, body))
    }

    /// The answer. What is left of a refused body is read and thrown away.
    async fn answer(self, done: Result<Response, Refusal>, body: Body) -> Response {
        match done {
            Ok(response) => response,
            Err(refusal) => {
                body::throw_away(body, &self.parts.headers).await;
                refusal.into_response()
            }
        }
    }

    /// One part of the path.
    fn part(&self, name: &str) -> &str {
        self.path.get(name).map(String::as_str).unwrap_or_default()
    }

    fn service(&self) -> &Service {
        &self.api.service
    }

    /// The execution that the path names.
    async fn execution(&self) -> Result<Execution, Problem> {
        let id: ExecutionId = self.part("id").parse().map_err(|_| self.no_execution())?;
        self.find(id).await?.ok_or_else(|| self.no_execution())
    }

    async fn find(&self, id: ExecutionId) -> Result<Option<Execution>, Problem> {
        self.api.executions.find(self.tenant.clone(), id).await
    }

    fn no_execution(&self) -> Problem {
        Code::ExecutionNotFound.because(format!("Execution not found: there is no execution `{}`", self.part("id")))
    }
}
