//! `windhover execution list`

use std::process::ExitCode;

use clap::Args;
use serde_json::Value;

use crate::commands::client::{Client, ServerOptions, block_on, cell, print_json, print_table};

pub(super) const EXAMPLES: &str = "\
Examples:
  windhover execution list
  windhover execution list --namespace company.team --flow echo --state FAILED,KILLED
  windhover execution list --label team:shop --limit 500 --json | jq -r '.[].id'";

#[derive(Args, Debug)]
pub(super) struct List {
    #[command(flatten)]
    server: ServerOptions,
    /// Executions of flows of this namespace and below it only.
    #[arg(long, value_name = "NAMESPACE")]
    namespace: Option<String>,
    /// Executions of flows with this id only.
    #[arg(long, value_name = "ID")]
    flow: Option<String>,
    /// Executions in one of these states only, with commas between them.
    #[arg(long, value_name = "STATE")]
    state: Option<String>,
    /// Executions with this label only: `key:value`. May be repeated.
    #[arg(long, value_name = "KEY:VALUE")]
    label: Vec<String>,
    /// How many.
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: usize,
}

pub(super) fn run(list: &List) -> anyhow::Result<ExitCode> {
    let client = Client::new(&list.server)?;
    let mut query = Vec::new();
    for (name, value) in [("namespace", &list.namespace), ("flowId", &list.flow), ("state", &list.state)] {
        query.extend(value.clone().map(|value| (name, value)));
    }
    query.extend(list.label.iter().map(|label| ("labels", label.clone())));
    let executions = block_on(client.search("/executions/search", &query, list.limit))?;
    if list.server.json {
        print_json(&executions.into())?;
    } else {
        let rows: Vec<_> = executions.iter().map(row).collect();
        print_table(["EXECUTION", "NAMESPACE", "FLOW", "STATE", "STARTED", "DURATION"], &rows);
    }
    Ok(ExitCode::SUCCESS)
}

fn row(execution: &Value) -> [String; 6] {
    let of = |name: &str| cell(&execution[name]);
    let state = |name: &str| cell(&execution["state"][name]);
    [of("id"), of("namespace"), of("flowId"), state("current"), state("startDate"), state("duration")]
}
