//! One partition's view in sled.
//!
//! | key | value |
//! |---|---|
//! | `h` | the commit up to which it is folded |
//! | `l` execution id, position | the line of that commit that is about the execution, as it stands in the log |
//! | `s` start in ms, execution id | the [`Row`] that searches read |
//!
//! Everything that one commit changes goes into one batch of one tree, so what a crash leaves is the view after some commit.

use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

use serde::{Deserialize, Serialize};
use windhover_proto::{
    codec::{Line, RecordHash, decode_line},
    id::ExecutionId,
};

use super::row::Row;

/// Memory for sled's pages, in bytes.
const CACHE_BYTES: u64 = 96 * 1024 * 1024;

/// How often sled writes what it buffers, in milliseconds. A crash loses that much, and it is folded again.
const FLUSH_EVERY_MS: u64 = 500;

const HEAD: &[u8] = b"h";
const LINE: u8 = b'l';
const ROW: u8 = b's';

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
    contained(|| config.open())
}

fn contained<T>(operation: impl FnOnce() -> sled::Result<T>) -> Result<T, Failed> {
    catch_unwind(AssertUnwindSafe(operation)).map_err(|_| Failed::new("sled panicked"))?.map_err(Failed::new)
}

/// What one commit changes.
#[derive(Debug, Default)]
pub(crate) struct Batch(sled::Batch);

impl Batch {
    pub(crate) fn line(&mut self, id: &ExecutionId, position: u64, json: &str) {
        self.0.insert(line_key(id, position).as_slice(), json.as_bytes());
    }

    pub(crate) fn row(&mut self, id: &ExecutionId, row: &Row) -> Result<(), Failed> {
        let bytes = serde_json::to_vec(row).map_err(Failed::new)?;
        self.0.insert(row_key(row.start_ms, id).as_slice(), bytes);
        Ok(())
    }
}

impl Store {
    pub(crate) fn new(database: &sled::Db, partition: u16) -> Result<Self, Failed> {
        let tree = contained(|| database.open_tree(format!("partition.{partition}")))?;
        Ok(Self { partition, tree })
    }

    pub(crate) fn head(&self) -> Result<ViewHead, Failed> {
        let bytes = contained(|| self.tree.get(HEAD))?;
        bytes.map_or(Ok(ViewHead::default()), |bytes| serde_json::from_slice(&bytes).map_err(Failed::new))
    }

    /// Takes over what was folded, and where the view stands then.
    pub(crate) fn apply(&self, mut batch: Batch, head: &ViewHead) -> Result<(), Failed> {
        batch.0.insert(HEAD, serde_json::to_vec(head).map_err(Failed::new)?);
        contained(|| self.tree.apply_batch(batch.0))
    }

    pub(crate) fn lines(&self, id: &ExecutionId) -> Result<Vec<Line>, Failed> {
        let lines = self.tree.scan_prefix(prefix(id)).values();
        lines.map(|bytes| parse_line(&bytes.map_err(Failed::new)?)).collect()
    }

    /// When an execution started; `None` when it is not in the view.
    pub(crate) fn started(&self, id: &ExecutionId) -> Result<Option<i64>, Failed> {
        let Some(first) = self.tree.scan_prefix(prefix(id)).values().next() else { return Ok(None) };
        super::line::at(&first.map_err(Failed::new)?).map(Some)
    }

    pub(crate) fn row(&self, start_ms: i64, id: &ExecutionId) -> Result<Option<Row>, Failed> {
        let bytes = contained(|| self.tree.get(row_key(start_ms, id)))?;
        bytes.map(|bytes| serde_json::from_slice(&bytes).map_err(Failed::new)).transpose()
    }

    /// Every row, the newest start first.
    pub(crate) fn rows(&self) -> impl Iterator<Item = Result<(ExecutionId, Row), Failed>> {
        self.tree.scan_prefix([ROW]).rev().map(|item| {
            let (key, value) = item.map_err(Failed::new)?;
            let id =
                key.get(9..).and_then(|id| id.try_into().ok()).ok_or_else(|| Failed::new("a key of another kind"))?;
            Ok((ExecutionId::from_bytes(id), serde_json::from_slice(&value).map_err(Failed::new)?))
        })
    }

    /// Removes executions that started before `before_ms` and that `keep` refuses; at most `count_max` of them.
    pub(crate) fn remove_old(
        &self,
        before_ms: i64,
        count_max: usize,
        keep: impl Fn(&Row) -> bool,
    ) -> Result<usize, Failed> {
        let end = row_key(before_ms, &ExecutionId::from_bytes([0; 16]));
        let mut removed = 0;
        for item in self.tree.range(vec![ROW]..end.to_vec()) {
            let (key, value) = item.map_err(Failed::new)?;
            let row: Row = serde_json::from_slice(&value).map_err(Failed::new)?;
            let Some(id) = key.get(9..).and_then(|id| id.try_into().ok()).filter(|_| !keep(&row)) else { continue };
            let mut batch = sled::Batch::default();
            for line in self.tree.scan_prefix(prefix(&ExecutionId::from_bytes(id))).keys() {
                batch.remove(line.map_err(Failed::new)?);
            }
            batch.remove(key);
            contained(|| self.tree.apply_batch(batch))?;
            removed += 1;
            if removed == count_max {
                break;
            }
        }
        Ok(removed)
    }
}

fn parse_line(bytes: &[u8]) -> Result<Line, Failed> {
    decode_line(std::str::from_utf8(bytes).map_err(Failed::new)?).map_err(Failed::new)
}

fn prefix(id: &ExecutionId) -> [u8; 17] {
    let mut key = [LINE; 17];
    key[1..].copy_from_slice(id.as_bytes());
    key
}

fn line_key(id: &ExecutionId, position: u64) -> [u8; 25] {
    let mut key = [0; 25];
    key[..17].copy_from_slice(&prefix(id));
    key[17..].copy_from_slice(&position.to_be_bytes());
    key
}

fn row_key(start_ms: i64, id: &ExecutionId) -> [u8; 25] {
    let mut key = [ROW; 25];
    key[1..9].copy_from_slice(&start_ms.max(0).to_be_bytes());
    key[9..].copy_from_slice(id.as_bytes());
    key
}
