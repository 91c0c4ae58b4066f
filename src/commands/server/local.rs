//! `windhover server local`: every role in one process.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    path::Path,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use tokio::runtime::Handle;
use windhover_console::Console;
use windhover_engine::Engine;
use windhover_eventlog::{
    Layout, OpenError, SharedLog,
    ask::SharedOwners,
    definitions::Deployments,
    embedded::{self, Embedded},
};
use windhover_proto::codec;

use super::{
    Options, address, background, banner,
    common::{Common, block_on, end_streams_at, engine_not_ready, finish, is_ready, make_folder},
    key, listen,
    patient::Patient,
    shown::Shown,
    stop::Stop,
    surroundings::ProcessEnvironment,
    watch::{self, Watcher},
};

/// Partitions of a new embedded log. One process owns all of them, so they only have to keep its processors busy, and every one
/// more makes commits smaller.
const PARTITIONS_DEFAULT: u16 = 4;

/// How often a starting server looks whether its parts are ready.
const READY_POLL: Duration = Duration::from_millis(10);

/// Runs the server until it is told to end.
pub(super) fn run(options: Options) -> anyhow::Result<ExitCode> {
    let background = background::runtime().context("threads cannot be made")?;
    let ended = block_on(serve(options, background.handle().clone()));
    background.shutdown_background();
    ended
}

async fn serve(options: Options, background: Handle) -> anyhow::Result<()> {
    let stop = Stop::on_signals()?;
    options.working.allowed_hosts()?;
    address::forget(options.listening.address_file.as_deref())?;
    let listener = listen::open(&options.listening.listen, options.exposure()).await?;
    let bound = listener.local_addr()?;
    let Some(common) = stop.or(open(&options, bound)).await.transpose()? else { return Ok(()) };
    let mut watcher = Watcher::new(&options.flows, &options.data, common.deployments.clone(), options.removed())?;
    watcher.look().await.iter().for_each(watch::tell);
    let starting = start_engine(&options, &common, &background);
    let Some(engine) = stop.or(starting).await.transpose()? else { return Ok(()) };
    let started = Arc::new(AtomicBool::new(false));
    let console = start_console(&options, &common, &engine, started.clone())?;
    let asked: SharedOwners = match &common.nats {
        Some(nats) => nats.owners(),
        None => engine.clone(),
    };
    let ingress = common.ingress(asked, options.listening.public_url.clone());
    let routes = ingress.router().merge(ingress.api(Arc::new(Shown(console.clone())))).merge(console.router());
    let routes = common.named(routes.method_not_allowed_fallback(windhover_console::method_not_allowed));
    end_streams_at(stop.clone(), console.clone());
    let serving = tokio::spawn(windhover_ingress::server::serve(listener, routes, stop.clone().requested()));
    tokio::select! {
        ready = ready(&engine, console.router()) => {
            ready?;
            announce(&options, &common, bound)?;
        }
        () = stop.clone().requested() => {}
    }
    started.store(true, Ordering::Release);
    let watching = tokio::spawn(watcher.run());
    let telling =
        tokio::spawn(tell_new_webhooks(common.deployments.clone(), common.surroundings.clone(), common.url.clone()));
    stop.requested().await;
    let signalled = Instant::now();
    watching.abort();
    telling.abort();
    finish(Some(&engine), serving, signalled).await
}

/// Opens what is kept: in NATS when it is named, else in the data folder.
async fn open(options: &Options, bound: SocketAddr) -> anyhow::Result<Common> {
    make_folder(&options.data)?;
    let url = options.listening.public_url.clone().unwrap_or_else(|| listen::base_url(bound));
    if options.nats.url.is_some() {
        let seal = key::given_or_warn(options.secret_key_file.as_deref())?;
        let nats = options.nats.open(seal.as_ref(), Some(options.working.disk_max.0 / 4)).await?;
        return Common::on_nats(nats, seal, url).await;
    }
    let seal = key::obtain(&options.data, options.secret_key_file.as_deref())?;
    let folder = options.data.join("log");
    let asked = options.nats.partitions;
    let log: SharedLog = tokio::task::spawn_blocking(move || open_embedded(&folder, asked)).await??;
    Common::new(log, None, Some(seal), url).await
}

/// The log in a folder, with as many partitions as it was made with unless somebody asks for others, which is refused.
fn open_embedded(folder: &Path, asked: Option<u16>) -> Result<Arc<Embedded>, OpenError> {
    let partitions = match asked {
        Some(asked) => asked,
        None => Embedded::partitions(folder)?.unwrap_or(PARTITIONS_DEFAULT),
    };
    let layout = Layout { format: codec::FORMAT, partitions, shards: 1 };
    Embedded::open(folder, layout, embedded::Options::default())
}

/// Starts the engine; its turns are taken in the background.
async fn start_engine(options: &Options, common: &Common, background: &Handle) -> anyhow::Result<Arc<Engine>> {
    let mut config = options.working.config(options.data.join("engine"), options.keeping, &common.url)?;
    config.background = Some(background.clone());
    let cluster = match &common.nats {
        Some(nats) => Some(nats.join(Duration::from_secs(options.engine_ttl)).await?),
        None => None,
    };
    let started = match cluster {
        Some(cluster) => Engine::start_in(cluster, common.engine_parts(), config),
        None => Engine::start(common.engine_parts(), config, Some(common.cap.clone())),
    };
    started.context("the engine cannot start")
}

/// A cap that is reached makes a server not ready, but keeps none from starting: what was accepted is worked off.
fn start_console(
    options: &Options,
    common: &Common,
    engine: &Arc<Engine>,
    started: Arc<AtomicBool>,
) -> anyhow::Result<Console> {
    let (asked, reach, cap) = (Arc::downgrade(engine), common.reach.clone(), common.cap.clone());
    let owners: SharedOwners = match &common.nats {
        Some(nats) => nats.owners(),
        None => Arc::new(Patient(engine.clone())),
    };
    let not_ready = Arc::new(move || {
        let of_engine =
            || asked.upgrade().map_or_else(|| Some("it is ending".to_owned()), |one| engine_not_ready(&one));
        let full = || cap.reached().filter(|_| started.load(Ordering::Acquire));
        let refused = || full().map(|reason| format!("nothing new is accepted: {reason}"));
        reach.trouble().or_else(refused).or_else(of_engine)
    });
    common.console(owners, options.data.join("console"), options.keeping.kept(), not_ready)
}

/// Resolves when every partition takes turns and the views have caught up.
///
/// # Errors
/// When a partition cannot: then the log is not what it was, and an operator must know before anything else happens.
async fn ready(engine: &Engine, console: axum::Router) -> anyhow::Result<()> {
    loop {
        if let Some((partition, reason)) = engine.status().stopped.first_key_value() {
            bail!("partition {partition} cannot go on: {reason}");
        }
        if is_ready(&console).await {
            return Ok(());
        }
        tokio::time::sleep(READY_POLL).await;
    }
}

/// Tells people and programs that the server is ready.
fn announce(options: &Options, common: &Common, bound: SocketAddr) -> anyhow::Result<()> {
    let places = banner::places(&common.deployments.current(), &common.url, common.surroundings.as_ref());
    println!("{}", banner::text(&common.url, &places));
    match &options.listening.address_file {
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
