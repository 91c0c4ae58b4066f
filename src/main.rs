//! The `windhover` binary: one file per command. Only here are arguments parsed and errors put into words for people.

mod cli;
mod commands;
mod logging;

use std::process::ExitCode;

use clap::Parser;

/// The system's allocator is slow for many small values that cross threads, which is all that a webhook is.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    logging::start(&cli.logging);
    match commands::run(cli.chosen()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {}", in_one_line(&error));
            ExitCode::FAILURE
        }
    }
}

/// An error and its causes, each once, in one line.
fn in_one_line(error: &anyhow::Error) -> String {
    let mut line = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !line.contains(&cause) {
            line = format!("{line}: {cause}");
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_each_cause_once() {
        let error = anyhow::anyhow!("disk full").context("the log refused: disk full").context("cannot start");
        assert_eq!(in_one_line(&error), "cannot start: the log refused: disk full");
    }
}
