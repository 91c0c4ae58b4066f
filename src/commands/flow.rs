//! `windhover flow`: work with flow files, without a server.

use std::{fs, path::PathBuf, process::ExitCode};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use windhover_proto::flow::Flow;

const EXAMPLES: &str = "\
Examples:
  windhover flow validate flows/webhook_example.yaml
  windhover flow validate flows/*.yaml";

/// Work with flow files.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check flow files and show every mistake with file, line and column. Exit code 1 when one is found.
    #[command(after_help = EXAMPLES)]
    Validate {
        /// Flow files in YAML; a file may hold several flows, separated by `---`.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let Command::Validate { files } = &arguments.command;
    let mut mistakes = 0;
    for file in files {
        let source = fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
        for document in Flow::parse_all(&source) {
            match document.flow {
                Ok(flow) => println!("{}: {}/{} is valid", file.display(), flow.namespace, flow.id),
                Err(errors) => {
                    mistakes += errors.as_slice().len();
                    errors.iter().for_each(|error| {
                        println!("{}:{}:{}: {error}", file.display(), error.line(), error.column());
                    });
                }
            }
        }
    }
    Ok(if mistakes == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
