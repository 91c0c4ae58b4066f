//! The judge: a pure function from what was seen to what is wrong with it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use crate::facts::{Call, Execution, Facts, Operation, Outcome, Verdict};

/// Last operations of each client that must have been accepted, after the last restart: a run in which nothing works any more
/// must not pass.
const LIVE_OPERATIONS: usize = 5;

/// The server's dates are cut to milliseconds, and so are the sink's.
const CLOCK_GRAIN_MS: u64 = 2;

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Violation {
    /// A delivery was accepted, and no execution has its key.
    Lost(String),
    /// A key has several executions.
    Duplicated(String),
    /// Answers for one key named different executions, or not the one that exists.
    OtherId(String),
    /// Two deliveries of a key were both called the first.
    FirstTwice(String),
    /// A delivery was called a duplicate before any other of its key was under way.
    ReplayedOfNothing(String),
    /// An execution has a key that nobody delivered.
    Ghost(String),
    /// An execution did not end in SUCCESS.
    Unfinished(String),
    /// An execution has states after its end.
    WentOnAfterItsEnd(String),
    /// An execution that ended never made its call.
    CallMissing(String),
    /// A call was made again without a kill in between.
    CalledAgainWithoutKill(String),
    /// A call was made again although its result was recorded.
    CalledAgainAfterRecord(String),
    /// An operation was refused with a status that is the sender's fault.
    Refused(String),
    /// A client's last operations were not accepted after the last restart.
    Dead(usize),
    /// Everything did not end in time.
    NotDrained,
    /// An answer changed over a restart.
    Changed(String),
    /// The server was not killed.
    NoKill,
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Violation::Lost(key) => write!(formatter, "{key} was accepted and is lost"),
            Violation::Duplicated(key) => write!(formatter, "{key} has more than one execution"),
            Violation::OtherId(key) => write!(formatter, "answers for {key} name different executions"),
            Violation::FirstTwice(key) => write!(formatter, "{key} was first more than once"),
            Violation::ReplayedOfNothing(key) => write!(formatter, "{key} was a duplicate before it was delivered"),
            Violation::Ghost(id) => write!(formatter, "execution {id} has a key that nobody delivered"),
            Violation::Unfinished(id) => write!(formatter, "execution {id} did not end in SUCCESS"),
            Violation::WentOnAfterItsEnd(id) => write!(formatter, "execution {id} went on after its end"),
            Violation::CallMissing(id) => write!(formatter, "execution {id} ended without its call"),
            Violation::CalledAgainWithoutKill(key) => {
                write!(formatter, "call {key} was repeated without a kill in between")
            }
            Violation::CalledAgainAfterRecord(key) => {
                write!(formatter, "call {key} was repeated after its result was recorded")
            }
            Violation::Refused(what) => write!(formatter, "{what}"),
            Violation::Dead(client) => write!(formatter, "client {client} was not served after the last restart"),
            Violation::NotDrained => formatter.write_str("not everything ended in time"),
            Violation::Changed(path) => write!(formatter, "the answer of {path} changed"),
            Violation::NoKill => formatter.write_str("the server was not killed: this run proves nothing"),
        }
    }
}

/// Everything that is wrong.
pub(crate) fn check(facts: &Facts) -> Vec<Violation> {
    let mut found = Vec::new();
    let by_key = executions_by_key(facts);
    check_keys(facts, &by_key, &mut found);
    facts.executions.iter().for_each(|execution| check_end(execution, facts, &mut found));
    check_calls(facts, &mut found);
    check_service(facts, &mut found);
    found.extend(facts.unequal.iter().cloned().map(Violation::Changed));
    found
}

type ByKey<'a> = BTreeMap<&'a str, Vec<&'a Execution>>;

fn executions_by_key(facts: &Facts) -> ByKey<'_> {
    let mut by_key = ByKey::new();
    for execution in &facts.executions {
        by_key.entry(execution.key.as_str()).or_default().push(execution);
    }
    by_key
}

/// Durability and uniqueness.
fn check_keys(facts: &Facts, by_key: &ByKey<'_>, found: &mut Vec<Violation>) {
    let mut operations: BTreeMap<&str, Vec<&Operation>> = BTreeMap::new();
    for operation in &facts.operations {
        operations.entry(operation.key.as_str()).or_default().push(operation);
    }
    for key in &facts.keys {
        let executions = by_key.get(key.as_str()).map(Vec::as_slice).unwrap_or_default();
        let operations = operations.get(key.as_str()).map(Vec::as_slice).unwrap_or_default();
        check_key(key, executions, operations, found);
    }
    let known: BTreeSet<&str> = facts.keys.iter().map(String::as_str).collect();
    let ghosts = facts.executions.iter().filter(|execution| !known.contains(execution.key.as_str()));
    found.extend(ghosts.map(|execution| Violation::Ghost(execution.id.clone())));
}

fn check_key(key: &str, executions: &[&Execution], operations: &[&Operation], found: &mut Vec<Violation>) {
    let mut firsts = 0;
    let mut ids = BTreeSet::new();
    for operation in operations {
        let Outcome::Accepted { execution, verdict } = &operation.outcome else { continue };
        ids.insert(execution.as_str());
        firsts += usize::from(*verdict == Verdict::First);
        let earlier =
            |other: &&Operation| !std::ptr::eq(*other, *operation) && other.invoked_ms <= operation.completed_ms;
        if *verdict == Verdict::Replayed && !operations.iter().any(earlier) {
            found.push(Violation::ReplayedOfNothing(key.to_owned()));
        }
    }
    match executions {
        [] if !ids.is_empty() => found.push(Violation::Lost(key.to_owned())),
        [] => {}
        [only] if ids.iter().any(|id| *id != only.id) => found.push(Violation::OtherId(key.to_owned())),
        [_] => {}
        [_, _, ..] => found.push(Violation::Duplicated(key.to_owned())),
    }
    if ids.len() > 1 {
        found.push(Violation::OtherId(key.to_owned()));
    }
    if firsts > 1 {
        found.push(Violation::FirstTwice(key.to_owned()));
    }
}

/// Termination: one end, in SUCCESS, and nothing after it.
fn check_end(execution: &Execution, facts: &Facts, found: &mut Vec<Violation>) {
    let ends: Vec<_> = (0..execution.states.len()).filter(|place| is_end(&execution.states[*place])).collect();
    match ends.as_slice() {
        [only] if execution.states[*only] == "SUCCESS" && only + 1 == execution.states.len() => {}
        [] => found.push(Violation::Unfinished(execution.id.clone())),
        [only] if only + 1 == execution.states.len() => found.push(Violation::Unfinished(execution.id.clone())),
        [_, ..] => found.push(Violation::WentOnAfterItsEnd(execution.id.clone())),
    }
    let called = || facts.calls.iter().any(|call| call.execution() == execution.id);
    if execution.calls_sink && !ends.is_empty() && !called() {
        found.push(Violation::CallMissing(execution.id.clone()));
    }
}

fn is_end(state: &str) -> bool {
    matches!(state, "SUCCESS" | "WARNING" | "FAILED" | "KILLED" | "CANCELLED")
}

/// Effects: a call is repeated only when a kill found it under way, and never once its result is recorded.
fn check_calls(facts: &Facts, found: &mut Vec<Violation>) {
    let mut by_key: BTreeMap<&str, Vec<&Call>> = BTreeMap::new();
    for call in &facts.calls {
        by_key.entry(call.key.as_str()).or_default().push(call);
    }
    let recorded: BTreeMap<&str, Option<u64>> =
        facts.executions.iter().map(|execution| (execution.id.as_str(), execution.call_recorded_ms)).collect();
    for (key, calls) in by_key {
        let killed_between = |pair: &[&Call]| {
            let (first, again) = (pair[0].at_ms, pair[1].at_ms);
            facts.kills.iter().any(|kill| first <= kill.at_ms + kill.ready_after_ms && kill.at_ms <= again)
        };
        if !calls.windows(2).all(killed_between) {
            found.push(Violation::CalledAgainWithoutKill(key.to_owned()));
        }
        let execution = calls.first().map(|call| call.execution()).unwrap_or_default();
        let last = calls.iter().map(|call| call.at_ms).max().unwrap_or_default();
        if recorded.get(execution).copied().flatten().is_some_and(|at| last > at + CLOCK_GRAIN_MS) {
            found.push(Violation::CalledAgainAfterRecord(key.to_owned()));
        }
    }
}

/// Liveness, and refusals that clients did not deserve.
fn check_service(facts: &Facts, found: &mut Vec<Violation>) {
    if facts.kills.is_empty() {
        found.push(Violation::NoKill);
    }
    if facts.drained.is_none() {
        found.push(Violation::NotDrained);
    }
    let healed_ms = facts.kills.last().map_or(0, |kill| kill.at_ms + kill.ready_after_ms);
    let mut last: BTreeMap<usize, Vec<&Operation>> = BTreeMap::new();
    for operation in &facts.operations {
        last.entry(operation.client).or_default().push(operation);
        if let Outcome::Refused(status) = operation.outcome
            && status < 500
        {
            found.push(Violation::Refused(format!("{} was refused with {status}", operation.key)));
        }
    }
    for (client, operations) in last {
        let live = operations.iter().rev().take(LIVE_OPERATIONS).filter(|operation| {
            matches!(operation.outcome, Outcome::Accepted { .. }) && operation.completed_ms >= healed_ms
        });
        if live.count() < LIVE_OPERATIONS {
            found.push(Violation::Dead(client));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::facts::Kill;

    fn accepted(client: usize, key: &str, at_ms: u64, execution: &str, verdict: Verdict) -> Operation {
        let outcome = Outcome::Accepted { execution: execution.into(), verdict };
        Operation { client, key: key.into(), invoked_ms: at_ms, completed_ms: at_ms + 1, outcome }
    }

    fn execution(id: &str, key: &str) -> Execution {
        let states = ["CREATED", "RUNNING", "SUCCESS"].map(str::to_owned).to_vec();
        Execution { id: id.into(), key: key.into(), states, calls_sink: true, call_recorded_ms: Some(2_600) }
    }

    /// A run in which all is well: one client, two keys, a kill at 2000 that found the call of `e1` under way.
    fn good() -> Facts {
        let mut operations = vec![
            accepted(0, "k1", 1_000, "e1", Verdict::First),
            Operation {
                client: 0,
                key: "k2".into(),
                invoked_ms: 1_990,
                completed_ms: 2_000,
                outcome: Outcome::Unknown,
            },
            accepted(0, "k2", 2_200, "e2", Verdict::Replayed),
        ];
        operations.extend((0..5).map(|n| accepted(0, "k1", 3_000 + n, "e1", Verdict::Replayed)));
        let call = |key: &str, at_ms| Call { key: key.into(), at_ms };
        Facts {
            keys: vec!["k1".into(), "k2".into()],
            operations,
            executions: vec![execution("e1", "k1"), execution("e2", "k2")],
            calls: vec![call("e1/t/1", 1_950), call("e1/t/1", 2_300), call("e2/t/1", 2_350)],
            kills: vec![Kill { at_ms: 2_000, ready_after_ms: 100 }],
            drained: Some(Duration::from_secs(1)),
            unequal: Vec::new(),
        }
    }

    #[track_caller]
    fn caught(change: impl FnOnce(&mut Facts), violation: &Violation) {
        let mut facts = good();
        change(&mut facts);
        let found = check(&facts);
        assert!(found.contains(violation), "{violation:?} was not caught, but {found:?}");
    }

    #[test]
    fn a_run_in_which_all_is_well_passes() {
        assert_eq!(check(&good()), []);
    }

    #[test]
    fn an_accepted_delivery_that_is_gone_is_caught() {
        caught(|facts| drop(facts.executions.remove(0)), &Violation::Lost("k1".into()));
    }

    #[test]
    fn a_second_execution_of_a_key_is_caught() {
        caught(|facts| facts.executions.push(execution("e9", "k1")), &Violation::Duplicated("k1".into()));
    }

    #[test]
    fn an_answer_with_another_id_is_caught() {
        caught(
            |facts| facts.operations.insert(0, accepted(0, "k1", 900, "e9", Verdict::Pending)),
            &Violation::OtherId("k1".into()),
        );
        caught(|facts| facts.executions[0].id = "e9".into(), &Violation::OtherId("k1".into()));
    }

    #[test]
    fn two_firsts_of_one_key_are_caught() {
        caught(
            |facts| facts.operations.insert(0, accepted(0, "k1", 900, "e1", Verdict::First)),
            &Violation::FirstTwice("k1".into()),
        );
    }

    #[test]
    fn a_duplicate_of_nothing_is_caught() {
        caught(
            |facts| {
                facts.keys.push("k3".into());
                facts.executions.push(execution("e3", "k3"));
                facts.operations.insert(0, accepted(0, "k3", 900, "e3", Verdict::Replayed));
            },
            &Violation::ReplayedOfNothing("k3".into()),
        );
    }

    #[test]
    fn an_execution_that_nobody_asked_for_is_caught() {
        caught(|facts| facts.executions.push(execution("e9", "k9")), &Violation::Ghost("e9".into()));
    }

    #[test]
    fn an_execution_that_hangs_or_fails_is_caught() {
        caught(|facts| drop(facts.executions[0].states.pop()), &Violation::Unfinished("e1".into()));
        caught(|facts| facts.executions[0].states[2] = "FAILED".into(), &Violation::Unfinished("e1".into()));
    }

    #[test]
    fn states_after_the_end_are_caught() {
        caught(|facts| facts.executions[0].states.push("SUCCESS".into()), &Violation::WentOnAfterItsEnd("e1".into()));
        caught(|facts| facts.executions[0].states.push("RUNNING".into()), &Violation::WentOnAfterItsEnd("e1".into()));
    }

    #[test]
    fn a_call_that_was_never_made_is_caught() {
        caught(|facts| drop(facts.calls.pop()), &Violation::CallMissing("e2".into()));
    }

    #[test]
    fn a_call_repeated_without_a_kill_is_caught() {
        caught(
            |facts| facts.calls.push(Call { key: "e2/t/1".into(), at_ms: 2_500 }),
            &Violation::CalledAgainWithoutKill("e2/t/1".into()),
        );
    }

    #[test]
    fn a_call_repeated_after_its_result_was_recorded_is_caught() {
        caught(
            |facts| facts.executions[0].call_recorded_ms = Some(1_980),
            &Violation::CalledAgainAfterRecord("e1/t/1".into()),
        );
    }

    #[test]
    fn a_server_that_never_came_back_is_caught() {
        caught(|facts| drop(facts.operations.drain(3..)), &Violation::Dead(0));
        caught(
            |facts| facts.operations.iter_mut().for_each(|operation| operation.outcome = Outcome::Refused(503)),
            &Violation::Dead(0),
        );
    }

    #[test]
    fn a_refusal_of_a_good_delivery_is_caught() {
        caught(
            |facts| facts.operations[1].outcome = Outcome::Refused(422),
            &Violation::Refused("k2 was refused with 422".into()),
        );
    }

    #[test]
    fn what_did_not_end_in_time_and_what_changed_is_caught() {
        caught(|facts| facts.drained = None, &Violation::NotDrained);
        caught(|facts| facts.unequal.push("x".into()), &Violation::Changed("x".into()));
    }

    #[test]
    fn a_run_without_a_kill_proves_nothing() {
        caught(|facts| facts.kills.clear(), &Violation::NoKill);
    }
}
