//! Appending: one message, one answer, one deadline.

use std::time::{Duration, Instant};

use async_nats::{HeaderMap, RequestErrorKind, connection::State, header};

use super::{
    Inner,
    connect::unless_lost,
    reply::{RETRY_PAUSE, Reply, refusal},
};
use crate::{Append, AppendError, Expect, LogName, Position};

/// Appends, within the deadline. Whatever this returns but `Unknown` is certain.
pub(super) async fn append(inner: &Inner, append: Append) -> Result<Position, AppendError> {
    let (size_bytes, limit_bytes) = (append.bytes.len(), inner.record_bytes_max());
    if size_bytes > limit_bytes {
        return Err(AppendError::TooLarge { log: append.log, size_bytes, limit_bytes });
    }
    let deadline = Instant::now() + inner.options.append_timeout;
    ensure_stream(inner, &append.log).await?;
    loop {
        let reply = publish(inner, &append, deadline).await?;
        match reply {
            Reply::Stored(position) => return Ok(position),
            Reply::Conflict(Some(head)) => return Err(AppendError::Conflict { log: append.log, head }),
            Reply::Conflict(None) => return Err(conflict_in_flight(inner, append).await),
            // Certainly not stored, and a cluster that elects a leader has one in a moment.
            Reply::NotYet | Reply::Nobody if deadline > Instant::now() + RETRY_PAUSE => {
                tokio::time::sleep(RETRY_PAUSE).await;
            }
            other => return Err(refusal(append.log, other, size_bytes, limit_bytes)),
        }
    }
}

/// A log's stream may come with its first record. Making it takes no longer than an append may.
async fn ensure_stream(inner: &Inner, log: &LogName) -> Result<(), AppendError> {
    match tokio::time::timeout(inner.options.append_timeout, inner.ensure_stream(log)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(cause)) => Err(unavailable(log, &super::text_of(&cause))),
        Err(_) => Err(unavailable(log, "its stream could not be made in time")),
    }
}

/// Another append with the same expectation is being replicated; usually the head has moved when we look.
async fn conflict_in_flight(inner: &Inner, append: Append) -> AppendError {
    match (inner.bounds(&append.log).await, append.expect) {
        (Ok(bounds), Expect::Head(expected)) if bounds.head != expected => {
            AppendError::Conflict { log: append.log, head: bounds.head }
        }
        _ => refusal(append.log, Reply::Conflict(None), 0, 0),
    }
}

async fn publish(inner: &Inner, append: &Append, deadline: Instant) -> Result<Reply, AppendError> {
    // A publish that is handed to a client without a connection is sent whenever it has one again: better not begun.
    if inner.client.connection_state() != State::Connected {
        return Err(unavailable(&append.log, "there is no connection to NATS"));
    }
    let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
    let request = async_nats::Request::new().headers(headers(append)).payload(append.bytes.clone()).timeout(Some(left));
    let asking = inner.client.send_request(inner.names.subject(&append.log), request);
    let Some(answer) = unless_lost(&inner.losses, asking).await else {
        let reason = "the connection to NATS was lost before it answered".to_owned();
        return Err(AppendError::Unknown { log: append.log.clone(), reason });
    };
    match answer {
        Ok(message) => Ok(Reply::parse(&message.payload)),
        Err(cause) => match cause.kind() {
            RequestErrorKind::NoResponders => Ok(Reply::Nobody),
            RequestErrorKind::MaxPayloadExceeded => Ok(Reply::TooLarge),
            RequestErrorKind::InvalidSubject => Err(unavailable(&append.log, "its name makes no subject")),
            RequestErrorKind::TimedOut | RequestErrorKind::Other => {
                let reason = format!("no answer within {} ms", inner.options.append_timeout.as_millis());
                Err(AppendError::Unknown { log: append.log.clone(), reason })
            }
        },
    }
}

fn unavailable(log: &LogName, reason: &str) -> AppendError {
    AppendError::Unavailable { log: log.clone(), reason: reason.to_owned() }
}

fn headers(append: &Append) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if let Expect::Head(head) = append.expect {
        headers.insert(header::NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, head.0.to_string());
    }
    if let Some(id) = append.resend_id {
        headers.insert(header::NATS_MESSAGE_ID, format!("{:032x}", u128::from_be_bytes(id)));
    }
    headers
}
