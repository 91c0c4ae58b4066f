//! `windhover trigger`: triggers of the flows of a server.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::Value;

use super::client::{Client, ServerOptions, block_on, cell, print_json, print_table};

const EXAMPLES: &str = "\
Examples:
  windhover trigger list
  windhover trigger list --namespace company.team --json | jq -r '.[].curl'";

/// Look at the triggers of the flows of a server.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List webhooks with the address to call.
    #[command(after_help = EXAMPLES)]
    List(List),
}

#[derive(Args, Debug)]
struct List {
    #[command(flatten)]
    server: ServerOptions,
    /// Triggers of flows of this namespace and below it only.
    #[arg(long, value_name = "NAMESPACE")]
    namespace: Option<String>,
    /// Triggers of flows with this id only.
    #[arg(long, value_name = "ID")]
    flow: Option<String>,
}

/// Runs the command.
///
/// # Errors
/// When the server does not do what it is asked.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let Command::List(list) = &arguments.command;
    let client = Client::new(&list.server)?;
    let mut query = Vec::new();
    query.extend(list.namespace.clone().map(|namespace| ("namespace", namespace)));
    query.extend(list.flow.clone().map(|flow| ("flowId", flow)));
    let triggers = block_on(client.search("/triggers/search", &query, usize::MAX))?;
    if list.server.json {
        print_json(&triggers.into())?;
    } else {
        print_table(["NAMESPACE", "FLOW", "TRIGGER", "STATE", "URL"], &triggers.iter().map(row).collect::<Vec<_>>());
    }
    Ok(ExitCode::SUCCESS)
}

fn row(trigger: &Value) -> [String; 5] {
    let of = |name: &str| cell(&trigger[name]);
    let missing = trigger["missingSecrets"].as_array().into_iter().flatten().map(cell).collect::<Vec<_>>();
    let state = match (trigger["disabled"] == true, trigger["problem"].is_string()) {
        (true, _) => "disabled".to_owned(),
        (_, true) => of("problem"),
        _ if !missing.is_empty() => format!("waits for secret {}", missing.join(", ")),
        _ => "open".to_owned(),
    };
    [of("namespace"), of("flowId"), of("triggerId"), state, of("url")]
}
