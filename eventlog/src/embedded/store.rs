//! The fjall database below the logs: one keyspace per log, keyed by position, and one for what is kept about them.
//!
//! A keyspace per log keeps keys in rising order, so fjall never merges tables (it only moves them down), and trimmed
//! records leave the disk as whole tables.

use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
    sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use bytes::Bytes;
use fjall::{
    AbstractTree, CompressionType, Database, Keyspace, KeyspaceCreateOptions, PersistMode,
    config::{BlockSizePolicy, CompressionPolicy, FilterPolicy},
};

use super::{
    frame, journal,
    options::{CACHE_BYTES, JOURNAL_BYTES_MAX, MEMTABLE_BYTES_MAX, READ_BYTES_MAX, READ_COUNT_MAX},
};
use crate::{LogName, Position, ReadError, Record};

/// The keyspace for everything that is not a record.
const META: &str = "meta";
/// Before a log's name: the key of its oldest kept position.
const FIRST_PREFIX: &str = "first/";
/// Bytes of one data block: large enough to compress well, small enough to read one record cheaply.
const BLOCK_BYTES: u32 = 16 * 1024;

/// One change of a group.
pub(super) enum Write {
    /// A new record.
    Put { log: LogName, position: Position, bytes: Bytes },
    /// The oldest position kept from now on.
    First { log: LogName, first: Position },
}

/// What the disk has of one log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bounds {
    pub(super) log: LogName,
    pub(super) first: Position,
    pub(super) head: Position,
}

/// Why a group was not made durable.
#[derive(Debug, thiserror::Error)]
pub(super) enum CommitError {
    /// Writing failed: whether the group stands in the journal is learnt by opening it again.
    #[error("the journal could not be written: {0}")]
    Write(fjall::Error),
    /// The sync failed: what the disk has is not known to anybody, and must not be asked again.
    #[error("the disk did not confirm what was written: {0}")]
    Sync(fjall::Error),
    /// The store could not be opened again after an earlier failure.
    #[error("the store is not open")]
    NotOpen,
}

/// Why the database cannot be opened.
#[derive(Debug, thiserror::Error)]
pub(super) enum StoreError {
    /// What fjall says.
    #[error("{0}")]
    Fjall(#[from] fjall::Error),
    /// What its journals look like.
    #[error("{0}")]
    Journal(#[from] journal::JournalError),
}

impl CommitError {
    /// True when fjall refused the group because of an earlier failure, so it was never written.
    pub(super) fn is_earlier_failure(&self) -> bool {
        matches!(self, CommitError::Write(fjall::Error::Poisoned))
    }

    /// True when the cause is a lack of room.
    pub(super) fn is_full(&self) -> bool {
        matches!(self, CommitError::Write(cause) if io_cause(cause).is_some_and(super::folder::is_full))
    }
}

/// The input/output error inside, if it is one.
pub(super) fn io_cause(error: &fjall::Error) -> Option<&io::Error> {
    match error {
        fjall::Error::Io(cause) | fjall::Error::Storage(fjall::LsmError::Io(cause)) => Some(cause),
        _ => None,
    }
}

/// The database; `None` inside while it cannot be opened.
pub(super) struct Store {
    path: PathBuf,
    opened: RwLock<Option<Opened>>,
}

struct Opened {
    database: Database,
    meta: Keyspace,
    logs: HashMap<LogName, Keyspace>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Store").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Store {
    /// Opens or makes the database and says what it has.
    pub(super) fn open(path: PathBuf) -> Result<(Self, Vec<Bounds>), StoreError> {
        let opened = Opened::open(&path)?;
        let bounds = opened.bounds()?;
        Ok((Self { path, opened: RwLock::new(Some(opened)) }, bounds))
    }

    /// Closes the database and opens it again, which shows what really stands on disk.
    pub(super) fn reopen(&self) -> Result<Vec<Bounds>, StoreError> {
        let mut slot = self.write();
        *slot = None;
        let opened = Opened::open(&self.path)?;
        let bounds = opened.bounds()?;
        *slot = Some(opened);
        Ok(bounds)
    }

    /// Writes a group as one batch and syncs it once.
    pub(super) fn commit(&self, writes: &[Write]) -> Result<(), CommitError> {
        self.make_keyspaces(writes)?;
        let slot = self.read_slot();
        let opened = slot.as_ref().ok_or(CommitError::NotOpen)?;
        opened.write(writes).map_err(CommitError::Write)?;
        opened.database.persist(PersistMode::SyncData).map_err(CommitError::Sync)
    }

    fn make_keyspaces(&self, writes: &[Write]) -> Result<(), CommitError> {
        let missing: Vec<_> = {
            let slot = self.read_slot();
            let opened = slot.as_ref().ok_or(CommitError::NotOpen)?;
            let logs = writes.iter().map(Write::log);
            logs.filter(|log| !opened.logs.contains_key(log)).cloned().collect()
        };
        if missing.is_empty() {
            return Ok(());
        }
        let mut slot = self.write();
        let opened = slot.as_mut().ok_or(CommitError::NotOpen)?;
        for log in missing {
            let keyspace =
                opened.database.keyspace(&log.to_string(), || keyspace_options(&log)).map_err(CommitError::Write)?;
            opened.logs.insert(log, keyspace);
        }
        Ok(())
    }

    /// Records after `after` up to `through`, as many as one read takes. Blocks on the disk.
    pub(super) fn read(&self, log: &LogName, after: Position, through: Position) -> Result<Vec<Record>, ReadError> {
        let slot = self.read_slot();
        let not_open = || ReadError::Store { log: log.clone(), cause: "the store is not open".into() };
        let opened = slot.as_ref().ok_or_else(not_open)?;
        let Some(keyspace) = opened.logs.get(log) else { return Ok(Vec::new()) };
        read_records(keyspace, log, after, through)
    }

    /// Gives the disk space of records below `first` back, as far as whole tables hold nothing else. Blocks on the disk.
    pub(super) fn drop_below(&self, log: &LogName, first: Position) -> Result<(), fjall::Error> {
        let slot = self.read_slot();
        let Some(opened) = slot.as_ref() else { return Ok(()) };
        let Some(keyspace) = opened.logs.get(log) else { return Ok(()) };
        keyspace.tree.drop_range(..first.0.to_be_bytes())?;
        // fjall keeps older versions of the table list, and with them the files, for snapshots that still read them, and
        // looks after them only when a memtable is rotated. We take no snapshots, so nothing older is needed.
        let newest = opened.database.visible_seqno();
        keyspace.tree.get_version_history_lock().maintenance(keyspace.path(), newest)?;
        Ok(())
    }

    fn read_slot(&self) -> RwLockReadGuard<'_, Option<Opened>> {
        self.opened.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Option<Opened>> {
        self.opened.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write {
    fn log(&self) -> &LogName {
        match self {
            Write::Put { log, .. } | Write::First { log, .. } => log,
        }
    }
}

impl Opened {
    fn open(path: &Path) -> Result<Self, StoreError> {
        journal::check(path)?;
        let database = Database::builder(path)
            .cache_size(CACHE_BYTES)
            .max_journaling_size(JOURNAL_BYTES_MAX)
            // The writer is one thread; tables are compressed later, on another one.
            .journal_compression(CompressionType::None)
            // Tables are only written and moved, never merged: one thread is enough, and two would spin.
            .worker_threads(1)
            .open()?;
        let meta = database.keyspace(META, || table_options(CompressionType::Lz4))?;
        let mut logs = HashMap::new();
        for name in database.list_keyspace_names() {
            if let Ok(log) = name.parse() {
                let keyspace = database.keyspace(&name, || keyspace_options(&log))?;
                logs.insert(log, keyspace);
            }
        }
        Ok(Self { database, meta, logs })
    }

    fn bounds(&self) -> Result<Vec<Bounds>, fjall::Error> {
        self.logs.iter().map(|(log, keyspace)| self.bounds_of(log, keyspace)).collect()
    }

    /// The newest record is never trimmed, so the last key is the head.
    fn bounds_of(&self, log: &LogName, keyspace: &Keyspace) -> Result<Bounds, fjall::Error> {
        let head = match keyspace.last_key_value() {
            Some(last) => position_of(&last.key()?),
            None => Position::ORIGIN,
        };
        let first = match self.meta.get(first_key(log))? {
            Some(first) => position_of(&first),
            None => Position(1),
        };
        Ok(Bounds { log: log.clone(), first, head })
    }

    fn write(&self, writes: &[Write]) -> Result<(), fjall::Error> {
        let mut batch = self.database.batch();
        for write in writes {
            match write {
                Write::Put { log, position, bytes } => {
                    batch.insert(&self.logs[log], position.0.to_be_bytes(), frame::encode(*position, bytes));
                }
                Write::First { log, first } => batch.insert(&self.meta, first_key(log), first.0.to_be_bytes()),
            }
        }
        batch.commit()
    }
}

fn first_key(log: &LogName) -> String {
    format!("{FIRST_PREFIX}{log}")
}

fn position_of(key: &[u8]) -> Position {
    Position(key.try_into().map_or(0, u64::from_be_bytes))
}

/// What arrives is decided and trimmed soon: compressing it costs more than its room.
fn keyspace_options(log: &LogName) -> KeyspaceCreateOptions {
    match log {
        LogName::Inbox { .. } => table_options(CompressionType::None),
        LogName::Executions { .. } | LogName::Definitions | LogName::Kv { .. } | LogName::Refusals => {
            table_options(CompressionType::Lz4)
        }
    }
}

fn table_options(compression: CompressionType) -> KeyspaceCreateOptions {
    KeyspaceCreateOptions::default()
        .max_memtable_size(MEMTABLE_BYTES_MAX)
        .data_block_size_policy(BlockSizePolicy::all(BLOCK_BYTES))
        .data_block_compression_policy(CompressionPolicy::all(compression))
        // Positions are asked for only when they exist, so filters would never say no.
        .filter_policy(FilterPolicy::disabled())
        .expect_point_read_hits(true)
}

fn read_records(
    keyspace: &Keyspace,
    log: &LogName,
    after: Position,
    through: Position,
) -> Result<Vec<Record>, ReadError> {
    let mut records = Vec::new();
    let mut bytes = 0;
    let mut expected = Position(after.0 + 1);
    for entry in keyspace.range((after.0 + 1).to_be_bytes()..=through.0.to_be_bytes()) {
        let (key, frame) = entry.into_inner().map_err(|cause| read_error(log, expected, cause))?;
        let position = position_of(&key);
        let record = frame::decode(position, &frame).map_err(|reason| damaged(log, position, reason))?;
        bytes += record.len();
        records.push(Record { position, bytes: record });
        expected = Position(position.0 + 1);
        if bytes >= READ_BYTES_MAX || records.len() >= READ_COUNT_MAX {
            break;
        }
    }
    Ok(records)
}

pub(super) fn damaged(log: &LogName, position: Position, reason: String) -> ReadError {
    ReadError::Damaged { log: log.clone(), position, reason }
}

fn read_error(log: &LogName, position: Position, cause: fjall::Error) -> ReadError {
    match io_cause(&cause) {
        Some(_) => ReadError::Store { log: log.clone(), cause: cause.into() },
        // Whatever else fjall says about a block means that it does not hold what was written.
        None => damaged(log, position, cause.to_string()),
    }
}
