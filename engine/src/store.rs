//! What a partition keeps in sled: index entries, executions that are not over, and the head they stand for.
//!
//! All of it is a projection of the commits. Entries and head change in one batch of one tree, so what a crash leaves is the
//! state after some commit, and the commits after it are folded again.

use std::{
    cell::RefCell,
    collections::{BTreeMap, HashMap},
    fs, io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

use windhover_proto::{
    core::{
        Execution,
        partition::{Change, Entry, Head, Store as Projection},
    },
    id::ExecutionId,
};

/// Memory for sled's pages, in bytes: the index of a few million executions.
const CACHE_BYTES: u64 = 96 * 1024 * 1024;

/// How often sled writes what it buffers, in milliseconds. A crash loses that much, and it is folded again.
const FLUSH_EVERY_MS: u64 = 500;

/// Executions of a partition that are kept in memory; the others are read from sled when something happens to them.
const ACTIVE_MAX: usize = 4096;

const HEAD: &[u8] = b"h";
const ENTRY: u8 = b'e';
const LIVE: u8 = b'x';

/// sled failed or holds what nobody wrote. The folder is moved aside and made again from the log.
#[derive(Debug, thiserror::Error)]
#[error("the index in sled failed: {0}")]
pub(crate) struct Failed(String);

impl Failed {
    fn new(cause: impl std::fmt::Display) -> Self {
        Self(cause.to_string())
    }
}

/// The database of all partitions of an engine.
#[derive(Clone, Debug)]
pub(crate) struct Database(sled::Db);

impl Database {
    /// Opens the database. One that cannot be opened is moved aside: it is a projection.
    ///
    /// # Errors
    /// When the folder itself cannot be used.
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder.parent().unwrap_or(folder))?;
        match open(folder) {
            Ok(database) => Ok(Self(database)),
            Err(reason) => {
                let aside = move_aside(folder)?;
                tracing::warn!(%reason, aside = %aside.display(), "the index is made again from the log");
                open(folder).map(Self).map_err(io::Error::other)
            }
        }
    }

    pub(crate) fn partition(&self, partition: u16) -> Result<Store, Failed> {
        let tree = contained(|| self.0.open_tree(format!("partition.{partition}")))?;
        Ok(Store { tree, active: RefCell::default(), failed: RefCell::default() })
    }

    pub(crate) fn sweep(&self, partition: u16) -> Result<Sweep, Failed> {
        contained(|| self.0.open_tree(format!("partition.{partition}"))).map(Sweep)
    }
}

fn open(folder: &Path) -> Result<sled::Db, String> {
    let config = sled::Config::new().path(folder).cache_capacity(CACHE_BYTES).flush_every_ms(Some(FLUSH_EVERY_MS));
    catch_unwind(AssertUnwindSafe(|| config.open()))
        .map_err(|_| "sled panicked".to_owned())?
        .map_err(|error| error.to_string())
}

/// Renames the folder so that nothing is lost that somebody might want to look at.
pub(crate) fn move_aside(folder: &Path) -> io::Result<PathBuf> {
    let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let aside = folder.with_file_name(format!("{name}.damaged-{}", crate::clock::now().as_millis()));
    fs::rename(folder, &aside)?;
    Ok(aside)
}

fn contained<T>(operation: impl FnOnce() -> sled::Result<T>) -> Result<T, Failed> {
    catch_unwind(AssertUnwindSafe(operation)).map_err(|_| Failed::new("sled panicked"))?.map_err(Failed::new)
}

/// One partition's tree.
#[derive(Debug)]
pub(crate) struct Store {
    tree: sled::Tree,
    /// Executions that something happened to lately.
    active: RefCell<HashMap<ExecutionId, Execution>>,
    /// A failure of a read inside the pure core, which has no error for it; found by [`Store::check`].
    failed: RefCell<Option<Failed>>,
}

impl Store {
    /// The head that the tree stands for; `None` when it is new.
    pub(crate) fn head(&self) -> Result<Option<Head>, Failed> {
        contained(|| self.tree.get(HEAD))?.map(|bytes| decode(&bytes)).transpose()
    }

    /// Takes over what a commit changed, and the head after it.
    pub(crate) fn apply(&self, changes: &[Change], head: &Head) -> Result<(), Failed> {
        let mut batch = sled::Batch::default();
        let mut active = self.active.borrow_mut();
        for change in changes {
            batch.insert(key(ENTRY, &change.id).as_slice(), encode(&change.entry)?);
            match change.live() {
                Some(execution) => {
                    batch.insert(key(LIVE, &change.id).as_slice(), encode(execution)?);
                    active.insert(change.id, execution.clone());
                }
                None => {
                    if active.remove(&change.id).is_some() || change.entry.first_commit != change.entry.last_commit {
                        batch.remove(key(LIVE, &change.id).as_slice());
                    }
                }
            }
        }
        if active.len() > ACTIVE_MAX {
            active.clear();
        }
        batch.insert(HEAD, encode(head)?);
        contained(|| self.tree.apply_batch(batch))
    }

    /// Every execution that is not over.
    pub(crate) fn all_live(&self) -> impl Iterator<Item = Result<Execution, Failed>> {
        self.tree.scan_prefix([LIVE]).values().map(|value| value.map_err(Failed::new).and_then(|bytes| decode(&bytes)))
    }

    /// Every entry that a commit after the one at `position` changed.
    pub(crate) fn changed_after(&self, position: u64) -> Result<BTreeMap<ExecutionId, Entry>, Failed> {
        let mut changed = BTreeMap::new();
        for item in self.tree.scan_prefix([ENTRY]) {
            let (key, value) = item.map_err(Failed::new)?;
            let entry: Entry = decode(&value)?;
            let id = key.get(1..).and_then(|bytes| bytes.try_into().ok()).map(ExecutionId::from_bytes);
            if let Some(id) = id.filter(|_| entry.last_commit > position) {
                changed.insert(id, entry);
            }
        }
        Ok(changed)
    }

    /// Removes everything: a snapshot takes its place.
    pub(crate) fn clear(&self) -> Result<(), Failed> {
        self.active.borrow_mut().clear();
        contained(|| self.tree.clear())
    }

    /// Whether a read failed since the last call.
    pub(crate) fn check(&self) -> Result<(), Failed> {
        self.failed.take().map_or(Ok(()), Err)
    }

    fn read<T: serde::de::DeserializeOwned>(&self, kind: u8, id: &ExecutionId) -> Option<T> {
        let found = contained(|| self.tree.get(key(kind, id))).and_then(|bytes| bytes.map(|b| decode(&b)).transpose());
        found.unwrap_or_else(|error| {
            *self.failed.borrow_mut() = Some(error);
            None
        })
    }
}

impl Projection for Store {
    fn entry(&self, id: &ExecutionId) -> Option<Entry> {
        self.read(ENTRY, id)
    }

    fn live(&self, id: &ExecutionId) -> Option<Execution> {
        let active = self.active.borrow().get(id).cloned();
        active.or_else(|| self.read(LIVE, id))
    }
}

/// Looks through the index of a partition beside its owner.
#[derive(Debug)]
pub(crate) struct Sweep(sled::Tree);

impl Sweep {
    /// Shows every entry, and forgets those that `keep` refuses, unless they changed meanwhile.
    pub(crate) fn retain(&self, mut keep: impl FnMut(&Entry) -> bool) -> Result<usize, Failed> {
        let mut forgotten = 0;
        for item in self.0.scan_prefix([ENTRY]) {
            let (key, value) = item.map_err(Failed::new)?;
            if !keep(&decode(&value)?) {
                let swapped = contained(|| self.0.compare_and_swap(&key, Some(&value), None::<&[u8]>))?;
                forgotten += usize::from(swapped.is_ok());
            }
        }
        Ok(forgotten)
    }
}

fn key(kind: u8, id: &ExecutionId) -> [u8; 17] {
    let mut key = [kind; 17];
    key[1..].copy_from_slice(id.as_bytes());
    key
}

fn encode(value: &impl serde::Serialize) -> Result<Vec<u8>, Failed> {
    serde_json::to_vec(value).map_err(Failed::new)
}

fn decode<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, Failed> {
    serde_json::from_slice(bytes).map_err(Failed::new)
}
