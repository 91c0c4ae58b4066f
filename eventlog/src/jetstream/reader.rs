//! Readers: an ephemeral consumer from our own position, made again from there whenever anything goes wrong with it.
//!
//! The server remembers nothing that matters: where to go on is known here, and every record's position must be the one
//! after the last.

use std::{sync::Arc, time::Duration};

use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, PullConsumer, pull};
use bytes::Bytes;
use futures_util::{StreamExt, stream};

use super::{Bounds, Inner, connect::Losses};
use crate::{LogName, Position, ReadError, Reader, Record};

/// Messages asked for at once.
const BATCH_COUNT: usize = 256;
/// Bytes that all readers of a process ask for at once. A server cuts the connection of whoever has 64 MiB on the way to it.
const ON_THE_WAY_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Readers of a process beside one for each partition: those of the inbox and of the definitions.
const OTHER_READERS: usize = 4;
/// Room for what a message has besides its body.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// A consumer that nobody asks is forgotten by the server after this.
const FORGET_AFTER: Duration = Duration::from_secs(30);
/// Silence of the server for twice this long means that the consumer is gone.
const HEARTBEAT_EVERY: Duration = Duration::from_secs(1);
/// How long one request for messages waits.
const WAIT_MAX: Duration = Duration::from_secs(20);
/// Pauses between attempts to make a consumer, doubled from the first to the last.
const RETRY_FIRST: Duration = Duration::from_millis(20);
const RETRY_LAST: Duration = Duration::from_secs(1);
/// A body smaller than this is copied out of the connection's buffer, which it would keep alive whole.
const COPY_BYTES_MAX: usize = 16 * 1024;

struct Cursor {
    inner: Arc<Inner>,
    log: LogName,
    after: Position,
    messages: Option<pull::Stream>,
    /// Seen up to when the consumer was made.
    losses: Losses,
    /// After which position a record was missing when the consumer before this one gave the next one.
    missing_after: Option<Position>,
    retry: Duration,
    ended: bool,
}

/// Reads everything after `after`, for ever. While NATS is away the reader waits.
pub(super) fn read(inner: Arc<Inner>, log: LogName, after: Position) -> Reader {
    let (messages, missing_after, losses) = (None, None, inner.losses.clone());
    let cursor = Cursor { inner, log, after, messages, losses, missing_after, retry: RETRY_FIRST, ended: false };
    stream::unfold(cursor, step).boxed()
}

async fn step(mut cursor: Cursor) -> Option<(Result<Record, ReadError>, Cursor)> {
    if cursor.ended {
        return None;
    }
    let item = cursor.next().await;
    cursor.ended = item.is_err();
    Some((item, cursor))
}

impl Cursor {
    async fn next(&mut self) -> Result<Record, ReadError> {
        loop {
            let Some(messages) = &mut self.messages else {
                self.start().await?;
                continue;
            };
            let next = tokio::select! {
                biased;
                // What was on its way is lost, and the consumer takes it for read: were it the last, nothing would ever follow.
                Ok(()) = self.losses.changed() => None,
                next = messages.next() => next,
            };
            match next {
                Some(Ok(message)) => match self.take(&message).await? {
                    Some(record) => return Ok(record),
                    None => self.messages = None,
                },
                Some(Err(cause)) => {
                    tracing::debug!(log = %self.log, %cause, "reading anew from our own position");
                    self.messages = None;
                    self.pause().await;
                }
                None => self.messages = None,
            }
        }
    }

    /// Makes a consumer after checking that the log still goes on after our position. Failures of NATS are waited out.
    async fn start(&mut self) -> Result<(), ReadError> {
        self.losses.mark_unchanged();
        match self.try_start().await {
            Ok(messages) => {
                self.messages = Some(messages);
                Ok(())
            }
            Err(Failure::Final(error)) => Err(error),
            Err(Failure::Passing(cause)) => {
                tracing::debug!(log = %self.log, cause, "NATS cannot be read now");
                self.pause().await;
                Ok(())
            }
        }
    }

    /// Rests a little longer each time until a record comes.
    async fn pause(&mut self) {
        tokio::time::sleep(self.retry).await;
        self.retry = (self.retry * 2).min(RETRY_LAST);
    }

    async fn try_start(&self) -> Result<pull::Stream, Failure> {
        let passing = |cause: &dyn std::error::Error| Failure::Passing(super::text_of(cause));
        self.inner.ensure_stream(&self.log).await.map_err(|cause| passing(&cause))?;
        let bounds = self.inner.bounds(&self.log).await.map_err(|cause| passing(&cause))?;
        check_bounds(&self.log, self.after, bounds).map_err(Failure::Final)?;
        let stream = self.inner.names.stream(&self.log);
        let made = self.inner.context.create_consumer_on_stream(config(self.after), stream).await;
        let consumer: PullConsumer = made.map_err(|cause| passing(&cause))?;
        let messages = consumer
            .stream()
            .max_messages_per_batch(BATCH_COUNT)
            .max_bytes_per_batch(batch_bytes(self.inner.layout.partitions, self.inner.client.max_payload()))
            .expires(WAIT_MAX)
            .heartbeat(HEARTBEAT_EVERY)
            .messages()
            .await;
        messages.map_err(|cause| passing(&cause))
    }

    /// The next record; `None` for a copy of one that we have, or one too far ahead, after which the consumer is made again.
    async fn take(&mut self, message: &async_nats::jetstream::Message) -> Result<Option<Record>, ReadError> {
        let Ok(info) = message.info() else { return Ok(None) };
        let position = Position(info.stream_sequence);
        match place(position, self.after, self.missing_after) {
            Place::Next => {
                self.after = position;
                self.retry = RETRY_FIRST;
                Ok(Some(Record { position, bytes: own(&message.payload) }))
            }
            Place::Known => Ok(None),
            Place::TooFar => {
                self.missing_after = Some(self.after);
                Ok(None)
            }
            Place::Gap => Err(self.explain_gap(position).await),
        }
    }

    async fn explain_gap(&self, found: Position) -> ReadError {
        let missing = Position(self.after.0 + 1);
        match self.inner.bounds(&self.log).await {
            Ok(bounds) if bounds.first > missing => {
                ReadError::Trimmed { log: self.log.clone(), after: self.after, first: bounds.first }
            }
            _ => ReadError::Damaged {
                log: self.log.clone(),
                position: missing,
                reason: format!("the next record is {found}, though nobody trimmed what is between"),
            },
        }
    }
}

/// How a record stands to the last one that we have.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    Next,
    /// A copy of one that we have.
    Known,
    /// One before it is missing. What was on its way when a connection was lost never arrives: the next consumer may have it.
    TooFar,
    /// The next consumer does not have it either.
    Gap,
}

fn place(found: Position, after: Position, missing_after: Option<Position>) -> Place {
    match found.0.checked_sub(after.0) {
        None | Some(0) => Place::Known,
        Some(1) => Place::Next,
        Some(_) if missing_after == Some(after) => Place::Gap,
        Some(_) => Place::TooFar,
    }
}

enum Failure {
    /// The log itself cannot go on from here.
    Final(ReadError),
    /// NATS is away, has no leader, or forgot the consumer.
    Passing(String),
}

/// Bytes that one reader asks for at once: its share of what may be on the way, and always room for the largest record.
fn batch_bytes(partitions: u16, payload_bytes_max: usize) -> usize {
    let share = ON_THE_WAY_BYTES_MAX / (usize::from(partitions) + OTHER_READERS);
    share.max(payload_bytes_max + HEAD_BYTES_MAX)
}

fn check_bounds(log: &LogName, after: Position, bounds: Bounds) -> Result<(), ReadError> {
    if after > bounds.head {
        return Err(ReadError::Ahead { log: log.clone(), after, head: bounds.head });
    }
    if after.0 + 1 < bounds.first.0 {
        return Err(ReadError::Trimmed { log: log.clone(), after, first: bounds.first });
    }
    Ok(())
}

fn config(after: Position) -> pull::Config {
    pull::Config {
        deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: after.0 + 1 },
        ack_policy: AckPolicy::None,
        inactive_threshold: FORGET_AFTER,
        memory_storage: true,
        num_replicas: 1,
        ..pull::Config::default()
    }
}

fn own(payload: &Bytes) -> Bytes {
    if payload.len() < COPY_BYTES_MAX { Bytes::copy_from_slice(payload) } else { payload.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_readers_together_never_have_so_much_on_the_way_that_the_server_cuts_the_connection() {
        for partitions in [1, 4, 16, 48] {
            let all = batch_bytes(partitions, 1024 * 1024) * (usize::from(partitions) + OTHER_READERS);
            assert!(all < 64 * 1024 * 1024, "{partitions} partitions: {all} bytes");
        }
        assert!(batch_bytes(16, 8 * 1024 * 1024) > 8 * 1024 * 1024, "the largest record fits");
    }

    #[test]
    fn a_missing_record_is_looked_for_once_more_before_the_log_is_blamed() {
        let at = |found, missing: Option<u64>| place(Position(found), Position(7), missing.map(Position));
        assert_eq!(at(8, None), Place::Next);
        assert_eq!((at(7, None), at(3, Some(7))), (Place::Known, Place::Known));
        assert_eq!((at(9, None), at(9, Some(6))), (Place::TooFar, Place::TooFar));
        assert_eq!((at(9, Some(7)), at(8, Some(7))), (Place::Gap, Place::Next));
    }
}
