//! The options of every command that talks to NATS, and how the log there is opened.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use clap::{ArgMatches, Args, error::ErrorKind};
use windhover_eventlog::{
    Layout, OpenError,
    jetstream::{Access, Credentials, Encryption, JetStream, Options, Tls, Unsynced},
};
use windhover_proto::{codec, seal::SealKey};

use crate::commands::typed::{is_given, is_typed, looks_at_arguments};

/// Partitions of a new log when nobody says how many.
pub(super) const PARTITIONS_DEFAULT: u16 = 16;

/// How long NATS is waited for at the start: it may be starting too.
const START_WAIT_MAX: Duration = Duration::from_secs(15);
const START_POLL: Duration = Duration::from_millis(500);

/// How NATS is reached.
#[derive(Args, Debug)]
pub(crate) struct NatsOptions {
    /// NATS with JetStream: `nats://HOST:PORT` or `tls://HOST:PORT`; several of a cluster, joined by commas.
    #[arg(long = "nats", value_name = "URL", env = "WINDHOVER_NATS")]
    pub(crate) url: Option<String>,
    /// Starts every stream, bucket and subject, so that several installations can share one NATS.
    #[arg(long = "nats-prefix", value_name = "NAME", env = "WINDHOVER_NATS_PREFIX", default_value = "windhover")]
    prefix: String,
    /// Monitoring address of a NATS server, which tells whether it syncs; one of each server of a cluster. May be repeated.
    #[arg(
        long = "nats-monitor",
        value_name = "http://HOST:PORT",
        env = "WINDHOVER_NATS_MONITOR",
        value_delimiter = ','
    )]
    monitors: Vec<String>,
    /// Accept a NATS that acknowledges before it syncs: a power cut may lose what was answered with 2xx.
    #[arg(long, env = "WINDHOVER_ALLOW_UNSYNCED", value_parser = clap::builder::FalseyValueParser::new())]
    allow_unsynced: bool,
    /// How many servers keep each stream; as the streams are when it is not given, and 1 for new ones.
    #[arg(long = "nats-replicas", value_name = "N", env = "WINDHOVER_NATS_REPLICAS",
          value_parser = clap::value_parser!(u8).range(1..=5))]
    replicas: Option<u8>,
    /// User name at NATS.
    #[arg(long = "nats-user", value_name = "NAME", env = "WINDHOVER_NATS_USER", requires = "password")]
    user: Option<String>,
    /// Password at NATS; better given by the variable.
    #[arg(
        long = "nats-password",
        value_name = "PASSWORD",
        env = "WINDHOVER_NATS_PASSWORD",
        hide_env_values = true,
        requires = "user"
    )]
    password: Option<String>,
    /// Token at NATS; better given by the variable.
    #[arg(long = "nats-token", value_name = "TOKEN", env = "WINDHOVER_NATS_TOKEN", hide_env_values = true,
          conflicts_with_all = ["user", "nkey", "credentials"])]
    token: Option<String>,
    /// Seed of an nkey, `SU…`; better given by the variable.
    #[arg(long = "nats-nkey", value_name = "SEED", env = "WINDHOVER_NATS_NKEY", hide_env_values = true,
          conflicts_with_all = ["user", "credentials"])]
    nkey: Option<String>,
    /// Credentials file: a JWT and a seed.
    #[arg(long = "nats-creds", value_name = "FILE", env = "WINDHOVER_NATS_CREDS", conflicts_with = "user")]
    credentials: Option<PathBuf>,
    /// User of the system account, who can learn whether the servers sync without a monitoring address.
    #[arg(
        long = "nats-system-user",
        value_name = "NAME",
        env = "WINDHOVER_NATS_SYSTEM_USER",
        requires = "system_password"
    )]
    system_user: Option<String>,
    /// Password of that user; better given by the variable.
    #[arg(
        long = "nats-system-password",
        value_name = "PASSWORD",
        env = "WINDHOVER_NATS_SYSTEM_PASSWORD",
        hide_env_values = true,
        requires = "system_user"
    )]
    system_password: Option<String>,
    /// Credentials file of the system account, instead of a user.
    #[arg(
        long = "nats-system-creds",
        value_name = "FILE",
        env = "WINDHOVER_NATS_SYSTEM_CREDS",
        conflicts_with = "system_user"
    )]
    system_credentials: Option<PathBuf>,
    /// Certificates to trust besides the usual ones, PEM.
    #[arg(long = "nats-ca", value_name = "FILE", env = "WINDHOVER_NATS_CA")]
    ca_file: Option<PathBuf>,
    /// Our own certificate, PEM, for servers that ask for one.
    #[arg(long = "nats-cert", value_name = "FILE", env = "WINDHOVER_NATS_CERT", requires = "certificate_key")]
    certificate: Option<PathBuf>,
    /// The key of that certificate, PEM.
    #[arg(long = "nats-cert-key", value_name = "FILE", env = "WINDHOVER_NATS_CERT_KEY", requires = "certificate")]
    certificate_key: Option<PathBuf>,
    /// Refuse a server that does not encrypt.
    #[arg(long = "nats-tls", env = "WINDHOVER_NATS_TLS", value_parser = clap::builder::FalseyValueParser::new())]
    tls: bool,
    /// Encrypt from the first byte, for servers with `handshake_first`.
    #[arg(long = "nats-tls-first", env = "WINDHOVER_NATS_TLS_FIRST",
          value_parser = clap::builder::FalseyValueParser::new())]
    tls_first: bool,
    /// Number of partitions; fixed when the log is made. For a new log 16, embedded 4; as the log has it otherwise.
    #[arg(long, value_name = "N", env = "WINDHOVER_PARTITIONS", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) partitions: Option<u16>,
}

impl NatsOptions {
    /// Opens the log in NATS, which must have been named. A server that does not answer yet is waited for.
    ///
    /// # Errors
    /// When NATS is not named, does not answer in time, refuses us, syncs lazily without that being allowed, or holds logs of
    /// another layout or key.
    pub(crate) async fn open(
        &self,
        seal: Option<&SealKey>,
        inbox_bytes_max: Option<u64>,
    ) -> anyhow::Result<Arc<JetStream>> {
        let key_fingerprint = seal.map(SealKey::fingerprint);
        let opened = self.open_patiently(&Options { inbox_bytes_max, key_fingerprint, ..self.options()? }).await?;
        opened.context("NATS did not keep the log that was made")
    }

    /// Opens the log in NATS only to look at it: nothing is made there. `None` when there is no installation yet.
    ///
    /// # Errors
    /// As [`NatsOptions::open`].
    pub(crate) async fn look(&self) -> anyhow::Result<Option<Arc<JetStream>>> {
        self.open_patiently(&Options { access: Access::Look, ..self.options()? }).await
    }

    fn options(&self) -> anyhow::Result<Options> {
        let Some(url) = &self.url else { bail!("--nats URL is missing: this role keeps its log in NATS") };
        Ok(Options {
            prefix: self.prefix.clone(),
            credentials: self.credentials(),
            tls: self.tls(),
            monitors: self.monitors.clone(),
            system: self.system(),
            unsynced: if self.allow_unsynced { Unsynced::Allow } else { Unsynced::Refuse },
            replicas: self.replicas,
            ..Options::new(url.clone())
        })
    }

    /// Waits for a server that is starting too; what can never work fails at once.
    async fn open_patiently(&self, options: &Options) -> anyhow::Result<Option<Arc<JetStream>>> {
        let deadline = Instant::now() + START_WAIT_MAX;
        loop {
            match Box::pin(self.open_once(options)).await {
                Err(error @ OpenError::Store { .. }) if Instant::now() < deadline => {
                    tracing::info!(error = &error as &dyn std::error::Error, "waiting for NATS");
                    tokio::time::sleep(START_POLL).await;
                }
                opened => return opened.context("the log in NATS is not used"),
            }
        }
    }

    async fn open_once(&self, options: &Options) -> Result<Option<Arc<JetStream>>, OpenError> {
        let found = JetStream::partitions(options).await?;
        if found.is_none() && options.access == Access::Look {
            return Ok(None);
        }
        let partitions = self.partitions.or(found).unwrap_or(PARTITIONS_DEFAULT);
        let layout = Layout { format: codec::FORMAT, partitions, shards: 1 };
        JetStream::open(options.clone(), layout).await.map(Some)
    }

    fn credentials(&self) -> Credentials {
        if let (Some(user), Some(password)) = (&self.user, &self.password) {
            return Credentials::UserPassword { user: user.clone(), password: password.clone() };
        }
        let token = self.token.clone().map(Credentials::Token);
        let nkey = self.nkey.clone().map(Credentials::Nkey);
        let file = self.credentials.clone().map(Credentials::File);
        token.or(nkey).or(file).unwrap_or(Credentials::None)
    }

    fn system(&self) -> Option<Credentials> {
        match (&self.system_user, &self.system_password) {
            (Some(user), Some(password)) => {
                Some(Credentials::UserPassword { user: user.clone(), password: password.clone() })
            }
            (_, None) | (None, _) => self.system_credentials.clone().map(Credentials::File),
        }
    }

    fn tls(&self) -> Tls {
        let encryption = match (self.tls_first, self.tls) {
            (true, _) => Encryption::First,
            (false, true) => Encryption::Required,
            (false, false) => Encryption::AsOffered,
        };
        let client_files = self.certificate.clone().zip(self.certificate_key.clone());
        Tls { ca_file: self.ca_file.clone(), client_files, encryption }
    }
}

/// Refuses options about NATS that were typed where no NATS is named: they would change nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OnlyWithNats;

impl OnlyWithNats {
    fn look(matches: &ArgMatches) -> Result<Self, clap::Error> {
        if is_given(matches, "url") {
            return Ok(Self);
        }
        let all = NatsOptions::augment_args(clap::Command::new("nats"));
        let about_nats =
            all.get_arguments().filter(|argument| !matches!(argument.get_id().as_str(), "url" | "partitions"));
        match about_nats.into_iter().find(|argument| is_typed(matches, argument.get_id().as_str())) {
            None => Ok(Self),
            Some(argument) => {
                let name = argument.get_long().unwrap_or_default();
                let text = format!("--{name} is about a log in NATS, and none is named: give --nats URL too\n");
                Err(clap::Error::raw(ErrorKind::MissingRequiredArgument, text))
            }
        }
    }
}

looks_at_arguments!(OnlyWithNats, OnlyWithNats::look);

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        nats: NatsOptions,
    }

    fn parsed(arguments: &[&str]) -> Result<NatsOptions, clap::Error> {
        Ok(Cli::try_parse_from([&["test"], arguments].concat())?.nats)
    }

    fn credentials(arguments: &[&str]) -> Credentials {
        parsed(arguments).unwrap().credentials()
    }

    #[test]
    fn each_kind_of_credentials_is_what_its_options_say() {
        assert!(matches!(credentials(&[]), Credentials::None));
        let Credentials::UserPassword { user, password } = credentials(&["--nats-user=me", "--nats-password=pw"])
        else {
            panic!("no user")
        };
        assert_eq!((user.as_str(), password.as_str()), ("me", "pw"));
        assert!(matches!(credentials(&["--nats-token=t"]), Credentials::Token(token) if token == "t"));
        assert!(matches!(credentials(&["--nats-nkey=SU"]), Credentials::Nkey(seed) if seed == "SU"));
        let file = credentials(&["--nats-creds=a.creds"]);
        assert!(matches!(file, Credentials::File(path) if path.as_os_str() == "a.creds"));
        let system = |arguments: &[&str]| parsed(arguments).unwrap().system();
        assert!(system(&[]).is_none());
        assert!(matches!(system(&["--nats-system-creds=s.creds"]), Some(Credentials::File(_))));
        let user = system(&["--nats-system-user=sys", "--nats-system-password=pw"]);
        assert!(matches!(user, Some(Credentials::UserPassword { user, .. }) if user == "sys"));
    }

    #[test]
    fn half_of_a_pair_and_two_kinds_at_once_are_refused() {
        for wrong in [
            ["--nats-user=me", "--nats-tls"],
            ["--nats-user=me", "--nats-creds=a.creds"],
            ["--nats-token=t", "--nats-nkey=SU"],
            ["--nats-token=t", "--nats-creds=a.creds"],
            ["--nats-nkey=SU", "--nats-creds=a.creds"],
            ["--nats-cert=c.pem", "--nats-tls"],
            ["--nats-system-user=sys", "--nats-tls"],
        ] {
            assert!(parsed(&wrong).is_err(), "{wrong:?}");
        }
    }

    #[derive(Parser)]
    struct Local {
        #[command(flatten)]
        only_with_nats: OnlyWithNats,
        #[command(flatten)]
        nats: NatsOptions,
    }

    #[test]
    fn where_no_nats_is_named_an_option_about_it_is_refused() {
        let parsed = |arguments: &[&str]| {
            let parsed = Local::try_parse_from([&["test"], arguments].concat());
            parsed.map(|Local { only_with_nats: OnlyWithNats, nats }| nats.url).map_err(|error| error.to_string())
        };
        for wrong in
            ["--nats-monitor=http://h:1", "--nats-prefix=x", "--nats-replicas=3", "--allow-unsynced", "--nats-tls"]
        {
            let refused = parsed(&[wrong]).unwrap_err();
            let (name, _) = wrong.split_once('=').unwrap_or((wrong, ""));
            assert!(refused.contains(name) && refused.contains("--nats URL"), "{refused}");
            assert!(parsed(&[wrong, "--nats=nats://h:1"]).is_ok(), "{wrong}");
        }
        assert_eq!(parsed(&["--partitions=4"]), Ok(None));
        assert_eq!(parsed(&[]), Ok(None), "defaults are not typed");
    }

    #[test]
    fn encryption_is_what_its_options_say() {
        let tls = |arguments: &[&str]| parsed(arguments).unwrap().tls();
        assert_eq!(tls(&[]).encryption, Encryption::AsOffered);
        assert_eq!(tls(&["--nats-tls"]).encryption, Encryption::Required);
        assert_eq!(tls(&["--nats-tls-first", "--nats-tls"]).encryption, Encryption::First);
        let own = tls(&["--nats-ca=ca.pem", "--nats-cert=c.pem", "--nats-cert-key=k.pem"]);
        assert_eq!(own.ca_file, Some(PathBuf::from("ca.pem")));
        assert_eq!(own.client_files, Some((PathBuf::from("c.pem"), PathBuf::from("k.pem"))));
    }
}
