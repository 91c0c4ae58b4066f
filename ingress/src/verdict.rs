//! What became of a delivery, asked of the owner of its execution.

use tokio::time::{Instant, timeout_at};
use windhover_eventlog::ask::{Answer, Question, SharedOwners, Until, Verdict};
use windhover_proto::{
    core::Execution,
    id::{DeliveryId, ExecutionId},
    problem::{Code, Problem},
    state::History,
};

use crate::{batch::Stored, limits};

/// What a keyed delivery turned out to be.
#[derive(Debug)]
pub(crate) enum Fate {
    /// It started the execution, or it has no key and so cannot have been sent before.
    First,
    /// It had been sent before: the states of what the first one started.
    Replayed(History),
    /// Nobody said in time. It is the same execution either way.
    Pending,
}

/// What a keyed delivery turned out to be; asked for a short time unless it is known to be the first one.
///
/// # Errors
/// 422 when its key was used with another body.
pub(crate) async fn of_keyed(
    owners: &SharedOwners,
    execution: ExecutionId,
    delivery: DeliveryId,
    stored: Stored,
) -> Result<Fate, Problem> {
    if stored.is_first {
        return Ok(Fate::First);
    }
    let asked = owners.ask(Question { execution, delivery, until: Until::Verdict });
    let Ok(Some(answer)) = timeout_at(stored.verdict_by, asked).await else { return Ok(Fate::Pending) };
    match checked(&answer)? {
        Sent::First => Ok(Fate::First),
        Sent::Before => Ok(Fate::Replayed(answer.history)),
    }
}

/// What came of waiting for the end of an execution.
#[derive(Debug)]
pub(crate) enum End {
    /// It ended.
    Reached(Ended),
    /// No engine answers: it ends when one runs again.
    Unanswered,
}

/// How an execution ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// The execution.
    pub(crate) execution: Box<Execution>,
    /// Whether this delivery or an earlier one started it.
    pub(crate) sent: Sent,
}

/// Whether a delivery came for the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    /// It did.
    First,
    /// It had been sent before.
    Before,
}

/// Waits for the end of an execution, for as long as the sender does. While no engine answers it asks again, but not for ever.
///
/// # Errors
/// 422 when the key of the delivery was used with another body.
pub(crate) async fn end_of(
    owners: &SharedOwners,
    execution: ExecutionId,
    delivery: DeliveryId,
) -> Result<End, Problem> {
    let mut silence = Silence::default();
    loop {
        let asked_at = Instant::now();
        match owners.ask(Question { execution, delivery, until: Until::End }).await {
            Some(answer) => {
                silence = Silence::default();
                let sent = checked(&answer)?;
                if let Some(execution) = answer.ended {
                    return Ok(End::Reached(Ended { execution, sent }));
                }
            }
            None if silence.is_too_long(asked_at) => return Ok(End::Unanswered),
            None => {}
        }
        tokio::time::sleep(limits::ASK_AGAIN_DELAY).await;
    }
}

/// Since when no engine answers.
#[derive(Debug, Default)]
struct Silence(Option<Instant>);

impl Silence {
    /// Takes note that a question asked at this time got no answer, and says whether it has been like this for too long.
    fn is_too_long(&mut self, asked_at: Instant) -> bool {
        if asked_at.elapsed() > limits::SILENT_QUESTION_MAX {
            self.0 = None;
        }
        self.0.get_or_insert_with(Instant::now).elapsed() >= limits::UNANSWERED_MAX
    }
}

fn checked(answer: &Answer) -> Result<Sent, Problem> {
    match answer.verdict {
        Verdict::First => Ok(Sent::First),
        Verdict::Duplicate => Ok(Sent::Before),
        Verdict::KeyReused { first, this } => {
            let detail = format!(
                "this Idempotency-Key was first used with a different body: its SHA-256 was {first}, this one's is {this}; \
                 send the first body again, or use a new key"
            );
            Err(Code::KeyReused.because(detail).with("first", first.to_string()).with("this", this.to_string()))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        },
        time::Duration,
    };

    use futures_util::future::BoxFuture;
    use windhover_eventlog::{
        Position,
        ask::{NoOwners, Owners},
    };

    use super::*;

    async fn waited(owners: impl Owners) -> Duration {
        let began = Instant::now();
        let owners: SharedOwners = Arc::new(owners);
        let end = end_of(&owners, ExecutionId::from_bytes([1; 16]), DeliveryId::from_bytes([1; 16])).await;
        assert!(matches!(end, Ok(End::Unanswered)), "{end:?}");
        began.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_ends_when_no_engine_has_answered_for_fifteen_seconds() {
        let after = waited(NoOwners).await;
        assert!((15..17).contains(&after.as_secs()), "{after:?}");
    }

    /// Engines that come and go: each has the question for a minute, and then there is none for a while.
    #[derive(Debug, Default)]
    struct Passing(AtomicUsize);

    impl Owners for Passing {
        fn ask(&self, _question: Question) -> BoxFuture<'static, Option<Answer>> {
            let asked = self.0.fetch_add(1, Ordering::Relaxed);
            Box::pin(async move {
                if asked.is_multiple_of(100) && asked < 1000 {
                    tokio::time::sleep(Duration::from_secs(60)).await;
                }
                None
            })
        }

        fn settled(&self, _inbox: Position) -> BoxFuture<'static, Option<Vec<Position>>> {
            Box::pin(std::future::ready(None))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_takeover_does_not_end_a_wait() {
        let after = waited(Passing::default()).await;
        assert!(after > Duration::from_secs(600), "{after:?}");
    }
}
