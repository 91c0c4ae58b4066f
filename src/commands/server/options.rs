//! The options of `windhover server local`. Each is also a variable.

use std::path::PathBuf;

use clap::Args;

use super::{listen::Exposure, size::Bytes};

pub(super) const EXAMPLES: &str = "\
Examples:
  windhover server local
  windhover server local --listen 127.0.0.1:0 --address-file /tmp/address   any free port, written down when ready
  windhover server local --allow-private-host 127.0.0.1:9000                let flows call a service of this machine
  SECRET_WEBHOOK_KEY=$(printf s3cret | base64) windhover server local       give flows the secret WEBHOOK_KEY
  WINDHOVER_DATA=/var/lib/windhover windhover server local                  every option is also a variable

Secrets of flows come from SECRET_<NAME> (base64), their environment (`envs.name`) from ENV_<NAME>.
WINDHOVER_SECRET_KEY (32 bytes, base64) is the key that sealed values in the log are sealed with.";

/// The options of `windhover server local`.
#[derive(Args, Debug)]
pub(crate) struct Options {
    /// Folder with flow files, `**/*.yaml` and `**/*.yml`; watched while the server runs.
    #[arg(long, value_name = "DIR", env = "WINDHOVER_FLOWS", default_value = "flows")]
    pub(super) flows: PathBuf,
    /// Folder for everything that is kept.
    #[arg(long, value_name = "DIR", env = "WINDHOVER_DATA", default_value = ".windhover")]
    pub(super) data: PathBuf,
    /// Address to listen on; port 0 takes any free one.
    #[arg(long, value_name = "ADDR", env = "WINDHOVER_LISTEN", default_value = "127.0.0.1:8080")]
    pub(super) listen: String,
    /// Number of partitions; fixed when the data folder is made.
    #[arg(long, value_name = "N", env = "WINDHOVER_PARTITIONS", default_value_t = 16,
          value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(super) partitions: u16,
    /// Address under which senders reach this server, for links in answers: `https://hooks.example.com`.
    #[arg(long, value_name = "URL", env = "WINDHOVER_PUBLIC_URL", value_parser = public_url)]
    pub(super) public_url: Option<String>,
    /// File that receives `http://host:port` when the server is ready.
    #[arg(long, value_name = "FILE", env = "WINDHOVER_ADDRESS_FILE")]
    pub(super) address_file: Option<PathBuf>,
    /// Listen on an address that others can reach, although the API asks for no credentials.
    #[arg(long, env = "WINDHOVER_INSECURE", value_parser = clap::builder::FalseyValueParser::new())]
    insecure: bool,
    /// File with the key for sealed values: 32 bytes in base64. Without it and WINDHOVER_SECRET_KEY one is made in the
    /// data folder.
    #[arg(long, value_name = "FILE", env = "WINDHOVER_SECRET_KEY_FILE")]
    pub(super) secret_key_file: Option<PathBuf>,
    /// A private or loopback address that `http.Request` may call, by the host as the flow writes it. May be repeated.
    #[arg(
        long = "allow-private-host",
        value_name = "HOST:PORT",
        env = "WINDHOVER_ALLOW_PRIVATE_HOST",
        value_delimiter = ','
    )]
    pub(super) allow_private_hosts: Vec<String>,
    /// Days for which ended executions are kept, and so the keys of their deliveries are remembered; at least 7.
    #[arg(long, value_name = "DAYS", env = "WINDHOVER_RETENTION_DAYS", default_value_t = 30,
          value_parser = clap::value_parser!(u32).range(7..=36_500))]
    pub(super) retention_days: u32,
    /// Days for which FAILED executions are kept.
    #[arg(long, value_name = "DAYS", env = "WINDHOVER_RETENTION_FAILED_DAYS", default_value_t = 90,
          value_parser = clap::value_parser!(u32).range(7..=36_500))]
    pub(super) retention_failed_days: u32,
    /// Most that the logs may take on disk; past it webhooks are answered 503 until retention has made room.
    #[arg(long, value_name = "SIZE", overrides_with = "disk_max", env = "WINDHOVER_DISK_MAX", default_value = "20GiB")]
    pub(super) disk_max: Bytes,
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

/// A URL to put paths behind: without a slash at the end.
fn public_url(text: &str) -> Result<String, String> {
    let url = text.trim_end_matches('/');
    let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    match host {
        Some(host) if !host.is_empty() && !host.contains(['?', '#', ' ']) => Ok(url.to_owned()),
        Some(_) | None => Err("a URL such as https://hooks.example.com is wanted".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_url_loses_its_last_slash_and_needs_a_scheme() {
        assert_eq!(public_url("https://hooks.example.com/x/").as_deref(), Ok("https://hooks.example.com/x"));
        assert!(public_url("hooks.example.com").is_err());
        assert!(public_url("https://").is_err());
        assert!(public_url("https://a?b").is_err());
    }
}
