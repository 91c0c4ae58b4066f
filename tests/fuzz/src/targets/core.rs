//! The targets of the log's records and of the pure core.

use windhover_proto::{
    codec::{
        Consumed, InboxLine, Line, decode_commit, decode_definitions, decode_inbox, decode_line, encode_commit,
        encode_definitions, encode_inbox,
    },
    core::{
        Call, CallFailure, CallResult, HttpResponse, Stimulus,
        partition::{self, Head, Rules},
    },
    id::ExecutionId,
    input::Input,
    time::Timestamp,
};
use windhover_sim::{Kept, catalog, inputs};

const COMMITS: &str = include_str!("../../../../proto/tests/data/format-1/commits.txt");
const INBOX: &[u8] = include_bytes!("../../../../proto/tests/data/format-1/inbox.txt");
const RULES: Rules = Rules { partition: 0, key_horizon_ms: 60_000, quarantine: None };

fn commits() -> Vec<Vec<u8>> {
    COMMITS.split("\n\n").map(|record| format!("{}\n", record.trim_end()).into_bytes()).collect()
}

pub(crate) fn records() -> Vec<Vec<u8>> {
    let mut records = commits();
    records.push(INBOX.to_vec());
    records.push(br#"{"windhover":"definitions","format":1}"#.to_vec());
    records
}

/// Reads a record as every kind; what can be read comes back the same after it was written again.
pub(crate) fn read_record(record: &[u8]) -> Result<(), String> {
    let parsed = |items: Vec<_>| -> Option<Vec<Input>> {
        items.iter().map(|item: &windhover_proto::codec::InboxItem<'_>| item.input().ok()).collect()
    };
    if let Some(inputs) = decode_inbox(record).ok().and_then(parsed) {
        let lines: Vec<InboxLine> = inputs.iter().map(|input| InboxLine::new(input, 4)).collect();
        let written = encode_inbox(&lines);
        same("inputs", &decode_inbox(&written).ok().and_then(parsed), &Some(inputs))?;
    }
    if let Ok(definitions) = decode_definitions(record) {
        same("definitions", &decode_definitions(&encode_definitions(&definitions)).ok(), &Some(definitions))?;
    }
    if let Some((header, lines)) = commit_of(record) {
        let written = encode_commit(&header, lines.iter().map(|(id, line)| (*id, line)));
        same("the commit", &commit_of(&written), &Some((header, lines)))?;
    }
    fold_after_good_ones(record);
    Ok(())
}

type Decoded = (windhover_proto::codec::CommitHeader, Vec<(ExecutionId, Line)>);

fn commit_of(record: &[u8]) -> Option<Decoded> {
    let commit = decode_commit(record).ok()?;
    let lines: Option<_> = commit.items().map(|(id, json)| Some((id, decode_line(json).ok()?))).collect();
    Some((commit.header, lines?))
}

/// Events that cannot follow are an error of the fold, never a panic: it contains those of `apply`, and here they print nothing.
fn fold_after_good_ones(record: &[u8]) {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let (mut head, mut store) = (Head::empty(), Kept::default());
    for (position, good) in (1..).zip(commits()) {
        let _ = partition::fold(&head, &store, record, position, RULES);
        let Ok((next, changes)) = partition::fold(&head, &store, &good, position, RULES) else { break };
        head = next;
        store.apply(changes);
    }
    std::panic::set_hook(hook);
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: &T, expected: &T) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("{what} came back as {found:?} instead of {expected:?}")) }
}

/// Scripts: each pair of bytes is one happening.
pub(crate) fn scripts() -> Vec<Vec<u8>> {
    let deliveries: Vec<u8> = (0..40).flat_map(|number| [0, number]).collect();
    let answered: Vec<u8> = (0..40).flat_map(|number| [0, number, 1, number, 3, 200]).collect();
    let mixed: Vec<u8> = (0..60).flat_map(|number: u8| [number % 6, number.wrapping_mul(37)]).collect();
    vec![deliveries, answered, mixed]
}

/// A partition that a script drives.
struct Driven {
    head: Head,
    store: Kept,
    now: Timestamp,
    calls: Vec<Call>,
}

pub(crate) fn take_turns(script: &[u8]) -> Result<(), String> {
    let inputs = inputs(u64::from(script.first().copied().unwrap_or_default()), 16);
    let boom = |input: &Input| matches!(input, Input::WebhookReceived(webhook) if webhook.flow.flow.as_str() == "boom");
    let inputs: Vec<Input> = inputs.into_iter().filter(|input| !boom(input)).collect();
    let (head, store) = (Head::empty(), Kept::default());
    let mut driven = Driven { head, store, now: Timestamp::from_millis(1_000), calls: Vec::new() };
    let mut waiting = Vec::new();
    for pair in script.chunks_exact(2) {
        let (what, number) = (pair[0] % 6, usize::from(pair[1]));
        match what {
            0 => waiting.extend(inputs.get(number % inputs.len().max(1)).cloned().map(Stimulus::Input)),
            1 => waiting.extend(driven.result(number, answer(200 + (pair[1] % 3) as u16 * 150))),
            2 => waiting.extend(driven.result(number, Err(CallFailure { message: "no answer".to_owned() }))),
            3 => driven.now = driven.now.plus_millis(number as i64 * 20),
            4 => waiting.extend(driven.due()),
            _ => driven.take(&std::mem::take(&mut waiting))?,
        }
    }
    driven.take(&waiting)
}

fn answer(code: u16) -> CallResult {
    Ok(HttpResponse { uri: "http://sink/".to_owned(), code, headers: Vec::new(), body: b"body".to_vec() })
}

impl Driven {
    /// A result of a call that was made at some time, perhaps long ago; it stays in the list to come again.
    fn result(&self, number: usize, result: CallResult) -> Option<Stimulus> {
        let call = self.calls.get(number % self.calls.len().max(1))?;
        let (execution, task_run, n) = (call.execution, call.task_run, call.n);
        Some(Stimulus::CallEnded { execution, task_run, n, result })
    }

    fn due(&self) -> Vec<Stimulus> {
        self.store.all_live().map(|live| Stimulus::TimerDue { execution: live.id }).collect()
    }

    fn take(&mut self, stimuli: &[Stimulus]) -> Result<(), String> {
        let consumed = Consumed { through: self.head.consumed.through + 1, within: 0 };
        let turn = catalog::turn(self.now, 1);
        let outcome = partition::turn(&self.head, &self.store, stimuli, consumed, 1, &turn, RULES);
        let Some(commit) = outcome.commit else { return Ok(()) };
        let folded = partition::fold(&self.head, &self.store, &commit, self.head.position + 1, RULES);
        let (head, changes) = folded.map_err(|error| format!("a turn's own commit does not fold: {error}"))?;
        same("the fold of a turn", &changes, &outcome.changes)?;
        if let Some(stuck) = changes.iter().find_map(|change| change.execution.as_ref()?.stuck.as_ref()) {
            return Err(format!("an execution is stuck: {stuck}"));
        }
        self.calls.extend(outcome.calls);
        self.head = head;
        self.store.apply(changes);
        Ok(())
    }
}
