//! What the server answers to a publish, in our words.

use std::time::Duration;

use serde::Deserialize;

use crate::{AppendError, LogName, Position};

/// How long to wait before a publish is tried again that the server refused only for the moment.
pub(super) const RETRY_PAUSE: Duration = Duration::from_millis(25);

const STREAM_NOT_FOUND: u64 = 10_059;
const ACCOUNT_LIMIT_EXCEEDED: u64 = 10_002;
const INSUFFICIENT_RESOURCES: u64 = 10_023;
const STORAGE_EXCEEDED: u64 = 10_047;
const MESSAGE_TOO_LARGE: u64 = 10_054;
const WRONG_LAST_SEQUENCE: u64 = 10_071;
const STORE_FAILED: u64 = 10_077;
const DUPLICATE_IN_PROCESS: u64 = 10_158;
const LEADER_NOT_READY: u64 = 10_163;
const WRONG_LAST_SEQUENCE_IN_FLIGHT: u64 = 10_164;

/// The server's answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// Stored there.
    Stored(Position),
    /// Not stored: the head is another. Which one, the server says unless that record is still on its way.
    Conflict(Option<Position>),
    /// Not stored, and the same publish may do better in a moment.
    NotYet,
    /// Not stored: nobody took the message. The stream has no leader, or the news of its leader is still on its way to the
    /// server that we are connected to.
    Nobody,
    /// Not stored: the stream does not exist.
    NoStream,
    /// Not stored: too large.
    TooLarge,
    /// Not stored: no room.
    Full(String),
    /// Not stored for another reason.
    Refused(String),
    /// Not the answer to a publish: nothing is known.
    Nonsense,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    seq: u64,
    error: Option<Problem>,
}

#[derive(Deserialize)]
struct Problem {
    err_code: u64,
    #[serde(default)]
    description: String,
}

impl Reply {
    pub(super) fn parse(payload: &[u8]) -> Self {
        match serde_json::from_slice::<Answer>(payload) {
            Ok(Answer { error: Some(problem), .. }) => problem.into(),
            Ok(Answer { seq, error: None }) if seq > 0 => Reply::Stored(Position(seq)),
            Ok(Answer { .. }) | Err(_) => Reply::Nonsense,
        }
    }
}

impl From<Problem> for Reply {
    fn from(problem: Problem) -> Self {
        let text = format!("{} ({})", problem.description, problem.err_code);
        match problem.err_code {
            WRONG_LAST_SEQUENCE => Reply::Conflict(last_number(&problem.description)),
            WRONG_LAST_SEQUENCE_IN_FLIGHT => Reply::Conflict(None),
            DUPLICATE_IN_PROCESS | LEADER_NOT_READY => Reply::NotYet,
            STREAM_NOT_FOUND => Reply::NoStream,
            MESSAGE_TOO_LARGE => Reply::TooLarge,
            ACCOUNT_LIMIT_EXCEEDED | INSUFFICIENT_RESOURCES | STORAGE_EXCEEDED => Reply::Full(text),
            // "Store failed" also names faults that are no lack of room.
            STORE_FAILED if problem.description.contains("maximum") => Reply::Full(text),
            _ => Reply::Refused(text),
        }
    }
}

/// `wrong last sequence: 17`
fn last_number(description: &str) -> Option<Position> {
    description.rsplit_once(' ')?.1.parse().ok().map(Position)
}

/// The error for a reply that is final and not about the head.
pub(super) fn refusal(log: LogName, reply: Reply, size_bytes: usize, limit_bytes: usize) -> AppendError {
    match reply {
        Reply::TooLarge => AppendError::TooLarge { log, size_bytes, limit_bytes },
        Reply::Full(reason) => AppendError::Full { log, reason },
        Reply::Refused(reason) => AppendError::Unavailable { log, reason },
        Reply::NotYet => AppendError::Unavailable { log, reason: "the stream has no settled leader yet".into() },
        Reply::Nobody => {
            let reason = "no stream answers: JetStream is off, or the stream has no leader".into();
            AppendError::Unavailable { log, reason }
        }
        Reply::NoStream => AppendError::Unavailable { log, reason: "its stream does not exist".into() },
        Reply::Conflict(_) => AppendError::Unavailable { log, reason: "another append is on its way".into() },
        Reply::Nonsense | Reply::Stored(_) => {
            AppendError::Unknown { log, reason: "the server's answer is not one to a publish".into() }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Reply {
        Reply::parse(text.as_bytes())
    }

    fn problem(code: u64, description: &str) -> Reply {
        parse(&format!(
            r#"{{"error":{{"code":400,"err_code":{code},"description":"{description}"}},"stream":"s","seq":0}}"#
        ))
    }

    #[test]
    fn answers_are_told_apart() {
        assert_eq!(parse(r#"{"stream":"s","seq":7}"#), Reply::Stored(Position(7)));
        assert_eq!(parse(r#"{"stream":"s","seq":7,"duplicate":true}"#), Reply::Stored(Position(7)));
        assert_eq!(problem(10_071, "wrong last sequence: 17"), Reply::Conflict(Some(Position(17))));
        assert_eq!(problem(10_164, "wrong last sequence"), Reply::Conflict(None));
        assert_eq!(problem(10_163, "x"), Reply::NotYet);
        assert_eq!(problem(10_158, "x"), Reply::NotYet);
        assert!(matches!(problem(10_002, "resource limits exceeded for account"), Reply::Full(_)));
        assert!(matches!(problem(10_023, "insufficient resources"), Reply::Full(_)));
        assert!(matches!(problem(10_077, "maximum bytes exceeded"), Reply::Full(_)));
        assert!(matches!(problem(10_077, "disk on fire"), Reply::Refused(_)));
        assert!(matches!(problem(10_167, "too many requests"), Reply::Refused(_)));
    }

    #[test]
    fn what_is_no_answer_leaves_the_outcome_unknown() {
        for text in ["", "{}", r#"{"seq":0}"#, "+OK"] {
            let error = refusal(LogName::Definitions, parse(text), 1, 1);
            assert!(matches!(error, AppendError::Unknown { .. }), "{text}: {error:?}");
        }
    }
}
