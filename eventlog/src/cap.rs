//! A cap on what the inbox takes: beyond it no new delivery is accepted, so that what was accepted can still be worked off.

use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use futures_util::future::BoxFuture;

use crate::{
    Append, AppendError, Durability, EventLog, Layout, LogName, ObjectError, ObjectName, Position, ReadError, Reader,
    Record, SharedLog, TrimError,
};

/// Says whether the cap is reached, and why. Whoever measures the disk sets it.
#[derive(Debug, Default)]
pub struct Cap(RwLock<Option<String>>);

impl Cap {
    /// A cap that is not reached.
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Sets whether the cap is reached.
    pub fn set(&self, reached: bool, reason: impl FnOnce() -> String) {
        let reason = reached.then(reason);
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = reason;
    }

    /// Why the cap is reached; `None` while it is not.
    pub fn reached(&self) -> Option<String> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A log whose inbox refuses appends as [`AppendError::Full`] while the cap is reached. Everything else goes through: the
/// engine must be able to work off what was accepted.
#[derive(Debug)]
pub struct Capped {
    log: SharedLog,
    cap: Arc<Cap>,
}

impl Capped {
    /// Puts a cap on a log.
    #[expect(clippy::new_ret_no_self, reason = "nobody needs to know that there is a cap")]
    pub fn new(log: SharedLog, cap: Arc<Cap>) -> SharedLog {
        Arc::new(Self { log, cap })
    }
}

impl EventLog for Capped {
    fn append(&self, append: Append) -> BoxFuture<'static, Result<Position, AppendError>> {
        match (&append.log, self.cap.reached()) {
            (LogName::Inbox { .. }, Some(reason)) => {
                Box::pin(std::future::ready(Err(AppendError::Full { log: append.log, reason })))
            }
            _ => self.log.append(append),
        }
    }

    fn head(&self, log: LogName) -> BoxFuture<'static, Result<Position, ReadError>> {
        self.log.head(log)
    }

    fn first(&self, log: LogName) -> BoxFuture<'static, Result<Position, ReadError>> {
        self.log.first(log)
    }

    fn record(&self, log: LogName, position: Position) -> BoxFuture<'static, Result<Option<Record>, ReadError>> {
        self.log.record(log, position)
    }

    fn read(&self, log: LogName, after: Position) -> Reader {
        self.log.read(log, after)
    }

    fn trim(&self, log: LogName, below: Position) -> BoxFuture<'static, Result<(), TrimError>> {
        self.log.trim(log, below)
    }

    fn usage_bytes(&self) -> BoxFuture<'static, Result<u64, ReadError>> {
        self.log.usage_bytes()
    }

    fn put_object(&self, name: ObjectName, bytes: Bytes) -> BoxFuture<'static, Result<(), ObjectError>> {
        self.log.put_object(name, bytes)
    }

    fn object(&self, name: ObjectName) -> BoxFuture<'static, Result<Option<Bytes>, ObjectError>> {
        self.log.object(name)
    }

    fn objects(&self, prefix: &str) -> BoxFuture<'static, Result<Vec<ObjectName>, ObjectError>> {
        self.log.objects(prefix)
    }

    fn delete_object(&self, name: ObjectName) -> BoxFuture<'static, Result<(), ObjectError>> {
        self.log.delete_object(name)
    }

    fn durability(&self) -> Durability {
        self.log.durability()
    }

    fn layout(&self) -> Layout {
        self.log.layout()
    }

    fn record_bytes_max(&self) -> usize {
        self.log.record_bytes_max()
    }
}
