//! HTTP to verified delivery to inbox log. Holds no state that matters.
//!
//! A call is read, matched with a trigger, decided (which revision, whether the trigger wants it, its inputs and labels) and
//! appended to the inbox; only when that is on disk is its sender told yes. See `receive.rs` for the order of all checks.

mod answer;
mod api;
mod batch;
mod body;
mod conditions;
mod context;
mod durability;
mod idempotency;
mod inputs;
mod limits;
mod receive;
mod request;
mod respond;
pub mod server;
mod service;
mod sites;
mod target;
mod told;
mod verdict;

use std::{fmt, sync::Arc, time::Duration};

use axum::{Router, extract::State, routing::any};
use windhover_eventlog::{SharedLog, ask::SharedOwners, definitions::Deployments};
use windhover_proto::{expr::Surroundings, limit, seal::SealKey};

pub use api::{Executions, operations};
pub use durability::naming_durability;

use crate::{batch::Batcher, service::Service, sites::Sites};

/// What an ingress is made of.
pub struct Options {
    /// The log.
    pub log: SharedLog,
    /// Whoever can be asked what became of a delivery.
    pub owners: SharedOwners,
    /// The flows.
    pub deployments: Deployments,
    /// Secrets and the like, for keys, conditions, inputs and labels.
    pub surroundings: Arc<dyn Surroundings + Send + Sync>,
    /// Seals sensitive headers. Without it they are not kept.
    pub seal: Option<SealKey>,
    /// Where people reach the web page, such as `https://flows.example.org`. Absent: as each sender called.
    pub public_url: Option<String>,
    /// Largest body, in bytes.
    pub body_bytes_max: usize,
    /// How long a sender waits for its delivery to be on disk before it is told to retry.
    pub append_max: Duration,
}

impl Options {
    /// An ingress of these parts, with every limit at its default and without a seal.
    pub fn new(
        log: SharedLog,
        owners: SharedOwners,
        deployments: Deployments,
        surroundings: Arc<dyn Surroundings + Send + Sync>,
    ) -> Self {
        let (body_bytes_max, append_max) = (limit::BODY_BYTES_MAX_DEFAULT, limits::APPEND_MAX);
        Self { log, owners, deployments, surroundings, seal: None, public_url: None, body_bytes_max, append_max }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Options").field("log", &self.log).finish_non_exhaustive()
    }
}

/// The ingress. Clones are the same one.
#[derive(Clone, Debug)]
pub struct Ingress(Arc<Service>);

impl Ingress {
    /// Starts an ingress; its tasks end when the last clone and router of it is dropped. Needs a tokio runtime.
    pub fn start(options: Options) -> Self {
        let Options { log, owners, deployments, surroundings, seal, public_url, body_bytes_max, append_max } = options;
        let layout = log.layout();
        let batcher = |shard| Batcher::start(log.clone(), owners.clone(), shard, append_max);
        let batchers = (0..layout.shards.max(1)).map(batcher).collect();
        let (sites, partitions, refreshed_at) =
            (Sites::new(deployments), layout.partitions, tokio::sync::Mutex::default());
        Self(Arc::new(Service {
            log,
            owners,
            sites,
            seal,
            partitions,
            body_bytes_max,
            append_max,
            surroundings,
            public_url,
            batchers,
            refreshed_at,
        }))
    }

    /// The routes that create, stop, replay and delete executions, for a process that can also find and show them.
    pub fn api(&self, executions: Arc<dyn Executions>) -> Router {
        api::router(self.0.clone(), executions)
    }

    /// The routes of webhooks, to be served alone or beside others.
    pub fn router(&self) -> Router {
        let webhook = any(|State(service): State<Arc<Service>>, request: axum::extract::Request| async move {
            let (parts, body) = request.into_parts();
            receive::receive(service, parts, body).await
        });
        Router::new()
            .route("/api/v1/executions/webhook/{*target}", webhook.clone())
            .route("/api/v1/{tenant}/executions/webhook/{*target}", webhook)
            .with_state(self.0.clone())
    }
}
