//! `windhover execution show`

use std::process::ExitCode;

use clap::Args;

use super::print_execution;
use crate::commands::client::{Client, ServerOptions, block_on, print_json, segment};

pub(super) const EXAMPLES: &str = "\
Examples:
  windhover execution show 5uQx2m8TnBvE1cR7kYwZpA
  windhover execution show 5uQx2m8TnBvE1cR7kYwZpA --json | jq .outputs";

#[derive(Args, Debug)]
pub(super) struct Show {
    /// The id of the execution.
    #[arg(value_name = "ID")]
    execution: String,
    #[command(flatten)]
    server: ServerOptions,
}

pub(super) fn run(show: &Show) -> anyhow::Result<ExitCode> {
    let client = Client::new(&show.server)?;
    let execution = block_on(client.get(&format!("/executions/{}", segment(&show.execution)), &[]))?;
    if show.server.json {
        print_json(&execution)?;
    } else {
        print_execution(&execution);
    }
    Ok(ExitCode::SUCCESS)
}
