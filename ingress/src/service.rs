//! What every call shares.

use std::{fmt, sync::Arc, time::Duration};

use http::request::Parts;
use tokio::{sync::Mutex, time::Instant};
use windhover_eventlog::{SharedLog, ask::SharedOwners};
use windhover_proto::{expr::Surroundings, id::ExecutionId, seal::SealKey, time::Timestamp};

use crate::{batch::Batcher, limits, receive, respond, sites::Sites};

/// The ingress, running.
pub(crate) struct Service {
    /// The log, for large bodies.
    pub(crate) log: SharedLog,
    /// Whoever knows what became of deliveries.
    pub(crate) owners: SharedOwners,
    /// The flows.
    pub(crate) sites: Sites,
    /// Seals sensitive headers.
    pub(crate) seal: Option<SealKey>,
    /// Number of partitions.
    pub(crate) partitions: u16,
    /// Largest body.
    pub(crate) body_bytes_max: usize,
    /// How long a sender waits for the disk.
    pub(crate) append_max: Duration,
    pub(super) surroundings: Arc<dyn Surroundings + Send + Sync>,
    pub(super) public_url: Option<String>,
    /// One for each shard.
    pub(super) batchers: Vec<Batcher>,
    /// When the flows were last looked up because an address was not found.
    pub(super) refreshed_at: Mutex<Option<Instant>>,
}

impl fmt::Debug for Service {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Service").field("log", &self.log).finish_non_exhaustive()
    }
}

impl Service {
    /// Secrets and the like.
    pub(crate) fn surroundings(&self) -> &dyn Surroundings {
        &*self.surroundings
    }

    /// The time now.
    pub(crate) fn now(&self) -> Timestamp {
        receive::now()
    }

    /// Takes deliveries for the shard of an execution.
    pub(crate) fn batcher(&self, execution: ExecutionId) -> &Batcher {
        let partition = usize::from(execution.partition(self.partitions));
        &self.batchers[partition % self.batchers.len()]
    }

    /// Where the web page is.
    pub(crate) fn base_url(&self, parts: &Parts) -> String {
        respond::base_url(self.public_url.as_deref(), &parts.headers, &parts.uri)
    }

    /// Waits until every deployment that was acknowledged before the call is known. Those who call at once share one look at
    /// the log, and there is at most one in 200 ms.
    pub(crate) async fn refresh(&self) {
        let asked = Instant::now();
        let mut refreshed_at = self.refreshed_at.lock().await;
        if refreshed_at.is_some_and(|began| began >= asked) {
            return;
        }
        if let Some(began) = *refreshed_at {
            tokio::time::sleep_until(began + limits::REFRESH_INTERVAL).await;
        }
        *refreshed_at = Some(Instant::now());
        if tokio::time::timeout(limits::REFRESH_MAX, self.sites.refresh()).await.is_err() {
            tracing::warn!("deployed flows could not be looked up within {:?}", limits::REFRESH_MAX);
        }
    }
}
