//! The commands, one file each.

pub(crate) mod client;
pub(crate) mod execution;
pub(crate) mod expr;
pub(crate) mod flow;
pub(crate) mod logs;
pub(crate) mod server;
pub(crate) mod trigger;
mod typed;

use std::process::ExitCode;

use crate::cli::Command;

/// Runs one command.
pub(crate) fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Server(arguments) => server::run(arguments),
        Command::Flow(arguments) => flow::run(&arguments),
        Command::Execution(arguments) => execution::run(&arguments),
        Command::Logs(arguments) => logs::run(&arguments),
        Command::Trigger(arguments) => trigger::run(&arguments),
        Command::Expr(arguments) => expr::run(&arguments),
    }
}
