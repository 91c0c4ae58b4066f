//! What is kept and for how long: ended executions leave, consumed inputs leave, and a full disk is answered before it is full.
//!
//! Records are removed by position, from the oldest on: below what every partition has consumed of the inbox, and in a
//! partition below the oldest execution that is kept, and below the older of two snapshots. A live execution keeps its history.

use std::{sync::Arc, time::Duration};

use windhover_eventlog::{LogName, Position, SharedLog, cap::Cap, cluster::SharedCluster};
use windhover_proto::{core::partition::Entry, state::State, time::Timestamp};

use crate::{
    clock,
    config::Config,
    progress::Progress,
    store::{Database, Failed},
};

/// One day, in milliseconds.
pub(crate) const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// How often the disk is measured and the inbox trimmed.
const TICK: Duration = Duration::from_secs(10);

/// Ticks between two sweeps over the index: a sweep reads every entry.
const TICKS_PER_SWEEP: u64 = 360;

/// How long ended executions are kept, and how much disk the log may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Days for which an execution is kept after its start when it did not fail; at least 7, so that keys are remembered.
    pub ended_days: u32,
    /// Days for which a failed execution is kept.
    pub failed_days: u32,
    /// Bytes of disk that the log may use. Beyond nine tenths of it ended executions leave after 7 days; at it no new delivery
    /// is accepted.
    pub disk_bytes_max: u64,
}

impl Default for Retention {
    fn default() -> Self {
        Self { ended_days: 30, failed_days: 90, disk_bytes_max: 20 * 1024 * 1024 * 1024 }
    }
}

impl Retention {
    /// Whether an execution is still kept at `now`.
    fn keeps(&self, entry: &Entry, now: Timestamp) -> bool {
        let days = if entry.history.current() == State::Failed { self.failed_days } else { self.ended_days };
        !entry.over || now.millis_since(entry.history.started_at()) <= i64::from(days) * DAY_MS
    }

    /// What is kept when the disk is nearly full.
    fn tightened(&self) -> Self {
        Self { ended_days: self.ended_days.min(7), failed_days: self.failed_days.min(7), ..*self }
    }
}

/// Removes what is no longer kept.
#[derive(Debug)]
pub(crate) struct Trimmer {
    pub(crate) log: SharedLog,
    pub(crate) database: Database,
    pub(crate) progress: Arc<Progress>,
    pub(crate) config: Config,
    pub(crate) cap: Option<Arc<Cap>>,
    /// The other engines, when there may be some: they own what this one does not.
    pub(crate) cluster: Option<SharedCluster>,
    /// Up to which commit each partition's snapshots allow trimming.
    pub(crate) snapshots: Arc<Vec<std::sync::atomic::AtomicU64>>,
}

impl Trimmer {
    /// Works until it is dropped.
    pub(crate) async fn run(self) {
        let mut ticks: u64 = 0;
        loop {
            tokio::time::sleep(TICK).await;
            ticks += 1;
            let tight = self.measure().await;
            if tight || ticks.is_multiple_of(TICKS_PER_SWEEP) {
                let retention = self.config.retention;
                self.sweep(if tight { retention.tightened() } else { retention }).await;
            }
            self.trim_inbox().await;
        }
    }

    /// Measures the disk; true when ended executions should leave earlier. At the cap new deliveries are refused.
    async fn measure(&self) -> bool {
        let Ok(used) = self.log.usage_bytes().await else { return false };
        let limit = self.config.retention.disk_bytes_max;
        if let Some(cap) = &self.cap {
            cap.set(used >= limit, || format!("the log takes {used} bytes, the cap is {limit}"));
        }
        used / 9 >= limit / 10
    }

    async fn trim_inbox(&self) {
        let Some(consumed) = self.inbox_consumed().await else { return };
        let below = Position(consumed + 1);
        if let Err(error) = self.log.trim(LogName::Inbox { shard: 0 }, below).await {
            tracing::warn!(%error, "the inbox was not trimmed");
        }
    }

    /// How far every partition has consumed the inbox, wherever it is owned; `None` while some owner does not say.
    async fn inbox_consumed(&self) -> Option<u64> {
        let Some(cluster) = &self.cluster else { return Some(self.progress.inbox_consumed()) };
        // One engine is enough: whoever owns the first partition.
        if !self.progress.standing(0).running {
            return None;
        }
        let asking = (0..self.log.layout().partitions).map(|partition| cluster.inbox_consumed(partition));
        let consumed: Option<Vec<u64>> = futures_util::future::join_all(asking).await.into_iter().collect();
        consumed?.into_iter().min()
    }

    async fn sweep(&self, retention: Retention) {
        for (partition, snapshot) in (0..).zip(self.snapshots.iter()) {
            // What is known here of a partition that another engine owns is out of date.
            if !self.progress.standing(partition).running {
                continue;
            }
            let floor = self.sweep_partition(partition, retention);
            let below = match floor {
                Ok(floor) => floor.min(snapshot.load(std::sync::atomic::Ordering::Acquire)),
                Err(error) => {
                    tracing::warn!(partition, %error, "the index was not swept");
                    continue;
                }
            };
            let name = LogName::Executions { partition };
            if let Err(error) = self.log.trim(name, Position(below)).await {
                tracing::warn!(partition, %error, "commits were not trimmed");
            }
        }
    }

    /// Forgets keys that are past the horizon; gives the oldest commit that an execution still needs.
    fn sweep_partition(&self, partition: u16, retention: Retention) -> Result<u64, Failed> {
        let now = clock::now();
        let horizon_ms = self.config.key_horizon_ms();
        let mut floor = self.progress.standing(partition).head;
        let forgotten = self.database.sweep(partition)?.retain(|entry| {
            let kept = retention.keeps(entry, now);
            if kept {
                floor = floor.min(entry.first_commit);
            }
            kept || !entry.is_forgotten(now, horizon_ms)
        })?;
        tracing::debug!(partition, forgotten, floor, "swept the index");
        Ok(floor)
    }
}

#[cfg(test)]
mod tests {
    use windhover_proto::{
        id::Fingerprint,
        state::{History, State},
    };

    use super::*;

    fn entry(state: State) -> Entry {
        let at = Timestamp::from_millis(0);
        let history =
            serde_json::from_str(&format!("[[\"CREATED\",0],[\"{state}\",1]]")).unwrap_or(History::created(at));
        Entry {
            fingerprint: Fingerprint::of(b""),
            history,
            over: state.is_terminal(),
            inputs: vec![],
            first_commit: 1,
            last_commit: 1,
        }
    }

    #[test]
    fn failed_executions_stay_longer_and_live_ones_always() {
        let retention = Retention::default();
        let day = |days| Timestamp::from_millis(days * DAY_MS);
        assert!(retention.keeps(&entry(State::Success), day(30)));
        assert!(!retention.keeps(&entry(State::Success), day(31)));
        assert!(retention.keeps(&entry(State::Failed), day(31)));
        assert!(!retention.keeps(&entry(State::Failed), day(91)));
        assert!(retention.keeps(&entry(State::Running), day(1000)));
    }
}
