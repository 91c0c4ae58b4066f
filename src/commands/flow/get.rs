//! `windhover flow get`

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;

use super::FlowName;
use crate::commands::client::{Client, ServerOptions, block_on, print_json, say};

pub(super) const EXAMPLES: &str = "\
Examples:
  windhover flow get company.team/echo > echo.yaml
  windhover flow get company.team/echo --revision 3
  windhover flow get company.team/echo --json | jq .triggers";

#[derive(Args, Debug)]
pub(super) struct Get {
    /// The flow.
    #[arg(value_name = "NAMESPACE/ID")]
    flow: FlowName,
    /// The revision; the newest when absent.
    #[arg(long, value_name = "N")]
    revision: Option<u32>,
    #[command(flatten)]
    server: ServerOptions,
}

pub(super) fn run(get: &Get) -> anyhow::Result<ExitCode> {
    let client = Client::new(&get.server)?;
    let mut query = vec![("source", "true".to_owned())];
    query.extend(get.revision.map(|revision| ("revision", revision.to_string())));
    let flow = block_on(client.get(&get.flow.path(), &query))?;
    if get.server.json {
        print_json(&flow)?;
    } else {
        let source = flow["source"].as_str().context("the server gave no text of the flow")?;
        say(source.trim_end());
    }
    Ok(ExitCode::SUCCESS)
}
