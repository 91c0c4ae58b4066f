//! What the program says about itself while it runs: to standard error, for people or for machines.

use clap::{Args, ValueEnum};
use tracing::{Level, Metadata};
use tracing_subscriber::{EnvFilter, filter::filter_fn, fmt, layer::SubscriberExt, util::SubscriberInitExt};

/// Levels when nothing is configured: ours in full, the libraries only when something is wrong.
const LEVELS_DEFAULT: &str = "warn,windhover=info,windhover_console=info,windhover_engine=info,windhover_eventlog=info,\
                              windhover_ingress=info";

/// How the program logs.
#[derive(Args, Debug)]
pub(crate) struct Options {
    /// Form of log lines.
    #[arg(long, global = true, env = "WINDHOVER_LOG_FORMAT", value_enum, default_value_t = Format::Text)]
    log_format: Format,
    /// What is logged: a level (`warn`), or levels by module (`warn,windhover_engine=debug`). Libraries log `info` at most,
    /// whatever is said here: below it some print what they carry.
    #[arg(long, global = true, env = "WINDHOVER_LOG", value_name = "LEVELS", default_value = LEVELS_DEFAULT,
          hide_default_value = true)]
    log: String,
}

/// Form of log lines.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// One readable line each.
    Text,
    /// One JSON object each.
    Json,
}

/// Begins to log.
pub(crate) fn start(options: &Options) {
    let filter = EnvFilter::try_new(&options.log).unwrap_or_else(|error| {
        eprintln!("warning: --log {}: {error}; the default is used", options.log);
        EnvFilter::new(LEVELS_DEFAULT)
    });
    let lines = fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let harmless = filter_fn(is_harmless);
    match options.log_format {
        Format::Text => {
            let ansi = std::io::IsTerminal::is_terminal(&std::io::stderr());
            lines.with_ansi(ansi).with_target(false).finish().with(harmless).init();
        }
        Format::Json => lines.json().flatten_event(true).finish().with(harmless).init(),
    }
}

/// Whether lines of this kind hold nothing of what was sent. Ours do not. What libraries print below `info` is nobody's promise:
/// async-nats prints messages, and hyper whatever it reads once a dependency switches that on.
fn is_harmless(metadata: &Metadata<'_>) -> bool {
    metadata.target().starts_with("windhover") || *metadata.level() <= Level::INFO
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn libraries_are_not_heard_below_info_whatever_the_level() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let writer = Arc::new(file.reopen().expect("the file"));
        let lines = fmt().with_env_filter(EnvFilter::new("trace,hyper=trace")).with_writer(writer);
        tracing::subscriber::with_default(lines.finish().with(filter_fn(is_harmless)), || {
            tracing::trace!(target: "hyper::proto", "a body");
            tracing::debug!(target: "async_nats", "a message");
            tracing::info!(target: "async_nats", "connected");
            tracing::trace!(target: "windhover_engine", "a turn");
        });
        let written = std::fs::read_to_string(file.path()).expect("text");
        assert!(!written.contains("a body") && !written.contains("a message"), "{written}");
        assert!(written.contains("connected") && written.contains("a turn"), "{written}");
    }
}
