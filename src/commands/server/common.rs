//! What roles are made of, whether they share a process or not.

use std::{
    fs,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use axum::http::Request;
use tower::ServiceExt as _;
use windhover_console::{Console, Kept};
use windhover_engine::Engine;
use windhover_eventlog::{
    SharedLog,
    ask::SharedOwners,
    cap::{Cap, Capped},
    definitions::Deployments,
    jetstream::JetStream,
};
use windhover_ingress::Ingress;
use windhover_proto::seal::SealKey;

use super::{health::NotReady, reach::Reach, stop::Stop, surroundings::ProcessEnvironment};

/// Everything ends this long after the signal, done or not: orchestrators kill after 10 s. What is not done is on disk and
/// goes on at the next start, or elsewhere.
const END_MAX: Duration = Duration::from_secs(9);

/// How often a starting server looks whether its parts are ready.
const READY_POLL: Duration = Duration::from_millis(10);

/// What all roles share.
pub(super) struct Common {
    pub(super) log: SharedLog,
    /// The same log, when it is in NATS.
    pub(super) nats: Option<Arc<JetStream>>,
    pub(super) cap: Arc<Cap>,
    pub(super) deployments: Deployments,
    pub(super) surroundings: Arc<ProcessEnvironment>,
    pub(super) seal: Option<SealKey>,
    /// Where senders reach this server.
    pub(super) url: String,
    pub(super) reach: Reach,
}

impl Common {
    pub(super) async fn new(
        log: SharedLog,
        nats: Option<Arc<JetStream>>,
        seal: Option<SealKey>,
        url: String,
    ) -> anyhow::Result<Self> {
        let deployments = Deployments::open(log.clone()).await.context("deployed flows cannot be read")?;
        let reach = nats.as_ref().map(Reach::follow).unwrap_or_default();
        let surroundings = Arc::new(ProcessEnvironment::new(variables()));
        Ok(Self { log, nats, cap: Cap::new(), deployments, surroundings, seal, url, reach })
    }

    /// A server whose log is in NATS.
    pub(super) async fn on_nats(nats: Arc<JetStream>, seal: Option<SealKey>, url: String) -> anyhow::Result<Self> {
        Self::new(nats.clone(), Some(nats), seal, url).await
    }

    pub(super) fn engine_parts(&self) -> windhover_engine::Parts {
        windhover_engine::Parts {
            log: self.log.clone(),
            deployments: self.deployments.clone(),
            surroundings: self.surroundings.clone(),
            seal: self.seal.clone(),
        }
    }

    pub(super) fn ingress(&self, owners: SharedOwners, public_url: Option<String>) -> Ingress {
        let log = Capped::new(self.log.clone(), self.cap.clone());
        Ingress::start(windhover_ingress::Options {
            seal: self.seal.clone(),
            public_url,
            ..windhover_ingress::Options::new(log, owners, self.deployments.clone(), self.surroundings.clone())
        })
    }

    pub(super) fn console(
        &self,
        owners: SharedOwners,
        folder: PathBuf,
        kept: Kept,
        not_ready: NotReady,
    ) -> anyhow::Result<Console> {
        let started = Console::start(windhover_console::Options {
            log: self.log.clone(),
            owners,
            deployments: self.deployments.clone(),
            folder,
            kept,
            surroundings: self.surroundings.clone(),
            public_url: self.url.clone(),
            operations: windhover_ingress::operations(),
            not_ready,
        });
        started.context("the console cannot start")
    }

    /// The routes of a process, with its class of durability on every answer.
    pub(super) fn named(&self, routes: axum::Router) -> axum::Router {
        windhover_ingress::naming_durability(routes, self.log.durability())
    }

    /// Why a role that needs no engine cannot do its work.
    pub(super) fn not_ready(&self) -> NotReady {
        let reach = self.reach.clone();
        Arc::new(move || reach.trouble())
    }
}

/// Makes a folder that is its owner's alone: it holds what senders sent.
pub(super) fn make_folder(folder: &Path) -> anyhow::Result<()> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.with_context(|| format!("the data folder {} cannot be made", folder.display()))
}

/// Variables that are text; others are none of ours.
fn variables() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

/// Ends the streams of a console when the server is told to end, so that nobody waits for them.
pub(super) fn end_streams_at(stop: Stop, console: Console) {
    tokio::spawn(async move {
        stop.requested().await;
        console.end_streams();
    });
}

/// Why an engine cannot do all of its work now.
pub(super) fn engine_not_ready(engine: &Engine) -> Option<String> {
    let status = engine.status();
    if let Some((partition, reason)) = status.stopped.first_key_value() {
        return Some(format!("partition {partition} cannot go on: {reason}"));
    }
    let idle = status.idle.len();
    status.outside.or_else(|| (idle > 0).then(|| format!("{idle} partitions do not take turns yet")))
}

/// Resolves when `/ready` of these routes answers 200.
pub(super) async fn until_ready(routes: &axum::Router) {
    while !is_ready(routes).await {
        tokio::time::sleep(READY_POLL).await;
    }
}

/// Asks as an orchestrator does.
pub(super) async fn is_ready(routes: &axum::Router) -> bool {
    let Ok(request) = Request::get("/ready").body(axum::body::Body::empty()) else { return false };
    routes.clone().oneshot(request).await.is_ok_and(|answer| answer.status().is_success())
}

/// Answers what was begun, lets the engine end, and gives up on the rest in time.
pub(super) async fn finish(
    engine: Option<&Engine>,
    serving: tokio::task::JoinHandle<std::io::Result<()>>,
    signalled: Instant,
) -> anyhow::Result<()> {
    let deadline = tokio::time::Instant::from_std(signalled + END_MAX);
    let finished = tokio::time::timeout_at(deadline, async {
        let served = serving.await;
        if let Some(engine) = engine {
            engine.stop().await;
        }
        served
    });
    match finished.await {
        Ok(served) => served?.context("serving failed"),
        Err(_) => {
            tracing::warn!("not everything was finished within {END_MAX:?}; it is on disk and goes on later");
            Ok(())
        }
    }
}

/// Runs a server on a runtime of its own until it ends.
pub(super) fn block_on(server: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<std::process::ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let ended = runtime.block_on(server);
    // Nothing that is still on its way may hold up the end; it is on disk or was never promised.
    runtime.shutdown_timeout(Duration::from_millis(100));
    ended.map(|()| std::process::ExitCode::SUCCESS)
}
