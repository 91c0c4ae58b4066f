//! Options that several roles have. Each is also a variable.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use windhover_console::Kept;
use windhover_engine::{AllowedHost, Retention};

use super::size::Bytes;

/// Where a role answers.
#[derive(Args, Debug)]
pub(crate) struct Listening {
    /// Address to listen on; port 0 takes any free one.
    #[arg(long, value_name = "ADDR", env = "WINDHOVER_LISTEN", default_value = "127.0.0.1:8080")]
    pub(super) listen: String,
    /// File that receives `http://host:port` when the server is ready.
    #[arg(long, value_name = "FILE", env = "WINDHOVER_ADDRESS_FILE")]
    pub(super) address_file: Option<PathBuf>,
    /// Address under which senders reach this server, for links in answers: `https://hooks.example.com`.
    #[arg(long, value_name = "URL", env = "WINDHOVER_PUBLIC_URL", value_parser = public_url)]
    pub(super) public_url: Option<String>,
}

/// How long ended executions are kept.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Keeping {
    /// Days for which ended executions are kept, and so the keys of their deliveries are remembered; at least 7.
    #[arg(long, value_name = "DAYS", env = "WINDHOVER_RETENTION_DAYS", default_value_t = 30,
          value_parser = clap::value_parser!(u32).range(7..=36_500))]
    retention_days: u32,
    /// Days for which FAILED executions are kept.
    #[arg(long, value_name = "DAYS", env = "WINDHOVER_RETENTION_FAILED_DAYS", default_value_t = 90,
          value_parser = clap::value_parser!(u32).range(7..=36_500))]
    retention_failed_days: u32,
}

impl Keeping {
    pub(super) fn kept(self) -> Kept {
        Kept { ended_days: self.retention_days, failed_days: self.retention_failed_days }
    }
}

/// How an engine works.
#[derive(Args, Debug)]
pub(crate) struct Working {
    /// A private or loopback address that `http.Request` may call, by the host as the flow writes it. May be repeated.
    #[arg(
        long = "allow-private-host",
        value_name = "HOST:PORT",
        env = "WINDHOVER_ALLOW_PRIVATE_HOST",
        value_delimiter = ','
    )]
    allow_private_hosts: Vec<String>,
    /// Calls that run at once, over all flows.
    #[arg(long, value_name = "N", env = "WINDHOVER_EFFECTS_MAX", default_value_t = 256,
          value_parser = clap::value_parser!(u32).range(1..=65_536))]
    effects_max: u32,
    /// Most that the logs may take on disk; past it webhooks are answered 503 until retention has made room. On NATS a quarter
    /// of it is the cap of the inbox.
    #[arg(long, value_name = "SIZE", overrides_with = "disk_max", env = "WINDHOVER_DISK_MAX", default_value = "20GiB")]
    pub(super) disk_max: Bytes,
}

impl Working {
    /// Checks the addresses that flows may call.
    pub(super) fn allowed_hosts(&self) -> anyhow::Result<Vec<AllowedHost>> {
        let hosts = self.allow_private_hosts.iter().map(|text| text.parse());
        hosts.collect::<Result<_, _>>().context("--allow-private-host")
    }

    /// The engine's configuration, with sled in `folder`.
    pub(super) fn config(
        &self,
        folder: PathBuf,
        keeping: Keeping,
        public_url: &str,
    ) -> anyhow::Result<windhover_engine::Config> {
        Ok(windhover_engine::Config {
            allowed_hosts: self.allowed_hosts()?,
            effects_max: usize::try_from(self.effects_max).unwrap_or(usize::MAX),
            retention: Retention {
                ended_days: keeping.retention_days,
                failed_days: keeping.retention_failed_days,
                disk_bytes_max: self.disk_max.0,
            },
            public_url: public_url.to_owned(),
            ..windhover_engine::Config::new(folder)
        })
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
