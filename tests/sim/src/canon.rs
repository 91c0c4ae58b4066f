//! What an execution came to, without its times: the same whatever faults it went through.

use std::fmt::Write as _;

use windhover_proto::{
    codec::Line,
    core::{
        Execution, Stimulus, apply,
        partition::{self, Head, Rules},
    },
    event::Event,
    id::ExecutionId,
    input::Input,
    state::History,
    time::Timestamp,
};

use crate::{catalog, store::Kept};

/// Longest run of one execution by itself, in turns: more means that it never rests.
const TURNS_MAX: usize = 200;

fn states(history: &History) -> String {
    history.entries().iter().map(|(state, _)| state.as_str()).collect::<Vec<_>>().join(",")
}

/// The text of an execution that its lines tell.
pub fn text<'a>(id: ExecutionId, lines: impl IntoIterator<Item = &'a Line>) -> String {
    let mut state: Option<Execution> = None;
    let mut logs = String::new();
    for line in lines {
        for event in line.events.iter().filter(|event| !matches!(event, Event::DeliverySuppressed(_))) {
            apply(&mut state, id, event, line.at);
            if let Some((task_run, level, message)) = event.log_line() {
                let _ = writeln!(logs, "{level} {task_run:?} {message}");
            }
        }
    }
    state.map_or_else(|| "nothing".to_owned(), |execution| describe(&execution, &logs))
}

fn describe(execution: &Execution, logs: &str) -> String {
    let mut text = format!("{} {:?} {:?}\n", states(&execution.history), execution.flow, execution.labels);
    let _ = writeln!(text, "{:?} stuck {:?} over {}", execution.outputs, execution.stuck, execution.over);
    for run in &execution.task_runs {
        let attempts: Vec<String> = run.attempts.iter().map(|attempt| states(&attempt.history)).collect();
        let kept = serde_json::to_string(&run.outputs).unwrap_or_default();
        let _ = writeln!(text, "{} {} {attempts:?} {kept} {}", run.task, states(&run.history), run.answered);
    }
    text + logs
}

/// What the execution comes to when nothing ever fails: one turn for each thing that happens.
pub fn undisturbed(input: &Input) -> String {
    let rules = Rules { partition: 0, key_horizon_ms: i64::MAX, quarantine: None };
    let (mut head, mut store) = (Head::empty(), Kept::default());
    let mut waiting = vec![Stimulus::Input(input.clone())];
    let mut lines = Vec::new();
    let mut now = Timestamp::from_millis(1_000);
    for _ in 0..TURNS_MAX {
        let turn = catalog::turn(now, 1);
        let outcome = partition::turn(&head, &store, &waiting, head.consumed, 0, &turn, rules);
        waiting.clear();
        if let Some(commit) = &outcome.commit {
            head = Head::after(&outcome.header, commit, head.position + 1);
            lines.extend(lines_of(commit));
        }
        store.apply(outcome.changes);
        waiting.extend(outcome.calls.iter().map(result_of));
        let Some(live) = store.live_ref(&input.execution()) else { break };
        if let (true, Some(wake_at)) = (waiting.is_empty(), live.next_wake()) {
            now = now.max(wake_at);
            waiting.push(Stimulus::TimerDue { execution: live.id });
        }
    }
    text(input.execution(), &lines)
}

fn result_of(call: &windhover_proto::core::Call) -> Stimulus {
    let (execution, task_run, n) = (call.execution, call.task_run, call.n);
    Stimulus::CallEnded { execution, task_run, n, result: catalog::answer(call) }
}

fn lines_of(commit: &[u8]) -> Vec<Line> {
    let Ok(commit) = windhover_proto::codec::decode_commit(commit) else { return Vec::new() };
    commit.items().filter_map(|(_, json)| windhover_proto::codec::decode_line(json).ok()).collect()
}
