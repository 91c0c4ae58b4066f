//! `windhover flow delete`

use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::FlowName;
use crate::commands::client::{Client, ServerOptions, block_on, print_json, say};

pub(super) const EXAMPLES: &str = "\
Examples:
  windhover flow delete company.team/echo
  windhover flow delete company.team/echo --server https://flows.example.com";

#[derive(Args, Debug)]
pub(super) struct Delete {
    /// The flow.
    #[arg(value_name = "NAMESPACE/ID")]
    flow: FlowName,
    #[command(flatten)]
    server: ServerOptions,
}

pub(super) fn run(delete: &Delete) -> anyhow::Result<ExitCode> {
    let client = Client::new(&delete.server)?;
    block_on(client.delete(&delete.flow.path()))?;
    if delete.server.json {
        print_json(&json!({"namespace": delete.flow.namespace, "id": delete.flow.id, "deleted": true}))?;
    } else {
        say(format_args!("{} deleted", delete.flow));
    }
    Ok(ExitCode::SUCCESS)
}
