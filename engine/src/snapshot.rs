//! Snapshots: what a partition knows, kept beside the log, so that a start reads the newest one and the tail, not history.
//!
//! A snapshot holds the head, every execution that is not over, and the names of its segments. A segment holds the index
//! entries that changed between two snapshots; segments are joined when the newer ones grow as large as an older one. Two
//! snapshots are kept, and every segment that one of them names.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use windhover_eventlog::{EventLog, ObjectError, ObjectName, SharedLog};
use windhover_proto::{
    core::{
        Execution,
        partition::{Change, Entry, Head},
    },
    id::ExecutionId,
};

/// Snapshots of a partition that are kept.
const KEPT: usize = 2;

/// The newest state of a partition that can be read without its history.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Snapshot {
    /// The commit it stands for.
    pub(crate) head: Head,
    /// Executions that are not over.
    pub(crate) live: Vec<Execution>,
    /// Segments of the index, oldest first: a later entry replaces an earlier one.
    segments: Vec<Segment>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Segment {
    name: String,
    entries: usize,
}

/// The snapshots of one partition.
#[derive(Debug)]
pub(crate) struct Snapshots {
    partition: u16,
    dirty: BTreeMap<ExecutionId, Entry>,
    commits: u64,
    segments: Vec<Segment>,
    /// Positions of the snapshots that exist, oldest first.
    kept: Vec<u64>,
}

impl Snapshots {
    pub(crate) fn new(partition: u16) -> Self {
        Self { partition, dirty: BTreeMap::new(), commits: 0, segments: Vec::new(), kept: Vec::new() }
    }

    /// Commits since the newest snapshot.
    pub(crate) fn commits_since(&self) -> u64 {
        self.commits
    }

    /// Notes what a commit changed.
    pub(crate) fn changed(&mut self, changes: &[Change]) {
        self.noted(changes.iter().map(|change| (change.id, change.entry.clone())));
    }

    /// Notes entries as a commit left them.
    pub(crate) fn noted(&mut self, entries: impl Iterator<Item = (ExecutionId, Entry)>) {
        self.commits += 1;
        self.dirty.extend(entries);
    }

    /// Up to which commit the log may be trimmed as far as snapshots need it: below the older of two.
    pub(crate) fn trimmable_below(&self) -> u64 {
        match self.kept.as_slice() {
            [.., older, _] => *older,
            [] | [_] => 0,
        }
    }

    /// The newest snapshot that can be read, and the index entries it stands for.
    pub(crate) async fn newest(&mut self, log: &SharedLog) -> Option<(Snapshot, BTreeMap<ExecutionId, Entry>)> {
        let names = log.objects(&self.prefix()).await.ok()?;
        self.kept = names.iter().filter_map(position_of).collect();
        self.kept.sort_unstable();
        for position in self.kept.clone().into_iter().rev() {
            match self.read(log, position).await {
                Ok(Some(found)) => {
                    self.segments.clone_from(&found.0.segments);
                    return Some(found);
                }
                Ok(None) => {}
                Err(error) => tracing::warn!(partition = self.partition, position, %error, "a snapshot cannot be read"),
            }
        }
        None
    }

    /// Takes note of the snapshots that exist, without reading the index back: sled has it. Gives the position of the newest
    /// one that can be read; what changed in sled since then has to be in the next one.
    pub(crate) async fn adopt(&mut self, log: &SharedLog) -> u64 {
        let names = log.objects(&self.prefix()).await.unwrap_or_default();
        self.kept = names.iter().filter_map(position_of).collect();
        self.kept.sort_unstable();
        for position in self.kept.iter().rev() {
            if let Ok(Some(snapshot)) = fetch::<Snapshot>(log, &self.snapshot_name(*position)).await {
                self.segments = snapshot.segments;
                return *position;
            }
        }
        0
    }

    async fn read(
        &self,
        log: &SharedLog,
        position: u64,
    ) -> Result<Option<(Snapshot, BTreeMap<ExecutionId, Entry>)>, ObjectError> {
        let Some(snapshot) = fetch::<Snapshot>(log, &self.snapshot_name(position)).await? else { return Ok(None) };
        let mut entries = BTreeMap::new();
        for segment in &snapshot.segments {
            let Some(part) = fetch::<Vec<(ExecutionId, Entry)>>(log, &segment.name).await? else { return Ok(None) };
            entries.extend(part);
        }
        Ok(Some((snapshot, entries)))
    }

    /// Writes a snapshot of `head`. A failure is logged: the log has everything, and the next one is tried later.
    pub(crate) async fn write(&mut self, log: &SharedLog, head: &Head, live: &[Execution]) {
        self.commits = 0;
        if let Err(error) = self.try_write(log, head, live).await {
            tracing::warn!(partition = self.partition, %error, "a snapshot could not be written");
        }
    }

    async fn try_write(&mut self, log: &SharedLog, head: &Head, live: &[Execution]) -> Result<(), ObjectError> {
        let dirty: Vec<_> = self.dirty.iter().map(|(id, entry)| (*id, entry.clone())).collect();
        let mut segments = self.segments.clone();
        let segment = self.join(log, &mut segments, dirty).await?;
        let name = format!("snapshot/{}/segment-{}", self.partition, head.position);
        put(log, &name, &segment).await?;
        segments.push(Segment { name, entries: segment.len() });
        let snapshot = Snapshot { head: head.clone(), live: live.to_vec(), segments: segments.clone() };
        put(log, &self.snapshot_name(head.position), &snapshot).await?;
        self.segments = segments;
        self.dirty.clear();
        self.kept.push(head.position);
        self.remove_old(log).await
    }

    /// Joins the newest segments with the new entries as long as they are not much larger: the number of segments stays
    /// logarithmic, and each entry is rewritten a few times at most.
    async fn join(
        &self,
        log: &SharedLog,
        segments: &mut Vec<Segment>,
        newest: Vec<(ExecutionId, Entry)>,
    ) -> Result<Vec<(ExecutionId, Entry)>, ObjectError> {
        let mut joined: BTreeMap<ExecutionId, Entry> = newest.into_iter().collect();
        while let Some(last) = segments.last().filter(|last| last.entries <= joined.len() * 2) {
            let Some(older) = fetch::<Vec<(ExecutionId, Entry)>>(log, &last.name).await? else { break };
            for (id, entry) in older {
                joined.entry(id).or_insert(entry);
            }
            segments.pop();
        }
        Ok(joined.into_iter().collect())
    }

    /// Removes snapshots beyond those that are kept, and segments that none of the kept ones names.
    async fn remove_old(&mut self, log: &SharedLog) -> Result<(), ObjectError> {
        while self.kept.len() > KEPT {
            let oldest = self.kept.remove(0);
            if let Ok(name) = ObjectName::new(self.snapshot_name(oldest)) {
                log.delete_object(name).await?;
            }
        }
        let mut named = BTreeSet::new();
        for position in &self.kept {
            if let Some(snapshot) = fetch::<Snapshot>(log, &self.snapshot_name(*position)).await? {
                named.extend(snapshot.segments.into_iter().map(|segment| segment.name));
            }
        }
        for name in log.objects(&format!("snapshot/{}/segment-", self.partition)).await? {
            if !named.contains(name.as_str()) {
                log.delete_object(name).await?;
            }
        }
        Ok(())
    }

    fn prefix(&self) -> String {
        format!("snapshot/{}/head-", self.partition)
    }

    fn snapshot_name(&self, position: u64) -> String {
        format!("{}{position}", self.prefix())
    }
}

fn position_of(name: &ObjectName) -> Option<u64> {
    name.as_str().rsplit_once("head-")?.1.parse().ok()
}

async fn fetch<T: serde::de::DeserializeOwned>(log: &SharedLog, name: &str) -> Result<Option<T>, ObjectError> {
    let Ok(object) = ObjectName::new(name) else { return Ok(None) };
    let Some(bytes) = log.object(object.clone()).await? else { return Ok(None) };
    let damaged = |error: serde_json::Error| ObjectError::Damaged { name: object, reason: error.to_string() };
    serde_json::from_slice(&bytes).map(Some).map_err(damaged)
}

async fn put(log: &SharedLog, name: &str, value: &impl Serialize) -> Result<(), ObjectError> {
    let store = |cause: Box<dyn std::error::Error + Send + Sync>| ObjectError::Store { what: name.to_owned(), cause };
    let object = ObjectName::new(name).map_err(|error| store(error.into()))?;
    let bytes = serde_json::to_vec(value).map_err(|error| store(error.into()))?;
    let log: &dyn EventLog = log.as_ref();
    log.put_object(object, Bytes::from(bytes)).await
}
