//! One simulated installation: nodes, logs, a network that loses and delays, senders, and the system that is called.

use std::rc::Rc;

use windhover_proto::{
    core::{Call, CallFailure, CallResult, Stimulus},
    input::Input,
    time::Timestamp,
};

use crate::{
    Config, PARTITIONS, Report, canon, catalog,
    check::{Checker, Verdict, Violation},
    log::{Bytes, Expect, Log},
    mutant::Mutant,
    owner::{CallKey, Disk, Inbox, Owner, Standing, Submission},
    rng::Rng,
    sender::{Batch, Senders},
    store::Kept,
    trace::Trace,
};

/// Machines that may own partitions.
const NODES: usize = 2;

/// Steps with faults for each execution; then the world heals.
const FAULTY_STEPS_EACH: u64 = 14;

/// Steps for each execution after the world healed, within which everything must be done.
const HEALED_STEPS_EACH: u64 = 4_000;

/// Whether faults still happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Weather {
    Stormy,
    Healed,
}

/// A place where a partition can be owned: one for each node and partition.
#[derive(Debug, Default)]
struct Seat {
    partition: u16,
    skew_ms: i64,
    /// Raised by each crash: what was sent to an earlier life reaches nobody.
    life: u64,
    disk: Option<Disk>,
    owner: Option<Owner>,
}

/// Who waits for an answer.
#[derive(Clone, Copy, Debug)]
struct Caller {
    seat: usize,
    life: u64,
}

/// Something under way.
#[derive(Clone, Debug)]
enum Message {
    Append { from: Caller, ticket: u64, expect: Expect, commit: Bytes },
    Appended { from: Caller, ticket: u64, position: Option<u64> },
    Store(Batch),
    Stored(Batch),
    Call { from: Caller, call: Rc<Call> },
    Answer { from: Caller, key: CallKey, result: Rc<CallResult> },
}

/// The world.
pub(crate) struct World {
    config: Config,
    rng: Rng,
    now: Timestamp,
    weather: Weather,
    senders: Senders,
    inbox_log: Log,
    inbox: Inbox,
    stored: Vec<Batch>,
    logs: Vec<Log>,
    seats: Vec<Seat>,
    network: Vec<Message>,
    checker: Checker,
    trace: Trace,
    tickets: u64,
    report: Report,
}

impl World {
    /// A world before anything happened.
    pub(crate) fn new(seed: u64, config: Config) -> Self {
        let mut rng = Rng::new(seed);
        let senders = Senders::plan(config.executions, &mut rng);
        let seat = |index: usize| Seat {
            partition: (index % usize::from(PARTITIONS)) as u16,
            skew_ms: (index / usize::from(PARTITIONS)) as i64 * 700,
            ..Seat::default()
        };
        Self {
            config,
            rng,
            now: Timestamp::from_millis(1_700_000_000_000),
            weather: Weather::Stormy,
            senders,
            inbox_log: Log::default(),
            inbox: Inbox::new(),
            stored: Vec::new(),
            logs: (0..PARTITIONS).map(|_| Log::default()).collect(),
            seats: (0..NODES * usize::from(PARTITIONS)).map(seat).collect(),
            network: Vec::new(),
            checker: Checker::default(),
            trace: Trace::default(),
            tickets: 0,
            report: Report::default(),
        }
    }

    /// Runs until everything is done, and checks what must hold then.
    pub(crate) fn run(mut self) -> Result<Report, Violation> {
        let executions = self.config.executions as u64;
        for step in 0.. {
            if step == executions * FAULTY_STEPS_EACH {
                self.weather = Weather::Healed;
            }
            if self.weather == Weather::Healed && step % 16 == 0 && self.is_done() {
                break;
            }
            if step > executions * (FAULTY_STEPS_EACH + HEALED_STEPS_EACH) {
                return Err(Violation(format!("not done {step} steps after the start: {}", self.rest())));
            }
            self.step()?;
            self.report.steps += 1;
        }
        self.finish()
    }

    fn step(&mut self) -> Verdict {
        match self.rng.below(100) {
            0..=14 => self.send(),
            15..=49 => self.deliver(),
            50..=79 => self.turn(),
            80..=87 => self.pass_time(),
            88..=90 => self.time_out(),
            91..=93 => self.try_to_own(),
            94..=99 => match self.weather {
                Weather::Stormy => self.fault(),
                Weather::Healed => self.turn(),
            },
            _ => Ok(()),
        }
    }

    fn send(&mut self) -> Verdict {
        let Some(batch) = self.senders.batch(self.now, &mut self.rng) else { return Ok(()) };
        self.trace.note("send", &[batch.inputs.len() as u64], &batch.record);
        if self.config.mutant == Some(Mutant::AckBeforeAppend) {
            self.network.push(Message::Stored(batch.clone()));
        }
        self.network.push(Message::Store(batch));
        Ok(())
    }

    /// One message arrives, whichever.
    fn deliver(&mut self) -> Verdict {
        if self.network.is_empty() {
            return Ok(());
        }
        let message = self.network.swap_remove(self.rng.below(self.network.len()));
        match message {
            Message::Append { from, ticket, expect, commit } => self.append(from, ticket, expect, &commit),
            Message::Appended { from, ticket, position } => self.appended(from, ticket, position),
            Message::Store(batch) => {
                self.store(&batch);
                self.network.push(Message::Stored(batch));
                Ok(())
            }
            Message::Stored(batch) => {
                batch.inputs.iter().try_for_each(|input| self.checker.acknowledged(input.id()))?;
                self.senders.told(&batch);
                Ok(())
            }
            Message::Call { from, call } => {
                let key = (call.execution, call.task_run, call.n);
                self.trace.note("call", &[u64::from(call.n)], call.execution.as_bytes());
                self.network.push(Message::Answer { from, key, result: Rc::new(catalog::answer(&call)) });
                Ok(())
            }
            Message::Answer { from, key, result } => {
                self.answer(from, key, &result);
                Ok(())
            }
        }
    }

    fn store(&mut self, batch: &Batch) {
        self.trace.note("store", &[], &batch.record);
        // Without a condition an append cannot fail.
        let _ = self.inbox_log.append(Expect::Anything, Rc::clone(&batch.record));
        self.checker.inbox_stored(&batch.inputs);
        self.inbox.push(read_inbox(&batch.record));
        self.stored.push(batch.ghost());
    }

    fn append(&mut self, from: Caller, ticket: u64, expect: Expect, commit: &Bytes) -> Verdict {
        let partition = self.seats[from.seat].partition;
        let position = self.logs[usize::from(partition)].append(expect, Rc::clone(commit)).ok();
        self.trace.note("append", &[position.unwrap_or_default(), u64::from(partition)], commit);
        if position.is_some() {
            self.report.commits += 1;
            self.checker.committed(partition, commit)?;
        }
        self.network.push(Message::Appended { from, ticket, position });
        Ok(())
    }

    /// The owner that an answer is for, when it still lives.
    fn owner(&mut self, from: Caller) -> Option<&mut Owner> {
        let seat = &mut self.seats[from.seat];
        if seat.life == from.life { seat.owner.as_mut() } else { None }
    }

    fn appended(&mut self, from: Caller, ticket: u64, position: Option<u64>) -> Verdict {
        let (now, seed) = (self.now, self.rng.bits());
        let Some(owner) = self.owner(from).filter(|owner| owner.ticket() == Some(ticket)) else { return Ok(()) };
        let Some(position) = position else { return self.unsettled(from.seat) };
        let calls = owner.confirmed(position, &catalog::turn(now, seed));
        if self.rng.percent(10) {
            self.persist(from.seat)?;
        }
        self.make(from, calls)
    }

    fn unsettled(&mut self, seat: usize) -> Verdict {
        let from = self.from(seat);
        let turn = catalog::turn(self.now, self.rng.bits());
        let log = &self.logs[usize::from(self.seats[seat].partition)];
        let Some(owner) = self.seats[seat].owner.as_mut() else { return Ok(()) };
        let (standing, calls) = owner.unsettled(log, &turn)?;
        if standing == Standing::Fenced {
            self.report.fenced += 1;
            self.seats[seat].owner = None;
        }
        self.make(from, calls)
    }

    fn from(&self, seat: usize) -> Caller {
        Caller { seat, life: self.seats[seat].life }
    }

    fn make(&mut self, from: Caller, calls: Vec<Call>) -> Verdict {
        for call in calls {
            self.checker.call_starts((call.execution, call.task_run, call.n))?;
            self.report.calls += 1;
            self.network.push(Message::Call { from, call: Rc::new(call) });
        }
        Ok(())
    }

    fn answer(&mut self, from: Caller, key: CallKey, result: &CallResult) {
        let Some(owner) = self.owner(from) else { return };
        let (execution, task_run, n) = key;
        owner.answered(key, Stimulus::CallEnded { execution, task_run, n, result: result.clone() });
        if result.is_err() {
            self.checker.call_unanswered(key);
        }
    }

    fn turn(&mut self) -> Verdict {
        let seat = self.rng.below(self.seats.len());
        let from = self.from(seat);
        let (skew_ms, seed) = (self.seats[seat].skew_ms, self.rng.bits());
        let Some(owner) = self.seats[seat].owner.as_mut() else { return Ok(()) };
        let now = self.now.plus_millis(skew_ms).max(owner.last_commit_at());
        self.tickets += 1;
        let taken = owner.take(self.tickets, &self.inbox, &catalog::turn(now, seed), &mut self.rng);
        let Some((submission, fates)) = taken else { return Ok(()) };
        self.checker.told(fates)?;
        let Submission { ticket, expected, commit, early } = submission;
        let expect = match self.config.mutant {
            Some(Mutant::NoFencing) => Expect::Anything,
            _ => Expect::Head(expected),
        };
        self.network.push(Message::Append { from, ticket, expect, commit });
        self.make(from, early)
    }

    fn pass_time(&mut self) -> Verdict {
        let idle = self.weather == Weather::Healed && self.network.is_empty();
        let wake = self.seats.iter().filter_map(|seat| seat.owner.as_ref()?.next_wake()).min();
        match wake.filter(|_| idle) {
            Some(wake) => self.now = self.now.max(wake),
            None => self.now = self.now.plus_millis(1 + self.rng.below(300) as i64),
        }
        self.trace.note("time", &[self.now.as_millis() as u64], &[]);
        Ok(())
    }

    /// An owner does not wait for the answer to its append any longer; the append may still arrive.
    fn time_out(&mut self) -> Verdict {
        let seat = self.rng.below(self.seats.len());
        let Some(ticket) = self.seats[seat].owner.as_ref().and_then(Owner::ticket) else { return Ok(()) };
        if self.weather == Weather::Healed && self.is_under_way(ticket) {
            return Ok(());
        }
        self.report.unknown += 1;
        self.trace.note("unknown", &[seat as u64], &[]);
        if self.config.mutant == Some(Mutant::TrustUnknown) {
            let position = self.logs[usize::from(self.seats[seat].partition)].head() + 1;
            return self.appended(self.from(seat), ticket, Some(position));
        }
        self.unsettled(seat)
    }

    fn is_under_way(&self, wanted: u64) -> bool {
        self.network.iter().any(|message| match message {
            Message::Append { ticket, .. } | Message::Appended { ticket, .. } => *ticket == wanted,
            Message::Store(_) | Message::Stored(_) | Message::Call { .. } | Message::Answer { .. } => false,
        })
    }

    /// A node thinks that it should own a partition: because nobody does, or wrongly.
    fn try_to_own(&mut self) -> Verdict {
        let seat = self.rng.below(self.seats.len());
        let partition = self.seats[seat].partition;
        let owned = self.seats.iter().any(|other| other.partition == partition && other.owner.is_some());
        let wrongly = self.weather == Weather::Stormy && self.rng.percent(8);
        if self.seats[seat].owner.is_some() || (owned && !wrongly) {
            return Ok(());
        }
        let disk = self.seats[seat].disk.clone();
        let log = &self.logs[usize::from(partition)];
        let owner = Owner::recover(disk, log, partition, self.config.mutant)?;
        self.trace.note("own", &[seat as u64], &[]);
        self.report.takeovers += 1;
        self.seats[seat].owner = Some(owner);
        Ok(())
    }

    /// An owner writes what it knows to its disk. What it knew before and the log since must come to the same.
    fn persist(&mut self, seat: usize) -> Verdict {
        let Some(owner) = self.seats[seat].owner.as_ref() else { return Ok(()) };
        let disk = owner.disk();
        let before = self.seats[seat].disk.take();
        let log = &self.logs[usize::from(self.seats[seat].partition)];
        let folded = Owner::recover_to(before, log, disk.position(), self.seats[seat].partition)?;
        differs("the owner knows something else than the log", disk.store(), folded.store())?;
        if self.rng.percent(5) {
            let read = disk.store().rewritten().map_err(|error| Violation(format!("snapshot: {error}")))?;
            differs("a snapshot reads back otherwise", disk.store(), &read)?;
        }
        self.seats[seat].disk = Some(disk);
        Ok(())
    }

    fn fault(&mut self) -> Verdict {
        match self.rng.below(20) {
            0 => self.crash(),
            1..=10 => self.lose(),
            11..=13 => self.repeat(),
            14..=17 => self.ghost(),
            18 => {
                let seat = self.rng.below(self.seats.len());
                self.seats[seat].disk = None;
                self.trace.note("disk lost", &[seat as u64], &[]);
            }
            _ => {
                let seat = self.rng.below(self.seats.len());
                return self.persist(seat);
            }
        }
        Ok(())
    }

    /// A node dies with everything that it did not write.
    fn crash(&mut self) {
        let node = self.rng.below(NODES);
        self.report.crashes += 1;
        self.trace.note("crash", &[node as u64], &[]);
        for seat in self.seats.iter_mut().skip(node * usize::from(PARTITIONS)).take(usize::from(PARTITIONS)) {
            seat.life += 1;
            seat.owner = None;
        }
    }

    /// A message is lost. Whoever waits for it learns nothing, or that nothing came.
    fn lose(&mut self) {
        if self.network.is_empty() {
            return;
        }
        let message = self.network.swap_remove(self.rng.below(self.network.len()));
        self.report.lost += 1;
        match message {
            Message::Append { .. } | Message::Appended { .. } => {}
            Message::Store(batch) | Message::Stored(batch) => {
                // Sometimes the sender gives up although the batch is still on its way.
                if self.rng.percent(30) {
                    self.network.push(Message::Store(batch.ghost()));
                }
                self.senders.unanswered(&batch);
            }
            Message::Call { from, call } => {
                let key = (call.execution, call.task_run, call.n);
                // Sometimes the call is made all the same, and its answer comes late.
                if self.rng.percent(30) {
                    self.network.push(Message::Call { from, call });
                }
                self.answer(from, key, &no_answer());
            }
            Message::Answer { from, key, .. } => self.answer(from, key, &no_answer()),
        }
    }

    /// A result comes twice.
    fn repeat(&mut self) {
        if self.network.is_empty() {
            return;
        }
        if let answer @ Message::Answer { .. } = &self.network[self.rng.below(self.network.len())] {
            self.network.push(answer.clone());
        }
    }

    /// An input that is stored is stored once more.
    fn ghost(&mut self) {
        if !self.stored.is_empty() {
            self.report.ghosts += 1;
            self.network.push(Message::Store(self.rng.pick(&self.stored).clone()));
        }
    }

    fn is_done(&self) -> bool {
        let head = self.inbox_log.head();
        let consumed = (0..PARTITIONS).all(|partition| self.checker.consumed(partition) >= head);
        consumed && self.network.is_empty() && self.checker.open() == 0 && self.senders.all_stored()
    }

    /// What is not done, for whoever repeats the seed.
    fn rest(&self) -> String {
        let consumed: Vec<u64> = (0..PARTITIONS).map(|partition| self.checker.consumed(partition)).collect();
        let (open, under_way) = (self.checker.open(), self.network.len());
        let head = self.inbox_log.head();
        format!("{open} executions open, {under_way} messages under way, inbox {consumed:?} of {head}")
    }

    fn finish(mut self) -> Result<Report, Violation> {
        self.checker.finished()?;
        for partition in 0..PARTITIONS {
            self.folds_to_what_the_owner_knows(partition)?;
        }
        for (id, observed) in self.checker.executions().iter().filter(|(_, observed)| !observed.unanswered) {
            let input = self.inbox.iter().flatten().find(|input| input.id() == observed.first.id);
            let expected = input.map(canon::undisturbed);
            let found = canon::text(*id, &observed.lines);
            if expected.as_ref() != Some(&found) {
                let expected = expected.unwrap_or_default();
                return Err(Violation(format!("execution {id} came to\n{found}\ninstead of\n{expected}")));
            }
            self.report.compared += 1;
        }
        self.report.executions = self.checker.executions().len() as u64;
        self.report.repeated_calls = self.checker.repeated_calls;
        self.report.virtual_ms = self.now.as_millis() - 1_700_000_000_000;
        self.report.trace = self.trace.digest();
        Ok(self.report)
    }

    fn folds_to_what_the_owner_knows(&mut self, partition: u16) -> Verdict {
        let log = &self.logs[usize::from(partition)];
        let folded = Owner::recover_to(None, log, log.head(), partition)?;
        for seat in self.seats.iter_mut().filter(|seat| seat.partition == partition) {
            let Some(owner) = seat.owner.as_ref().filter(|owner| owner.is_at(log.head())) else { continue };
            differs("the owner knows something else than the log", owner.disk().store(), folded.store())?;
        }
        Ok(())
    }
}

fn differs(what: &str, one: &Kept, other: &Kept) -> Verdict {
    one.difference(other).map_or(Ok(()), |difference| Err(Violation(format!("{what}: {difference}"))))
}

fn no_answer() -> CallResult {
    Err(CallFailure { message: "no answer".to_owned() })
}

/// The inputs of a record, read as every owner reads them.
fn read_inbox(record: &[u8]) -> Vec<Input> {
    let items = windhover_proto::codec::decode_inbox(record).unwrap_or_else(|error| panic!("{error}"));
    items.iter().map(|item| item.input().unwrap_or_else(|error| panic!("{error}"))).collect()
}
