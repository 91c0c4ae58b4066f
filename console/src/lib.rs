//! The console: views folded from the log, the API, and the page.
//!
//! A view ([`view`]) is a projection in sled: delete it and it is made again with the same answers. The API ([`api`]) reads
//! views and the log, and decides nothing.

pub mod address;
mod api;
mod document;
mod duration;
mod view;

#[cfg(test)]
#[path = "../tests/support/mod.rs"]
mod support;

use std::{io, path::PathBuf, sync::Arc};

use axum::Router;
use tokio::sync::{Semaphore, watch};
use windhover_eventlog::{SharedLog, ask::SharedOwners, definitions::Deployments};
use windhover_proto::{
    api::Operation,
    core::Execution,
    expr::Surroundings,
    id::{ExecutionId, TenantId},
    problem::Problem,
};

pub use api::method_not_allowed;
pub use view::Kept;

/// What a console is made of.
#[derive(Clone)]
pub struct Options {
    /// The log.
    pub log: SharedLog,
    /// Whoever can say how far the engine is.
    pub owners: SharedOwners,
    /// Deployed flows.
    pub deployments: Deployments,
    /// Folder for sled; it can be deleted while the console is stopped.
    pub folder: PathBuf,
    /// How long ended executions are shown.
    pub kept: Kept,
    /// Secrets and the like, for addresses of webhooks and for evaluating expressions.
    pub surroundings: Arc<dyn Surroundings + Send + Sync>,
    /// Where senders reach this server, without a slash at the end.
    pub public_url: String,
    /// Operations of other parts that are served beside the console, for the OpenAPI document.
    pub operations: &'static [Operation],
    /// Says why the process as a whole is not ready; `None` when it is.
    pub not_ready: Arc<dyn Fn() -> Option<String> + Send + Sync>,
}

impl std::fmt::Debug for Options {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Options").field("folder", &self.folder).finish_non_exhaustive()
    }
}

/// A running console. Clones are the same one.
#[derive(Clone, Debug)]
pub struct Console(Arc<Parts>);

/// What the API works with.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) options: Options,
    pub(crate) views: view::Views,
    /// One place for each stream that is open.
    pub(crate) streams: Arc<Semaphore>,
    /// Becomes true when streams are to end.
    pub(crate) closing: watch::Sender<bool>,
}

impl Console {
    /// Opens the views and starts to fold what they lack.
    ///
    /// # Errors
    /// When the folder cannot be used.
    pub fn start(options: Options) -> io::Result<Self> {
        let views = view::Views::open(&options.folder, options.log.clone(), options.kept)?;
        let streams = Arc::new(Semaphore::new(api::STREAMS_MAX));
        Ok(Self(Arc::new(Parts { options, views, streams, closing: watch::Sender::new(false) })))
    }

    /// The routes of the API, to be served alone or beside others.
    pub fn router(&self) -> Router {
        api::router(self.0.clone())
    }

    /// An execution of a tenant; `None` when it is not there. Whatever was appended before the call is seen.
    ///
    /// # Errors
    /// When it cannot be read now.
    pub async fn execution(&self, tenant: &TenantId, id: &ExecutionId) -> Result<Option<Execution>, Problem> {
        let found = api::executions::find_in(&self.0, tenant, id).await.map_err(|refused| refused.0)?;
        Ok(found.map(|(execution, _)| execution))
    }

    /// Waits until the views show what was appended about an execution before the call, or a moment has passed.
    pub async fn settled(&self, id: &ExecutionId) {
        // Who shows it next learns from the log whether it can be read.
        let _ = self.0.views.settle_one(&self.0.options.owners, id).await;
    }

    /// The JSON object of an execution, as its own address answers it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn document(&self, execution: &Execution) -> Result<String, Problem> {
        api::executions::whole(&self.0, execution).await
    }

    /// Ends every stream of events: their clients come back with `Last-Event-ID`, to this server or to its successor.
    pub fn end_streams(&self) {
        self.0.closing.send_replace(true);
    }
}
