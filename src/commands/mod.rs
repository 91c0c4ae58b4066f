//! The commands, one file each.

pub(crate) mod expr;
pub(crate) mod flow;
pub(crate) mod server;

use std::process::ExitCode;

use crate::cli::Command;

/// Runs one command.
pub(crate) fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Server(arguments) => server::run(arguments),
        Command::Flow(arguments) => flow::run(&arguments),
        Command::Expr(arguments) => expr::run(&arguments),
    }
}
