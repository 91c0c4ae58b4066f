//! The streams: their names, what they are configured to, and what stands in their metadata.
//!
//! Every log has a stream of its own with one subject. So positions have no gaps but where something was trimmed (or
//! lost, which a reader then sees), and commits of different partitions are synced side by side.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use async_nats::jetstream::{
    self,
    context::{CreateStreamError, CreateStreamErrorKind, GetStreamError, GetStreamErrorKind},
    stream::{Compression, Config, DiscardPolicy, RetentionPolicy, StorageType},
};

use super::{
    connect::{place, store_error},
    options::{Access, Options},
};
use crate::{Layout, LogName, OpenError};

/// Copies of one publish within this time are answered with the position of the first.
const DUPLICATE_WINDOW: Duration = Duration::from_secs(120);
/// How long a cluster may take until it can make a stream, and how often it is asked.
const SETTLE_MAX: Duration = Duration::from_secs(60);
pub(super) const SETTLE_PAUSE: Duration = Duration::from_millis(250);
const FORMAT_KEY: &str = "windhover-format";
const PARTITIONS_KEY: &str = "windhover-partitions";
const SHARDS_KEY: &str = "windhover-shards";
const FINGERPRINT_KEY: &str = "windhover-key";

/// Names of streams and subjects below one prefix.
#[derive(Clone, Debug)]
pub(super) struct Names {
    prefix: String,
}

impl Names {
    /// Refuses a prefix that cannot start a stream's name.
    pub(super) fn new(options: &Options) -> Result<Self, OpenError> {
        let prefix = options.prefix.clone();
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if prefix.is_empty() || prefix.len() > 64 || !prefix.bytes().all(allowed) {
            let text = format!("--nats-prefix `{prefix}` is no prefix: 1 to 64 letters, digits, `-` or `_` are wanted");
            return Err(OpenError::Misconfigured(text));
        }
        Ok(Self { prefix })
    }

    pub(super) fn subject(&self, log: &LogName) -> String {
        format!("{}.{log}", self.prefix)
    }

    /// A stream's name has no dots; `=` is in no log's name, so two logs never share a stream.
    pub(super) fn stream(&self, log: &LogName) -> String {
        format!("{}-{}", self.prefix, log.to_string().replace('.', "="))
    }

    /// Starts the name of every stream of a log.
    pub(super) fn stream_prefix(&self) -> String {
        format!("{}-", self.prefix)
    }

    /// Where the owner of a partition answers questions.
    pub(super) fn ask(&self, partition: u16) -> String {
        format!("{}.ask.{partition}", self.prefix)
    }

    /// Where engines say that they came or went.
    pub(super) fn engines_changed(&self) -> String {
        format!("{}.engines", self.prefix)
    }

    /// The stream of the key-value bucket of heartbeats.
    pub(super) fn engines_stream(&self) -> String {
        format!("KV_{}-engines", self.prefix)
    }

    /// The subject of an engine's key, or of all with `>`.
    pub(super) fn engine_key(&self, engine: &str) -> String {
        format!("$KV.{}-engines.{engine}", self.prefix)
    }

    pub(super) fn bucket(&self) -> String {
        format!("{}-objects", self.prefix)
    }

    /// The stream of the bucket of objects.
    pub(super) fn bucket_stream(&self) -> String {
        format!("OBJ_{}", self.bucket())
    }
}

/// The logs that exist from the start; a namespace's key-value log comes with its first record.
pub(super) fn fixed_logs(layout: Layout) -> Vec<LogName> {
    let inboxes = (0..layout.shards).map(|shard| LogName::Inbox { shard });
    let executions = (0..layout.partitions).map(|partition| LogName::Executions { partition });
    inboxes.chain(executions).chain([LogName::Refusals]).collect()
}

/// Makes the stream of a log, or brings the one that exists to what we need. A cluster that is still electing its
/// leaders is waited for.
pub(super) async fn settle(
    context: &jetstream::Context,
    names: &Names,
    options: &Options,
    layout: Layout,
    log: &LogName,
) -> Result<Config, OpenError> {
    patiently(&names.stream(log), || settle_once(context, names, options, layout, log)).await
}

/// Does something to a stream, again and again for as long as a cluster is electing its leaders.
pub(super) async fn patiently<T, F>(what: &str, mut once: impl FnMut() -> F) -> Result<T, OpenError>
where
    F: Future<Output = Result<T, OpenError>>,
{
    let deadline = Instant::now() + SETTLE_MAX;
    loop {
        match once().await {
            Err(OpenError::Store { cause, .. }) if is_passing(&*cause) && Instant::now() < deadline => {
                tracing::info!(stream = what, cause = super::text_of(&*cause), "waiting for JetStream");
                tokio::time::sleep(SETTLE_PAUSE).await;
            }
            done => return done,
        }
    }
}

/// Gives a stream that is no log as many copies as the logs have.
pub(super) async fn copy(
    context: &jetstream::Context,
    options: &Options,
    stream: &str,
    copies: usize,
) -> Result<(), OpenError> {
    let found = context.get_stream(stream).await.map_err(|cause| store_error(options, cause))?;
    let found = found.cached_info().config.clone();
    if found.num_replicas >= copies {
        return Ok(());
    }
    let updated = context.update_stream(Config { num_replicas: copies, ..found }).await;
    updated.map(drop).map_err(|cause| store_error(options, cause))
}

/// What the client and the server say while a cluster has no leader, or too few servers have come up.
pub(super) fn is_passing(cause: &(dyn std::error::Error + 'static)) -> bool {
    const SIGNS: [&str; 4] = ["timed out", "temporarily unavailable", "no suitable peers", "no responders"];
    let text = super::text_of(cause);
    SIGNS.iter().any(|sign| text.contains(sign))
}

async fn settle_once(
    context: &jetstream::Context,
    names: &Names,
    options: &Options,
    layout: Layout,
    log: &LogName,
) -> Result<Config, OpenError> {
    let failed = |cause: Box<dyn std::error::Error + Send + Sync>| store_error(options, cause);
    let name = names.stream(log);
    let found = match context.get_stream(&name).await {
        Ok(stream) => stream.cached_info().config.clone(),
        Err(cause) if is_absent(&cause.kind()) && options.access == Access::Look => {
            return Err(no_installation(options));
        }
        Err(cause) if is_absent(&cause.kind()) => match create(context, names, options, layout, log).await? {
            Created::New(config) => return Ok(*config),
            Created::BySomebodyElse => {
                let stream = context.get_stream(&name).await.map_err(|cause| failed(cause.into()))?;
                stream.cached_info().config.clone()
            }
        },
        Err(cause) => return Err(not_found(options, cause)),
    };
    check_layout(&found, layout)?;
    check_key(&found, options)?;
    check_copies(&found, options)?;
    let wanted = adjusted(found.clone(), options, layout, log);
    if wanted == found || options.access == Access::Look {
        return Ok(found);
    }
    let updated = match context.update_stream(&wanted).await {
        Err(cause) if wanted.max_bytes > 0 && is_over_storage(&cause.kind()) => {
            tell_uncapped(&wanted);
            context.update_stream(&Config { max_bytes: -1, ..wanted }).await
        }
        updated => updated,
    };
    let updated = updated.map_err(|cause| not_made(options, cause))?;
    check_key(&updated.config, options)?;
    Ok(updated.config)
}

/// How many partitions the streams were made for; `None` when there are none.
pub(super) async fn partitions(
    context: &jetstream::Context,
    names: &Names,
    options: &Options,
) -> Result<Option<u16>, OpenError> {
    match context.get_stream(names.stream(&LogName::Definitions)).await {
        Ok(stream) => {
            let number = stream.cached_info().config.metadata.get(PARTITIONS_KEY).cloned();
            Ok(number.and_then(|text| text.parse().ok()))
        }
        Err(cause) if is_absent(&cause.kind()) => Ok(None),
        Err(cause) => Err(not_found(options, cause)),
    }
}

/// Why a stream cannot be looked at. An account without JetStream does not get it by waiting.
fn not_found(options: &Options, cause: GetStreamError) -> OpenError {
    match cause.kind() {
        GetStreamErrorKind::JetStream(error) if is_disabled(error.error_code()) => OpenError::Misconfigured(format!(
            "JetStream is off for this account at {} ({error}): enable it there, or come with other credentials",
            place(options)
        )),
        _ => store_error(options, cause),
    }
}

fn is_disabled(code: jetstream::ErrorCode) -> bool {
    code == jetstream::ErrorCode::JETSTREAM_NOT_ENABLED
        || code == jetstream::ErrorCode::JETSTREAM_NOT_ENABLED_FOR_ACCOUNT
}

enum Created {
    New(Box<Config>),
    BySomebodyElse,
}

async fn create(
    context: &jetstream::Context,
    names: &Names,
    options: &Options,
    layout: Layout,
    log: &LogName,
) -> Result<Created, OpenError> {
    let fresh = Config { name: names.stream(log), subjects: vec![names.subject(log)], ..Config::default() };
    let wanted = Config { deny_delete: true, ..adjusted(fresh, options, layout, log) };
    let created = match context.create_stream(wanted.clone()).await {
        Err(cause) if wanted.max_bytes > 0 && is_over_storage(&cause.kind()) => {
            tell_uncapped(&wanted);
            context.create_stream(Config { max_bytes: -1, ..wanted }).await
        }
        created => created,
    };
    match created {
        Ok(stream) => Ok(Created::New(Box::new(stream.cached_info().config.clone()))),
        // Two roles that start together: the other one was faster.
        Err(cause) if is_name_taken(&cause.kind()) => Ok(Created::BySomebodyElse),
        Err(cause) => Err(not_made(options, cause)),
    }
}

/// Why a stream is not as it was asked for. A lone server never keeps copies, however long it is waited for.
fn not_made(options: &Options, cause: CreateStreamError) -> OpenError {
    match cause.kind() {
        CreateStreamErrorKind::JetStream(error)
            if error.error_code() == jetstream::ErrorCode::STREAM_REPLICAS_NOT_SUPPORTED =>
        {
            OpenError::Misconfigured(format!(
                "--nats-replicas {} needs a cluster of as many NATS servers, and {} is one alone",
                options.replicas.unwrap_or_default(),
                place(options)
            ))
        }
        CreateStreamErrorKind::JetStream(error) if error.error_code() == jetstream::ErrorCode::CLUSTER_NO_PEERS => {
            let wanted = options.replicas.unwrap_or_default();
            store_error(options, format!("{}; --nats-replicas {wanted} needs as many servers", super::text_of(&cause)))
        }
        _ => store_error(options, cause),
    }
}

/// Nothing was made under this prefix yet.
fn no_installation(options: &Options) -> OpenError {
    OpenError::Misconfigured(format!("NATS has no installation under --nats-prefix {} yet", options.prefix))
}

fn is_absent(kind: &GetStreamErrorKind) -> bool {
    matches!(kind, GetStreamErrorKind::JetStream(error)
        if error.error_code() == jetstream::ErrorCode::STREAM_NOT_FOUND)
}

/// NATS reserves what a stream is capped at, and refuses a cap that is larger than what it has.
fn is_over_storage(kind: &CreateStreamErrorKind) -> bool {
    matches!(kind, CreateStreamErrorKind::JetStream(error)
        if error.error_code() == jetstream::ErrorCode::STORAGE_RESOURCES_EXCEEDED)
}

fn tell_uncapped(wanted: &Config) {
    tracing::warn!(
        stream = wanted.name,
        "NATS has no {} bytes to reserve, so the inbox has no cap of its own: a full NATS answers 503; give it more storage, or \
         a smaller --disk-max",
        wanted.max_bytes
    );
}

fn is_name_taken(kind: &CreateStreamErrorKind) -> bool {
    matches!(kind, CreateStreamErrorKind::JetStream(error)
        if error.error_code() == jetstream::ErrorCode::STREAM_NAME_EXIST)
}

/// The same stream with everything set that our promises rest on: nothing leaves it by age or for want of room.
fn adjusted(mut config: Config, options: &Options, layout: Layout, log: &LogName) -> Config {
    config.storage = StorageType::File;
    config.retention = RetentionPolicy::Limits;
    config.discard = DiscardPolicy::New;
    config.max_age = Duration::ZERO;
    config.max_messages = -1;
    config.max_messages_per_subject = -1;
    config.max_bytes = bytes_max(options, log, config.max_bytes);
    config.duplicate_window = DUPLICATE_WINDOW;
    config.compression = Some(Compression::S2);
    config.num_replicas = options.replicas.map_or(config.num_replicas.max(1), usize::from);
    config.metadata.extend(metadata(options, layout));
    config
}

fn bytes_max(options: &Options, log: &LogName, found: i64) -> i64 {
    match (log, options.inbox_bytes_max) {
        (LogName::Inbox { .. }, Some(bytes)) => i64::try_from(bytes).unwrap_or(i64::MAX),
        // Another role may have set a cap: who has no opinion leaves it.
        (LogName::Inbox { .. }, None) if found > 0 => found,
        _ => -1,
    }
}

fn metadata(options: &Options, layout: Layout) -> HashMap<String, String> {
    let layout = [
        (FORMAT_KEY, layout.format.to_string()),
        (PARTITIONS_KEY, layout.partitions.to_string()),
        (SHARDS_KEY, layout.shards.to_string()),
    ];
    let key = options.key_fingerprint.iter().map(|fingerprint| (FINGERPRINT_KEY, fingerprint.clone()));
    layout.into_iter().chain(key).map(|(key, value)| (key.to_owned(), value)).collect()
}

/// Refuses a stream of another layout.
fn check_layout(config: &Config, wanted: Layout) -> Result<(), OpenError> {
    let number = |key: &str| config.metadata.get(key).and_then(|text| text.parse::<u32>().ok());
    let small = |key: &str| number(key).and_then(|number| u16::try_from(number).ok());
    let found = (|| {
        let (partitions, shards) = (small(PARTITIONS_KEY)?, small(SHARDS_KEY)?);
        Some(Layout { format: number(FORMAT_KEY)?, partitions, shards })
    })();
    let found = found.ok_or_else(|| {
        let name = &config.name;
        OpenError::Misconfigured(format!(
            "NATS has a stream {name} that Windhover did not make: give this installation a name of its own with --nats-prefix"
        ))
    });
    OpenError::unless_same_layout(found?, wanted)
}

fn check_key(config: &Config, options: &Options) -> Result<(), OpenError> {
    match (config.metadata.get(FINGERPRINT_KEY), &options.key_fingerprint) {
        (Some(found), Some(wanted)) if found != wanted => Err(OpenError::Layout {
            found: format!("values sealed with key {found}"),
            wanted: format!("key {wanted} was given"),
            advice: "give the key of the data by WINDHOVER_SECRET_KEY or --secret-key-file",
        }),
        _ => Ok(()),
    }
}

/// Other roles may promise the copies that are there: taking some away is no start's business.
fn check_copies(config: &Config, options: &Options) -> Result<(), OpenError> {
    match options.replicas {
        Some(wanted) if usize::from(wanted) < config.num_replicas => Err(OpenError::Layout {
            found: format!("{} copies of each stream", config.num_replicas),
            wanted: format!("only {wanted} were asked for"),
            advice: "leave --nats-replicas out, or give the number that they have",
        }),
        Some(_) | None => Ok(()),
    }
}
