//! How an owner takes a partition over: what sled has, else the newest snapshot, then the tail of the log; then it fences
//! every earlier owner with a commit of its own.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures_util::StreamExt;
use windhover_eventlog::{
    Append, AppendError, Expect, LogName, ObjectError, ObjectName, Position, ReadError, SharedLog,
};
use windhover_proto::{
    codec::{self, CommitHeader},
    core::{
        Execution, apply,
        partition::{Change, Entry, FoldError, Head, Store as _},
    },
    id::{ExecutionId, Fingerprint},
};

use crate::{
    clock,
    partition::{Partition, Stop, is_record_of},
    snapshot::Snapshots,
    store::Store,
};

/// Attempts to become the owner before it is given up for now.
const TAKE_ATTEMPTS_MAX: usize = 10;

/// Finds out where a partition stands, from sled or a snapshot. The tail is folded afterwards.
pub(crate) async fn starting_point(
    log: &SharedLog,
    store: &mut Store,
    partition: u16,
) -> Result<(Head, Snapshots), Stop> {
    let mut snapshots = Snapshots::new(partition);
    if let Some(head) = store.head()? {
        check_head(log, partition, &head).await?;
        let covered = snapshots.adopt(log).await;
        note_changed(log, store, (partition, covered, head.position), &mut snapshots).await?;
        return Ok((head, snapshots));
    }
    store.clear()?;
    let Some((snapshot, entries)) = snapshots.newest(log).await else { return Ok((Head::empty(), snapshots)) };
    check_head(log, partition, &snapshot.head).await?;
    store.apply(changes_of(entries, snapshot.live), &snapshot.head)?;
    store.write()?;
    Ok((snapshot.head, snapshots))
}

/// What changed between the newest snapshot and what sled has: only the next snapshot will have it.
async fn note_changed(
    log: &SharedLog,
    store: &mut Store,
    (partition, covered, head): (u16, u64, u64),
    snapshots: &mut Snapshots,
) -> Result<(), Stop> {
    let name = LogName::Executions { partition };
    let first = log.first(name.clone()).await?;
    let mut position = covered.max(first.0.saturating_sub(1));
    let mut reader = log.read(name, Position(position));
    while position < head {
        let Some(record) = reader.next().await else { break };
        let record = record?;
        position = record.position.0;
        let commit = codec::decode_commit(&record.bytes).map_err(FoldError::from)?;
        let kept = &*store;
        let entries = commit.items().filter_map(|(id, _)| Some((id, kept.entry(&id)?)));
        snapshots.noted(entries);
        store.check()?;
    }
    Ok(())
}

fn changes_of(entries: BTreeMap<ExecutionId, Entry>, live: Vec<Execution>) -> Vec<Change> {
    let mut live: BTreeMap<ExecutionId, Execution> =
        live.into_iter().map(|execution| (execution.id, execution)).collect();
    let change = |(id, entry)| Change { id, entry, execution: live.remove(&id) };
    entries.into_iter().map(change).collect()
}

/// The log must still have what the head stands for: else it lost data, or is another log.
async fn check_head(log: &SharedLog, partition: u16, head: &Head) -> Result<(), Stop> {
    let name = LogName::Executions { partition };
    let changed = |reason: String| Stop::Changed { partition, reason };
    let end = log.head(name.clone()).await?;
    if end.0 < head.position {
        return Err(changed(format!("it ends at {end}, but {} was seen", head.position)));
    }
    match log.record(name, Position(head.position)).await? {
        Some(record) if !is_record_of(head, &record.bytes) => {
            Err(changed(format!("the record at {} is another one", head.position)))
        }
        Some(_) | None => Ok(()),
    }
}

/// Makes this process the owner: from the confirmed commit on, nobody else's commit is accepted.
pub(crate) async fn take_ownership(partition: &mut Partition) -> Result<(), Stop> {
    for _ in 0..TAKE_ATTEMPTS_MAX {
        partition.catch_up(drop).await?;
        let header = CommitHeader {
            partition: partition.number,
            epoch: partition.head.epoch + 1,
            now: clock::now().max(partition.head.now),
            seed: clock::random(),
            logic_version: codec::LOGIC_VERSION,
            definitions_at: partition.shared.parts.deployments.current().position(),
            consumed: partition.head.consumed,
            prev_position: partition.head.position,
            prev_hash: partition.head.hash,
        };
        let commit = Bytes::from(codec::encode_commit(&header, []));
        let expect = Expect::Head(Position(partition.head.position));
        let append = Append { log: partition.log_name(), bytes: commit.clone(), expect, resend_id: None };
        match partition.shared.parts.log.append(append).await {
            Ok(position) => {
                partition.epoch = header.epoch;
                partition.head = Head::after(&header, &commit, position.0);
                partition.store.apply(Vec::new(), &partition.head)?;
                // With it goes the first step of learning which keys are there.
                partition.store.write()?;
                return Ok(());
            }
            Err(AppendError::Conflict { .. }) => {}
            Err(error) => {
                tracing::warn!(partition = partition.number, %error, "the partition cannot be taken over yet");
                tokio::time::sleep(std::time::Duration::from_millis(500)).await;
            }
        }
    }
    Err(Stop::Fenced { partition: partition.number, epoch: partition.head.epoch })
}

/// Reads one execution back from the commits between its first and its last one.
pub(crate) async fn execution(
    log: &SharedLog,
    name: LogName,
    id: ExecutionId,
    first: u64,
    last: u64,
) -> Result<Option<Execution>, Stop> {
    let mut state = None;
    let mut reader = log.read(name.clone(), Position(first.saturating_sub(1)));
    while let Some(record) = reader.next().await {
        let record = match record {
            Ok(record) => record,
            Err(ReadError::Trimmed { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let commit = codec::decode_commit(&record.bytes).map_err(windhover_proto::core::partition::FoldError::from)?;
        for (_, json) in commit.items().filter(|(own, _)| *own == id) {
            let line = codec::decode_line(json).map_err(windhover_proto::core::partition::FoldError::from)?;
            line.events.iter().for_each(|event| apply(&mut state, id, event, line.at));
        }
        if record.position.0 >= last {
            break;
        }
    }
    Ok(state)
}

/// A body out of the blob store; `None` when it is not there, or not what was put there.
///
/// # Errors
/// When the store cannot be read now: nothing may be decided as if there were no body.
pub(crate) async fn blob(log: &SharedLog, fingerprint: &Fingerprint) -> Result<Option<Bytes>, ObjectError> {
    let Ok(name) = ObjectName::new(format!("blob/{fingerprint}")) else { return Ok(None) };
    match log.object(name).await {
        Err(error @ ObjectError::Damaged { .. }) => {
            tracing::error!(%error, "a body cannot be read");
            Ok(None)
        }
        found => found,
    }
}
