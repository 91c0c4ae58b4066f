//! `windhover server local`: every role in one process.

use std::{
    collections::BTreeSet,
    fs,
    net::SocketAddr,
    os::unix::fs::DirBuilderExt,
    path::Path,
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use axum::http::Request;
use tower::ServiceExt as _;
use windhover_console::{Console, Kept};
use windhover_engine::{AllowedHost, Engine};
use windhover_eventlog::{
    Layout, SharedLog,
    cap::{Cap, Capped},
    definitions::Deployments,
    embedded::{self, Embedded},
};
use windhover_ingress::Ingress;
use windhover_proto::{codec, seal::SealKey};

use super::{
    Options, address, banner, key, listen,
    patient::Patient,
    stop::Stop,
    surroundings::ProcessEnvironment,
    watch::{self, Watcher},
};

/// Everything ends this long after the signal, done or not: orchestrators kill after 10 s. What is not done is on disk and
/// goes on at the next start.
const END_MAX: Duration = Duration::from_secs(9);

/// How often a starting server looks whether its parts are ready.
const READY_POLL: Duration = Duration::from_millis(10);

/// What all roles share.
struct Common {
    log: SharedLog,
    cap: Arc<Cap>,
    deployments: Deployments,
    surroundings: Arc<ProcessEnvironment>,
    seal: SealKey,
    /// Where senders reach this server.
    url: String,
}

/// Runs the server until it is told to end.
pub(super) fn run(options: Options) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let ended = runtime.block_on(serve(options));
    // Nothing that is still on its way may hold up the end; it is on disk or was never promised.
    runtime.shutdown_timeout(Duration::from_millis(100));
    ended.map(|()| ExitCode::SUCCESS)
}

async fn serve(options: Options) -> anyhow::Result<()> {
    let stop = Stop::on_signals()?;
    let allowed = allowed_hosts(&options)?;
    let listener = listen::open(&options.listen, options.exposure()).await?;
    let bound = listener.local_addr()?;
    let common = open(&options, bound).await?;
    let mut watcher = Watcher::new(&options.flows, &options.data, common.deployments.clone(), options.removed())?;
    watcher.look().await.iter().for_each(watch::tell);
    let engine = start_engine(&options, &common, allowed)?;
    let console = start_console(&options, &common, &engine)?;
    let routes = start_ingress(&options, &common, &engine).router().merge(console.router());
    let serving = tokio::spawn(windhover_ingress::server::serve(listener, routes, stop.clone().requested()));
    tokio::select! {
        ready = ready(&engine, console.router()) => ready?,
        () = stop.clone().requested() => {}
    }
    announce(&options, &common, bound)?;
    let watching = tokio::spawn(watcher.run());
    let telling =
        tokio::spawn(tell_new_webhooks(common.deployments.clone(), common.surroundings.clone(), common.url.clone()));
    stop.requested().await;
    let signalled = Instant::now();
    watching.abort();
    telling.abort();
    finish(&engine, serving, signalled).await
}

/// Opens what is kept. The folder is its owner's alone: it holds what senders sent.
async fn open(options: &Options, bound: SocketAddr) -> anyhow::Result<Common> {
    make_folder(&options.data)?;
    let seal = key::obtain(&options.data, options.secret_key_file.as_deref())?;
    let folder = options.data.join("log");
    let layout = Layout { format: codec::FORMAT, partitions: options.partitions, shards: 1 };
    let opening = tokio::task::spawn_blocking(move || Embedded::open(&folder, layout, embedded::Options::default()));
    let log: SharedLog = opening.await??;
    let deployments = Deployments::open(log.clone()).await.context("deployed flows cannot be read")?;
    Ok(Common {
        log,
        cap: Cap::new(),
        deployments,
        surroundings: Arc::new(ProcessEnvironment::new(variables())),
        seal,
        url: options.public_url.clone().unwrap_or_else(|| listen::base_url(bound)),
    })
}

fn make_folder(folder: &Path) -> anyhow::Result<()> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.with_context(|| format!("the data folder {} cannot be made", folder.display()))
}

/// Variables that are text; others are none of ours.
fn variables() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

fn allowed_hosts(options: &Options) -> anyhow::Result<Vec<AllowedHost>> {
    let hosts = options.allow_private_hosts.iter().map(|text| text.parse());
    hosts.collect::<Result<_, _>>().context("--allow-private-host")
}

fn start_engine(options: &Options, common: &Common, allowed: Vec<AllowedHost>) -> anyhow::Result<Arc<Engine>> {
    let parts = windhover_engine::Parts {
        log: common.log.clone(),
        deployments: common.deployments.clone(),
        surroundings: common.surroundings.clone(),
        seal: Some(common.seal.clone()),
    };
    let config = windhover_engine::Config {
        allowed_hosts: allowed,
        retention: windhover_engine::Retention {
            ended_days: options.retention_days,
            failed_days: options.retention_failed_days,
            disk_bytes_max: options.disk_max.0,
        },
        public_url: common.url.clone(),
        ..windhover_engine::Config::new(options.data.join("engine"))
    };
    Engine::start(parts, config, Some(common.cap.clone())).context("the engine cannot start")
}

fn start_ingress(options: &Options, common: &Common, engine: &Arc<Engine>) -> Ingress {
    let log = Capped::new(common.log.clone(), common.cap.clone());
    Ingress::start(windhover_ingress::Options {
        seal: Some(common.seal.clone()),
        public_url: options.public_url.clone(),
        ..windhover_ingress::Options::new(log, engine.clone(), common.deployments.clone(), common.surroundings.clone())
    })
}

fn start_console(options: &Options, common: &Common, engine: &Arc<Engine>) -> anyhow::Result<Console> {
    let asked = Arc::downgrade(engine);
    let started = Console::start(windhover_console::Options {
        log: common.log.clone(),
        owners: Arc::new(Patient(engine.clone())),
        deployments: common.deployments.clone(),
        folder: options.data.join("console"),
        kept: Kept { ended_days: options.retention_days, failed_days: options.retention_failed_days },
        not_ready: Arc::new(move || {
            asked.upgrade().map_or_else(|| Some("it is ending".to_owned()), |engine| not_ready(&engine))
        }),
    });
    started.context("the console cannot start")
}

/// Why the engine cannot do all of its work now.
fn not_ready(engine: &Engine) -> Option<String> {
    let status = engine.status();
    if let Some((partition, reason)) = status.stopped.first_key_value() {
        return Some(format!("partition {partition} cannot go on: {reason}"));
    }
    let idle = status.idle.len();
    (idle > 0).then(|| format!("{idle} partitions do not take turns yet"))
}

/// Resolves when every partition takes turns and the views have caught up.
///
/// # Errors
/// When a partition cannot: then the log is not what it was, and an operator must know before anything else happens.
async fn ready(engine: &Engine, console: axum::Router) -> anyhow::Result<()> {
    loop {
        let status = engine.status();
        if let Some((partition, reason)) = status.stopped.first_key_value() {
            bail!("partition {partition} cannot go on: {reason}");
        }
        if status.idle.is_empty() && is_ready(&console).await {
            return Ok(());
        }
        tokio::time::sleep(READY_POLL).await;
    }
}

/// Asks as an orchestrator does.
async fn is_ready(console: &axum::Router) -> bool {
    let Ok(request) = Request::get("/ready").body(axum::body::Body::empty()) else { return false };
    console.clone().oneshot(request).await.is_ok_and(|answer| answer.status().is_success())
}

/// Tells people and programs that the server is ready.
fn announce(options: &Options, common: &Common, bound: SocketAddr) -> anyhow::Result<()> {
    let places = banner::places(&common.deployments.current(), &common.url, common.surroundings.as_ref());
    println!("{}", banner::text(&common.url, &places));
    match &options.address_file {
        Some(file) => address::write(file, &listen::base_url(bound)),
        None => Ok(()),
    }
}

/// Prints the webhook of every trigger that is deployed while the server runs.
async fn tell_new_webhooks(mut deployments: Deployments, surroundings: Arc<ProcessEnvironment>, url: String) {
    let mut known: BTreeSet<_> = banner::places(&deployments.current(), &url, surroundings.as_ref());
    loop {
        let now = banner::places(&deployments.changed().await.as_ref().clone(), &url, surroundings.as_ref());
        now.difference(&known).for_each(|place| println!("{place}"));
        known = now;
    }
}

/// Answers what was begun, decides what was accepted, and gives up on the rest in time.
async fn finish(
    engine: &Engine,
    serving: tokio::task::JoinHandle<std::io::Result<()>>,
    signalled: Instant,
) -> anyhow::Result<()> {
    let deadline = tokio::time::Instant::from_std(signalled + END_MAX);
    let finished = tokio::time::timeout_at(deadline, async {
        let served = serving.await;
        engine.stop().await;
        served
    });
    match finished.await {
        Ok(served) => served?.context("serving failed"),
        Err(_) => {
            tracing::warn!(
                "not everything was finished within {END_MAX:?}; it is on disk and goes on at the next start"
            );
            Ok(())
        }
    }
}
