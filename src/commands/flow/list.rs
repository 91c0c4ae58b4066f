//! `windhover flow list`

use std::process::ExitCode;

use clap::Args;
use serde_json::Value;

use crate::commands::client::{Client, ServerOptions, block_on, cell, print_json, print_table};

pub(super) const EXAMPLES: &str = "\
Examples:
  windhover flow list
  windhover flow list --namespace company --server https://flows.example.com
  windhover flow list --json | jq -r '.[].id'";

#[derive(Args, Debug)]
pub(super) struct List {
    #[command(flatten)]
    server: ServerOptions,
    /// Flows of this namespace and below it only.
    #[arg(long, value_name = "NAMESPACE")]
    namespace: Option<String>,
    /// Flows with this text in id, namespace or description only.
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
}

pub(super) fn run(list: &List) -> anyhow::Result<ExitCode> {
    let client = Client::new(&list.server)?;
    let mut query = Vec::new();
    query.extend(list.namespace.clone().map(|namespace| ("namespace", namespace)));
    query.extend(list.search.clone().map(|text| ("q", text)));
    let flows = block_on(client.search("/flows/search", &query, usize::MAX))?;
    if list.server.json {
        print_json(&flows.into())?;
    } else {
        let rows: Vec<_> = flows.iter().map(row).collect();
        print_table(["NAMESPACE", "FLOW", "REVISION", "STATE", "TRIGGERS", "UPDATED"], &rows);
    }
    Ok(ExitCode::SUCCESS)
}

fn row(flow: &Value) -> [String; 6] {
    let is = |name: &str| flow[name] == true;
    let state = match (is("disabled"), is("draft"), flow["exception"].is_string()) {
        (_, _, true) => "invalid",
        (true, _, _) => "disabled",
        (_, true, _) => "draft",
        _ => "active",
    };
    let triggers = flow["triggers"].as_array().into_iter().flatten().map(|trigger| cell(&trigger["id"]));
    let triggers: Vec<_> = triggers.collect();
    let triggers = if triggers.is_empty() { "-".to_owned() } else { triggers.join(",") };
    let of = |name: &str| cell(&flow[name]);
    [of("namespace"), of("id"), of("revision"), state.to_owned(), triggers, of("updated")]
}
