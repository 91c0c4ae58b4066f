//! Whether the servers sync before they acknowledge. A client cannot see it; the monitoring port or the system account can.

use std::{collections::BTreeMap, time::Duration};

use async_nats::Client;
use futures_util::StreamExt;
use serde::Deserialize;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{
    connect::connect,
    options::{Options, Unsynced},
};
use crate::{Durability, OpenError};

/// How long a monitoring port may take to answer, and how long servers are waited for that the system account asks.
const ANSWER_MAX: Duration = Duration::from_secs(3);
const GATHER_MAX: Duration = Duration::from_millis(500);
/// More than this is no answer of a monitoring port.
const ANSWER_BYTES_MAX: u64 = 1024 * 1024;

/// What one server says of itself.
#[derive(Debug, Deserialize)]
struct Server {
    server_id: String,
    #[serde(default)]
    jetstream: JetStreamState,
}

#[derive(Debug, Default, Deserialize)]
struct JetStreamState {
    config: Option<JetStreamConfig>,
    meta: Option<Meta>,
}

#[derive(Debug, Deserialize)]
struct JetStreamConfig {
    #[serde(default)]
    sync_always: bool,
}

#[derive(Debug, Deserialize)]
struct Meta {
    #[serde(default)]
    cluster_size: usize,
}

#[derive(Deserialize)]
struct SystemAnswer {
    data: Server,
}

/// How firmly streams of this many replicas are kept, or the refusal to use them.
pub(super) async fn learn(options: &Options, replicas: usize) -> Result<Durability, OpenError> {
    let synced = match ask_all(options).await {
        Ok(servers) => judge(&servers),
        Err(reason) => Err(reason),
    };
    match (synced, options.unsynced) {
        (Ok(()), _) => Ok(of_replicas(replicas)),
        (Err(_), Unsynced::Allow) => Ok(Durability::Unsynced),
        (Err(reason), Unsynced::Refuse) => Err(OpenError::Unsynced(reason)),
    }
}

fn of_replicas(replicas: usize) -> Durability {
    match u8::try_from(replicas) {
        Ok(0 | 1) => Durability::Fsync,
        Ok(servers) => Durability::FsyncReplicated(servers),
        Err(_) => Durability::FsyncReplicated(u8::MAX),
    }
}

async fn ask_all(options: &Options) -> Result<Vec<Server>, String> {
    let mut servers = BTreeMap::new();
    for monitor in &options.monitors {
        let server = ask_monitor(monitor).await?;
        servers.insert(server.server_id.clone(), server);
    }
    if let Some(credentials) = &options.system {
        let refused = |cause| {
            let text = super::text_of(&cause);
            format!(
                "the system account (--nats-system-user or --nats-system-creds) cannot be asked whether NATS syncs: {text}"
            )
        };
        let client = connect(options, credentials).await.map_err(refused)?;
        for server in ask_system(&client).await? {
            servers.insert(server.server_id.clone(), server);
        }
    }
    Ok(servers.into_values().collect())
}

/// Every server must sync, and all of the cluster must have been asked.
fn judge(servers: &[Server]) -> Result<(), String> {
    const ADVICE: &str = "or accept the loss of acknowledged deliveries in a power cut with --allow-unsynced";
    let size = servers.iter().filter_map(|server| Some(server.jetstream.meta.as_ref()?.cluster_size)).max();
    let wanted = size.unwrap_or(1).max(1);
    if servers.len() < wanted {
        return Err(format!(
            "whether NATS syncs before it acknowledges is known of {} of its {wanted} servers: name the monitoring address \
             of each with --nats-monitor http://HOST:8222, {ADVICE}",
            servers.len()
        ));
    }
    let syncs = |server: &Server| server.jetstream.config.as_ref().is_some_and(|config| config.sync_always);
    match servers.iter().find(|server| !syncs(server)) {
        None => Ok(()),
        Some(lazy) => Err(format!(
            "NATS server {} acknowledges before it syncs: put `jetstream {{ sync_interval: always }}` into its nats.conf and \
             restart it, {ADVICE}",
            lazy.server_id
        )),
    }
}

async fn ask_monitor(address: &str) -> Result<Server, String> {
    let asked = tokio::time::timeout(ANSWER_MAX, fetch(address)).await;
    let body = match asked {
        Ok(Ok(body)) => body,
        Ok(Err(cause)) => return Err(format!("the monitoring address {address} does not answer: {cause}")),
        Err(_) => return Err(format!("the monitoring address {address} does not answer")),
    };
    serde_json::from_str(&body).map_err(|cause| format!("{address}/varz is not the answer of a NATS server: {cause}"))
}

/// One request for `/varz`. HTTP/1.0, so that the body is what follows the first empty line, until the end.
async fn fetch(address: &str) -> std::io::Result<String> {
    let invalid = |text: &str| std::io::Error::new(std::io::ErrorKind::InvalidInput, text.to_owned());
    let host = address.strip_prefix("http://").ok_or_else(|| invalid("it must start with http://"))?;
    let host = host.split('/').next().unwrap_or(host);
    let mut connection = TcpStream::connect(host).await?;
    connection.write_all(format!("GET /varz HTTP/1.0\r\nHost: {host}\r\n\r\n").as_bytes()).await?;
    let mut answer = String::new();
    connection.take(ANSWER_BYTES_MAX).read_to_string(&mut answer).await?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(|| invalid("its answer is not HTTP"))?;
    if !head.lines().next().is_some_and(|status| status.contains(" 200 ")) {
        return Err(invalid(head.lines().next().unwrap_or_default()));
    }
    Ok(body.to_owned())
}

/// All servers that answer the system account in time.
async fn ask_system(client: &Client) -> Result<Vec<Server>, String> {
    let failed =
        |cause: &dyn std::error::Error| format!("the system account cannot be asked: {}", super::text_of(cause));
    let inbox = client.new_inbox();
    let mut answers = client.subscribe(inbox.clone()).await.map_err(|cause| failed(&cause))?;
    let asked = client.publish_with_reply("$SYS.REQ.SERVER.PING.VARZ", inbox, "".into()).await;
    asked.map_err(|cause| failed(&cause))?;
    let mut servers = Vec::new();
    while let Ok(Some(message)) = tokio::time::timeout(GATHER_MAX, answers.next()).await {
        if let Ok(answer) = serde_json::from_slice::<SystemAnswer>(&message.payload) {
            servers.push(answer.data);
        }
    }
    Ok(servers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(id: &str, sync_always: bool, cluster_size: usize) -> Server {
        let text = format!(
            r#"{{"server_id":"{id}","jetstream":{{"config":{{"sync_always":{sync_always}}},"meta":{{"cluster_size":{cluster_size}}}}}}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn all_servers_must_be_known_to_sync() {
        assert!(judge(&[server("a", true, 1)]).is_ok());
        assert!(judge(&[server("a", true, 3), server("b", true, 3), server("c", true, 3)]).is_ok());
        assert!(judge(&[]).unwrap_err().contains("--nats-monitor"));
        assert!(judge(&[server("a", true, 3), server("b", true, 3)]).unwrap_err().contains("2 of its 3"));
        let lazy = judge(&[server("a", true, 2), server("b", false, 2)]).unwrap_err();
        assert!(lazy.contains("server b") && lazy.contains("sync_interval: always"), "{lazy}");
    }
}
