//! What became of a delivery, asked of the owner of its execution.

use tokio::time::timeout_at;
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

/// Waits for the end of an execution, for as long as the sender does. While no engine answers it asks again.
///
/// # Errors
/// 422 when the key of the delivery was used with another body.
pub(crate) async fn end_of(
    owners: &SharedOwners,
    execution: ExecutionId,
    delivery: DeliveryId,
) -> Result<Ended, Problem> {
    loop {
        let answer = owners.ask(Question { execution, delivery, until: Until::End }).await;
        if let Some(answer) = answer {
            let sent = checked(&answer)?;
            if let Some(execution) = answer.ended {
                return Ok(Ended { execution, sent });
            }
        }
        tokio::time::sleep(limits::ASK_AGAIN_DELAY).await;
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
