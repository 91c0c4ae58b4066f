//! Views: what was folded from the commits, in sled, and how far.

mod fold;
mod line;
mod row;
mod store;

use std::{
    fs, io,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tokio::sync::watch;
use windhover_eventlog::{LogName, Position, SharedLog, ask::SharedOwners};
use windhover_proto::{
    codec::Line,
    core::{Execution, apply},
    event::Event,
    id::ExecutionId,
};

pub(crate) use row::Row;
pub(crate) use store::{Failed, Store};

/// How long an answer waits at most for the views to see what was appended before the request.
const SETTLE_MAX: Duration = Duration::from_secs(1);

/// How long ended executions are shown, in days since their start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Those that did not fail.
    pub ended_days: u32,
    /// Those that failed.
    pub failed_days: u32,
}

/// How far a view is, and what stops it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    /// The newest commit that is folded.
    pub(crate) position: u64,
    /// Why it does not go on.
    pub(crate) stopped: Option<String>,
}

/// The views of all partitions.
#[derive(Debug)]
pub(crate) struct Views {
    stores: Vec<Store>,
    standing: Vec<watch::Receiver<Standing>>,
    /// Everything in the inbox up to here is known to be decided.
    decided: AtomicU64,
    log: SharedLog,
    stop: Arc<fold::Stop>,
    thread: Mutex<Option<std::thread::JoinHandle<()>>>,
}

impl Views {
    /// Opens the views; a folder that cannot be read is put aside and made again.
    pub(crate) fn open(folder: &Path, log: SharedLog, kept: Kept) -> io::Result<Self> {
        let count = log.layout().partitions;
        let stores = match open_all(folder, count) {
            Ok(stores) => stores,
            Err(reason) => {
                let aside = move_aside(folder)?;
                tracing::warn!(%reason, aside = %aside.display(), "the views are made again from the log");
                open_all(folder, count).map_err(io::Error::other)?
            }
        };
        let (senders, standing) = stores.iter().map(|_| watch::channel(Standing::default())).unzip();
        let stop = Arc::<fold::Stop>::default();
        let thread = fold::start(log.clone(), stores.clone(), senders, stop.clone(), kept)?;
        let decided = AtomicU64::new(0);
        Ok(Self { stores, standing, decided, log, stop, thread: Mutex::new(Some(thread)) })
    }

    pub(crate) fn stores(&self) -> &[Store] {
        &self.stores
    }

    /// Why views do not go on, by partition.
    pub(crate) fn stopped(&self) -> Option<String> {
        self.standing.iter().find_map(|standing| standing.borrow().stopped.clone())
    }

    /// The execution as far as it is folded.
    pub(crate) fn execution(&self, id: &ExecutionId) -> Result<Option<Execution>, Failed> {
        let mut state = None;
        for line in self.lines(id)? {
            if matches!(line.events.first(), Some(Event::ExecutionCreated(_))) {
                // The key was forgotten, and a later delivery made the execution anew.
                state = None;
            }
            line.events.iter().for_each(|event| apply(&mut state, *id, event, line.at));
        }
        Ok(state)
    }

    /// What happened to an execution, in order.
    pub(crate) fn lines(&self, id: &ExecutionId) -> Result<Vec<Line>, Failed> {
        let count = u16::try_from(self.stores.len()).unwrap_or(u16::MAX);
        let store = self.stores.get(usize::from(id.partition(count)));
        store.map_or(Ok(Vec::new()), |store| store.lines(id))
    }

    /// Waits until the view that has this execution has folded everything that was appended before the call.
    pub(crate) async fn settle_one(&self, owners: &SharedOwners, id: &ExecutionId) {
        let partition = id.partition(u16::try_from(self.stores.len()).unwrap_or(u16::MAX));
        let _ = tokio::time::timeout(SETTLE_MAX, self.settle_partitions(owners, partition..=partition)).await;
    }

    /// Waits until all views have folded everything that was appended before the call.
    pub(crate) async fn settle(&self, owners: &SharedOwners) {
        let last = u16::try_from(self.stores.len()).unwrap_or(u16::MAX).saturating_sub(1);
        let _ = tokio::time::timeout(SETTLE_MAX, self.settle_partitions(owners, 0..=last)).await;
    }

    async fn settle_partitions(&self, owners: &SharedOwners, wanted: std::ops::RangeInclusive<u16>) {
        let Ok(inbox) = self.log.head(LogName::Inbox { shard: 0 }).await else { return };
        if self.decided.load(Ordering::Acquire) < inbox.0 && owners.settled(inbox).await.is_some() {
            self.decided.fetch_max(inbox.0, Ordering::AcqRel);
        }
        for partition in wanted {
            if let Ok(head) = self.log.head(LogName::Executions { partition }).await {
                self.folded(partition, head).await;
            }
        }
    }

    /// Waits until a view has folded the commit at `position`.
    async fn folded(&self, partition: u16, position: Position) {
        let Some(standing) = self.standing.get(usize::from(partition)) else { return };
        let _ = standing.clone().wait_for(|standing| standing.position >= position.0).await;
    }
}

impl Drop for Views {
    fn drop(&mut self) {
        self.stop.stop();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

fn open_all(folder: &Path, partitions: u16) -> Result<Vec<Store>, Failed> {
    let database = store::open(folder)?;
    (0..partitions).map(|partition| Store::new(&database, partition)).collect()
}

/// Renames the folder so that nothing is lost that somebody might want to look at.
fn move_aside(folder: &Path) -> io::Result<std::path::PathBuf> {
    let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let aside = folder.with_file_name(format!("{name}.damaged-{}", now_millis()));
    fs::rename(folder, &aside)?;
    Ok(aside)
}

fn now_millis() -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
}
