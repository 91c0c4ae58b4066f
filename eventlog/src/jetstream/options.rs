//! What a user of the log in NATS may choose.

use std::{path::PathBuf, time::Duration};

/// How to reach NATS and what to ask of it.
#[derive(Clone, Debug)]
pub struct Options {
    /// `nats://HOST:PORT` or `tls://HOST:PORT`; several, joined by commas, for a cluster. Users and passwords stand elsewhere.
    pub url: String,
    /// Starts every stream, bucket and subject, so that several installations can share one NATS: letters, digits, `-`, `_`.
    pub prefix: String,
    /// Who we are.
    pub credentials: Credentials,
    /// How the connection is encrypted.
    pub tls: Tls,
    /// Monitoring addresses of the servers, `http://HOST:PORT`: they tell whether a server syncs. For a cluster, one of each.
    pub monitors: Vec<String>,
    /// A user of the system account, who can learn the same without a monitoring port.
    pub system: Option<Credentials>,
    /// What to do when a server syncs lazily, or nobody can tell.
    pub unsynced: Unsynced,
    /// How many servers keep each stream. `None`: as the streams are; 1 when they are new.
    pub replicas: Option<u8>,
    /// After this long without an answer the outcome of an append is unknown. Default 5 s.
    pub append_timeout: Duration,
    /// Most bytes of one inbox, `None` for no limit but the account's. Leaves room for the executions.
    pub inbox_bytes_max: Option<u64>,
    /// Whether streams that are missing are made, and others brought to what we need.
    pub access: Access,
    /// Names the key for sealed values without telling it; a second one with another key is refused. `None`: has no key.
    pub key_fingerprint: Option<String>,
}

impl Options {
    /// Plain connection, prefix `windhover`, lazily synced servers refused.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            prefix: "windhover".into(),
            credentials: Credentials::None,
            tls: Tls::default(),
            monitors: Vec::new(),
            system: None,
            unsynced: Unsynced::Refuse,
            replicas: None,
            append_timeout: Duration::from_secs(5),
            inbox_bytes_max: None,
            access: Access::Make,
            key_fingerprint: None,
        }
    }
}

/// How to prove who we are. Its `Debug` shows no secret.
#[derive(Clone)]
pub enum Credentials {
    /// Not at all.
    None,
    /// A user's name and password.
    UserPassword {
        /// Name.
        user: String,
        /// Password.
        password: String,
    },
    /// A token that all clients share.
    Token(String),
    /// The seed of an Ed25519 key, `SU…`.
    Nkey(String),
    /// A credentials file: a JWT and a seed.
    File(PathBuf),
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Credentials::None => formatter.write_str("None"),
            Credentials::UserPassword { user, .. } => write!(formatter, "UserPassword({user}, [redacted])"),
            Credentials::Token(_) => formatter.write_str("Token([redacted])"),
            Credentials::Nkey(_) => formatter.write_str("Nkey([redacted])"),
            Credentials::File(path) => write!(formatter, "File({})", path.display()),
        }
    }
}

/// How the connection is encrypted.
#[derive(Clone, Debug, Default)]
pub struct Tls {
    /// Certificates to trust besides the system's, PEM.
    pub ca_file: Option<PathBuf>,
    /// Our own certificate and its key, PEM, for servers that ask for one.
    pub client_files: Option<(PathBuf, PathBuf)>,
    /// Whether a server without encryption is accepted.
    pub encryption: Encryption,
}

/// Whether a server without encryption is accepted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encryption {
    /// As the URL says.
    #[default]
    AsOffered,
    /// Only encrypted.
    Required,
    /// Encrypted from the first byte, for servers with `handshake_first`.
    First,
}

/// What opening may change in NATS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Whatever is missing is made.
    Make,
    /// Nothing: flows are looked at and no more.
    Look,
}

/// What to do when a server syncs lazily, or nobody can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsynced {
    /// Refuse to open.
    Refuse,
    /// Open, and say [`Durability::Unsynced`](crate::Durability::Unsynced).
    Allow,
}
