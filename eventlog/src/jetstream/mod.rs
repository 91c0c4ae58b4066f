//! The log in NATS JetStream: one stream for each log, one message for each record, acknowledged when it is synced.

mod connect;
mod durability;
mod groups;
mod members;
mod objects;
mod options;
mod publish;
mod questions;
mod reader;
mod reply;
mod streams;

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use async_nats::{
    Client,
    jetstream::{self, context::GetStreamErrorKind},
};
use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, TryStreamExt, future::BoxFuture, stream};
use serde::Deserialize;

pub use members::{ENGINE_TTL_MIN, Membership};
pub use options::{Access, Credentials, Encryption, Options, Tls, Unsynced};
pub use questions::RemoteOwners;

use self::streams::Names;
use crate::{
    Append, AppendError, Durability, EventLog, Layout, LogName, ObjectError, ObjectName, OpenError, Position,
    ReadError, Reader, Record, TrimError,
};

/// Streams are looked at, made and updated this many at a time when the log is opened.
const SETTLE_AT_ONCE: usize = 8;
/// What headers and framing of a message may take of the server's `max_payload`.
const HEADER_BYTES_MAX: usize = 512;

/// All logs below one prefix of one NATS.
#[derive(Debug)]
pub struct JetStream {
    inner: Arc<Inner>,
}

struct Inner {
    client: Client,
    losses: connect::Losses,
    context: jetstream::Context,
    names: Names,
    options: Options,
    layout: Layout,
    durability: Durability,
    /// How many servers keep each stream.
    replicas: usize,
    objects: objects::Bucket,
    /// Logs whose stream is known to exist.
    settled: Mutex<HashSet<LogName>>,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Inner")
            .field("names", &self.names)
            .field("layout", &self.layout)
            .field("durability", &self.durability)
            .finish_non_exhaustive()
    }
}

/// What a stream has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Bounds {
    first: Position,
    head: Position,
}

impl JetStream {
    /// Connects, makes or updates the streams, and learns whether they are synced.
    ///
    /// # Errors
    /// When NATS does not answer ([`OpenError::Store`]: it may later), and when it never will do: it refuses us, the streams have
    /// another layout or another key's values, or a server is not known to sync and that was not allowed.
    pub async fn open(options: Options, layout: Layout) -> Result<Arc<Self>, OpenError> {
        let names = Names::new(&options)?;
        let (client, losses) = connect::connect_counting(&options, &options.credentials).await?;
        let context = connect::jetstream_of(&options, &client).await?;
        // One stream first: its metadata decides whether the rest is touched at all.
        let first = streams::settle(&context, &names, &options, layout, &LogName::Definitions).await?;
        let durability = durability::learn(&options, first.num_replicas).await?;
        let replicas = first.num_replicas;
        let options = Options { replicas: options.replicas.or(u8::try_from(replicas).ok()), ..options };
        let logs = match options.access {
            Access::Make => streams::fixed_logs(layout),
            Access::Look => Vec::new(),
        };
        let settling: Vec<_> =
            logs.iter().map(|log| streams::settle(&context, &names, &options, layout, log).boxed()).collect();
        stream::iter(settling).buffer_unordered(SETTLE_AT_ONCE).try_collect::<Vec<_>>().await?;
        let objects = objects::open(&context, &names, &options).await?;
        // Two roles with different keys may have started at the same moment: only one of the keys stands there now.
        streams::settle(&context, &names, &options, layout, &LogName::Definitions).await?;
        let settled = Mutex::new(logs.into_iter().chain([LogName::Definitions]).collect());
        Ok(Arc::new(Self {
            inner: Arc::new(Inner {
                client,
                losses,
                context,
                names,
                options,
                layout,
                durability,
                replicas,
                objects,
                settled,
            }),
        }))
    }

    /// How many partitions the log has; `None` when there is no log yet.
    ///
    /// # Errors
    /// When NATS does not answer or refuses us.
    pub async fn partitions(options: &Options) -> Result<Option<u16>, OpenError> {
        let names = Names::new(options)?;
        let client = connect::connect(options, &options.credentials).await?;
        let context = connect::jetstream_of(options, &client).await?;
        streams::partitions(&context, &names, options).await
    }

    /// The connection, for what is no log: heartbeats and questions between roles.
    pub fn client(&self) -> Client {
        self.inner.client.clone()
    }

    /// The JetStream context of the same connection.
    pub fn context(&self) -> jetstream::Context {
        self.inner.context.clone()
    }

    /// What starts every subject and stream of this installation.
    pub fn prefix(&self) -> &str {
        &self.inner.options.prefix
    }
}

impl Inner {
    fn record_bytes_max(&self) -> usize {
        self.client.max_payload().saturating_sub(HEADER_BYTES_MAX)
    }

    fn is_settled(&self, log: &LogName) -> bool {
        self.settled.lock().unwrap_or_else(PoisonError::into_inner).contains(log)
    }

    /// The stream of a log that comes with its first record.
    async fn ensure_stream(&self, log: &LogName) -> Result<(), OpenError> {
        if self.is_settled(log) {
            return Ok(());
        }
        streams::settle(&self.context, &self.names, &self.options, self.layout, log).await?;
        self.settled.lock().unwrap_or_else(PoisonError::into_inner).insert(log.clone());
        Ok(())
    }

    /// Without a connection there is no answer to wait for.
    fn check_connected(&self, log: &LogName) -> Result<(), ReadError> {
        match self.client.connection_state() {
            async_nats::connection::State::Connected => Ok(()),
            _ => Err(lost(log)),
        }
    }

    /// Asks again for as long as a cluster is electing a leader, at most as long as an append may take.
    async fn patiently<T, E, F>(&self, cause_of: fn(&E) -> Option<&Cause>, ask: impl Fn() -> F) -> Result<T, E>
    where
        F: Future<Output = Result<T, E>>,
    {
        let deadline = Instant::now() + self.options.append_timeout;
        loop {
            let answer = ask().await;
            let electing = answer.as_ref().err().and_then(cause_of).is_some_and(|cause| streams::is_passing(&**cause));
            if !electing || Instant::now() + streams::SETTLE_PAUSE >= deadline {
                return answer;
            }
            tokio::time::sleep(streams::SETTLE_PAUSE).await;
        }
    }

    /// Asked of the stream's leader. A stream that does not exist is empty.
    async fn bounds(&self, log: &LogName) -> Result<Bounds, ReadError> {
        self.patiently(cause_of_read, || self.bounds_now(log)).await
    }

    async fn bounds_now(&self, log: &LogName) -> Result<Bounds, ReadError> {
        self.check_connected(log)?;
        let asking = self.context.get_stream(self.names.stream(log));
        match connect::unless_lost(&self.losses, asking).await.ok_or_else(|| lost(log))? {
            Ok(stream) => {
                let state = &stream.cached_info().state;
                Ok(Bounds { first: Position(state.first_sequence.max(1)), head: Position(state.last_sequence) })
            }
            Err(cause) if is_not_found(&cause.kind()) => Ok(Bounds { first: Position(1), head: Position::ORIGIN }),
            Err(cause) => Err(read_error(log, cause)),
        }
    }

    /// The stored message at a position, from the leader.
    async fn record(&self, log: &LogName, position: Position) -> Result<Option<Record>, ReadError> {
        self.patiently(cause_of_read, || self.record_now(log, position)).await
    }

    async fn record_now(&self, log: &LogName, position: Position) -> Result<Option<Record>, ReadError> {
        self.check_connected(log)?;
        let subject = format!("STREAM.MSG.GET.{}", self.names.stream(log));
        let request = serde_json::json!({ "seq": position.0 });
        let asking = self.context.request(subject, &request);
        let answer = connect::unless_lost(&self.losses, asking).await.ok_or_else(|| lost(log))?;
        let answer: MessageAnswer = answer.map_err(|cause| read_error(log, cause))?;
        match answer {
            MessageAnswer { message: Some(message), .. } => {
                let stored = async_nats::jetstream::message::StreamMessage::try_from(message);
                let stored = stored.map_err(|cause| ReadError::Damaged {
                    log: log.clone(),
                    position,
                    reason: cause.to_string(),
                })?;
                Ok(Some(Record { position, bytes: stored.payload }))
            }
            MessageAnswer { error: Some(error), .. } if is_absent(error.error_code()) => Ok(None),
            MessageAnswer { error: Some(error), .. } => Err(read_error(log, error)),
            MessageAnswer { .. } => {
                Err(ReadError::Store { log: log.clone(), cause: "an answer without a message".into() })
            }
        }
    }

    /// One purge up to a position: atomic on the server, and the newest is kept.
    async fn trim(&self, log: &LogName, below: Position) -> Result<(), TrimError> {
        let failed = |cause: Box<dyn std::error::Error + Send + Sync>| TrimError { log: log.clone(), cause };
        let bounds = self.bounds(log).await.map_err(|cause| failed(cause.into()))?;
        let below = below.min(bounds.head);
        if below <= bounds.first {
            return Ok(());
        }
        let stream = self.context.get_stream_no_info(self.names.stream(log)).await;
        let stream = stream.map_err(|cause| failed(cause.into()))?;
        stream.purge().sequence(below.0).await.map(drop).map_err(|cause| failed(cause.into()))
    }

    /// What the streams of all logs and of the bucket hold.
    async fn usage_bytes(&self) -> Result<u64, ReadError> {
        self.patiently(cause_of_read, || self.usage_bytes_now()).await
    }

    async fn usage_bytes_now(&self) -> Result<u64, ReadError> {
        let (prefix, bucket) = (self.names.stream_prefix(), self.names.bucket_stream());
        let mut streams = self.context.streams();
        let mut total = 0;
        while let Some(info) = streams.next().await {
            let info = info.map_err(|cause| read_error(&LogName::Definitions, cause))?;
            if info.config.name.starts_with(&prefix) || info.config.name == bucket {
                total += info.state.bytes;
            }
        }
        Ok(total)
    }
}

#[derive(Deserialize)]
struct MessageAnswer {
    message: Option<jetstream::stream::RawMessage>,
    error: Option<jetstream::Error>,
}

fn is_absent(code: jetstream::ErrorCode) -> bool {
    code == jetstream::ErrorCode::NO_MESSAGE_FOUND || code == jetstream::ErrorCode::STREAM_NOT_FOUND
}

fn is_not_found(kind: &GetStreamErrorKind) -> bool {
    matches!(kind, GetStreamErrorKind::JetStream(error) if error.error_code() == jetstream::ErrorCode::STREAM_NOT_FOUND)
}

fn lost(log: &LogName) -> ReadError {
    ReadError::Store { log: log.clone(), cause: "there is no connection to NATS".into() }
}

fn read_error(log: &LogName, cause: impl std::error::Error + Send + Sync + 'static) -> ReadError {
    ReadError::Store { log: log.clone(), cause: cause.into() }
}

type Cause = Box<dyn std::error::Error + Send + Sync>;

fn cause_of_read(error: &ReadError) -> Option<&Cause> {
    match error {
        ReadError::Store { cause, .. } => Some(cause),
        ReadError::Trimmed { .. } | ReadError::Ahead { .. } | ReadError::Damaged { .. } => None,
    }
}

fn cause_of_object(error: &ObjectError) -> Option<&Cause> {
    match error {
        ObjectError::Store { cause, .. } => Some(cause),
        ObjectError::Full { .. } | ObjectError::Damaged { .. } => None,
    }
}

/// An error with its causes, on one line.
fn text_of(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        cause = inner.source();
    }
    text
}

impl EventLog for JetStream {
    fn append(&self, append: Append) -> BoxFuture<'static, Result<Position, AppendError>> {
        let (inner, log) = (self.inner.clone(), append.log.clone());
        // A task of its own, so that whoever stops waiting does not stop the append.
        let task = tokio::spawn(async move { publish::append(&inner, append).await });
        async move {
            let stopped = |cause: tokio::task::JoinError| AppendError::Unknown { log, reason: cause.to_string() };
            task.await.unwrap_or_else(|cause| Err(stopped(cause)))
        }
        .boxed()
    }

    fn head(&self, log: LogName) -> BoxFuture<'static, Result<Position, ReadError>> {
        let inner = self.inner.clone();
        async move { Ok(inner.bounds(&log).await?.head) }.boxed()
    }

    fn first(&self, log: LogName) -> BoxFuture<'static, Result<Position, ReadError>> {
        let inner = self.inner.clone();
        async move { Ok(inner.bounds(&log).await?.first) }.boxed()
    }

    fn record(&self, log: LogName, position: Position) -> BoxFuture<'static, Result<Option<Record>, ReadError>> {
        let inner = self.inner.clone();
        async move {
            // Sequence 0 would mean "the first" to the server.
            if position == Position::ORIGIN { Ok(None) } else { inner.record(&log, position).await }
        }
        .boxed()
    }

    fn read(&self, log: LogName, after: Position) -> Reader {
        reader::read(self.inner.clone(), log, after)
    }

    fn trim(&self, log: LogName, below: Position) -> BoxFuture<'static, Result<(), TrimError>> {
        let inner = self.inner.clone();
        async move { inner.trim(&log, below).await }.boxed()
    }

    fn usage_bytes(&self) -> BoxFuture<'static, Result<u64, ReadError>> {
        let inner = self.inner.clone();
        async move { inner.usage_bytes().await }.boxed()
    }

    fn put_object(&self, name: ObjectName, bytes: Bytes) -> BoxFuture<'static, Result<(), ObjectError>> {
        let inner = self.inner.clone();
        async move {
            let put = || objects::put(&inner.objects, name.clone(), bytes.clone());
            inner.patiently(cause_of_object, put).await
        }
        .boxed()
    }

    fn object(&self, name: ObjectName) -> BoxFuture<'static, Result<Option<Bytes>, ObjectError>> {
        let inner = self.inner.clone();
        async move { inner.patiently(cause_of_object, || objects::get(&inner.objects, name.clone())).await }.boxed()
    }

    fn objects(&self, prefix: &str) -> BoxFuture<'static, Result<Vec<ObjectName>, ObjectError>> {
        let (inner, prefix) = (self.inner.clone(), prefix.to_owned());
        async move { inner.patiently(cause_of_object, || objects::list(&inner.objects, &prefix)).await }.boxed()
    }

    fn delete_object(&self, name: ObjectName) -> BoxFuture<'static, Result<(), ObjectError>> {
        let inner = self.inner.clone();
        async move { inner.patiently(cause_of_object, || objects::delete(&inner.objects, name.clone())).await }.boxed()
    }

    fn durability(&self) -> Durability {
        self.inner.durability
    }

    fn layout(&self) -> Layout {
        self.inner.layout
    }

    fn record_bytes_max(&self) -> usize {
        self.inner.record_bytes_max()
    }
}

#[cfg(test)]
mod tests;
