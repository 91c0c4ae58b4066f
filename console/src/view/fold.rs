//! Folds commits into views, on a thread of its own: however many there are, they never hold up a request.

use std::{
    collections::HashMap,
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use futures_util::StreamExt;
use tokio::{
    sync::{Notify, watch},
    task::LocalSet,
};
use windhover_eventlog::{LogName, Position, ReadError, Record, SharedLog};
use windhover_proto::{
    codec::{self, DecodeError},
    id::ExecutionId,
    state::State,
};

use super::{
    Kept, Standing,
    line::{SeenEvent, see},
    now_millis,
    row::Row,
    store::{Batch, Failed, Store, ViewHead},
};

/// How long to wait before a view that could not go on tries again.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// How often old executions are removed.
const SWEEP_EVERY: Duration = Duration::from_secs(60);

/// Executions that one sweep removes of a partition, so that it is short.
const SWEEP_COUNT_MAX: usize = 10_000;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Tells the thread to end.
#[derive(Debug, Default)]
pub(super) struct Stop {
    flag: AtomicBool,
    wake: Notify,
}

impl Stop {
    pub(super) fn stop(&self) {
        self.flag.store(true, Ordering::Release);
        self.wake.notify_one();
    }
}

/// Why a view does not go on.
#[derive(Debug, thiserror::Error)]
enum FoldError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Store(#[from] Failed),
    #[error(transparent)]
    Decode(#[from] DecodeError),
    #[error("executions.{partition} is not the log that the view was folded from: {reason}")]
    Changed { partition: u16, reason: String },
}

/// Starts the thread.
pub(super) fn start(
    log: SharedLog,
    stores: Vec<Store>,
    standing: Vec<watch::Sender<Standing>>,
    stop: Arc<Stop>,
    kept: Kept,
) -> io::Result<thread::JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    thread::Builder::new().name("views".into()).spawn(move || {
        let tasks = LocalSet::new();
        for (store, standing) in stores.iter().cloned().zip(standing) {
            tasks.spawn_local(keep_folding(log.clone(), store, standing));
        }
        tasks.spawn_local(sweep(stores, kept));
        runtime.block_on(tasks.run_until(async {
            while !stop.flag.load(Ordering::Acquire) {
                stop.wake.notified().await;
            }
        }));
    })
}

/// Folds for ever; says why while it cannot.
async fn keep_folding(log: SharedLog, store: Store, standing: watch::Sender<Standing>) {
    loop {
        let Err(error) = fold(&log, &store, &standing).await else { return };
        tracing::error!(partition = store.partition, %error, "a view cannot go on");
        standing.send_modify(|standing| standing.stopped = Some(error.to_string()));
        tokio::time::sleep(RETRY_DELAY).await;
    }
}

async fn fold(log: &SharedLog, store: &Store, standing: &watch::Sender<Standing>) -> Result<(), FoldError> {
    let name = LogName::Executions { partition: store.partition };
    let mut head = store.head()?;
    check(log, store.partition, &head).await?;
    let stand = |head: &ViewHead| standing.send_replace(Standing { position: head.position, stopped: None });
    stand(&head);
    let mut from = head.position;
    loop {
        let mut reader = log.read(name.clone(), Position(from)).ready_chunks(64);
        while let Some(records) = reader.next().await {
            for record in records {
                match record {
                    Ok(record) => {
                        head = fold_record(store, &record)?;
                        from = head.position;
                    }
                    // What was trimmed is older than anything that is shown.
                    Err(ReadError::Trimmed { first, .. }) => from = first.0.saturating_sub(1),
                    Err(error) => return Err(error.into()),
                }
            }
            stand(&head);
            tokio::task::yield_now().await;
        }
    }
}

/// The log must still have what the view stands for.
async fn check(log: &SharedLog, partition: u16, head: &ViewHead) -> Result<(), FoldError> {
    let record = log.record(LogName::Executions { partition }, Position(head.position)).await?;
    let end = log.head(LogName::Executions { partition }).await?;
    let changed = |reason| Err(FoldError::Changed { partition, reason });
    match record {
        _ if end.0 < head.position => changed(format!("it ends at {end}, but {} was seen", head.position)),
        Some(record) if head.hash != Some(codec::hash(&record.bytes)) => {
            changed(format!("the record at {} is another one", head.position))
        }
        Some(_) | None => Ok(()),
    }
}

fn fold_record(store: &Store, record: &Record) -> Result<ViewHead, FoldError> {
    let commit = codec::decode_commit(&record.bytes)?;
    let mut batch = Batch::default();
    let mut rows: HashMap<ExecutionId, Row> = HashMap::new();
    for (id, json) in commit.items() {
        if fold_line(store, &mut rows, id, json)? {
            batch.line(&id, record.position.0, json);
        }
    }
    for (id, row) in &rows {
        batch.row(id, row)?;
    }
    let head = ViewHead { position: record.position.0, hash: Some(codec::hash(&record.bytes)) };
    store.apply(batch, &head)?;
    Ok(head)
}

/// Brings the row of an execution up to date; `false` when its beginning was trimmed and it is not shown.
fn fold_line(
    store: &Store,
    rows: &mut HashMap<ExecutionId, Row>,
    id: ExecutionId,
    json: &str,
) -> Result<bool, FoldError> {
    let seen = see(json)?;
    let mut row = match rows.remove(&id) {
        Some(row) => Some(row),
        None if matches!(seen.events.first(), Some(SeenEvent::Created(_))) => None,
        None => match store.started(&id)? {
            Some(start_ms) => store.row(start_ms, &id)?,
            None => None,
        },
    };
    for event in seen.events {
        match (event, &mut row) {
            (SeenEvent::Created(created), row) => {
                let (flow, state) = (created.flow, State::Created);
                let (tenant, namespace, flow) = (flow.tenant, flow.namespace, flow.flow);
                let labels = created.labels;
                *row = Some(Row { start_ms: seen.at, end_ms: None, tenant, namespace, flow, state, labels });
            }
            (SeenEvent::Entered(state), Some(row)) => {
                row.state = state;
                row.end_ms = state.is_terminal().then_some(seen.at);
            }
            (SeenEvent::Entered(_), None) | (SeenEvent::Other, _) => {}
        }
    }
    let shown = row.is_some();
    rows.extend(row.map(|row| (id, row)));
    Ok(shown)
}

/// Removes executions that are no longer kept, a few at a time.
async fn sweep(stores: Vec<Store>, kept: Kept) {
    loop {
        tokio::time::sleep(SWEEP_EVERY).await;
        let now = now_millis();
        let limit = |days: u32| now - i64::from(days) * DAY_MS;
        let (ended, failed) = (limit(kept.ended_days), limit(kept.failed_days));
        let keep = |row: &Row| match row.state {
            State::Failed => row.start_ms >= failed,
            state => row.start_ms >= ended || !state.is_terminal(),
        };
        for store in &stores {
            if let Err(error) = store.remove_old(ended.max(failed), SWEEP_COUNT_MAX, keep) {
                tracing::warn!(partition = store.partition, %error, "old executions were not removed from the view");
            }
            tokio::task::yield_now().await;
        }
    }
}
