//! What the folding thread and the requests share: the open views, how far each is, who waits.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::sync::{Notify, watch};
use windhover_eventlog::SharedLog;

use super::{
    Kept, now_millis,
    store::{self, Failed, Store},
};

/// Damaged folders that are kept for whoever wants to look at them.
const ASIDE_MAX: usize = 2;

/// How long views that are put aside wait for the requests that still read them.
const LET_GO_MAX: Duration = Duration::from_secs(5);

/// How far a view is, and what stops it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    /// The newest commit that is folded.
    pub(crate) position: u64,
    /// The head of the log when the view was opened: until it is reached the view is being made.
    pub(crate) target: u64,
    /// Why it does not go on.
    pub(crate) stopped: Option<String>,
}

/// The views while they are open.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) stores: Vec<Store>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) log: SharedLog,
    pub(crate) kept: Kept,
    folder: PathBuf,
    /// Absent while they are being put aside.
    opened: RwLock<Option<Arc<Opened>>>,
    standing: Vec<watch::Sender<Standing>>,
    waiters: AtomicUsize,
    hurry: Notify,
    pub(super) damaged: Notify,
    pub(super) stop: Notify,
    /// How often views were put aside and made again.
    made_again: AtomicU64,
}

/// Somebody waits for the views: commits are folded at once, not gathered.
pub(crate) struct Hurry<'a>(&'a Shared);

impl Drop for Hurry<'_> {
    fn drop(&mut self) {
        self.0.waiters.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Shared {
    /// Opens the views; a folder that cannot be read is put aside and made again.
    pub(super) fn open(folder: &Path, log: SharedLog, kept: Kept) -> io::Result<Self> {
        let count = log.layout().partitions;
        let mut made_again = 0;
        let opened = match open_all(folder, count) {
            Ok(opened) => opened,
            Err(reason) => {
                made_again = 1;
                let aside = move_aside(folder)?;
                tracing::warn!(%reason, aside = %aside.display(), "the views are made again from the log");
                open_all(folder, count).map_err(io::Error::other)?
            }
        };
        Ok(Self {
            log,
            kept,
            folder: folder.to_owned(),
            opened: RwLock::new(Some(Arc::new(opened))),
            standing: (0..count)
                .map(|_| watch::channel(Standing { target: u64::MAX, ..Standing::default() }).0)
                .collect(),
            waiters: AtomicUsize::new(0),
            hurry: Notify::new(),
            damaged: Notify::new(),
            stop: Notify::new(),
            made_again: AtomicU64::new(made_again),
        })
    }

    /// The open views; `None` while they are put aside.
    pub(crate) fn opened(&self) -> Option<Arc<Opened>> {
        self.opened.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How often the views were put aside since the start.
    pub(crate) fn made_again(&self) -> u64 {
        self.made_again.load(Ordering::Relaxed)
    }

    pub(crate) fn standings(&self) -> impl Iterator<Item = Standing> {
        self.standing.iter().map(|standing| standing.borrow().clone())
    }

    /// Follows one view.
    pub(crate) fn watch(&self, partition: u16) -> Option<watch::Receiver<Standing>> {
        self.standing.get(usize::from(partition)).map(watch::Sender::subscribe)
    }

    /// Whether somebody follows a view now.
    pub(super) fn is_followed(&self, partition: u16) -> bool {
        self.standing.get(usize::from(partition)).is_some_and(|standing| standing.receiver_count() > 0)
    }

    pub(super) fn standing_of(&self, partition: u16, change: impl FnOnce(&mut Standing)) {
        if let Some(standing) = self.standing.get(usize::from(partition)) {
            standing.send_modify(change);
        }
    }

    /// Makes the views fold at once for as long as the answer lives.
    pub(crate) fn hurry(&self) -> Hurry<'_> {
        self.waiters.fetch_add(1, Ordering::AcqRel);
        self.hurry.notify_waiters();
        Hurry(self)
    }

    /// Lets commits gather, unless somebody waits.
    pub(super) async fn gather(&self, span: Duration) {
        let hurried = self.hurry.notified();
        if self.waiters.load(Ordering::Acquire) == 0 {
            let _ = tokio::time::timeout(span, hurried).await;
        } else {
            tokio::task::yield_now().await;
        }
    }

    /// Says that sled failed: the views are put aside and made again.
    pub(crate) fn damage(&self, reason: &Failed) {
        tracing::error!(%reason, "the views are made again from the log");
        self.damaged.notify_one();
    }

    /// Puts the folder aside and opens a fresh one.
    pub(super) async fn make_again(&self) -> io::Result<()> {
        self.standing.iter().for_each(|standing| {
            standing.send_modify(|standing| (standing.position, standing.target) = (0, u64::MAX));
        });
        let old = self.opened.write().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(old) = old {
            self.let_go(old).await;
            move_aside(&self.folder)?;
        }
        let count = self.log.layout().partitions;
        let opened = open_all(&self.folder, count).map_err(io::Error::other)?;
        *self.opened.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(opened));
        self.made_again.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Waits until no request reads the old views any more, so that sled writes nothing into the folder's successor.
    async fn let_go(&self, old: Arc<Opened>) {
        let alone = async {
            while Arc::strong_count(&old) > 1 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let _ = tokio::time::timeout(LET_GO_MAX, alone).await;
    }
}

fn open_all(folder: &Path, partitions: u16) -> Result<Opened, Failed> {
    let database = store::open(folder)?;
    let stores = (0..partitions).map(|partition| Store::new(&database, partition)).collect::<Result<Vec<_>, _>>()?;
    stores.iter().try_for_each(|store| store.head().map(drop))?;
    Ok(Opened { stores })
}

/// Renames the folder so that nothing is lost that somebody might want to look at; older ones of these are removed.
fn move_aside(folder: &Path) -> io::Result<PathBuf> {
    let prefix = format!("{}.damaged-", folder.file_name().unwrap_or_default().to_string_lossy());
    let aside = folder.with_file_name(format!("{prefix}{:013}", now_millis()));
    fs::rename(folder, &aside)?;
    let Some(parent) = folder.parent() else { return Ok(aside) };
    let siblings = fs::read_dir(parent)?.flatten().map(|entry| entry.path());
    let is_aside = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&prefix));
    let mut all: Vec<_> = siblings.filter(is_aside).collect();
    all.sort_unstable();
    for old in all.iter().rev().skip(ASIDE_MAX) {
        fs::remove_dir_all(old)?;
    }
    Ok(aside)
}
