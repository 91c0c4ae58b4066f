//! Tells the sender of a keyed delivery at once that nobody was there before it.
//!
//! That a delivery is the first one of its key follows from the inbox alone: no earlier record there names its execution, and
//! neither does the index. So the answer does not have to wait until the flow was run and its commit is on disk. A reader of its
//! own looks at every input once, in order, far ahead of the turns when these fall behind; everybody it cannot call the first one
//! is sent to the partition, which knows all the rest: what became of the first one, and whether its body was the same.
//!
//! An execution that a key stands for is never one that a delivery without a key started, so only keyed inputs are looked at. The
//! turns share nothing with this that they could hold up: where they run at a lower priority, a lock would be held for as long as
//! they do not run.

use std::{
    collections::HashMap,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use futures_util::StreamExt;
use tokio::sync::{mpsc, oneshot};
use windhover_eventlog::{
    LogName, Position, ReadError, SharedLog,
    ask::{Answer, Arrivals, Question, Until, Verdict},
};
use windhover_proto::{
    codec::{self, Arrival, DecodeError},
    id::{DeliveryId, ExecutionId},
    state::History,
    time::Timestamp,
};

use crate::{filter::Filter, progress::Progress, question::Asked};

/// How long it is remembered at least who was the first one: far longer than an ingress waits before it asks.
const REMEMBERED: Duration = Duration::from_secs(5);

/// Bits for each execution that is known. A first delivery that is taken for a repeated one waits behind all that the partition
/// has not yet decided, a hundred times as long as others, so it must not happen to one in ten thousand.
const KNOWN_BITS: usize = 40;

/// Why the inbox cannot be read on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EntranceError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Decode(#[from] DecodeError),
}

/// Who answers for a delivery.
#[derive(Clone, Copy, Debug)]
enum Told {
    /// It is the first one, and was received then.
    First(Timestamp),
    /// The partition has to say.
    Elsewhere,
}

/// The entrance of one partition: every question goes through it.
#[derive(Debug)]
pub(crate) struct Entrance {
    questions: mpsc::Sender<Asked>,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// Executions that the index has, and those that an input named.
    known: Filter<KNOWN_BITS>,
    /// Whether the whole index is in `known`. Until then nobody is called the first one.
    complete: bool,
    told: HashMap<DeliveryId, Told>,
    told_before: HashMap<DeliveryId, Told>,
    turned_at: Instant,
    /// Questions about deliveries that no input has named yet.
    waiting: HashMap<DeliveryId, Vec<Asked>>,
}

impl Default for Inner {
    fn default() -> Self {
        Self {
            known: Filter::default(),
            complete: false,
            told: HashMap::new(),
            told_before: HashMap::new(),
            turned_at: Instant::now(),
            waiting: HashMap::new(),
        }
    }
}

impl Entrance {
    /// The entrance of a partition that takes questions here.
    pub(crate) fn new(questions: mpsc::Sender<Asked>) -> Self {
        Self { questions, inner: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets everything: the partition stops, or another owner may have changed it. Whoever waits asks the partition.
    pub(crate) fn reset(&self) {
        let old = mem::take(&mut *self.lock());
        old.waiting.into_values().flatten().for_each(|asked| self.pass_on(asked));
    }

    /// Executions that the index has.
    pub(crate) fn learn(&self, ids: &[ExecutionId]) {
        let mut inner = self.lock();
        ids.iter().for_each(|id| {
            inner.known.insert(id);
        });
    }

    /// The whole index was learned.
    pub(crate) fn learned(&self) {
        self.lock().complete = true;
    }

    /// Looks at inputs with a key that stand in the inbox, in order.
    fn arrived(&self, arrivals: &[Arrival]) {
        let mut inner = self.lock();
        inner.forget_old();
        for Arrival { execution, delivery, received_at } in arrivals {
            let is_new = inner.known.insert(execution) && inner.complete;
            let told = if is_new { Told::First(*received_at) } else { Told::Elsewhere };
            // A record may be read twice; what was said stays.
            let told = *inner.told.entry(*delivery).or_insert(told);
            for asked in inner.waiting.remove(delivery).unwrap_or_default() {
                self.settle(told, asked);
            }
        }
    }

    /// Whether a delivery that was looked at is certainly the first one of its key.
    fn is_first(&self, delivery: DeliveryId) -> bool {
        let inner = self.lock();
        let told = inner.told.get(&delivery).or_else(|| inner.told_before.get(&delivery));
        matches!(told, Some(Told::First(_)))
    }

    /// Whether anybody can be called the first one here.
    fn is_complete(&self) -> bool {
        self.lock().complete
    }

    /// Answers a question; `None` when too many wait, or when the partition stops before it knows the answer.
    pub(crate) async fn ask(self: Arc<Self>, question: Question) -> Option<Answer> {
        let (reply, answer) = oneshot::channel();
        self.take(Asked { question, reply });
        answer.await.ok()
    }

    fn take(&self, asked: Asked) {
        if asked.question.until == Until::End {
            return self.pass_on(asked);
        }
        let delivery = asked.question.delivery;
        let mut inner = self.lock();
        match inner.told.get(&delivery).or_else(|| inner.told_before.get(&delivery)).copied() {
            Some(told) => self.settle(told, asked),
            None if inner.complete => inner.waiting.entry(delivery).or_default().push(asked),
            None => self.pass_on(asked),
        }
    }

    fn settle(&self, told: Told, asked: Asked) {
        match told {
            Told::First(received_at) => {
                let history = History::created(received_at);
                let _ = asked.reply.send(Answer { verdict: Verdict::First, history, ended: None });
            }
            Told::Elsewhere => self.pass_on(asked),
        }
    }

    /// Hands a question to the partition. When too many wait there it is dropped, and whoever asked is told nothing.
    fn pass_on(&self, asked: Asked) {
        let _ = self.questions.try_send(asked);
    }
}

impl Inner {
    fn forget_old(&mut self) {
        if self.turned_at.elapsed() > REMEMBERED {
            self.told_before = mem::take(&mut self.told);
            self.turned_at = Instant::now();
            self.waiting.retain(|_, asked| {
                asked.retain(|asked| !asked.reply.is_closed());
                !asked.is_empty()
            });
        }
    }
}

/// The entrances of all partitions of an engine.
#[derive(Clone, Debug)]
pub(crate) struct Entrances {
    pub(crate) all: Arc<[Arc<Entrance>]>,
    pub(crate) progress: Arc<Progress>,
}

impl Entrances {
    /// Which deliveries are certainly the first ones of their keys, as soon as their record was looked at; `None` of those whose
    /// partition does not know that now, because it does not run here or has just begun.
    pub(crate) async fn first_ones(self, arrivals: Arrivals) -> Vec<Option<bool>> {
        let partitions = u16::try_from(self.all.len()).unwrap_or(u16::MAX);
        let own =
            |id: &ExecutionId| self.all.get(usize::from(id.partition(partitions))).filter(|own| own.is_complete());
        let own: Vec<_> = arrivals.deliveries.iter().map(|(execution, _)| own(execution)).collect();
        if own.iter().any(Option::is_some) {
            self.progress.greeted(arrivals.record).await;
        }
        let told = own.into_iter().zip(&arrivals.deliveries);
        told.map(|(own, (_, delivery))| Some(own?.is_first(*delivery))).collect()
    }
}

/// Shows every input after `from` to the entrance of its partition, for ever.
pub(crate) async fn greet(
    log: SharedLog,
    shard: u16,
    from: Position,
    entrances: Vec<Option<Arc<Entrance>>>,
    progress: Arc<Progress>,
) -> Result<(), EntranceError> {
    progress.greeted_through(from.0);
    let mut reader = log.read(LogName::Inbox { shard }, from);
    let mut arrivals: Vec<Vec<Arrival>> = vec![Vec::new(); entrances.len()];
    while let Some(record) = reader.next().await {
        let record = record?;
        for item in codec::decode_inbox(&record.bytes)? {
            let partition = usize::from(item.partition);
            if matches!(entrances.get(partition), Some(Some(_))) {
                arrivals[partition].extend(item.arrival()?);
            }
        }
        for (entrance, arrivals) in entrances.iter().zip(&mut arrivals) {
            if let Some(entrance) = entrance.as_ref().filter(|_| !arrivals.is_empty()) {
                entrance.arrived(arrivals);
                arrivals.clear();
            }
        }
        progress.greeted_through(record.position.0);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrival(execution: u8, delivery: u8) -> Arrival {
        Arrival {
            execution: ExecutionId::from_bytes([execution; 16]),
            delivery: DeliveryId::from_bytes([delivery; 16]),
            received_at: Timestamp::from_millis(7),
        }
    }

    fn question(execution: u8, delivery: u8) -> Question {
        let (execution, delivery) = (ExecutionId::from_bytes([execution; 16]), DeliveryId::from_bytes([delivery; 16]));
        Question { execution, delivery, until: Until::Verdict }
    }

    fn entrance() -> (Arc<Entrance>, mpsc::Receiver<Asked>) {
        let (sender, receiver) = mpsc::channel(8);
        (Arc::new(Entrance::new(sender)), receiver)
    }

    async fn is_first(entrance: &Arc<Entrance>, execution: u8, delivery: u8) -> bool {
        let answer = entrance.clone().ask(question(execution, delivery)).await.unwrap();
        answer.verdict == Verdict::First
    }

    #[tokio::test]
    async fn the_first_one_is_told_so_before_or_after_it_asks_and_the_second_one_is_sent_on() {
        let (entrance, mut questions) = entrance();
        entrance.learned();
        let early = tokio::spawn(entrance.clone().ask(question(1, 1)));
        tokio::task::yield_now().await;
        entrance.arrived(&[arrival(1, 1), arrival(1, 2), arrival(2, 3)]);
        assert_eq!(early.await.unwrap().unwrap().verdict, Verdict::First);
        assert!(is_first(&entrance, 2, 3).await);
        drop(tokio::spawn(entrance.clone().ask(question(1, 2))));
        let sent_on = questions.recv().await.unwrap();
        assert_eq!(sent_on.question, question(1, 2));
    }

    #[tokio::test]
    async fn nobody_is_called_the_first_one_before_the_whole_index_is_learned() {
        let (entrance, mut questions) = entrance();
        entrance.arrived(&[arrival(1, 1)]);
        drop(tokio::spawn(entrance.clone().ask(question(1, 1))));
        assert_eq!(questions.recv().await.unwrap().question, question(1, 1));
        entrance.learn(&[ExecutionId::from_bytes([2; 16])]);
        entrance.learned();
        entrance.arrived(&[arrival(2, 2), arrival(3, 3)]);
        drop(tokio::spawn(entrance.clone().ask(question(2, 2))));
        assert_eq!(questions.recv().await.unwrap().question, question(2, 2));
        assert!(is_first(&entrance, 3, 3).await);
    }

    #[tokio::test]
    async fn of_deliveries_that_arrive_together_the_first_ones_are_told_once_their_record_was_looked_at() {
        let (own, _questions) = entrance();
        let progress = Progress::new(1);
        let entrances = Entrances { all: [own.clone()].into(), progress: progress.clone() };
        let deliveries = [(1, 1), (1, 2), (2, 3)].map(|(execution, delivery)| {
            let Arrival { execution, delivery, .. } = arrival(execution, delivery);
            (execution, delivery)
        });
        let arrivals = Arrivals { record: Position(7), deliveries: deliveries.to_vec() };
        let before = entrances.clone().first_ones(arrivals.clone()).await;
        assert_eq!(before, [None; 3], "nobody knows before the whole index is learned, and nobody waits for it");
        own.learned();
        let asked = tokio::spawn(entrances.first_ones(arrivals));
        tokio::task::yield_now().await;
        own.arrived(&[arrival(1, 1), arrival(1, 2), arrival(2, 3)]);
        assert!(!asked.is_finished());
        progress.greeted_through(7);
        assert_eq!(asked.await.unwrap(), [Some(true), Some(false), Some(true)]);
    }

    #[tokio::test]
    async fn a_record_that_is_read_again_changes_no_answer() {
        let (entrance, _questions) = entrance();
        entrance.learned();
        entrance.arrived(&[arrival(1, 1)]);
        entrance.arrived(&[arrival(1, 1)]);
        assert!(is_first(&entrance, 1, 1).await);
    }

    #[tokio::test]
    async fn whoever_waits_at_a_partition_that_stops_asks_its_next_run() {
        let (entrance, mut questions) = entrance();
        entrance.learned();
        drop(tokio::spawn(entrance.clone().ask(question(1, 1))));
        tokio::task::yield_now().await;
        assert!(questions.try_recv().is_err());
        entrance.reset();
        assert_eq!(questions.recv().await.unwrap().question, question(1, 1));
    }
}
