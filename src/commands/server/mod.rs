//! `windhover server`: run one process that plays one role or all of them.

mod address;
mod banner;
mod key;
mod listen;
mod local;
mod options;
mod patient;
mod size;
mod stop;
mod surroundings;
mod watch;

use std::process::ExitCode;

use clap::{Args, Subcommand};

pub(crate) use options::Options;

const EXAMPLES: &str = "\
Examples:
  windhover server local
  windhover server local --flows ./flows --data ./.windhover --listen 127.0.0.1:8080";

/// Run a server.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Ingress, engine and console in one process, on a log in a folder of this machine.
    ///
    /// Everything that is answered with 2xx is on disk before. A flow file that is saved while the server runs is deployed
    /// as the next revision. SIGTERM and SIGINT end it: what was accepted is finished, within 10 s.
    #[command(after_help = options::EXAMPLES)]
    Local(Box<Options>),
}

/// Runs the command.
pub(crate) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    match arguments.command {
        Command::Local(options) => local::run(*options),
    }
}
