//! What a partition keeps in sled: index entries, executions that are not over, and the head they stand for.
//!
//! All of it is a projection of the commits. Entries and head change in one batch of one tree, so what a crash leaves is the
//! state after some commit, and the commits after it are folded again. Only executions that began and ended since the head in
//! sled are written beforehand, one by one: those commits, folded again, begin with them and put the same entries there.

use std::{
    cell::{Cell, RefCell},
    collections::{HashMap, HashSet},
    fs, io,
    ops::Bound,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use windhover_proto::{
    core::{
        Execution,
        partition::{Change, Entry, Head, Store as Projection},
    },
    id::ExecutionId,
};

use crate::{entrance::Entrance, filter::Filter};

/// Memory for sled's pages, in bytes: the index of a few million executions.
const CACHE_BYTES: u64 = 96 * 1024 * 1024;

/// How often sled writes what it buffers, in milliseconds. A crash loses that much, and it is folded again.
const FLUSH_EVERY_MS: u64 = 500;

/// Executions of a partition that are kept in memory; the others are read from sled when something happens to them.
const ACTIVE_MAX: usize = 4096;

/// How long changes wait in memory for one write to sled.
const WRITE_EVERY: Duration = Duration::from_secs(2);

/// Changed entries that wait at most.
const UNWRITTEN_MAX: usize = 16_384;

/// Ids that are learned with every write: some tens of milliseconds of work.
const LEARNED_AT_ONCE: usize = 50_000;

/// Bits for each id in the filter: one new execution in five thousand is looked for in vain.
const FILTER_BITS: usize = 20;

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

    pub(crate) fn partition(&self, partition: u16, entrance: Arc<Entrance>) -> Result<Store, Failed> {
        let tree = contained(|| self.0.open_tree(tree_name(partition)))?;
        Ok(Store::new(tree, entrance))
    }

    pub(crate) fn sweep(&self, partition: u16) -> Result<Sweep, Failed> {
        contained(|| self.0.open_tree(tree_name(partition))).map(Sweep)
    }
}

/// Names the layout of the values; a tree of another one is never looked at.
fn tree_name(partition: u16) -> String {
    format!("partition-2.{partition}")
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

/// What commits changed since sled was written last. sled makes a file write of every batch, so one batch stands for many
/// commits; a crash loses what is not written yet, and it is folded again from the log.
#[derive(Debug, Default)]
struct Unwritten {
    entries: HashMap<ExecutionId, Entry>,
    /// Executions whose place in sled is out of date: those in `active` are to be written, the others removed.
    live: HashSet<ExecutionId>,
    head: Option<Head>,
    since: Option<Instant>,
}

/// How far the ids in sled are in the filter. Learning them all at once would hold up the start.
#[derive(Debug)]
enum Learning {
    /// Those up to this key.
    After(Vec<u8>),
    /// All of them: what the filter does not know is not there.
    Done,
}

/// One partition's tree, and what is not yet in it.
#[derive(Debug)]
pub(crate) struct Store {
    tree: sled::Tree,
    unwritten: RefCell<Unwritten>,
    /// Position of the head in sled: what began later cannot be there.
    written: Cell<u64>,
    /// Executions that something happened to lately.
    active: RefCell<HashMap<ExecutionId, Execution>>,
    /// Ids of all entries, once [`Learning`] is through with them.
    filter: RefCell<Filter<FILTER_BITS>>,
    /// Is told these ids as well.
    entrance: Arc<Entrance>,
    learning: RefCell<Learning>,
    /// A failure of a read inside the pure core, which has no error for it; found by [`Store::check`].
    failed: RefCell<Option<Failed>>,
}

impl Store {
    fn new(tree: sled::Tree, entrance: Arc<Entrance>) -> Self {
        Self {
            tree,
            unwritten: RefCell::default(),
            written: Cell::new(0),
            active: RefCell::default(),
            filter: RefCell::default(),
            entrance,
            learning: RefCell::new(Learning::After(vec![ENTRY])),
            failed: RefCell::default(),
        }
    }

    /// The head that the tree stands for; `None` when it is new.
    pub(crate) fn head(&self) -> Result<Option<Head>, Failed> {
        let head: Option<Head> = contained(|| self.tree.get(HEAD))?.map(|bytes| decode(&bytes)).transpose()?;
        self.written.set(head.as_ref().map_or(0, |head| head.position));
        Ok(head)
    }

    /// The newest commit that was taken over.
    pub(crate) fn stands_at(&self) -> u64 {
        self.unwritten.borrow().head.as_ref().map_or_else(|| self.written.get(), |head| head.position)
    }

    /// Takes over what a commit changed, and the head after it.
    pub(crate) fn apply(&self, changes: Vec<Change>, head: &Head) -> Result<(), Failed> {
        let mut unwritten = self.unwritten.borrow_mut();
        let mut active = self.active.borrow_mut();
        let mut filter = self.filter.borrow_mut();
        for change in changes {
            filter.insert(&change.id);
            match change.execution.filter(|execution| !execution.over) {
                Some(execution) => {
                    unwritten.live.insert(change.id);
                    active.insert(change.id, execution);
                }
                None => {
                    active.remove(&change.id);
                    if change.entry.first_commit <= self.written.get() {
                        unwritten.live.insert(change.id);
                    } else {
                        unwritten.live.remove(&change.id);
                    }
                }
            }
            unwritten.entries.insert(change.id, change.entry);
        }
        unwritten.head = Some(head.clone());
        let since = *unwritten.since.get_or_insert_with(Instant::now);
        let full = unwritten.entries.len() >= UNWRITTEN_MAX || active.len() > ACTIVE_MAX;
        drop((unwritten, active, filter));
        if full || since.elapsed() >= WRITE_EVERY { self.write() } else { Ok(()) }
    }

    /// When to call [`Store::write`] though nothing happens; `None` when everything is written.
    pub(crate) fn write_due(&self) -> Option<Instant> {
        let learning = matches!(*self.learning.borrow(), Learning::After(_)).then(Instant::now);
        self.unwritten.borrow().since.map(|since| since + WRITE_EVERY).or(learning)
    }

    /// Writes to sled what commits changed since the last time: what a crash leaves, folded on, is the state after some commit.
    pub(crate) fn write(&self) -> Result<(), Failed> {
        let Unwritten { entries, live, head, .. } = self.unwritten.take();
        let Some(head) = head else { return self.learn() };
        let written = self.written.get();
        let began_and_ended =
            |id: &ExecutionId, entry: &Entry| entry.over && entry.first_commit > written && !live.contains(id);
        let (whole, others): (Vec<_>, Vec<_>) = entries.into_iter().partition(|(id, entry)| began_and_ended(id, entry));
        self.write_whole(whole)?;
        let mut active = self.active.borrow_mut();
        let mut batch = sled::Batch::default();
        for (id, entry) in &others {
            batch.insert(key(ENTRY, id).as_slice(), encode_entry(entry)?);
        }
        for id in &live {
            match active.get(id) {
                Some(execution) => batch.insert(key(LIVE, id).as_slice(), encode(execution)?),
                None => batch.remove(key(LIVE, id).as_slice()),
            }
        }
        batch.insert(HEAD, encode(&head)?);
        contained(|| self.tree.apply_batch(batch))?;
        self.written.set(head.position);
        if active.len() > ACTIVE_MAX {
            active.clear();
        }
        self.learn()
    }

    /// Writes entries of which sled has nothing yet, before the head that they belong to. In the order of their keys this costs
    /// less than in a batch, which sled takes in any order, so that every entry looks for its page anew.
    fn write_whole(&self, mut entries: Vec<(ExecutionId, Entry)>) -> Result<(), Failed> {
        entries.sort_unstable_by_key(|(id, _)| *id);
        for (id, entry) in &entries {
            let value = encode_entry(entry)?;
            contained(|| self.tree.insert(key(ENTRY, id), value))?;
        }
        Ok(())
    }

    /// Brings the next ids from sled into the filter.
    fn learn(&self) -> Result<(), Failed> {
        let mut learning = self.learning.borrow_mut();
        let Learning::After(after) = &mut *learning else { return Ok(()) };
        let bounds = (Bound::Excluded(std::mem::take(after)), Bound::Excluded(vec![ENTRY + 1]));
        let mut ids = Vec::new();
        let mut last = None;
        for (looked, key) in self.tree.range(bounds).keys().take(LEARNED_AT_ONCE).enumerate() {
            let key = key.map_err(Failed::new)?;
            let id = key.get(1..).and_then(|id| id.try_into().ok()).map(ExecutionId::from_bytes);
            ids.push(id.ok_or_else(|| Failed::new("a key of another kind"))?);
            last = (looked + 1 == LEARNED_AT_ONCE).then(|| key.to_vec());
        }
        let mut filter = self.filter.borrow_mut();
        for id in &ids {
            filter.insert(id);
        }
        self.entrance.learn(&ids);
        if last.is_none() {
            self.entrance.learned();
        }
        *learning = last.map_or(Learning::Done, Learning::After);
        Ok(())
    }

    /// Whether there is certainly no entry of an execution.
    fn lacks(&self, id: &ExecutionId) -> bool {
        matches!(*self.learning.borrow(), Learning::Done) && !self.filter.borrow().may_have(id)
    }

    /// Every execution that is not over.
    pub(crate) fn all_live(&self) -> Result<Vec<Execution>, Failed> {
        self.write()?;
        let all = self.tree.scan_prefix([LIVE]).values();
        all.map(|value| value.map_err(Failed::new).and_then(|bytes| decode(&bytes))).collect()
    }

    /// Removes everything: a snapshot takes its place.
    pub(crate) fn clear(&self) -> Result<(), Failed> {
        self.unwritten.take();
        self.written.set(0);
        self.active.borrow_mut().clear();
        contained(|| self.tree.clear())
    }

    /// Whether a read failed since the last call.
    pub(crate) fn check(&self) -> Result<(), Failed> {
        self.failed.take().map_or(Ok(()), Err)
    }

    /// Shows an execution that is not over, without a copy of it.
    pub(crate) fn with_live<T>(&self, id: &ExecutionId, look: impl FnOnce(&Execution) -> T) -> Option<T> {
        if let Some(execution) = self.active.borrow().get(id) {
            return Some(look(execution));
        }
        self.live(id).as_ref().map(look)
    }

    fn read<T>(&self, kind: u8, id: &ExecutionId, decode: impl Fn(&[u8]) -> Result<T, Failed>) -> Option<T> {
        let found = contained(|| self.tree.get(key(kind, id))).and_then(|bytes| bytes.map(|b| decode(&b)).transpose());
        found.unwrap_or_else(|error| {
            *self.failed.borrow_mut() = Some(error);
            None
        })
    }
}

impl Projection for Store {
    fn entry(&self, id: &ExecutionId) -> Option<Entry> {
        let unwritten = self.unwritten.borrow().entries.get(id).cloned();
        if unwritten.is_some() || self.lacks(id) {
            return unwritten;
        }
        self.read(ENTRY, id, decode_entry)
    }

    fn live(&self, id: &ExecutionId) -> Option<Execution> {
        let active = self.active.borrow().get(id).cloned();
        if active.is_some() || self.unwritten.borrow().live.contains(id) {
            return active;
        }
        self.read(LIVE, id, decode)
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
            if !keep(&decode_entry(&value)?) {
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

/// Entries are many and each is written more than once by sled: they are kept short.
fn encode_entry(entry: &Entry) -> Result<Vec<u8>, Failed> {
    postcard::to_allocvec(entry).map_err(Failed::new)
}

fn decode_entry(bytes: &[u8]) -> Result<Entry, Failed> {
    postcard::from_bytes(bytes).map_err(Failed::new)
}

fn decode<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, Failed> {
    serde_json::from_slice(bytes).map_err(Failed::new)
}
