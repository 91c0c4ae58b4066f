//! One connection to NATS, as the log needs it.

use std::{path::Path, sync::Arc, time::Duration};

use async_nats::{
    Client, ConnectError, ConnectErrorKind, ConnectOptions, Event, ServerAddr,
    jetstream::{
        Context,
        context::{AccountErrorKind, ContextBuilder},
    },
};
use tokio::sync::watch;

use super::options::{Credentials, Encryption, Options, Tls};
use crate::OpenError;

/// A half-open connection is noticed after two of these; the client's default is a minute each.
const PING_EVERY: Duration = Duration::from_secs(5);
/// Longest pause between two attempts to connect again: a server that is back is used at once.
const RECONNECT_PAUSE_MAX: Duration = Duration::from_millis(250);
/// How long the server may take to answer a question about streams before it is asked again. One that has no leader yet never
/// answers, and its next leader does not know of the question.
const API_ANSWER_MAX: Duration = Duration::from_millis(1500);
/// How long one server may take to accept a connection.
const CONNECT_MAX: Duration = Duration::from_secs(5);

/// Counts how often the connection was lost. What was asked before a loss is never answered, and the client does not say so.
pub(super) type Losses = watch::Receiver<u64>;

/// Connects, or says which address did not answer.
pub(super) async fn connect(options: &Options, credentials: &Credentials) -> Result<Client, OpenError> {
    connect_counting(options, credentials).await.map(|(client, _)| client)
}

/// Connects, and counts losses of the connection.
pub(super) async fn connect_counting(
    options: &Options,
    credentials: &Credentials,
) -> Result<(Client, Losses), OpenError> {
    let (lost, losses) = watch::channel(0);
    let lost = Arc::new(lost);
    let addresses = addresses(&options.url)?;
    check_files(&options.tls)?;
    let connection = authenticate(ConnectOptions::new(), credentials).await?;
    let connection = encrypt(connection, &options.tls)
        .name("windhover")
        .ping_interval(PING_EVERY)
        .reconnect_delay_callback(reconnect_pause)
        .event_callback(move |event| {
            if matches!(event, Event::Disconnected | Event::Closed) {
                lost.send_modify(|count| *count += 1);
            }
            std::future::ready(())
        })
        .connection_timeout(CONNECT_MAX)
        .request_timeout(Some(options.append_timeout));
    let client = connection.connect(addresses).await.map_err(|cause| not_connected(options, credentials, cause))?;
    Ok((client, losses))
}

/// JetStream over a connection, or the refusal of a NATS without it. A server may have none of its own and pass on to one that has.
pub(super) async fn jetstream_of(options: &Options, client: &Client) -> Result<Context, OpenError> {
    let context = ContextBuilder::new().timeout(API_ANSWER_MAX).build(client.clone());
    if client.server_info().jetstream {
        return Ok(context);
    }
    match context.query_account().await {
        Err(cause) if cause.kind() == AccountErrorKind::JetStreamUnavailable => Err(OpenError::Misconfigured(format!(
            "JetStream is off at {}: put `jetstream {{ sync_interval: always }}` into its nats.conf and restart it",
            place(options)
        ))),
        Ok(_) | Err(_) => Ok(context),
    }
}

/// The addresses of a list.
fn addresses(list: &str) -> Result<Vec<ServerAddr>, OpenError> {
    list.split(',').map(|text| address(text.trim())).collect()
}

/// A user in an address would be dropped by the client, so it is refused.
fn address(text: &str) -> Result<ServerAddr, OpenError> {
    let shown = without_user(text);
    let host = text.split_once("://").map_or(text, |(_, host)| host);
    match text.parse::<ServerAddr>() {
        Ok(address) if address.has_user_pass() => Err(OpenError::Misconfigured(format!(
            "--nats names a user or a token for {shown}: give them by --nats-user with --nats-password, or by --nats-token, or by \
             the variables WINDHOVER_NATS_USER, WINDHOVER_NATS_PASSWORD, WINDHOVER_NATS_TOKEN"
        ))),
        Ok(address) if !host.is_empty() => Ok(address),
        Ok(_) | Err(_) => Err(OpenError::Misconfigured(format!(
            "--nats {shown} is no address: nats://HOST:PORT or tls://HOST:PORT is wanted"
        ))),
    }
}

/// Why there is no connection. What NATS refuses once it refuses again.
fn not_connected(options: &Options, credentials: &Credentials, cause: ConnectError) -> OpenError {
    match cause.kind() {
        ConnectErrorKind::Authentication | ConnectErrorKind::AuthorizationViolation => {
            let advice = advice(credentials);
            OpenError::Misconfigured(format!("NATS at {} does not let us in ({cause}): {advice}", place(options)))
        }
        ConnectErrorKind::ServerParse
        | ConnectErrorKind::Dns
        | ConnectErrorKind::TimedOut
        | ConnectErrorKind::Tls
        | ConnectErrorKind::Io
        | ConnectErrorKind::MaxReconnects => store_error(options, cause),
    }
}

fn advice(credentials: &Credentials) -> &'static str {
    match credentials {
        Credentials::None => "give --nats-user with --nats-password, --nats-token, --nats-nkey or --nats-creds",
        Credentials::UserPassword { .. } => "check --nats-user and --nats-password",
        Credentials::Token(_) => "check --nats-token",
        Credentials::Nkey(_) => "check --nats-nkey",
        Credentials::File(_) => "check --nats-creds",
    }
}

/// What a future gives, or `None` as soon as the connection is lost: then there will be no answer.
pub(super) async fn unless_lost<T>(losses: &Losses, asking: impl Future<Output = T>) -> Option<T> {
    let mut losses = losses.clone();
    losses.mark_unchanged();
    tokio::select! {
        biased;
        answer = asking => Some(answer),
        Ok(()) = losses.changed() => None,
    }
}

fn reconnect_pause(attempts: usize) -> Duration {
    let doubled = 1u32.checked_shl(u32::try_from(attempts).unwrap_or(u32::MAX)).unwrap_or(u32::MAX);
    Duration::from_millis(2).saturating_mul(doubled).min(RECONNECT_PAUSE_MAX)
}

async fn authenticate(connection: ConnectOptions, credentials: &Credentials) -> Result<ConnectOptions, OpenError> {
    Ok(match credentials {
        Credentials::None => connection,
        Credentials::UserPassword { user, password } => connection.user_and_password(user.clone(), password.clone()),
        Credentials::Token(token) => connection.token(token.clone()),
        Credentials::Nkey(seed) => connection.nkey(seed.clone()),
        Credentials::File(path) => {
            connection.credentials_file(path).await.map_err(|cause| unusable("--nats-creds", path, &cause))?
        }
    })
}

/// Files that are not there now are not there later.
fn check_files(tls: &Tls) -> Result<(), OpenError> {
    let (certificate, key) = tls.client_files.as_ref().map(|(certificate, key)| (certificate, key)).unzip();
    for (option, path) in [("--nats-ca", tls.ca_file.as_ref()), ("--nats-cert", certificate), ("--nats-cert-key", key)]
    {
        if let Some(path) = path {
            std::fs::File::open(path).map_err(|cause| unusable(option, path, &cause))?;
        }
    }
    Ok(())
}

fn unusable(option: &str, path: &Path, cause: &std::io::Error) -> OpenError {
    OpenError::Misconfigured(format!("{option} {} cannot be used: {cause}", path.display()))
}

fn encrypt(connection: ConnectOptions, tls: &Tls) -> ConnectOptions {
    let connection = match &tls.ca_file {
        Some(path) => connection.add_root_certificates(path.clone()),
        None => connection,
    };
    let connection = match &tls.client_files {
        Some((certificate, key)) => connection.add_client_certificate(certificate.clone(), key.clone()),
        None => connection,
    };
    match tls.encryption {
        Encryption::AsOffered => connection,
        Encryption::Required => connection.require_tls(true),
        Encryption::First => connection.tls_first(),
    }
}

/// An [`OpenError`] about this NATS. A password in the URL is not repeated.
pub(super) fn store_error(options: &Options, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> OpenError {
    OpenError::Store { place: place(options), cause: cause.into() }
}

/// The addresses, as they may be shown.
pub(super) fn place(options: &Options) -> String {
    options.url.split(',').map(without_user).collect::<Vec<_>>().join(",")
}

fn without_user(url: &str) -> String {
    match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://{host}"),
        (None, Some((_, host))) => host.to_owned(),
        (_, None) => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_does_not_repeat_the_password_of_the_url() {
        let options = Options::new("nats://me:secret@one:4222,two:4222");
        let error = store_error(&options, "no answer");
        assert_eq!(error.to_string(), "the log in nats://one:4222,two:4222 cannot be opened");
    }

    #[test]
    fn an_address_with_a_user_or_of_another_scheme_is_refused_naming_the_options() {
        assert_eq!(addresses("nats://one:4222, tls://two, three:4222").unwrap().len(), 3);
        for (wrong, named) in [
            ("nats://me:secret@one:4222", "--nats-password"),
            ("one:4222,nats://secret@two", "--nats-token"),
            ("http://one:4222", "--nats http://one:4222 is no address"),
            ("", "is no address"),
        ] {
            let refused = addresses(wrong).unwrap_err().to_string();
            assert!(refused.contains(named) && !refused.contains("secret"), "{wrong}: {refused}");
        }
    }
}
