//! A log whose appends to the inbox do what a test says.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::{StreamExt, future::BoxFuture};
use tokio::sync::Semaphore;
use windhover_eventlog::{
    Append, AppendError, Durability, EventLog, Layout, LogName, ObjectError, ObjectName, Position, ReadError, Reader,
    Record, TrimError, memory::Memory,
};

/// What an append does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is stored, and the answer is lost.
    StoredButUnknown,
    /// Nothing is known, nothing is stored.
    Unknown,
    Full,
    Unavailable,
    /// It never answers.
    Hanging,
}

#[derive(Debug)]
pub struct Faulty {
    inner: Arc<Memory>,
    /// Faults of the next appends, in order; then all is well.
    pub faults: Mutex<Vec<Fault>>,
    /// Each append takes one permit first.
    pub gate: Arc<Semaphore>,
    /// Records that the inbox was given, with their ids.
    pub appends: Arc<Mutex<Vec<(Bytes, Option<[u8; 16]>)>>>,
    /// Appends in flight, at most.
    pub in_flight_max: Arc<AtomicUsize>,
    in_flight: Arc<AtomicUsize>,
    pub record_bytes_max: usize,
    /// How long records of definitions take to reach a reader.
    pub definitions_delay: Duration,
}

impl Faulty {
    pub fn new(faults: &[Fault]) -> Arc<Self> {
        Self::gated(faults, Semaphore::MAX_PERMITS, 8 << 20)
    }

    /// A log whose readers learn late what was deployed.
    pub fn late(definitions_delay: Duration) -> Arc<Self> {
        let mut log = Self::gated(&[], Semaphore::MAX_PERMITS, 8 << 20);
        Arc::get_mut(&mut log).unwrap().definitions_delay = definitions_delay;
        log
    }

    pub fn gated(faults: &[Fault], permits: usize, record_bytes_max: usize) -> Arc<Self> {
        Arc::new(Self {
            inner: Memory::new(super::LAYOUT),
            faults: Mutex::new(faults.iter().rev().copied().collect()),
            gate: Arc::new(Semaphore::new(permits)),
            appends: Arc::default(),
            in_flight_max: Arc::default(),
            in_flight: Arc::default(),
            record_bytes_max,
            definitions_delay: Duration::ZERO,
        })
    }
}

impl EventLog for Faulty {
    fn append(&self, append: Append) -> BoxFuture<'static, Result<Position, AppendError>> {
        let log = append.log.clone();
        if !matches!(log, LogName::Inbox { .. }) {
            return self.inner.append(append);
        }
        self.appends.lock().unwrap().push((append.bytes.clone(), append.resend_id));
        let fault = self.faults.lock().unwrap().pop();
        let (inner, gate) = (self.inner.clone(), self.gate.clone());
        let (in_flight, in_flight_max) = (self.in_flight.clone(), self.in_flight_max.clone());
        Box::pin(async move {
            in_flight_max.fetch_max(in_flight.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            gate.acquire().await.unwrap().forget();
            in_flight.fetch_sub(1, Ordering::SeqCst);
            let reason = "as the test wants".to_owned();
            match fault {
                None => inner.append(append).await,
                Some(Fault::StoredButUnknown) => {
                    inner.append(append).await?;
                    Err(AppendError::Unknown { log, reason })
                }
                Some(Fault::Unknown) => Err(AppendError::Unknown { log, reason }),
                Some(Fault::Full) => Err(AppendError::Full { log, reason }),
                Some(Fault::Unavailable) => Err(AppendError::Unavailable { log, reason }),
                Some(Fault::Hanging) => std::future::pending().await,
            }
        })
    }

    fn head(&self, log: LogName) -> BoxFuture<'static, Result<Position, ReadError>> {
        self.inner.head(log)
    }

    fn first(&self, log: LogName) -> BoxFuture<'static, Result<Position, ReadError>> {
        self.inner.first(log)
    }

    fn record(&self, log: LogName, position: Position) -> BoxFuture<'static, Result<Option<Record>, ReadError>> {
        self.inner.record(log, position)
    }

    fn read(&self, log: LogName, after: Position) -> Reader {
        let delay = if log == LogName::Definitions { self.definitions_delay } else { Duration::ZERO };
        let late = move |record| async move {
            tokio::time::sleep(delay).await;
            record
        };
        self.inner.read(log, after).then(late).boxed()
    }

    fn trim(&self, log: LogName, below: Position) -> BoxFuture<'static, Result<(), TrimError>> {
        self.inner.trim(log, below)
    }

    fn usage_bytes(&self) -> BoxFuture<'static, Result<u64, ReadError>> {
        self.inner.usage_bytes()
    }

    fn put_object(&self, name: ObjectName, bytes: Bytes) -> BoxFuture<'static, Result<(), ObjectError>> {
        self.inner.put_object(name, bytes)
    }

    fn object(&self, name: ObjectName) -> BoxFuture<'static, Result<Option<Bytes>, ObjectError>> {
        self.inner.object(name)
    }

    fn objects(&self, prefix: &str) -> BoxFuture<'static, Result<Vec<ObjectName>, ObjectError>> {
        self.inner.objects(prefix)
    }

    fn delete_object(&self, name: ObjectName) -> BoxFuture<'static, Result<(), ObjectError>> {
        self.inner.delete_object(name)
    }

    fn durability(&self) -> Durability {
        Durability::Fsync
    }

    fn layout(&self) -> Layout {
        self.inner.layout()
    }

    fn record_bytes_max(&self) -> usize {
        self.record_bytes_max
    }
}
