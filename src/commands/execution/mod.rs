//! `windhover execution`: executions of a server.

mod follow;
mod list;
mod show;

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::Value;

use super::client::{cell, print_table, say};

const EXAMPLES: &str = "\
Examples:
  windhover execution list --state FAILED
  windhover execution show 5uQx2m8TnBvE1cR7kYwZpA
  windhover execution follow 5uQx2m8TnBvE1cR7kYwZpA";

/// Look at executions of a server.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List executions, the newest first.
    #[command(after_help = list::EXAMPLES)]
    List(list::List),
    /// Show an execution with its task runs.
    #[command(after_help = show::EXAMPLES)]
    Show(show::Show),
    /// Follow an execution to its end. Exit code 1 when it does not end in SUCCESS or WARNING.
    #[command(after_help = follow::EXAMPLES)]
    Follow(follow::Follow),
}

/// Runs the command.
///
/// # Errors
/// When the server does not do what it is asked.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    match &arguments.command {
        Command::List(list) => list::run(list),
        Command::Show(show) => show::run(show),
        Command::Follow(follow) => follow::run(follow),
    }
}

/// Prints an execution for people.
fn print_execution(execution: &Value) {
    let state = &execution["state"];
    let flow = format!("{}/{}", cell(&execution["namespace"]), cell(&execution["flowId"]));
    say(format_args!("Execution  {}", cell(&execution["id"])));
    say(format_args!("Flow       {flow} revision {}", cell(&execution["flowRevision"])));
    say(format_args!("State      {}", cell(&state["current"])));
    say(format_args!("Started    {}", cell(&state["startDate"])));
    say(format_args!("Ended      {}", cell(&state["endDate"])));
    say(format_args!("Duration   {}", cell(&state["duration"])));
    if execution["trigger"].is_object() {
        say(format_args!("Trigger    {}", cell(&execution["trigger"]["id"])));
    }
    let labels = execution["labels"].as_array().into_iter().flatten();
    let labels: Vec<_> = labels.map(|label| format!("{}={}", cell(&label["key"]), cell(&label["value"]))).collect();
    say(format_args!("Labels     {}", labels.join(" ")));
    for name in ["inputs", "outputs"] {
        if execution[name].is_object() {
            say(format_args!("{name:<10} {}", execution[name]));
        }
    }
    let runs = execution["taskRunList"].as_array().map(Vec::as_slice).unwrap_or_default();
    if !runs.is_empty() {
        say("");
        print_table(
            ["TASK", "STATE", "ATTEMPTS", "DURATION", "OUTPUTS"],
            &runs.iter().map(run_row).collect::<Vec<_>>(),
        );
    }
}

/// Characters of outputs that a table shows.
const OUTPUTS_CHARS_MAX: usize = 80;

fn run_row(run: &Value) -> [String; 5] {
    let attempts = run["attempts"].as_array().map_or(0, Vec::len);
    let outputs = cell(&run["outputs"]);
    let mut shown: String = outputs.chars().take(OUTPUTS_CHARS_MAX).collect();
    if shown.len() < outputs.len() {
        shown.push('\u{2026}');
    }
    let state = &run["state"];
    [cell(&run["taskId"]), cell(&state["current"]), attempts.to_string(), cell(&state["duration"]), shown]
}
