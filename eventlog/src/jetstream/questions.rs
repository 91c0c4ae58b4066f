//! Questions between processes: request and reply on one subject for each partition, which only its owner answers.
//!
//! Nobody answering is known at once: the server says that the subject has no subscriber.

use std::{sync::Arc, time::Duration};

use async_nats::{Message, RequestErrorKind};
use bytes::Bytes;
use futures_util::{
    FutureExt, StreamExt,
    future::BoxFuture,
    stream::{BoxStream, FuturesUnordered},
};
use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;

use super::{
    Inner, JetStream,
    connect::unless_lost,
    groups::{Engines, Group},
};
use crate::{
    EventLog, Position,
    ask::{Answer, Arrivals, Firsts, Owners, Question},
    cluster::Owner,
};

/// How long an owner thinks about a question before it says that it does not know yet. Whoever asks then asks again, so that
/// an owner that dies is noticed.
const PATIENCE: Duration = Duration::from_secs(1);
/// How much longer than that an answer may take on its way.
const ON_ITS_WAY_MAX: Duration = Duration::from_millis(500);
/// How long an owner may take to let a partition go. Then whoever asked takes it without being given it.
const RELEASE_MAX: Duration = Duration::from_secs(3);

/// What is asked.
#[derive(Debug, Serialize, Deserialize)]
enum Asked {
    Fate(Question),
    /// Of deliveries to any partition of the engine that is asked.
    FirstOnes(Arrivals),
    Settled(Position),
    Consumed,
    Release,
}

/// What is answered.
#[derive(Debug, Serialize, Deserialize)]
enum Told {
    Fate(Answer),
    FirstOnes {
        /// Whether each delivery is certainly the first one of its key; none where another engine has to say.
        first: Vec<Option<bool>>,
        /// The engine that answers.
        by: String,
    },
    Settled(Position),
    Consumed(u64),
    Released,
    /// Ask again.
    NotYet,
    /// This process does not own the partition any more.
    NotMine,
}

/// Answers the questions about one partition until it is dropped.
#[derive(Debug)]
pub(super) struct Service(JoinHandle<()>);

impl Drop for Service {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Service {
    /// Answers for `owner`, which is a part of `engine`.
    pub(super) fn start(inner: Arc<Inner>, partition: u16, engine: String, owner: Arc<dyn Owner>) -> Self {
        Self(tokio::spawn(serve(inner, partition, engine.into(), owner)))
    }
}

async fn serve(inner: Arc<Inner>, partition: u16, engine: Arc<str>, owner: Arc<dyn Owner>) {
    let subject = inner.names.ask(partition);
    let mut asked = match inner.client.subscribe(subject).await {
        Ok(subscriber) => subscriber,
        Err(error) => {
            tracing::error!(partition, %error, "questions about the partition cannot be answered");
            return;
        }
    };
    while let Some(message) = asked.next().await {
        tokio::spawn(reply(inner.clone(), engine.clone(), owner.clone(), message));
    }
}

async fn reply(inner: Arc<Inner>, engine: Arc<str>, owner: Arc<dyn Owner>, message: Message) {
    let Some(to) = message.reply else { return };
    let told = match serde_json::from_slice::<Asked>(&message.payload) {
        Ok(asked) => {
            let patience = if matches!(asked, Asked::Release) { RELEASE_MAX } else { PATIENCE };
            tokio::time::timeout(patience, tell(&*owner, &engine, asked)).await.unwrap_or(Told::NotYet)
        }
        Err(error) => {
            tracing::warn!(%error, "a question cannot be read; is another version running?");
            return;
        }
    };
    let bytes = serde_json::to_vec(&told).map(Bytes::from).unwrap_or_default();
    // An execution that is larger than a message can only be read from the log.
    if bytes.len() > inner.client.max_payload() {
        tracing::warn!(bytes = bytes.len(), "an answer is larger than a message of NATS may be");
        return;
    }
    let _ = inner.client.publish(to, bytes).await;
}

async fn tell(owner: &dyn Owner, engine: &str, asked: Asked) -> Told {
    match asked {
        Asked::Fate(question) => owner.ask(question).await.map_or(Told::NotMine, Told::Fate),
        Asked::FirstOnes(arrivals) => {
            Told::FirstOnes { first: owner.first_ones(arrivals).await, by: engine.to_owned() }
        }
        Asked::Settled(inbox) => owner.settled(inbox).await.map_or(Told::NotMine, Told::Settled),
        Asked::Consumed => Told::Consumed(owner.inbox_consumed()),
        Asked::Release => {
            owner.release().await;
            Told::Released
        }
    }
}

/// Asks the owner of a partition once; `None` when nobody answers.
async fn ask(inner: &Inner, partition: u16, asked: &Asked, within: Duration) -> Option<Told> {
    let payload = serde_json::to_vec(asked).map(Bytes::from).ok()?;
    let request = async_nats::Request::new().payload(payload).timeout(Some(within));
    let asking = inner.client.send_request(inner.names.ask(partition), request);
    match unless_lost(&inner.losses, asking).await? {
        Ok(message) => serde_json::from_slice(&message.payload).ok(),
        Err(cause) => {
            if cause.kind() != RequestErrorKind::NoResponders {
                tracing::debug!(partition, %cause, "the owner of the partition does not answer");
            }
            None
        }
    }
}

/// Asks for as long as the owner says that it does not know yet.
async fn ask_until_known(inner: &Inner, partition: u16, asked: &Asked) -> Option<Told> {
    loop {
        match ask(inner, partition, asked, PATIENCE + ON_ITS_WAY_MAX).await? {
            Told::NotYet => {}
            told => return Some(told),
        }
    }
}

/// Asks one engine about deliveries to its partitions, on the subject of one of these.
async fn ask_group(inner: Arc<Inner>, engines: Arc<Engines>, record: Position, group: Group) -> Firsts {
    let asked = Asked::FirstOnes(group.arrivals(record));
    match ask(&inner, group.subject(), &asked, PATIENCE + ON_ITS_WAY_MAX).await {
        Some(Told::FirstOnes { first, by }) => group.told(&first, &by, &engines),
        Some(Told::Fate(_) | Told::Settled(_) | Told::Consumed(_) | Told::Released | Told::NotYet | Told::NotMine)
        | None => group.untold(&engines),
    }
}

pub(super) async fn release(inner: Arc<Inner>, partition: u16) {
    ask(&inner, partition, &Asked::Release, RELEASE_MAX).await;
}

pub(super) async fn consumed(inner: Arc<Inner>, partition: u16) -> Option<u64> {
    match ask(&inner, partition, &Asked::Consumed, ON_ITS_WAY_MAX).await? {
        Told::Consumed(through) => Some(through),
        Told::Fate(_) | Told::FirstOnes { .. } | Told::Settled(_) | Told::Released | Told::NotYet | Told::NotMine => {
            None
        }
    }
}

/// The owners of all partitions, wherever they run.
#[derive(Debug)]
pub struct RemoteOwners {
    inner: Arc<Inner>,
    engines: Arc<Engines>,
}

impl JetStream {
    /// Whoever owns the partitions, asked over NATS.
    pub fn owners(&self) -> Arc<RemoteOwners> {
        Arc::new(RemoteOwners { inner: self.inner.clone(), engines: Arc::default() })
    }
}

impl Owners for RemoteOwners {
    fn ask(&self, question: Question) -> BoxFuture<'static, Option<Answer>> {
        let inner = self.inner.clone();
        async move {
            let partition = question.execution.partition(inner.layout.partitions);
            match ask_until_known(&inner, partition, &Asked::Fate(question)).await? {
                Told::Fate(answer) => Some(answer),
                Told::FirstOnes { .. }
                | Told::Settled(_)
                | Told::Consumed(_)
                | Told::Released
                | Told::NotYet
                | Told::NotMine => None,
            }
        }
        .boxed()
    }

    fn first_ones(&self, arrivals: Arrivals) -> BoxStream<'static, Firsts> {
        let groups = self.engines.group(&arrivals, self.inner.layout.partitions);
        let ask = |group| ask_group(self.inner.clone(), self.engines.clone(), arrivals.record, group);
        groups.into_iter().map(ask).collect::<FuturesUnordered<_>>().boxed()
    }

    fn settled(&self, inbox: Position) -> BoxFuture<'static, Option<Vec<Position>>> {
        let inner = self.inner.clone();
        async move {
            let asked = Asked::Settled(inbox);
            let asking = (0..inner.layout.partitions).map(|partition| ask_until_known(&inner, partition, &asked));
            let head = |told: Option<Told>| match told? {
                Told::Settled(head) => Some(head),
                Told::Fate(_)
                | Told::FirstOnes { .. }
                | Told::Consumed(_)
                | Told::Released
                | Told::NotYet
                | Told::NotMine => None,
            };
            futures_util::future::join_all(asking).await.into_iter().map(head).collect()
        }
        .boxed()
    }
}

impl JetStream {
    /// Why NATS cannot be used at this moment; `None` when it answers.
    pub async fn trouble(&self, within: Duration) -> Option<String> {
        use async_nats::connection::State;
        if self.inner.client.connection_state() != State::Connected {
            return Some("there is no connection to NATS".to_owned());
        }
        match tokio::time::timeout(within, self.head(crate::LogName::Definitions)).await {
            Ok(Ok(_)) => None,
            Ok(Err(error)) => Some(format!("NATS cannot be read: {}", super::text_of(&error))),
            Err(_) => Some(format!("NATS does not answer within {within:?}")),
        }
    }
}
