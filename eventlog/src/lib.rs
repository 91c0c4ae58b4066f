//! The log: one trait, two implementations, one contract that both pass.
//!
//! Everything that Windhover promises rests on the four sentences of [`EventLog::append`]. `embedded` keeps the logs in one
//! fjall database on this machine; `jetstream` keeps them in NATS. Nothing outside this crate knows which one it talks to.
//!
//! A record is a *batch*: whoever appends joins what waits and gets one position and one fsync for all of it.

pub mod ask;
pub mod cap;
pub mod cluster;
#[cfg(any(test, feature = "contract"))]
pub mod contract;
pub mod definitions;
pub mod embedded;
mod error;
pub mod jetstream;
pub mod memory;
mod name;
#[cfg(any(test, feature = "contract"))]
pub mod nats_server;
mod object;

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{future::BoxFuture, stream::BoxStream};

pub use error::{AppendError, ObjectError, OpenError, ReadError, TrimError};
pub use name::{BadLogName, LogName};
pub use object::ObjectName;

/// A log that any part can hold and share.
pub type SharedLog = Arc<dyn EventLog>;

/// The place of one record in its log. Rises strictly, is never reused; the first record of a log is at 1 or later.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Position(pub u64);

impl Position {
    /// Before the first record: the head of an empty log, and where a reader starts that wants everything.
    pub const ORIGIN: Position = Position(0);
}

impl std::fmt::Display for Position {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(formatter)
    }
}

/// One record as the log gives it back: the appended bytes, unchanged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Where it stands.
    pub position: Position,
    /// What was appended.
    pub bytes: Bytes,
}

/// What must hold for an append to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Nothing: several writers share the log.
    Anything,
    /// The newest record of the log stands at this position ([`Position::ORIGIN`]: the log is empty). Compare-and-set.
    Head(Position),
}

/// One append.
#[derive(Clone, Debug)]
pub struct Append {
    /// The log to append to.
    pub log: LogName,
    /// The record; at most [`EventLog::record_bytes_max`].
    pub bytes: Bytes,
    /// The condition.
    pub expect: Expect,
    /// Names this record when it may be sent again after an unknown outcome: a second append with the same id within
    /// two minutes may be answered with the position of the first. Never relied on for correctness.
    pub resend_id: Option<[u8; 16]>,
}

/// How firmly an acknowledged record is kept. Every answer to a sender names it (`Windhover-Durability`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// On the disk of one machine, synced before the acknowledgement.
    Fsync,
    /// Synced by a majority of this many servers before the acknowledgement.
    FsyncReplicated(u8),
    /// The server syncs later: a power cut may lose acknowledged records.
    Unsynced,
}

impl std::fmt::Display for Durability {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Durability::Fsync => formatter.write_str("fsync"),
            Durability::FsyncReplicated(servers) => write!(formatter, "fsync-replicated-{servers}"),
            Durability::Unsynced => formatter.write_str("unsynced"),
        }
    }
}

/// What is fixed when the logs are created and checked at every later start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Layout {
    /// Version of the records' format.
    pub format: u32,
    /// Number of `executions` logs.
    pub partitions: u16,
    /// Number of `inbox` logs.
    pub shards: u16,
}

/// Ordered records of one log: first what is stored, then what arrives, for ever. Ends after the first error.
pub type Reader = BoxStream<'static, Result<Record, ReadError>>;

/// A set of append-only logs, a store for objects, and what both promise.
pub trait EventLog: Send + Sync + std::fmt::Debug + 'static {
    /// Appends one record and resolves when it is **on disk**.
    ///
    /// * `Ok(position)`: stored as firmly as [`EventLog::durability`] says; every later read sees it.
    /// * [`AppendError::Conflict`] and every other error but `Unknown`: not stored, and never will be.
    /// * [`AppendError::Unknown`]: the outcome is not known. The caller reads the head to learn it.
    /// * Appends to one log that were begun one after the other, each awaited, stand in that order.
    ///
    /// Dropping the future does not cancel the append.
    fn append(&self, append: Append) -> BoxFuture<'static, Result<Position, AppendError>>;

    /// The position of the newest record of `log`, from whoever decides appends (never a stale copy);
    /// [`Position::ORIGIN`] when nothing was ever appended.
    fn head(&self, log: LogName) -> BoxFuture<'static, Result<Position, ReadError>>;

    /// The position of the oldest record that is still kept; the head's successor when nothing is kept.
    fn first(&self, log: LogName) -> BoxFuture<'static, Result<Position, ReadError>>;

    /// The record at `position`, `None` when there is none (trimmed or not yet appended).
    fn record(&self, log: LogName, position: Position) -> BoxFuture<'static, Result<Option<Record>, ReadError>>;

    /// Reads everything after `after`, then waits for more. When records after `after` were trimmed, the first item is
    /// [`ReadError::Trimmed`], never silence; a position beyond the head is [`ReadError::Ahead`] (the log lost data).
    fn read(&self, log: LogName, after: Position) -> Reader;

    /// Removes the records below `below`, never the newest one. Idempotent.
    fn trim(&self, log: LogName, below: Position) -> BoxFuture<'static, Result<(), TrimError>>;

    /// Bytes that all logs and objects take on disk, as far as the store knows.
    fn usage_bytes(&self) -> BoxFuture<'static, Result<u64, ReadError>>;

    /// Stores an object; resolves when it is on disk. An existing object of the same name is replaced whole or not at all.
    fn put_object(&self, name: ObjectName, bytes: Bytes) -> BoxFuture<'static, Result<(), ObjectError>>;

    /// The object of that name, `None` when there is none. Damage is an error, never other bytes.
    fn object(&self, name: ObjectName) -> BoxFuture<'static, Result<Option<Bytes>, ObjectError>>;

    /// Names of all objects that start with `prefix`, in order.
    fn objects(&self, prefix: &str) -> BoxFuture<'static, Result<Vec<ObjectName>, ObjectError>>;

    /// Removes an object; nothing happens when there is none.
    fn delete_object(&self, name: ObjectName) -> BoxFuture<'static, Result<(), ObjectError>>;

    /// How firmly acknowledged records are kept.
    fn durability(&self) -> Durability;

    /// The layout that the logs were created with.
    fn layout(&self) -> Layout;

    /// Largest record, in bytes, that an append takes.
    fn record_bytes_max(&self) -> usize;
}
