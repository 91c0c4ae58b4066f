//! Any cut of the inputs into turns, any copy of an input and any restart give the same end.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use windhover_proto::{
    codec::{self, Consumed, Line},
    core::{
        Call, Stimulus,
        partition::{self, Head, Rules},
        pending_calls,
    },
    event::Event,
    id::ExecutionId,
    input::Input,
    time::Timestamp,
};
use windhover_sim::{Kept, canonical_text, catalog, inputs, undisturbed};

const RULES: Rules = Rules { partition: 0, key_horizon_ms: i64::MAX, quarantine: None };

/// One thing that happens to a partition.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// A turn takes this many inputs and calls' results.
    Take { inputs: usize, results: usize },
    /// An input that was there before is there again.
    Copy(usize),
    /// Time passes, and timers that are due fire in a turn of their own.
    Wait(i64),
    /// Everything but the log is lost.
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..6usize, 0..4usize).prop_map(|(inputs, results)| Step::Take { inputs, results }),
        1 => any::<prop::sample::Index>().prop_map(|index| Step::Copy(index.index(1_000))),
        2 => (0..1_500i64).prop_map(Step::Wait),
        1 => Just(Step::Restart),
    ]
}

/// A partition driven by hand.
struct Driven {
    inbox: Vec<Input>,
    log: Vec<Vec<u8>>,
    head: Head,
    store: Kept,
    calls: Vec<Call>,
    now: Timestamp,
}

impl Driven {
    fn new(inbox: Vec<Input>) -> Self {
        let (head, store) = (Head::empty(), Kept::default());
        Self { inbox, log: Vec::new(), head, store, calls: Vec::new(), now: Timestamp::from_millis(1_000) }
    }

    fn turn(&mut self, stimuli: &[Stimulus], inputs: usize) {
        let consumed = Consumed { through: self.head.consumed.through + inputs as u64, within: 0 };
        let turn = catalog::turn(self.now, 7);
        let outcome = partition::turn(&self.head, &self.store, stimuli, consumed, 1, &turn, RULES);
        let Some(commit) = outcome.commit else { return };
        self.head = Head::after(&outcome.header, &commit, self.head.position + 1);
        self.store.apply(outcome.changes);
        self.calls.extend(outcome.calls);
        self.log.push(commit);
    }

    fn take(&mut self, inputs: usize, results: usize) {
        let from = self.head.consumed.through as usize;
        let to = self.inbox.len().min(from + inputs);
        let results = self.calls.len().min(results);
        let inputs = self.inbox[from..to].iter().cloned().map(Stimulus::Input);
        let stimuli: Vec<_> = inputs.chain(self.calls.drain(..results).map(|call| result_of(&call))).collect();
        self.turn(&stimuli, to - from);
    }

    fn fire_timers(&mut self) {
        let due = self.store.all_live().filter(|live| live.next_wake().is_some_and(|at| at <= self.now));
        let due: Vec<_> = due.map(|live| Stimulus::TimerDue { execution: live.id }).collect();
        self.turn(&due, 0);
    }

    fn restart(&mut self) {
        let (mut head, mut store) = (Head::empty(), Kept::default());
        for (position, record) in (1..).zip(&self.log) {
            let (next, changes) = partition::fold(&head, &store, record, position, RULES).unwrap();
            head = next;
            store.apply(changes);
        }
        assert_eq!((&head, store.difference(&self.store)), (&self.head, None), "the fold is not the live state");
        let turn = catalog::turn(self.now, 7);
        self.calls = store.all_live().flat_map(|live| pending_calls(live, &turn)).map(Result::unwrap).collect();
        self.store = store;
    }

    fn do_step(&mut self, step: Step) {
        match step {
            Step::Take { inputs, results } => self.take(inputs, results),
            Step::Copy(index) => {
                let seen = self.head.consumed.through as usize;
                if seen > 0 {
                    self.inbox.push(self.inbox[index % seen].clone());
                }
            }
            Step::Wait(ms) => {
                self.now = self.now.plus_millis(ms);
                self.fire_timers();
            }
            Step::Restart => self.restart(),
        }
    }

    fn drain(&mut self) {
        while self.head.consumed.through < self.inbox.len() as u64 || self.store.all_live().next().is_some() {
            self.take(5, 5);
            self.now = self.now.plus_millis(1_000);
            self.fire_timers();
        }
    }

    fn ends(&self) -> BTreeMap<ExecutionId, (String, usize)> {
        let mut lines: BTreeMap<ExecutionId, Vec<Line>> = BTreeMap::new();
        for record in &self.log {
            for (id, json) in codec::decode_commit(record).unwrap().items() {
                lines.entry(id).or_default().push(codec::decode_line(json).unwrap());
            }
        }
        let suppressed = |lines: &[Line]| {
            let events = lines.iter().flat_map(|line| &line.events);
            events.filter(|event| matches!(event, Event::DeliverySuppressed(_))).count()
        };
        lines.iter().map(|(id, lines)| (*id, (canonical_text(*id, lines), suppressed(lines)))).collect()
    }
}

fn result_of(call: &Call) -> Stimulus {
    let (execution, task_run, n) = (call.execution, call.task_run, call.n);
    Stimulus::CallEnded { execution, task_run, n, result: catalog::answer(call) }
}

/// What must come of the inputs: each execution's end when nothing disturbs it, and how often it was delivered again.
fn expected(inbox: &[Input]) -> BTreeMap<ExecutionId, (String, usize)> {
    let mut ends: BTreeMap<ExecutionId, (String, BTreeSet<_>)> = BTreeMap::new();
    for input in inbox {
        let end = ends.entry(input.execution()).or_insert_with(|| (undisturbed(input), BTreeSet::new()));
        end.1.insert(input.id());
    }
    ends.into_iter().map(|(id, (text, deliveries))| (id, (text, deliveries.len() - 1))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_cut_any_copy_and_any_restart_give_the_same_end(seed in any::<u64>(), steps in prop::collection::vec(step(), 0..60)) {
        windhover_sim::silence_planted_panics();
        let inbox = inputs(seed, 12);
        let mut driven = Driven::new(inbox.clone());
        steps.into_iter().for_each(|step| driven.do_step(step));
        driven.drain();
        prop_assert_eq!(driven.ends(), expected(&inbox));
    }
}
