//! One partition's view in sled: which commits an execution needs, and what searches read of it.
//!
//! | key | value |
//! |---|---|
//! | `h` | the commit up to which it is folded |
//! | `r` execution id | the [`Row`], which says also which commit created it |
//! | `c` execution id, position | a later commit that is about it |
//!
//! What happened stays in the log and is read there, so folding writes few bytes. Everything that commits change goes into
//! one batch of one tree, so what a crash leaves is the view after some commit. Only new rows are written beforehand, one by one:
//! those commits, folded again, begin with them.

use std::{
    fs,
    ops::Bound,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

use serde::{Deserialize, Serialize};
use windhover_proto::{codec::RecordHash, id::ExecutionId};

use super::row::{Row, RowView};

/// Memory for sled's pages, in bytes.
const CACHE_BYTES: u64 = 64 * 1024 * 1024;

/// How often sled writes what it buffers, in milliseconds. A crash loses that much, and it is folded again.
const FLUSH_EVERY_MS: u64 = 500;

/// Names the layout of the keys; a view of another one is never looked at.
const TREE: &str = "view-3";

const HEAD: &[u8] = b"h";
const ROW: u8 = b'r';
const COMMIT: u8 = b'c';

/// sled failed, or holds what nobody wrote.
#[derive(Debug, thiserror::Error)]
#[error("the view in sled failed: {0}")]
pub(crate) struct Failed(String);

impl Failed {
    pub(crate) fn new(cause: impl std::fmt::Display) -> Self {
        Self(cause.to_string())
    }
}

/// Where a view stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ViewHead {
    /// The newest folded commit; 0 when there is none.
    pub(crate) position: u64,
    /// Its hash.
    pub(crate) hash: Option<RecordHash>,
}

/// The view of one partition. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    pub(crate) partition: u16,
    tree: sled::Tree,
}

pub(crate) fn open(folder: &Path) -> Result<sled::Db, Failed> {
    fs::create_dir_all(folder).map_err(Failed::new)?;
    let config = sled::Config::new().path(folder).cache_capacity(CACHE_BYTES).flush_every_ms(Some(FLUSH_EVERY_MS));
    contained(|| config.open().map_err(Failed::new))
}

/// sled panics where it finds what it did not expect; here that is an error like any other.
fn contained<T>(operation: impl FnOnce() -> Result<T, Failed>) -> Result<T, Failed> {
    catch_unwind(AssertUnwindSafe(operation)).unwrap_or_else(|_| Err(Failed::new("sled panicked")))
}

/// What commits change.
#[derive(Debug, Default)]
pub(crate) struct Batch(sled::Batch);

impl Batch {
    /// A later commit about an execution.
    pub(crate) fn commit(&mut self, id: &ExecutionId, position: u64) {
        self.0.insert(commit_key(id, position).as_slice(), &[]);
    }

    /// The row as it is now.
    pub(crate) fn row(&mut self, id: &ExecutionId, row: &Row) {
        self.0.insert(id_key(ROW, id).as_slice(), row.to_bytes());
    }
}

impl Store {
    pub(crate) fn new(database: &sled::Db, partition: u16) -> Result<Self, Failed> {
        let tree = contained(|| database.open_tree(format!("{TREE}.{partition}")).map_err(Failed::new))?;
        Ok(Self { partition, tree })
    }

    pub(crate) fn head(&self) -> Result<ViewHead, Failed> {
        let bytes = self.get(HEAD)?;
        bytes.map_or(Ok(ViewHead::default()), |bytes| serde_json::from_slice(&bytes).map_err(Failed::new))
    }

    /// Puts rows of executions there that began after where the view stands. In the order of their keys this costs less
    /// than in a batch, which sled takes in any order, so that every row looks for its page anew.
    pub(crate) fn begin(&self, mut rows: Vec<(ExecutionId, Row)>) -> Result<(), Failed> {
        rows.sort_unstable_by_key(|(id, _)| *id);
        let insert = |(id, row): &(ExecutionId, Row)| {
            contained(|| self.tree.insert(id_key(ROW, id), row.to_bytes()).map(drop).map_err(Failed::new))
        };
        rows.iter().try_for_each(insert)
    }

    /// Takes over what was folded, and where the view stands then.
    pub(crate) fn apply(&self, mut batch: Batch, head: &ViewHead) -> Result<(), Failed> {
        batch.0.insert(HEAD, serde_json::to_vec(head).map_err(Failed::new)?);
        contained(|| self.tree.apply_batch(batch.0).map_err(Failed::new))
    }

    /// The positions of the commits about an execution, in order; none when it is not there.
    pub(crate) fn commits(&self, id: &ExecutionId) -> Result<Vec<u64>, Failed> {
        let Some(row) = self.row(id)? else { return Ok(Vec::new()) };
        let keys = || self.tree.range(commit_key(id, row.first_commit + 1)..=commit_key(id, u64::MAX)).keys();
        let position = |key: sled::Result<sled::IVec>| -> Result<u64, Failed> {
            let key = key.map_err(Failed::new)?;
            let bytes = key.get(17..).and_then(|bytes| bytes.try_into().ok());
            bytes.map(u64::from_be_bytes).ok_or_else(|| Failed::new("a key of another kind"))
        };
        contained(|| std::iter::once(Ok(row.first_commit)).chain(keys().map(position)).collect())
    }

    pub(crate) fn row(&self, id: &ExecutionId) -> Result<Option<Row>, Failed> {
        let bytes = self.get(&id_key(ROW, id))?;
        bytes.map(|bytes| Ok(RowView::read(&bytes)?.to_row())).transpose()
    }

    fn get(&self, key: &[u8]) -> Result<Option<sled::IVec>, Failed> {
        contained(|| self.tree.get(key).map_err(Failed::new))
    }

    /// Shows every row to `look`.
    pub(crate) fn each_row(&self, mut look: impl FnMut(&ExecutionId, RowView<'_>)) -> Result<(), Failed> {
        contained(|| {
            for item in self.tree.scan_prefix([ROW]) {
                let (key, value) = item.map_err(Failed::new)?;
                look(&id_of(&key)?, RowView::read(&value)?);
            }
            Ok(())
        })
    }

    /// Looks at `count_max` executions after `after` and removes those that `keep` refuses. Gives how many it removed, and
    /// the last one it looked at unless there are no more.
    pub(crate) fn remove_some(
        &self,
        after: Option<ExecutionId>,
        count_max: usize,
        keep: impl Fn(RowView<'_>) -> bool,
    ) -> Result<(usize, Option<ExecutionId>), Failed> {
        let begin = after.map_or(Bound::Included(vec![ROW]), |id| Bound::Excluded(id_key(ROW, &id).to_vec()));
        contained(|| {
            let (mut batch, mut removed, mut last) = (sled::Batch::default(), 0, None);
            let rows = self.tree.range((begin, Bound::Excluded(vec![ROW + 1])));
            for (looked, item) in rows.take(count_max).enumerate() {
                let (key, value) = item.map_err(Failed::new)?;
                let id = id_of(&key)?;
                last = (looked + 1 == count_max).then_some(id);
                if !keep(RowView::read(&value)?) {
                    self.remove(&mut batch, &id)?;
                    removed += 1;
                }
            }
            self.tree.apply_batch(batch).map_err(Failed::new)?;
            Ok((removed, last))
        })
    }

    /// Forgets a deleted execution.
    pub(crate) fn delete(&self, batch: &mut Batch, id: &ExecutionId) -> Result<(), Failed> {
        contained(|| self.remove(&mut batch.0, id))
    }

    fn remove(&self, batch: &mut sled::Batch, id: &ExecutionId) -> Result<(), Failed> {
        batch.remove(id_key(ROW, id).as_slice());
        for key in self.tree.scan_prefix(id_key(COMMIT, id)).keys() {
            batch.remove(key.map_err(Failed::new)?);
        }
        Ok(())
    }
}

fn id_of(key: &[u8]) -> Result<ExecutionId, Failed> {
    let bytes = key.get(1..).and_then(|id| id.try_into().ok());
    bytes.map(ExecutionId::from_bytes).ok_or_else(|| Failed::new("a key of another kind"))
}

fn id_key(kind: u8, id: &ExecutionId) -> [u8; 17] {
    let mut key = [kind; 17];
    key[1..].copy_from_slice(id.as_bytes());
    key
}

fn commit_key(id: &ExecutionId, position: u64) -> [u8; 25] {
    let mut key = [0; 25];
    key[..17].copy_from_slice(&id_key(COMMIT, id));
    key[17..].copy_from_slice(&position.to_be_bytes());
    key
}
