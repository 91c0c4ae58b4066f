//! `windhover execution follow`

use std::{collections::BTreeSet, process::ExitCode, time::Duration};

use clap::Args;
use serde_json::Value;

use super::print_execution;
use crate::commands::client::{Client, ServerOptions, block_on, cell, say, segment};

pub(super) const EXAMPLES: &str = "\
Examples:
  windhover execution follow 5uQx2m8TnBvE1cR7kYwZpA
  windhover execution follow 5uQx2m8TnBvE1cR7kYwZpA --json | jq -r .state.current    one JSON object a line";

/// How long to wait before a stream that was cut is opened again.
const REOPEN_DELAY: Duration = Duration::from_secs(1);

/// How often a stream that gives nothing is opened again before that is an error.
const REOPENED_MAX: u32 = 30;

#[derive(Args, Debug)]
pub(super) struct Follow {
    /// The id of the execution.
    #[arg(value_name = "ID")]
    execution: String,
    #[command(flatten)]
    server: ServerOptions,
}

pub(super) fn run(follow: &Follow) -> anyhow::Result<ExitCode> {
    let client = Client::new(&follow.server)?;
    let mut told = Told::default();
    let ended = block_on(to_end(&client, follow, &mut told))?;
    if !follow.server.json {
        say("");
        print_execution(&ended);
    }
    let good = matches!(ended["state"]["current"].as_str(), Some("SUCCESS" | "WARNING"));
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Follows to the end. A stream that was cut is opened again where it stood.
async fn to_end(client: &Client, follow: &Follow, told: &mut Told) -> anyhow::Result<Value> {
    let path = format!("/executions/{}/follow", segment(&follow.execution));
    let mut last: Option<String> = None;
    let mut cut = 0;
    loop {
        let opened = client.follow(&path, last.as_deref()).await;
        let mut events = match opened {
            Ok(events) => events,
            Err(error) if last.is_none() || cut >= REOPENED_MAX => return Err(error),
            Err(_) => {
                cut += 1;
                tokio::time::sleep(REOPEN_DELAY).await;
                continue;
            }
        };
        while let Ok(Some(event)) = events.next().await {
            let execution: Value = serde_json::from_str(&event.data)?;
            if follow.server.json {
                say(&execution)
            } else {
                told.tell(&execution)
            }
            if event.id == "end" {
                return Ok(execution);
            }
            (last, cut) = (Some(event.id), 0);
        }
        cut += 1;
        anyhow::ensure!(cut <= REOPENED_MAX, "the stream was cut {cut} times and gave nothing");
        tokio::time::sleep(REOPEN_DELAY).await;
    }
}

/// What was printed already.
#[derive(Default)]
struct Told {
    lines: BTreeSet<String>,
}

impl Told {
    /// Prints what is new: for people one line for each state of the execution and of its task runs.
    fn tell(&mut self, execution: &Value) {
        let mut lines = states("execution", &execution["state"]);
        for run in execution["taskRunList"].as_array().into_iter().flatten() {
            lines.extend(states(&cell(&run["taskId"]), &run["state"]));
        }
        // By time; what happened at the same time stays in the order in which it was written.
        lines.sort_by(|one, other| one.split(' ').next().cmp(&other.split(' ').next()));
        for line in lines {
            if !self.lines.contains(&line) {
                say(&line);
                self.lines.insert(line);
            }
        }
    }
}

fn states(name: &str, state: &Value) -> Vec<String> {
    let histories = state["histories"].as_array().into_iter().flatten();
    histories.map(|entry| format!("{}  {name}  {}", cell(&entry["date"]), cell(&entry["state"]))).collect()
}
