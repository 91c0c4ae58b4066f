//! The least code that could accept a webhook. It checks nothing, removes no duplicates and runs no flow: it reads the
//! request, makes an event of it, stores it as firmly as asked, and answers.
//!
//! ```text
//! windhover-yardstick ADDRESS none               keeps nothing: what HTTP and JSON cost
//! windhover-yardstick ADDRESS file FOLDER        appends to a file, fdatasync, one for all who wait
//! windhover-yardstick ADDRESS fjall FOLDER       one fjall batch and SyncData for all who wait
//! windhover-yardstick ADDRESS nats-each URL      one JetStream message per webhook
//! windhover-yardstick ADDRESS nats-batch URL     one JetStream message for all who wait
//! ```
//!
//! It prints `ready` when it listens.

mod disk;
mod group;
mod nats;

use std::{collections::BTreeMap, error::Error, path::Path, process::ExitCode, sync::Arc};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path as UrlPath, State},
    http::{HeaderMap, StatusCode},
    routing::post,
};
use serde_json::{Value, json};

use crate::{group::Group, nats::Stream};

/// As the server that is measured has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Anything that can go wrong at start.
pub(crate) type Failure = Box<dyn Error + Send + Sync>;

/// Where events go.
enum Keeper {
    /// Nowhere.
    Nothing,
    /// Each for itself.
    Each(Stream),
    /// With all others that wait.
    Grouped(Group),
}

impl Keeper {
    /// Keeps an event; `false` when that is not certain.
    async fn keep(&self, event: Vec<u8>) -> bool {
        match self {
            Keeper::Nothing => true,
            Keeper::Each(stream) => stream.store(event).await,
            Keeper::Grouped(group) => group.store(event).await,
        }
    }
}

/// One webhook, from request to answer.
async fn webhook(
    State(keeper): State<Arc<Keeper>>,
    UrlPath((namespace, flow, _key)): UrlPath<(String, String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, StatusCode> {
    let id = uuid::Uuid::now_v7().to_string();
    let mut by_name: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (name, value) in &headers {
        by_name.entry(name.as_str()).or_default().push(String::from_utf8_lossy(value.as_bytes()).into_owned());
    }
    let body = serde_json::from_slice::<Value>(&body).unwrap_or_default();
    let event = json!({"id": id, "namespace": namespace, "flow": flow, "headers": by_name, "body": body});
    match keeper.keep(event.to_string().into_bytes()).await {
        true => Ok(Json(json!({"id": id, "namespace": namespace, "flowId": flow, "state": {"current": "CREATED"}}))),
        false => Err(StatusCode::SERVICE_UNAVAILABLE),
    }
}

async fn keeper(strength: &str, place: Option<&String>) -> Result<Keeper, Failure> {
    let place = place.ok_or_else(|| format!("`{strength}` needs a folder or a URL"));
    Ok(match strength {
        "none" => Keeper::Nothing,
        "file" => Keeper::Grouped(Group::on_disk(disk::file(Path::new(place?))?)),
        "fjall" => Keeper::Grouped(Group::on_disk(disk::fjall(Path::new(place?))?)),
        "nats-each" => Keeper::Each(Stream::open(place?).await?),
        "nats-batch" => Keeper::Grouped(Group::in_stream(Stream::open(place?).await?)),
        other => return Err(format!("there is no strength `{other}`: none, file, fjall, nats-each, nats-batch").into()),
    })
}

async fn run() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, strength, rest @ ..] = arguments.as_slice() else {
        return Err("usage: windhover-yardstick ADDRESS STRENGTH [FOLDER|URL]".into());
    };
    let keeper = Arc::new(keeper(strength, rest.first()).await?);
    let path = "/api/v1/main/executions/webhook/{namespace}/{flow}/{key}";
    let listener = tokio::net::TcpListener::bind(address).await?;
    println!("ready");
    axum::serve(listener, Router::new().route(path, post(webhook)).with_state(keeper)).await?;
    Ok(())
}

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
