//! `windhover logs`: the log lines of an execution.

use std::process::ExitCode;

use clap::Args;
use serde_json::Value;

use super::client::{Client, ServerOptions, block_on, cell, print_json, say, segment};

const EXAMPLES: &str = "\
Examples:
  windhover logs 5uQx2m8TnBvE1cR7kYwZpA
  windhover logs 5uQx2m8TnBvE1cR7kYwZpA --level WARN --task charge
  windhover logs 5uQx2m8TnBvE1cR7kYwZpA --follow --json | jq -r .message";

/// Show the log lines of an execution.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The id of the execution.
    #[arg(value_name = "ID")]
    execution: String,
    /// The lowest level: TRACE, DEBUG, INFO, WARN or ERROR.
    #[arg(long, value_name = "LEVEL")]
    level: Option<String>,
    /// Lines of this task only.
    #[arg(long, value_name = "ID", conflicts_with = "follow")]
    task: Option<String>,
    /// Print lines as they are written, until the execution has ended.
    #[arg(long)]
    follow: bool,
    #[command(flatten)]
    server: ServerOptions,
}

/// Runs the command.
///
/// # Errors
/// When the server does not do what it is asked.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let client = Client::new(&arguments.server)?;
    block_on(async {
        match arguments.follow {
            true => follow(&client, arguments).await,
            false => list(&client, arguments).await,
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

async fn list(client: &Client, arguments: &Arguments) -> anyhow::Result<()> {
    let mut query = Vec::new();
    query.extend(arguments.level.clone().map(|level| ("minLevel", level)));
    query.extend(arguments.task.clone().map(|task| ("taskId", task)));
    let execution = segment(&arguments.execution);
    let lines = client.get(&format!("/logs/{execution}"), &query).await?;
    if lines.as_array().is_none_or(Vec::is_empty) {
        // An execution that is not there has no lines either, and that is worth saying.
        client.get(&format!("/executions/{execution}"), &[]).await?;
    }
    if arguments.server.json {
        return print_json(&lines);
    }
    lines.as_array().into_iter().flatten().for_each(print_line);
    Ok(())
}

async fn follow(client: &Client, arguments: &Arguments) -> anyhow::Result<()> {
    let level = arguments.level.as_ref().map(|level| format!("?minLevel={}", segment(level))).unwrap_or_default();
    let path = format!("/logs/{}/follow{level}", segment(&arguments.execution));
    let mut last = None;
    loop {
        let mut events = client.follow(&path, last.as_deref()).await?;
        while let Some(event) = events.next().await? {
            if event.id == "end" {
                return Ok(());
            }
            match arguments.server.json {
                true => say(&event.data),
                false => print_line(&serde_json::from_str(&event.data)?),
            }
            last = Some(event.id);
        }
    }
}

fn print_line(line: &Value) {
    let of = |name: &str| cell(&line[name]);
    say(format_args!("{} {:<5} {}  {}", of("timestamp"), of("level"), of("taskId"), of("message")));
}
