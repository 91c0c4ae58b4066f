//! A log whose executions cannot be read to their end: views over it stay incomplete.

use bytes::Bytes;
use futures_util::{StreamExt, future::BoxFuture, stream};
use windhover_eventlog::{
    Append, AppendError, Durability, EventLog, Layout, LogName, ObjectError, ObjectName, Position, ReadError, Reader,
    Record, SharedLog, TrimError,
};

/// Everything is as in the log inside, but readers of executions wait for ever.
#[derive(Debug)]
pub struct Stuck(pub SharedLog);

impl EventLog for Stuck {
    fn read(&self, log: LogName, after: Position) -> Reader {
        match log {
            LogName::Executions { .. } => stream::pending().boxed(),
            log => self.0.read(log, after),
        }
    }

    fn append(&self, append: Append) -> BoxFuture<'static, Result<Position, AppendError>> {
        self.0.append(append)
    }

    fn head(&self, log: LogName) -> BoxFuture<'static, Result<Position, ReadError>> {
        self.0.head(log)
    }

    fn first(&self, log: LogName) -> BoxFuture<'static, Result<Position, ReadError>> {
        self.0.first(log)
    }

    fn record(&self, log: LogName, position: Position) -> BoxFuture<'static, Result<Option<Record>, ReadError>> {
        self.0.record(log, position)
    }

    fn trim(&self, log: LogName, below: Position) -> BoxFuture<'static, Result<(), TrimError>> {
        self.0.trim(log, below)
    }

    fn usage_bytes(&self) -> BoxFuture<'static, Result<u64, ReadError>> {
        self.0.usage_bytes()
    }

    fn put_object(&self, name: ObjectName, bytes: Bytes) -> BoxFuture<'static, Result<(), ObjectError>> {
        self.0.put_object(name, bytes)
    }

    fn object(&self, name: ObjectName) -> BoxFuture<'static, Result<Option<Bytes>, ObjectError>> {
        self.0.object(name)
    }

    fn objects(&self, prefix: &str) -> BoxFuture<'static, Result<Vec<ObjectName>, ObjectError>> {
        self.0.objects(prefix)
    }

    fn delete_object(&self, name: ObjectName) -> BoxFuture<'static, Result<(), ObjectError>> {
        self.0.delete_object(name)
    }

    fn durability(&self) -> Durability {
        self.0.durability()
    }

    fn layout(&self) -> Layout {
        self.0.layout()
    }

    fn record_bytes_max(&self) -> usize {
        self.0.record_bytes_max()
    }
}
