//! Folded executions per second: `cargo bench -p windhover-console` prints how fast views are made from a log of executions
//! that ran in one commit, and how long the newest ones take to be found.

#[path = "../tests/support/mod.rs"]
mod support;

use std::{sync::Arc, time::Instant};

use support::{LAYOUT, Writer, created_by, ended, get, logged};
use windhover_console::{Console, Kept, Options};
use windhover_eventlog::{ask::NoOwners, definitions::Deployments};
use windhover_proto::{
    codec::Line,
    event::{Awaits, Event, Kept as Value, Outcome, Runner, TaskRunStarted},
    id::{ExecutionId, Fingerprint, TaskRunId},
    request::Body,
    state::State,
    time::Timestamp,
};

/// Executions in the log; `WINDHOVER_BENCH_EXECUTIONS` sets another number.
const EXECUTIONS: u64 = 100_000;

/// Executions in one commit, as under load.
const PER_COMMIT: usize = 100;

fn main() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let wanted = std::env::var("WINDHOVER_BENCH_EXECUTIONS").ok().and_then(|text| text.parse().ok());
    runtime.block_on(measure(wanted.unwrap_or(EXECUTIONS)));
}

async fn measure(executions: u64) {
    let mut writer = Writer::new();
    let mut waiting = vec![Vec::new(); usize::from(LAYOUT.partitions)];
    let mut bytes = 0;
    for number in 0..executions {
        let id = execution_id(number);
        let line = Line { at: Timestamp::from_millis(i64::try_from(number / 10).expect("small")), events: events(id) };
        bytes += serde_json::to_vec(&line).expect("plain data").len();
        let partition = id.partition(LAYOUT.partitions);
        let lines = &mut waiting[usize::from(partition)];
        lines.push((id, line));
        if lines.len() == PER_COMMIT {
            writer.commit_lines(partition, lines).await;
            lines.clear();
        }
    }
    let committed = executions - waiting.iter().map(|lines| lines.len() as u64).sum::<u64>();
    let folder = tempfile::tempdir().expect("a folder");
    let began = Instant::now();
    let console = Console::start(Options {
        log: writer.log.clone(),
        owners: Arc::new(NoOwners),
        deployments: Deployments::open(writer.log.clone()).await.expect("definitions"),
        folder: folder.path().join("console"),
        kept: Kept { ended_days: 1_000_000, failed_days: 1_000_000 },
        surroundings: Arc::new(windhover_proto::expr::NoSurroundings),
        public_url: String::new(),
        operations: &[],
        not_ready: Arc::new(|| None),
    })
    .expect("a console");
    let router = console.router();
    while get(&router, "/ready").await.0 != 200 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let seconds = began.elapsed().as_secs_f64();
    let searching = Instant::now();
    let (_, body) = get(&router, "/api/v1/main/executions/search?size=10").await;
    let searched = searching.elapsed();
    assert_eq!(body["total"], committed, "everything was folded");
    println!(
        "folded {committed} executions of {} bytes on one thread: {:.0} per second; a search over all of them: {searched:.0?}",
        bytes as u64 / executions,
        committed as f64 / seconds,
    );
}

fn execution_id(number: u64) -> ExecutionId {
    let mut bits = [0; 16];
    bits.copy_from_slice(&Fingerprint::of(&number.to_be_bytes()).as_bytes()[..16]);
    ExecutionId::from_bytes(bits)
}

/// What `debug.Return` of a delivery leaves.
fn events(id: ExecutionId) -> Vec<Event> {
    let body = format!(r#"{{"order":17,"id":"{id}","text":"{}"}}"#, "x".repeat(200));
    let task_run = TaskRunId::from_bytes(*id.as_bytes());
    let shown = windhover_proto::expr::Value::map([("value", windhover_proto::expr::Value::text(body.clone()))]);
    let task = "out".parse().expect("a task id");
    vec![
        created_by("webhook_example", Body::Text(body)),
        Event::ExecutionStarted,
        Event::TaskRunStarted(TaskRunStarted {
            task_run,
            task,
            parent: None,
            awaits: Awaits::Nothing,
            runner: Runner::Worker,
        }),
        logged("the value".into()),
        Event::TaskRunSucceeded { task_run, outputs: Some(Value::Clear(shown)), outcome: Outcome::Well, told: None },
        ended(State::Success),
    ]
}
