//! One connection to NATS, as the log needs it.

use std::{sync::Arc, time::Duration};

use async_nats::{Client, ConnectOptions, Event};
use tokio::sync::watch;

use super::options::{Credentials, Encryption, Options, Tls};
use crate::OpenError;

/// A half-open connection is noticed after two of these; the client's default is a minute each.
const PING_EVERY: Duration = Duration::from_secs(5);
/// Longest pause between two attempts to connect again: a server that is back is used at once.
const RECONNECT_PAUSE_MAX: Duration = Duration::from_millis(250);
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
    let failed = |cause: Box<dyn std::error::Error + Send + Sync>| store_error(options, cause);
    let connection = authenticate(ConnectOptions::new(), credentials).await.map_err(|cause| failed(cause.into()))?;
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
    let addresses: Vec<_> = options.url.split(',').map(|address| address.trim().to_owned()).collect();
    let client = connection.connect(addresses).await.map_err(|cause| failed(cause.into()))?;
    Ok((client, losses))
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

async fn authenticate(connection: ConnectOptions, credentials: &Credentials) -> std::io::Result<ConnectOptions> {
    Ok(match credentials {
        Credentials::None => connection,
        Credentials::UserPassword { user, password } => connection.user_and_password(user.clone(), password.clone()),
        Credentials::Token(token) => connection.token(token.clone()),
        Credentials::Nkey(seed) => connection.nkey(seed.clone()),
        Credentials::File(path) => connection.credentials_file(path).await?,
    })
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
    let place = options.url.split(',').map(without_user).collect::<Vec<_>>().join(",");
    OpenError::Store { place, cause: cause.into() }
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
}
