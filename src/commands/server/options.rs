//! The options of `windhover server local`. Each is also a variable.

use std::path::PathBuf;

use clap::Args;

use super::{
    groups::{Keeping, Listening, Working},
    listen::Exposure,
    nats::{NatsOptions, OnlyWithNats},
};

pub(super) const EXAMPLES: &str = "\
Examples:
  windhover server local
  windhover server local --listen 127.0.0.1:0 --address-file /tmp/address   any free port, written down when ready
  windhover server local --allow-private-host 127.0.0.1:9000                let flows call a service of this machine
  windhover server local --nats nats://127.0.0.1:4222 --nats-monitor http://127.0.0.1:8222   the log in NATS
  SECRET_WEBHOOK_KEY=$(printf s3cret | base64) windhover server local       give flows the secret WEBHOOK_KEY
  WINDHOVER_DATA=/var/lib/windhover windhover server local                  every option is also a variable

Secrets of flows come from SECRET_<NAME> (base64), their environment (`envs.name`) from ENV_<NAME>.
WINDHOVER_SECRET_KEY (32 bytes, base64) is the key that sealed values in the log are sealed with.";

/// The options of `windhover server local`.
#[derive(Args, Debug)]
pub(crate) struct Options {
    #[command(flatten)]
    _only_with_nats: OnlyWithNats,
    /// Folder with flow files, `**/*.yaml` and `**/*.yml`; watched while the server runs.
    #[arg(long, value_name = "DIR", env = "WINDHOVER_FLOWS", default_value = "flows")]
    pub(super) flows: PathBuf,
    /// Folder for everything that is kept; with --nats only for what can be made again.
    #[arg(long, value_name = "DIR", env = "WINDHOVER_DATA", default_value = ".windhover")]
    pub(super) data: PathBuf,
    #[command(flatten)]
    pub(super) listening: Listening,
    /// Listen on an address that others can reach, although the API asks for no credentials.
    #[arg(long, env = "WINDHOVER_INSECURE", value_parser = clap::builder::FalseyValueParser::new())]
    insecure: bool,
    /// File with the key for sealed values: 32 bytes in base64. Without it and WINDHOVER_SECRET_KEY one is made in the
    /// data folder, unless the log is in NATS.
    #[arg(long, value_name = "FILE", env = "WINDHOVER_SECRET_KEY_FILE")]
    pub(super) secret_key_file: Option<PathBuf>,
    #[command(flatten)]
    pub(super) working: Working,
    #[command(flatten)]
    pub(super) keeping: Keeping,
    #[command(flatten)]
    pub(super) nats: NatsOptions,
    /// How long an engine may be silent before others on the same NATS work in its place, in seconds.
    #[arg(long, value_name = "SECONDS", env = "WINDHOVER_ENGINE_TTL", default_value_t = 10,
          value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(super) engine_ttl: u64,
    /// Delete the flow of a file that was removed from the folder; without it the flow stays and the removal is reported.
    #[arg(long, env = "WINDHOVER_PRUNE", value_parser = clap::builder::FalseyValueParser::new())]
    prune: bool,
}

impl Options {
    /// Whom the server may be reachable for.
    pub(super) fn exposure(&self) -> Exposure {
        if self.insecure { Exposure::Anyone } else { Exposure::ThisMachine }
    }

    /// What becomes of the flow of a removed file.
    pub(super) fn removed(&self) -> super::watch::Removed {
        if self.prune { super::watch::Removed::Delete } else { super::watch::Removed::Keep }
    }
}
