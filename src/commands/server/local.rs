//! `windhover server local`: every role in one process.

use std::process::ExitCode;

use super::Options;

/// Runs the server until it is told to end.
pub(super) fn run(_options: Options) -> anyhow::Result<ExitCode> {
    anyhow::bail!("not wired yet")
}
