//! What an engine is made of and how it is run.

use std::{path::PathBuf, sync::Arc};

use windhover_eventlog::{SharedLog, definitions::Deployments};
use windhover_proto::{expr::Surroundings, limit, seal::SealKey};

use crate::{AllowedHost, Retention};

/// What an engine works with.
#[derive(Clone)]
pub struct Parts {
    /// The log.
    pub log: SharedLog,
    /// Deployed flows.
    pub deployments: Deployments,
    /// Secrets and the environment.
    pub surroundings: Arc<dyn Surroundings + Send + Sync>,
    /// The key for sealed values.
    pub seal: Option<SealKey>,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Parts").field("log", &self.log).finish_non_exhaustive()
    }
}

/// How an engine is run.
#[derive(Clone, Debug)]
pub struct Config {
    /// Folder for sled; what is in it can be deleted at any time while the engine is stopped.
    pub folder: PathBuf,
    /// Private and loopback addresses that flows may call.
    pub allowed_hosts: Vec<AllowedHost>,
    /// Calls that run at once, over all flows.
    pub effects_max: usize,
    /// How long ended executions and keys are kept, and how much disk is used.
    pub retention: Retention,
    /// The base address of the console, for `{{ kestra.url }}`.
    pub public_url: String,
    /// Commits of a partition between two of its snapshots.
    pub snapshot_commits: u64,
    /// Where turns are taken and calls are made; where the engine is started, when absent. Readers that somebody waits for stay
    /// there in any case.
    pub background: Option<tokio::runtime::Handle>,
}

impl Config {
    /// Defaults, with sled in `folder`.
    pub fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            allowed_hosts: Vec::new(),
            effects_max: 256,
            retention: Retention::default(),
            public_url: String::new(),
            snapshot_commits: 4096,
            background: None,
        }
    }

    /// How long a key is remembered, in milliseconds: never longer than an ended execution is kept.
    pub(crate) fn key_horizon_ms(&self) -> i64 {
        let days = limit::KEY_HORIZON_DAYS_DEFAULT.min(self.retention.ended_days).max(limit::KEY_HORIZON_DAYS_MIN);
        i64::from(days) * retention_day_ms()
    }
}

fn retention_day_ms() -> i64 {
    crate::retention::DAY_MS
}
