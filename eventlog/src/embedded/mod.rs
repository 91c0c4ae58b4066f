//! The log on one machine: one fjall database, one thread that writes, one sync for all who wait.

mod folder;
mod frame;
mod journal;
mod objects;
mod options;
mod queue;
mod reader;
mod space;
mod state;
mod store;
mod writer;

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
};

use bytes::Bytes;
use futures_util::{FutureExt, future::BoxFuture, stream};
use tokio::sync::oneshot;

pub use options::Options;

use self::{
    folder::{Folder, store_error},
    objects::Objects,
    queue::{Job, Queue},
    space::FreeSpace,
    state::Logs,
    store::Store,
    writer::Writer,
};
use crate::{
    Append, AppendError, Durability, EventLog, Layout, LogName, ObjectError, ObjectName, OpenError, Position,
    ReadError, Reader, Record, TrimError,
};

const DATABASE_FOLDER: &str = "fjall";
const OBJECTS_FOLDER: &str = "objects";

/// All logs of one data folder, which no other process can open meanwhile.
///
/// Dropping it stores what still waits and closes the files. The folder is free for another process once this and all of
/// its readers are dropped.
#[derive(Debug)]
pub struct Embedded {
    layout: Layout,
    options: Options,
    queue: Arc<Queue>,
    logs: Arc<Logs>,
    store: Arc<Store>,
    objects: Arc<Objects>,
    writer: Mutex<Option<JoinHandle<()>>>,
    folder: Arc<Folder>,
}

impl Embedded {
    /// Opens the logs in `folder`, or makes them with this layout.
    ///
    /// Blocks until the journal is read: about a second for 200 MB.
    ///
    /// # Errors
    /// When another process has the folder, when it was made with another layout or by a newer version, when the file
    /// system fails, and when what it holds is damaged.
    pub fn open(folder: &Path, layout: Layout, options: Options) -> Result<Arc<Self>, OpenError> {
        let taken = Folder::take(folder)?;
        let layout = taken.settle_layout(layout)?;
        let objects = Objects::open(taken.join(OBJECTS_FOLDER)).map_err(|cause| store_error(folder, cause))?;
        let (store, bounds) = Store::open(taken.join(DATABASE_FOLDER)).map_err(|cause| store_error(folder, cause))?;
        let logs = Logs::new(options.tail_bytes_max);
        for bound in bounds {
            logs.get(&bound.log).set_bounds(bound.first, bound.head);
        }
        let queue = Queue::new(options.waiting_bytes_max);
        let log = Self {
            layout,
            options,
            queue: Arc::new(queue),
            logs: Arc::new(logs),
            store: Arc::new(store),
            objects: Arc::new(objects),
            writer: Mutex::new(None),
            folder: Arc::new(taken),
        };
        log.start_writer().map_err(|cause| store_error(folder, cause))?;
        Ok(Arc::new(log))
    }

    /// How many partitions the logs in `folder` have; `None` when there are none yet.
    ///
    /// # Errors
    /// When the file system fails, or what it holds is damaged.
    pub fn partitions(folder: &Path) -> Result<Option<u16>, OpenError> {
        Ok(folder::layout_of(folder)?.map(|layout| layout.partitions))
    }

    fn start_writer(&self) -> std::io::Result<()> {
        let writer = Writer {
            queue: self.queue.clone(),
            logs: self.logs.clone(),
            store: self.store.clone(),
            space: FreeSpace::new(self.folder.path().to_owned(), self.options.free_bytes_min),
            broken: None,
        };
        let thread = std::thread::Builder::new().name("log-writer".into()).spawn(|| writer.run())?;
        *self.writer.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
        Ok(())
    }

    /// After a failed sync the disk's answer about the head is worth nothing.
    fn check_trust(&self, log: &LogName) -> Result<(), ReadError> {
        match self.queue.closed() {
            None => Ok(()),
            Some(reason) => Err(ReadError::Store { log: log.clone(), cause: reason.into() }),
        }
    }

    fn check_size(&self, append: &Append) -> Result<(), AppendError> {
        let (size_bytes, limit_bytes) = (append.bytes.len(), self.options.record_bytes_max);
        if size_bytes <= limit_bytes {
            return Ok(());
        }
        Err(AppendError::TooLarge { log: append.log.clone(), size_bytes, limit_bytes })
    }

    fn enqueue(&self, append: Append) -> Result<oneshot::Receiver<Result<Position, AppendError>>, AppendError> {
        self.check_size(&append)?;
        let log = append.log.clone();
        let (done, answer) = oneshot::channel();
        let pushed = self.queue.push(Job::Append { append, done });
        pushed.map_err(|reason| AppendError::Unavailable { log, reason })?;
        Ok(answer)
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.queue.close("the log is being closed");
        if let Some(thread) = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // A panic of the writer was reported when it happened, and every waiter was answered.
            let _ = thread.join();
        }
    }
}

impl EventLog for Embedded {
    fn append(&self, append: Append) -> BoxFuture<'static, Result<Position, AppendError>> {
        let log = append.log.clone();
        match self.enqueue(append) {
            Err(refused) => std::future::ready(Err(refused)).boxed(),
            Ok(answer) => async move {
                let stopped = || AppendError::Unknown { log, reason: "the log's writer stopped".into() };
                answer.await.unwrap_or_else(|_| Err(stopped()))
            }
            .boxed(),
        }
    }

    fn head(&self, log: LogName) -> BoxFuture<'static, Result<Position, ReadError>> {
        let head = self.check_trust(&log).map(|()| self.logs.get(&log).head());
        std::future::ready(head).boxed()
    }

    fn first(&self, log: LogName) -> BoxFuture<'static, Result<Position, ReadError>> {
        std::future::ready(Ok(self.logs.get(&log).first())).boxed()
    }

    fn record(&self, log: LogName, position: Position) -> BoxFuture<'static, Result<Option<Record>, ReadError>> {
        let (log, store) = (self.logs.get(&log), self.store.clone());
        async move {
            if position < log.first() || position > log.head() {
                return Ok(None);
            }
            let before = Position(position.0 - 1);
            let recent = log.recent(before, 0, 1);
            let read = match recent {
                Some(records) => Ok(records),
                None => reader::read_history(&log, &store, before, position).await,
            };
            match read {
                Ok(records) => Ok(records.into_iter().next()),
                Err(ReadError::Trimmed { .. }) => Ok(None),
                Err(error) => Err(error),
            }
        }
        .boxed()
    }

    fn read(&self, log: LogName, after: Position) -> Reader {
        match self.check_trust(&log) {
            Ok(()) => reader::read(self.logs.get(&log), self.store.clone(), after),
            Err(error) => Box::pin(stream::once(std::future::ready(Err(error)))),
        }
    }

    fn trim(&self, log: LogName, below: Position) -> BoxFuture<'static, Result<(), TrimError>> {
        let (done, answer) = oneshot::channel();
        let pushed = self.queue.push(Job::Trim { log: log.clone(), below, done });
        let store = self.store.clone();
        async move {
            let failed = |cause: Box<dyn std::error::Error + Send + Sync>| TrimError { log: log.clone(), cause };
            pushed.map_err(|reason| failed(reason.into()))?;
            let trimmed = answer.await.map_err(|cause| failed(cause.into()))?;
            let first = trimmed.map_err(|reason| failed(reason.into()))?;
            let dropped_log = log.clone();
            let dropped = tokio::task::spawn_blocking(move || store.drop_below(&dropped_log, first)).await;
            dropped.map_err(|cause| failed(cause.into()))?.map_err(|cause| failed(cause.into()))
        }
        .boxed()
    }

    fn usage_bytes(&self) -> BoxFuture<'static, Result<u64, ReadError>> {
        let (folder, objects) = (self.folder.join(DATABASE_FOLDER), self.objects.clone());
        async move {
            let failed = |cause: Box<dyn std::error::Error + Send + Sync>| ReadError::Store {
                log: LogName::Inbox { shard: 0 },
                cause,
            };
            let logs = tokio::task::spawn_blocking(move || folder::disk_bytes(&folder)).await;
            let logs = logs.map_err(|cause| failed(cause.into()))?.map_err(|cause| failed(cause.into()))?;
            Ok(logs + objects.disk_bytes())
        }
        .boxed()
    }

    fn put_object(&self, name: ObjectName, bytes: Bytes) -> BoxFuture<'static, Result<(), ObjectError>> {
        self.with_objects(name.to_string(), move |objects| objects.put(&name, &bytes))
    }

    fn object(&self, name: ObjectName) -> BoxFuture<'static, Result<Option<Bytes>, ObjectError>> {
        self.with_objects(name.to_string(), move |objects| objects.get(&name))
    }

    fn objects(&self, prefix: &str) -> BoxFuture<'static, Result<Vec<ObjectName>, ObjectError>> {
        let prefix = prefix.to_owned();
        self.with_objects(prefix.clone(), move |objects| objects.list(&prefix))
    }

    fn delete_object(&self, name: ObjectName) -> BoxFuture<'static, Result<(), ObjectError>> {
        self.with_objects(name.to_string(), move |objects| objects.delete(&name))
    }

    fn durability(&self) -> Durability {
        Durability::Fsync
    }

    fn layout(&self) -> Layout {
        self.layout
    }

    fn record_bytes_max(&self) -> usize {
        self.options.record_bytes_max
    }
}

impl Embedded {
    /// Files block, so the work runs beside the async threads.
    fn with_objects<T: Send + 'static>(
        &self,
        what: String,
        work: impl FnOnce(&Objects) -> Result<T, ObjectError> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, ObjectError>> {
        let objects = self.objects.clone();
        async move {
            let worked = tokio::task::spawn_blocking(move || work(&objects)).await;
            worked.unwrap_or_else(|cause| Err(ObjectError::Store { what, cause: cause.into() }))
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests;
