//! `windhover server`: run one process that plays one role or all of them.

mod address;
mod background;
mod banner;
mod common;
mod groups;
mod health;
mod key;
mod listen;
mod local;
pub(in crate::commands) mod nats;
mod options;
mod patient;
mod reach;
mod roles;
mod shown;
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
  windhover server local --flows ./flows --data ./.windhover --listen 127.0.0.1:8080
  windhover server engine --nats nats://127.0.0.1:4222 --nats-monitor http://127.0.0.1:8222";

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
    /// The part that takes webhooks, beside others on the same NATS.
    ///
    /// Answers 2xx when a delivery is on the disk of NATS, and needs no engine for it. Start as many as are needed.
    #[command(after_help = roles::INGRESS_EXAMPLES)]
    Ingress(Box<roles::IngressOptions>),
    /// The part that runs flows, beside others on the same NATS.
    ///
    /// Each engine takes its share of the partitions; what one that dies owned goes to the others. On its address it answers
    /// only for its health.
    #[command(after_help = roles::ENGINE_EXAMPLES)]
    Engine(Box<roles::EngineOptions>),
    /// The API, beside others on the same NATS.
    #[command(after_help = roles::CONSOLE_EXAMPLES)]
    Console(Box<roles::ConsoleOptions>),
}

/// Runs the command.
pub(crate) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    match arguments.command {
        Command::Local(options) => local::run(*options),
        Command::Ingress(options) => roles::run_ingress(*options),
        Command::Engine(options) => roles::run_engine(*options),
        Command::Console(options) => roles::run_console(*options),
    }
}
