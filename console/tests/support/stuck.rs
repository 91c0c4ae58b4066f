//! A log of which something cannot be read.

use bytes::Bytes;
use futures_util::{StreamExt, future::BoxFuture, stream};
use windhover_eventlog::{
    Append, AppendError, Durability, EventLog, Layout, LogName, ObjectError, ObjectName, Position, ReadError, Reader,
    Record, SharedLog, TrimError,
};

/// Everything is as in the log inside, but for what fails.
#[derive(Debug)]
pub struct Stuck {
    pub log: SharedLog,
    pub fails: Fails,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fails {
    /// Readers of executions wait for ever: views stay incomplete.
    Reading,
    /// Nobody says where the logs of executions end, as when the store is gone.
    Heads,
}

impl EventLog for Stuck {
    fn read(&self, log: LogName, after: Position) -> Reader {
        match log {
            LogName::Executions { .. } if self.fails == Fails::Reading => stream::pending().boxed(),
            log => self.log.read(log, after),
        }
    }

    fn append(&self, append: Append) -> BoxFuture<'static, Result<Position, AppendError>> {
        self.log.append(append)
    }

    fn head(&self, log: LogName) -> BoxFuture<'static, Result<Position, ReadError>> {
        match (&log, self.fails) {
            (LogName::Executions { .. }, Fails::Heads) => {
                Box::pin(std::future::ready(Err(ReadError::Store { log, cause: "the store is gone".into() })))
            }
            _ => self.log.head(log),
        }
    }

    fn first(&self, log: LogName) -> BoxFuture<'static, Result<Position, ReadError>> {
        self.log.first(log)
    }

    fn record(&self, log: LogName, position: Position) -> BoxFuture<'static, Result<Option<Record>, ReadError>> {
        self.log.record(log, position)
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
