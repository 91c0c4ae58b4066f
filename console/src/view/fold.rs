//! Folds commits into views, on a thread of its own: however many there are, they never hold up a request.

use std::{
    collections::{HashMap, HashSet, hash_map::Entry},
    sync::Arc,
    time::Duration,
};

use futures_util::{FutureExt, StreamExt};
use tokio::task::LocalSet;
use windhover_eventlog::{LogName, Position, ReadError, Reader, Record, SharedLog};
use windhover_proto::{
    codec::{self, DecodeError},
    id::ExecutionId,
    state::State,
};

use super::{
    line::{SeenCreated, SeenEvent, see},
    row::Row,
    shared::Shared,
    store::{Batch, Failed, Store, ViewHead},
    sweep,
};

/// How long to wait before a view that could not go on tries again.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// The longest such wait for a fresh folder.
const RETRY_DELAY_MAX: Duration = Duration::from_secs(60);

/// How long a view lets commits gather while nobody waits for it: one batch of many costs far less than many of one.
const GATHER: Duration = Duration::from_secs(1);

/// The same while somebody follows an execution of the partition: so late may an event be told at most.
const GATHER_FOLLOWED: Duration = Duration::from_millis(200);

/// Most commits that are folded in one batch.
const GATHERED_MAX: usize = 4096;

/// Bytes of commits after which no more are added to a batch.
const GATHERED_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Why a view does not go on.
#[derive(Debug, thiserror::Error)]
pub(super) enum FoldError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Store(#[from] Failed),
    #[error(transparent)]
    Decode(#[from] DecodeError),
    #[error("a line of the commit at {position} of executions.{partition} cannot be read")]
    Line {
        partition: u16,
        position: u64,
        #[source]
        cause: serde_json::Error,
    },
    #[error("executions.{partition} is not the log that the view was folded from: {reason}; restore the log")]
    Changed { partition: u16, reason: String },
}

/// Folds until the views are stopped. Views that sled spoils are put aside and made again.
pub(super) async fn run(shared: Arc<Shared>) {
    while let Some(opened) = shared.opened() {
        let tasks = LocalSet::new();
        for store in &opened.stores {
            tasks.spawn_local(keep_folding(shared.clone(), store.clone()));
        }
        tasks.spawn_local(sweep::run(shared.clone(), opened.clone()));
        drop(opened);
        let damaged = tasks
            .run_until(async {
                tokio::select! {
                    () = shared.damaged.notified() => true,
                    () = shared.stop.notified() => false,
                }
            })
            .await;
        drop(tasks);
        if !damaged {
            return;
        }
        make_again(&shared).await;
    }
}

/// Tries until the views stand in a fresh folder, more slowly each time: what spoils them may be the disk.
async fn make_again(shared: &Shared) {
    let mut delay = RETRY_DELAY;
    while let Err(error) = shared.make_again().await {
        tracing::error!(%error, "the views cannot be made again");
        tokio::select! {
            () = tokio::time::sleep(delay) => delay = (delay * 2).min(RETRY_DELAY_MAX),
            () = shared.stop.notified() => return,
        }
    }
}

/// Folds for ever; says why while it cannot.
async fn keep_folding(shared: Arc<Shared>, store: Store) {
    loop {
        let Err(error) = fold(&shared, &store).await;
        tracing::error!(partition = store.partition, error = &error as &dyn std::error::Error, "a view cannot go on");
        shared.standing_of(store.partition, |standing| standing.stopped = Some(error.to_string()));
        if let FoldError::Store(error) = &error {
            shared.damage(error);
        }
        tokio::time::sleep(RETRY_DELAY).await;
    }
}

async fn fold(shared: &Shared, store: &Store) -> Result<std::convert::Infallible, FoldError> {
    let name = LogName::Executions { partition: store.partition };
    let mut head = store.head()?;
    let target = shared.log.head(name.clone()).await?;
    check(&shared.log, store.partition, &head, target).await?;
    shared.standing_of(store.partition, |standing| {
        (standing.position, standing.target, standing.stopped) = (head.position, target.0, None);
    });
    let mut from = head.position;
    // Where the log ended a batch ago: a view that is not even there is behind, and has no need to gather.
    let mut end = target.0;
    loop {
        let mut reader = shared.log.read(name.clone(), Position(from));
        while let Some((records, failed)) = gathered(&mut reader).await {
            if !records.is_empty() {
                head = fold_records(store, &head, &records)?;
                from = head.position;
                shared.standing_of(store.partition, |standing| standing.position = head.position);
            }
            match failed {
                // Nothing that is shown needs what was trimmed: the view goes on behind it.
                Some(ReadError::Trimmed { first, .. }) => from = first.0.saturating_sub(1),
                Some(error) => return Err(error.into()),
                None if from < end => tokio::task::yield_now().await,
                None if shared.is_followed(store.partition) => shared.gather(GATHER_FOLLOWED).await,
                None => shared.gather(GATHER).await,
            }
            end = shared.log.head(name.clone()).await?.0;
        }
        if from != head.position {
            head = ViewHead { position: from, hash: None };
        }
    }
}

/// Records that can be had at once, at least one, and why there are no more; `None` when the reader is done.
async fn gathered(reader: &mut Reader) -> Option<(Vec<Record>, Option<ReadError>)> {
    let (mut records, mut bytes) = (Vec::new(), 0);
    let mut next = reader.next().await?;
    loop {
        match next {
            Err(error) => return Some((records, Some(error))),
            Ok(record) => {
                bytes += record.bytes.len();
                records.push(record);
            }
        }
        if records.len() == GATHERED_MAX || bytes >= GATHERED_BYTES_MAX {
            return Some((records, None));
        }
        match reader.next().now_or_never() {
            Some(Some(more)) => next = more,
            Some(None) | None => return Some((records, None)),
        }
    }
}

/// The log must still have what the view stands for.
async fn check(log: &SharedLog, partition: u16, head: &ViewHead, end: Position) -> Result<(), FoldError> {
    let changed = |reason| Err(FoldError::Changed { partition, reason });
    if end.0 < head.position {
        return changed(format!("it ends at {end}, but {} was seen", head.position));
    }
    match log.record(LogName::Executions { partition }, Position(head.position)).await? {
        Some(record) if head.hash.is_some_and(|hash| hash != codec::hash(&record.bytes)) => {
            changed(format!("the record at {} is another one", head.position))
        }
        Some(_) | None => Ok(()),
    }
}

/// The rows that a batch changes: read once, written once.
#[derive(Default)]
struct Folding {
    batch: Batch,
    rows: HashMap<ExecutionId, Row>,
    /// Executions that are in the store no more once the batch is.
    deleted: HashSet<ExecutionId>,
}

/// Folds records, and takes them over all at once.
fn fold_records(store: &Store, head: &ViewHead, records: &[Record]) -> Result<ViewHead, FoldError> {
    let mut folding = Folding::default();
    let mut before = *head;
    for record in records {
        before = fold_record(store, &mut folding, &before, record)?;
    }
    let Folding { mut batch, rows, .. } = folding;
    let (begun, others): (Vec<_>, Vec<_>) = rows.into_iter().partition(|(_, row)| row.first_commit > head.position);
    store.begin(begun)?;
    others.iter().for_each(|(id, row)| batch.row(id, row));
    let hash = records.last().map(|record| codec::hash(&record.bytes));
    let head = ViewHead { position: before.position, hash };
    store.apply(batch, &head)?;
    Ok(head)
}

fn fold_record(
    store: &Store,
    folding: &mut Folding,
    before: &ViewHead,
    record: &Record,
) -> Result<ViewHead, FoldError> {
    let (partition, position) = (store.partition, record.position.0);
    let commit = codec::decode_commit(&record.bytes)?;
    let follows = before.hash.is_none() || commit.header.prev_hash == before.hash;
    if !follows {
        let reason = format!("the commit at {position} does not follow the one at {}", before.position);
        return Err(FoldError::Changed { partition, reason });
    }
    for (id, json) in commit.items() {
        fold_line(store, folding, id, position, json).map_err(|error| match error {
            LineError::Store(error) => FoldError::Store(error),
            LineError::Json(cause) => FoldError::Line { partition, position, cause },
        })?;
    }
    Ok(ViewHead { position, hash: None })
}

/// Why a line could not be folded.
#[derive(Debug, thiserror::Error)]
enum LineError {
    #[error(transparent)]
    Store(#[from] Failed),
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

/// Brings the row of an execution up to date. One whose beginning was trimmed is not shown.
fn fold_line(
    store: &Store,
    folding: &mut Folding,
    id: ExecutionId,
    position: u64,
    json: &str,
) -> Result<(), LineError> {
    let seen = see(json)?;
    for event in seen.events {
        match event {
            SeenEvent::Created(created) => create(folding, id, position, seen.at, *created),
            SeenEvent::Entered(state) => follow(store, folding, id, position, |row| enter(row, state, seen.at))?,
            SeenEvent::Moved(from, to) => follow(store, folding, id, position, |row| {
                if row.state == from {
                    enter(row, to, seen.at);
                }
            })?,
            SeenEvent::Deleted => delete(store, folding, id)?,
            SeenEvent::Other => follow(store, folding, id, position, |_| {})?,
        }
    }
    Ok(())
}

/// A new execution; the row of an older one is replaced: its key was forgotten, and a later delivery came under it.
fn create(folding: &mut Folding, id: ExecutionId, position: u64, at: i64, created: SeenCreated) {
    let row = Row {
        start_ms: at,
        end_ms: None,
        first_commit: position,
        state: State::Created,
        tenant: created.flow.tenant.to_string(),
        namespace: created.flow.namespace.to_string(),
        flow: created.flow.flow.to_string(),
        labels: created.labels,
    };
    folding.deleted.remove(&id);
    folding.rows.insert(id, row);
}

/// Forgets an execution, whether it stands in the store or only in this batch.
fn delete(store: &Store, folding: &mut Folding, id: ExecutionId) -> Result<(), Failed> {
    folding.rows.remove(&id);
    folding.deleted.insert(id);
    store.delete(&mut folding.batch, &id)
}

/// Changes the row of an execution that exists, and notes that this commit is about it.
fn follow(
    store: &Store,
    folding: &mut Folding,
    id: ExecutionId,
    position: u64,
    change: impl FnOnce(&mut Row),
) -> Result<(), Failed> {
    let row = match folding.rows.entry(id) {
        Entry::Occupied(row) => row.into_mut(),
        Entry::Vacant(_) if folding.deleted.contains(&id) => return Ok(()),
        Entry::Vacant(place) => {
            let Some(row) = store.row(&id)? else { return Ok(()) };
            place.insert(row)
        }
    };
    if row.first_commit != position {
        folding.batch.commit(&id, position);
    }
    change(row);
    Ok(())
}

fn enter(row: &mut Row, state: State, at: i64) {
    row.state = state;
    row.end_ms = state.is_terminal().then_some(at);
}
