//! Questions about deliveries that wait for an answer, and answers that may still be asked for.

use std::{
    collections::HashMap,
    mem,
    time::{Duration, Instant},
};

use tokio::sync::oneshot;
use windhover_eventlog::ask::{Answer, Question, Until, Verdict};
use windhover_proto::{
    core::{
        Execution,
        partition::{Change, Entry, Fate},
    },
    id::{DeliveryId, ExecutionId},
    state::History,
};

/// How long a fate is remembered at least: far longer than an ingress waits before it asks.
const REMEMBERED: Duration = Duration::from_secs(5);

/// A question and where its answer goes.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) question: Question,
    pub(crate) reply: oneshot::Sender<Answer>,
}

/// What is known of a delivery.
#[derive(Clone, Debug)]
struct Known {
    verdict: Verdict,
    history: History,
}

/// The questions of one partition.
#[derive(Debug)]
pub(crate) struct Desk {
    recent: HashMap<DeliveryId, Known>,
    before: HashMap<DeliveryId, Known>,
    turned_at: Instant,
    verdicts: HashMap<DeliveryId, Vec<Asked>>,
    ends: HashMap<ExecutionId, Vec<(Known, oneshot::Sender<Answer>)>>,
}

/// What the partition has to do for a question.
#[derive(Debug)]
pub(crate) enum Todo {
    /// Nothing: it is answered, or waits.
    Nothing,
    /// Find out how the execution stands, then call [`Desk::answer_end`].
    LookUp(ExecutionId),
    /// Nothing is known of the delivery here; an earlier owner may have decided it. Find out, then call [`Desk::recalled`].
    Recall(Asked),
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self {
            recent: HashMap::new(),
            before: HashMap::new(),
            turned_at: Instant::now(),
            verdicts: HashMap::new(),
            ends: HashMap::new(),
        }
    }

    /// Takes a question.
    pub(crate) fn ask(&mut self, asked: Asked) -> Todo {
        let delivery = asked.question.delivery;
        let known = self.recent.get(&delivery).or_else(|| self.before.get(&delivery)).cloned();
        match known {
            Some(known) => self.settle(known, asked),
            None => Todo::Recall(asked),
        }
    }

    /// Takes what the index says about a delivery of which nothing was known: its entry when it was decided, else the
    /// question waits.
    pub(crate) fn recalled(&mut self, entry: Option<&Entry>, asked: Asked) -> Todo {
        let delivery = asked.question.delivery;
        let Some((entry, first)) = entry.and_then(|entry| Some((entry, entry.was_first(delivery)?))) else {
            self.verdicts.entry(delivery).or_default().push(asked);
            return Todo::Nothing;
        };
        let verdict = if first { Verdict::First } else { Verdict::Duplicate };
        self.settle(Known { verdict, history: entry.history.clone() }, asked)
    }

    fn settle(&mut self, known: Known, asked: Asked) -> Todo {
        match asked.question.until {
            Until::Verdict => {
                let _ = asked.reply.send(Answer { verdict: known.verdict, history: known.history, ended: None });
                Todo::Nothing
            }
            Until::End => {
                let execution = asked.question.execution;
                self.ends.entry(execution).or_default().push((known, asked.reply));
                Todo::LookUp(execution)
            }
        }
    }

    /// Takes what a commit that is on disk decided; answers whoever asked. Gives executions whose end somebody waits for
    /// though nothing changed in them.
    pub(crate) fn decided(&mut self, fates: &[Fate], changes: &[Change]) -> Vec<ExecutionId> {
        self.forget_old();
        let histories: HashMap<_, _> = changes.iter().map(|change| (change.id, &change.entry.history)).collect();
        let mut look_up = Vec::new();
        for fate in fates {
            let Some(history) = histories.get(&fate.execution) else { continue };
            let known = Known { verdict: verdict(fate), history: (*history).clone() };
            for asked in self.verdicts.remove(&fate.delivery).unwrap_or_default() {
                if let Todo::LookUp(execution) = self.settle(known.clone(), asked) {
                    look_up.push(execution);
                }
            }
            self.recent.insert(fate.delivery, known);
        }
        for change in changes {
            if let Some(execution) = change.execution.as_ref().filter(|execution| execution.over) {
                self.answer_end(execution);
            }
        }
        look_up.retain(|execution| self.ends.contains_key(execution));
        look_up
    }

    /// Answers everyone who waits for the end of an execution that is over.
    pub(crate) fn answer_end(&mut self, execution: &Execution) {
        for (known, reply) in self.ends.remove(&execution.id).unwrap_or_default() {
            let ended = Some(Box::new(execution.clone()));
            let _ = reply.send(Answer { verdict: known.verdict, history: execution.history.clone(), ended });
        }
    }

    fn forget_old(&mut self) {
        if self.turned_at.elapsed() > REMEMBERED {
            self.before = mem::take(&mut self.recent);
            self.turned_at = Instant::now();
            self.verdicts.retain(|_, asked| {
                asked.retain(|asked| !asked.reply.is_closed());
                !asked.is_empty()
            });
            self.ends.retain(|_, waiting| {
                waiting.retain(|(_, reply)| !reply.is_closed());
                !waiting.is_empty()
            });
        }
    }
}

fn verdict(fate: &Fate) -> Verdict {
    match (fate.first, fate.key_reused) {
        (true, _) => Verdict::First,
        (false, Some((first, this))) => Verdict::KeyReused { first, this },
        (false, None) => Verdict::Duplicate,
    }
}
