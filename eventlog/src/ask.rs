//! Questions to the owner of a partition: what became of a delivery, and how did its execution end.
//!
//! In one process the answer comes through a channel, between processes by request and reply. Nobody answering means that no
//! engine owns the partition now; whoever asks does not wait for one.

use std::sync::Arc;

use futures_util::{StreamExt, future::BoxFuture, stream, stream::BoxStream};
use serde::{Deserialize, Serialize};
use windhover_proto::{
    core::Execution,
    id::{DeliveryId, ExecutionId, Fingerprint},
    state::History,
};

use crate::Position;

/// One question. The owner answers when it knows; whoever asks sets the deadline and drops the future.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// The execution it is about.
    pub execution: ExecutionId,
    /// The delivery that asks, as appended to the inbox.
    pub delivery: DeliveryId,
    /// What to wait for.
    pub until: Until,
}

/// How long the owner waits before it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Until {
    /// Until the delivery's fate is decided and on disk.
    Verdict,
    /// Until the execution has ended.
    End,
}

/// What became of a delivery.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// Its fate.
    pub verdict: Verdict,
    /// The states of the execution, live.
    pub history: History,
    /// The whole execution; only when its end was waited for.
    pub ended: Option<Box<Execution>>,
}

/// The fate of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// It started the execution.
    First,
    /// Another one had; the body was the same, or was allowed to differ.
    Duplicate,
    /// Another one had, with another body under the same `Idempotency-Key`: the sender is told so.
    KeyReused {
        /// The first one's body.
        first: Fingerprint,
        /// This one's body.
        this: Fingerprint,
    },
}

/// Deliveries with a key that one inbox record holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrivals {
    /// The record.
    pub record: Position,
    /// The execution that each key stands for, and the delivery.
    pub deliveries: Vec<(ExecutionId, DeliveryId)>,
}

/// Whether some of the [`Arrivals`], named by their place there, are certainly the first ones of their keys.
pub type Firsts = Vec<(usize, bool)>;

/// Whoever owns partitions and can be asked about them.
pub trait Owners: Send + Sync + std::fmt::Debug + 'static {
    /// Asks the owner of the execution's partition. `None` at once when nobody answers for it.
    fn ask(&self, question: Question) -> BoxFuture<'static, Option<Answer>>;

    /// Says of deliveries that arrived together which of them are certainly the first ones of their keys, in parts, as it becomes
    /// known. One question for all of them costs hardly more than one for each. Of the others [`Owners::ask`] knows more.
    fn first_ones(&self, _arrivals: Arrivals) -> BoxStream<'static, Firsts> {
        stream::empty().boxed()
    }

    /// Resolves when every input up to `inbox` (of the only shard, or of each) is committed: the heads of all partitions
    /// then, by partition. `None` at once when some partition has no owner.
    fn settled(&self, inbox: Position) -> BoxFuture<'static, Option<Vec<Position>>>;
}

/// Owners that any part can hold and share.
pub type SharedOwners = Arc<dyn Owners>;

/// No engine anywhere: questions are never answered.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoOwners;

impl Owners for NoOwners {
    fn ask(&self, _question: Question) -> BoxFuture<'static, Option<Answer>> {
        Box::pin(std::future::ready(None))
    }

    fn settled(&self, _inbox: Position) -> BoxFuture<'static, Option<Vec<Position>>> {
        Box::pin(std::future::ready(None))
    }
}
