//! What can be typed.

use clap::{Parser, Subcommand};

use crate::{
    commands::{execution, expr, flow, logs, server, trigger},
    logging,
};

const EXAMPLES: &str = "\
Examples:
  windhover                                       ingress, engine and console on http://127.0.0.1:8080, flows from flows/
  windhover server local --listen 127.0.0.1:9000  the same on another port
  windhover flow validate flows/*.yaml            check flow files without a server
  windhover execution list --state FAILED         what failed lately, on the server of --server or WINDHOVER_SERVER";

/// Webhooks that start flows, with nothing lost, nothing run twice, and everything explainable afterwards.
///
/// Without a command it is `windhover server local`.
#[derive(Debug, Parser)]
#[command(name = "windhover", version, about, long_about, after_help = EXAMPLES, propagate_version = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    /// How the program logs.
    #[command(flatten)]
    pub(crate) logging: logging::Options,
}

impl Cli {
    /// The command, or the default one.
    pub(crate) fn chosen(self) -> Command {
        self.command.unwrap_or_else(|| {
            let default = Cli::parse_from(["windhover", "server", "local"]);
            default.command.unwrap_or_else(|| unreachable!("a command was given"))
        })
    }
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a server.
    Server(server::Arguments),
    /// Work with flow files and with the flows of a server.
    Flow(flow::Arguments),
    /// Look at executions of a server.
    Execution(execution::Arguments),
    /// Show the log lines of an execution.
    Logs(logs::Arguments),
    /// Look at the triggers of the flows of a server.
    Trigger(trigger::Arguments),
    /// Evaluate an expression, or a file of recorded cases.
    Expr(expr::ExprArgs),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_are_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_shows_examples() {
        fn check(command: &clap::Command, path: &str) {
            let path = format!("{path} {}", command.get_name());
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("Examples:"), "{path} has no examples");
            command.get_subcommands().filter(|sub| sub.get_name() != "help").for_each(|sub| check(sub, &path));
        }
        check(&Cli::command(), "");
    }

    #[test]
    fn every_option_of_the_server_is_also_a_variable() {
        let cli = Cli::command();
        let roles = cli.find_subcommand("server").unwrap().get_subcommands();
        let arguments = roles.flat_map(clap::Command::get_arguments);
        for argument in arguments.filter(|argument| !argument.is_global_set()) {
            if matches!(argument.get_id().as_str(), "help" | "version") {
                continue;
            }
            let variable = argument.get_env().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            assert!(variable.starts_with("WINDHOVER_"), "--{} has no variable", argument.get_id());
        }
    }

    #[test]
    fn without_a_command_the_local_server_runs() {
        assert!(matches!(Cli::parse_from(["windhover"]).chosen(), Command::Server(_)));
    }
}
