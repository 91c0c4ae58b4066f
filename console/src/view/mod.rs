//! Views: what was folded from the commits, in sled, and how far.

mod fold;
mod following;
mod line;
mod read;
mod row;
mod shared;
mod store;
mod sweep;

use std::{
    io,
    ops::Range,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tokio::time::{Instant, timeout_at};
use windhover_eventlog::{LogName, Position, ReadError, SharedLog, ask::SharedOwners};
use windhover_proto::{codec::DecodeError, id::ExecutionId, state::State};

pub(crate) use following::Following;
pub(crate) use read::Lines;
#[cfg(test)]
pub(crate) use row::Row;
pub(crate) use row::RowView;
pub(crate) use shared::Opened;
pub(crate) use store::Failed;

/// How long an answer waits at most for the views to see what was appended before the request.
const SETTLE_MAX: Duration = Duration::from_secs(1);

/// How long an answer waits while the views are being made from the log: after a start without them.
const MAKING_MAX: Duration = Duration::from_secs(10);

/// How much the scheduler favours other threads (`man 2 setpriority`).
const NICE: i32 = 15;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// How long ended executions are shown, in days since their start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Those that did not fail.
    pub ended_days: u32,
    /// Those that failed.
    pub failed_days: u32,
}

impl Kept {
    /// Whether an execution is still shown.
    pub(crate) fn shows(self, start_ms: i64, state: State, now_ms: i64) -> bool {
        let days = if state == State::Failed { self.failed_days } else { self.ended_days };
        !state.is_terminal() || now_ms.saturating_sub(start_ms) <= i64::from(days) * DAY_MS
    }
}

/// Why a view could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ViewError {
    #[error("the views are not complete")]
    Making,
    #[error("no engine says whether everything in the inbox is decided")]
    Unanswered,
    #[error("what was accepted is not decided and folded in time")]
    Late,
    #[error(transparent)]
    Store(#[from] Failed),
    #[error(transparent)]
    Log(#[from] ReadError),
    #[error(transparent)]
    Decode(#[from] DecodeError),
}

/// Whether the views have what was appended before a request. Of several the greatest counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Settled {
    /// They have it.
    Folded,
    /// They have what is decided; whether that is everything no engine says.
    Unanswered,
    /// They, or the engines, are behind, though no more than since a moment.
    Late,
    /// They are still being made from the log, or cannot go on.
    Making,
}

impl Settled {
    /// Nothing when what the views do not show does not exist either.
    ///
    /// # Errors
    /// When it may exist: nobody can say that it does not.
    pub(crate) fn conclusive(self) -> Result<(), ViewError> {
        match self {
            Settled::Folded => Ok(()),
            Settled::Unanswered => Err(ViewError::Unanswered),
            Settled::Late => Err(ViewError::Late),
            Settled::Making => Err(ViewError::Making),
        }
    }
}

/// The views of all partitions.
#[derive(Debug)]
pub(crate) struct Views {
    shared: Arc<shared::Shared>,
    /// Everything in the inbox up to here is known to be decided.
    decided: AtomicU64,
    thread: Mutex<Option<thread::JoinHandle<()>>>,
}

impl Views {
    /// Opens the views and starts to fold what they lack.
    pub(crate) fn open(folder: &Path, log: SharedLog, kept: Kept) -> io::Result<Self> {
        let shared = Arc::new(shared::Shared::open(folder, log, kept)?);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        let own = shared.clone();
        let thread = thread::Builder::new().name("views".into()).spawn(move || {
            stand_back();
            runtime.block_on(fold::run(own));
        })?;
        Ok(Self { shared, decided: AtomicU64::new(0), thread: Mutex::new(Some(thread)) })
    }

    /// Why views are not complete, and how often they were made again; `None` when all is well.
    pub(crate) fn not_ready(&self) -> Option<String> {
        let standings: Vec<_> = self.shared.standings().collect();
        if let Some(reason) = standings.iter().find_map(|standing| standing.stopped.clone()) {
            return Some(reason);
        }
        let behind = standings.iter().filter(|standing| standing.position < standing.target).count();
        let (all, again) = (standings.len(), self.shared.made_again());
        (behind > 0).then(|| format!("{behind} of {all} views are being made from the log (made again {again} times)"))
    }

    /// How often the views were put aside and made again since the start.
    pub(crate) fn made_again(&self) -> u64 {
        self.shared.made_again()
    }

    /// Reads the views. When sled fails they are put aside and made again.
    pub(crate) fn noting_damage<T>(&self, read: impl FnOnce(&Opened) -> Result<T, Failed>) -> Result<T, ViewError> {
        let opened = self.shared.opened().ok_or(ViewError::Making)?;
        read(&opened).map_err(|error| {
            self.shared.damage(&error);
            ViewError::Store(error)
        })
    }

    /// Where each log of executions begins now, by partition: rows that are older are not shown any more.
    pub(crate) async fn firsts(&self) -> Result<Vec<u64>, ViewError> {
        let mut firsts = Vec::new();
        for partition in 0..self.partitions() {
            firsts.push(self.shared.log.first(LogName::Executions { partition }).await?.0);
        }
        Ok(firsts)
    }

    pub(crate) fn kept(&self) -> Kept {
        self.shared.kept
    }

    fn partitions(&self) -> u16 {
        self.shared.log.layout().partitions
    }

    pub(crate) fn partition_of(&self, id: &ExecutionId) -> u16 {
        id.partition(self.partitions())
    }

    /// Waits until the view that has this execution has folded everything that was appended before the call.
    ///
    /// # Errors
    /// When the log does not say how much that is.
    pub(crate) async fn settle_one(&self, owners: &SharedOwners, id: &ExecutionId) -> Result<Settled, ViewError> {
        let partition = self.partition_of(id);
        self.settle_partitions(owners, partition..partition + 1).await
    }

    /// Waits until all views have folded everything that was appended before the call.
    ///
    /// # Errors
    /// When the log does not say how much that is.
    pub(crate) async fn settle(&self, owners: &SharedOwners) -> Result<Settled, ViewError> {
        self.settle_partitions(owners, 0..self.partitions()).await
    }

    async fn settle_partitions(&self, owners: &SharedOwners, wanted: Range<u16>) -> Result<Settled, ViewError> {
        let began = Instant::now();
        let _hurry = self.shared.hurry();
        let mut settled = self.inbox_decided(owners, began + SETTLE_MAX).await?;
        for partition in wanted {
            let head = self.shared.log.head(LogName::Executions { partition }).await?;
            settled = settled.max(self.folded(partition, head, began).await);
        }
        Ok(settled)
    }

    /// Waits until every input that was appended before the call is decided, or nobody says so.
    async fn inbox_decided(&self, owners: &SharedOwners, until: Instant) -> Result<Settled, ViewError> {
        let inbox = self.shared.log.head(LogName::Inbox { shard: 0 }).await?;
        if self.decided.load(Ordering::Acquire) >= inbox.0 {
            return Ok(Settled::Folded);
        }
        Ok(match timeout_at(until, owners.settled(inbox)).await {
            Ok(Some(_)) => {
                self.decided.fetch_max(inbox.0, Ordering::AcqRel);
                Settled::Folded
            }
            Ok(None) => Settled::Unanswered,
            Err(_) => Settled::Late,
        })
    }

    /// Waits until a view has folded the commit at `position`.
    async fn folded(&self, partition: u16, position: Position, began: Instant) -> Settled {
        let Some(mut standing) = self.shared.watch(partition) else { return Settled::Folded };
        let settled = timeout_at(began + SETTLE_MAX, standing.wait_for(|standing| standing.position >= position.0));
        if matches!(settled.await, Ok(Ok(_))) {
            return Settled::Folded;
        }
        let made = |standing: &shared::Standing| standing.position >= standing.target;
        let settled = standing.wait_for(|standing| made(standing) || standing.stopped.is_some());
        match timeout_at(began + MAKING_MAX, settled).await {
            Ok(Ok(standing)) if made(&standing) => Settled::Late,
            _ => Settled::Making,
        }
    }
}

impl Drop for Views {
    fn drop(&mut self) {
        self.shared.stop.notify_one();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

/// Lowers the priority of the calling thread a little: whoever sends or asks goes first. Not being allowed to changes nothing but
/// speed.
fn stand_back() {
    if let Err(error) = rustix::process::setpriority_process(None, NICE) {
        tracing::debug!(%error, "views are folded with the priority of requests");
    }
}

fn now_millis() -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
}

/// Views with these rows, for tests.
#[cfg(test)]
pub(crate) fn made_of(folder: &Path, partitions: u16, rows: &[(ExecutionId, Row)]) -> Opened {
    let database = store::open(folder).unwrap();
    let made = (0..partitions).map(|partition| {
        let store = store::Store::new(&database, partition).unwrap();
        let mut batch = store::Batch::default();
        rows.iter().filter(|(id, _)| id.partition(partitions) == partition).for_each(|(id, row)| batch.row(id, row));
        store.apply(batch, &store::ViewHead::default()).unwrap();
        store
    });
    Opened { stores: made.collect() }
}

#[cfg(test)]
mod tests {
    use windhover_eventlog::ask::NoOwners;

    use super::*;
    use crate::support::{Writer, created, ended, id};

    #[tokio::test(flavor = "multi_thread")]
    async fn views_that_sled_spoils_while_they_are_used_are_made_again() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = Writer::new();
        for number in 1..=20 {
            writer.commit(id(number), 1000, vec![created("echo"), ended(State::Success)]).await;
        }
        let kept = Kept { ended_days: 1_000_000, failed_days: 1_000_000 };
        let views = Views::open(&folder.path().join("views"), writer.log.clone(), kept).unwrap();
        let owners: SharedOwners = Arc::new(NoOwners);
        let found = async |number: u8| {
            while views.settle_one(&owners, &id(number)).await.unwrap() != Settled::Folded {}
            views.execution(&id(number)).await.unwrap().map(|(execution, _)| execution.state())
        };
        assert_eq!(found(20).await, Some(State::Success));
        for round in 1..=4 {
            let spoiled = views.noting_damage(|_| Err::<(), _>(Failed::new("spoiled by the test")));
            assert!(matches!(spoiled, Err(ViewError::Store(_))));
            while views.made_again() < round {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            let number = 30 + u8::try_from(round).unwrap();
            writer.commit(id(number), 1000, vec![created("echo"), ended(State::Failed)]).await;
            assert_eq!(found(number).await, Some(State::Failed));
            assert_eq!(found(20).await, Some(State::Success));
        }
        assert_eq!(views.not_ready(), None);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3, "the views and two damaged folders");
    }
}
