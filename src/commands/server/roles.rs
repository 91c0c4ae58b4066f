//! `windhover server ingress|engine|console`: one role in a process of its own, its log in NATS.

use std::{
    net::SocketAddr,
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use axum::Router;
use clap::Args;
use tokio::net::TcpListener;
use windhover_engine::Engine;
use windhover_eventlog::jetstream::JetStream;
use windhover_proto::seal::SealKey;

use super::{
    address,
    common::{Common, block_on, end_streams_at, engine_not_ready, finish, make_folder, until_ready},
    groups::{Keeping, Listening, Working},
    health, key,
    listen::{self, Exposure},
    nats::NatsOptions,
    shown::Shown,
    stop::Stop,
};

pub(super) const INGRESS_EXAMPLES: &str = "\
Examples:
  windhover server ingress --nats nats://127.0.0.1:4222 --nats-monitor http://127.0.0.1:8222
  windhover server ingress --nats tls://nats:4222 --nats-creds ingress.creds --nats-monitor http://nats:8222 --listen 0.0.0.0:8080

WINDHOVER_SECRET_KEY (32 bytes, base64) is the key that sensitive headers are sealed with; every role gets the same.";

pub(super) const ENGINE_EXAMPLES: &str = "\
Examples:
  windhover server engine --nats nats://127.0.0.1:4222 --nats-monitor http://127.0.0.1:8222 --listen 127.0.0.1:0
  windhover server engine --nats nats://127.0.0.1:4222 --allow-unsynced --data /var/lib/windhover/engine --engine-ttl 5

Start as many as are needed: each takes its share of the partitions. Secrets of flows come from SECRET_<NAME> (base64).";

pub(super) const CONSOLE_EXAMPLES: &str = "\
Examples:
  windhover server console --nats nats://127.0.0.1:4222 --nats-monitor http://127.0.0.1:8222
  windhover server console --nats nats://nats:4222 --nats-monitor http://nats:8222 --listen 0.0.0.0:8080 --insecure";

/// The options of `windhover server ingress`.
#[derive(Args, Debug)]
pub(crate) struct IngressOptions {
    #[command(flatten)]
    listening: Listening,
    #[command(flatten)]
    nats: NatsOptions,
    /// File with the key for sealed values: 32 bytes in base64. Without it and WINDHOVER_SECRET_KEY sensitive headers are
    /// not kept.
    #[arg(long, value_name = "FILE", env = "WINDHOVER_SECRET_KEY_FILE")]
    secret_key_file: Option<PathBuf>,
}

/// The options of `windhover server engine`.
#[derive(Args, Debug)]
pub(crate) struct EngineOptions {
    #[command(flatten)]
    listening: Listening,
    #[command(flatten)]
    nats: NatsOptions,
    /// Folder for the index; it can be deleted while the engine is stopped.
    #[arg(long, value_name = "DIR", env = "WINDHOVER_DATA", default_value = ".windhover/engine")]
    data: PathBuf,
    /// How long an engine may be silent before the others work in its place, in seconds. The same for all engines.
    #[arg(long, value_name = "SECONDS", env = "WINDHOVER_ENGINE_TTL", default_value_t = 10,
          value_parser = clap::value_parser!(u64).range(1..=3600))]
    engine_ttl: u64,
    #[command(flatten)]
    working: Working,
    #[command(flatten)]
    keeping: Keeping,
    /// File with the key for sealed values: 32 bytes in base64. Without it and WINDHOVER_SECRET_KEY sealed values stay closed.
    #[arg(long, value_name = "FILE", env = "WINDHOVER_SECRET_KEY_FILE")]
    secret_key_file: Option<PathBuf>,
}

/// The options of `windhover server console`.
#[derive(Args, Debug)]
pub(crate) struct ConsoleOptions {
    #[command(flatten)]
    listening: Listening,
    /// Listen on an address that others can reach, although the API asks for no credentials.
    #[arg(long, env = "WINDHOVER_INSECURE", value_parser = clap::builder::FalseyValueParser::new())]
    insecure: bool,
    #[command(flatten)]
    nats: NatsOptions,
    /// Folder for the views; it can be deleted while the console is stopped.
    #[arg(long, value_name = "DIR", env = "WINDHOVER_DATA", default_value = ".windhover/console")]
    data: PathBuf,
    #[command(flatten)]
    keeping: Keeping,
    /// File with the key for sealed values: 32 bytes in base64.
    #[arg(long, value_name = "FILE", env = "WINDHOVER_SECRET_KEY_FILE")]
    secret_key_file: Option<PathBuf>,
}

/// Runs an ingress until it is told to end.
pub(super) fn run_ingress(options: IngressOptions) -> anyhow::Result<ExitCode> {
    block_on(async move {
        let stop = Stop::on_signals()?;
        // Webhooks come from strangers: there is nothing else to reach here.
        let (listener, bound) = open_listener(&options.listening, Exposure::Anyone).await?;
        let seal = key::given_or_warn(options.secret_key_file.as_deref())?;
        let opening = open_log(&options.nats, seal, None, url(&options.listening, bound));
        let Some((nats, common)) = stop.or(opening).await.transpose()? else { return Ok(()) };
        let ingress = common.ingress(nats.owners(), options.listening.public_url.clone());
        let health = health::router(common.not_ready(), health::no_details());
        let routes = ingress.router().merge(health.clone());
        serve_role(&options.listening, listener, common.named(routes), &health, None, stop).await
    })
}

/// Runs an engine until it is told to end.
pub(super) fn run_engine(options: EngineOptions) -> anyhow::Result<ExitCode> {
    block_on(async move {
        let stop = Stop::on_signals()?;
        options.working.allowed_hosts()?;
        let (listener, bound) = open_listener(&options.listening, Exposure::Anyone).await?;
        make_folder(&options.data)?;
        let seal = key::given_or_warn(options.secret_key_file.as_deref())?;
        let url = url(&options.listening, bound);
        let config = options.working.config(options.data.join("index"), options.keeping, &url)?;
        let joining = async {
            let inbox_bytes_max = Some(options.working.disk_max.0 / 4);
            let (nats, common) = open_log(&options.nats, seal, inbox_bytes_max, url).await?;
            anyhow::Ok((nats.join(Duration::from_secs(options.engine_ttl)).await?, common))
        };
        let Some((cluster, common)) = stop.or(joining).await.transpose()? else { return Ok(()) };
        let engine = Engine::start_in(cluster, common.engine_parts(), config).context("the engine cannot start")?;
        let (asked, reach) = (Arc::downgrade(&engine), common.reach.clone());
        let not_ready = Arc::new(move || {
            let of_engine =
                || asked.upgrade().map_or_else(|| Some("it is ending".to_owned()), |one| engine_not_ready(&one));
            reach.trouble().or_else(of_engine)
        });
        let told = Arc::downgrade(&engine);
        let details = Arc::new(move || told.upgrade().map_or(serde_json::Value::Null, |engine| details(&engine)));
        let health = health::router(not_ready, details);
        serve_role(&options.listening, listener, common.named(health.clone()), &health, Some(engine), stop).await
    })
}

/// Runs a console until it is told to end.
pub(super) fn run_console(options: ConsoleOptions) -> anyhow::Result<ExitCode> {
    block_on(async move {
        let stop = Stop::on_signals()?;
        let exposure = if options.insecure { Exposure::Anyone } else { Exposure::ThisMachine };
        let (listener, bound) = open_listener(&options.listening, exposure).await?;
        make_folder(&options.data)?;
        let seal = key::given_or_warn(options.secret_key_file.as_deref())?;
        let opening = open_log(&options.nats, seal, None, url(&options.listening, bound));
        let Some((nats, common)) = stop.or(opening).await.transpose()? else { return Ok(()) };
        let folder = options.data.join("views");
        let console = common.console(nats.owners(), folder, options.keeping.kept(), common.not_ready())?;
        let asked = common.ingress(nats.owners(), options.listening.public_url.clone());
        let routes = asked.api(Arc::new(Shown(console.clone()))).merge(console.router());
        let routes = routes.method_not_allowed_fallback(windhover_console::method_not_allowed);
        end_streams_at(stop.clone(), console);
        let routes = common.named(routes);
        serve_role(&options.listening, listener, routes.clone(), &routes, None, stop).await
    })
}

/// How many partitions an engine should own, and how many of these take turns.
fn details(engine: &Engine) -> serde_json::Value {
    let status = engine.status();
    serde_json::json!({"partitions": status.wanted, "running": status.wanted - status.idle.len()})
}

/// The log in NATS, and what a role makes of it.
async fn open_log(
    options: &NatsOptions,
    seal: Option<SealKey>,
    inbox_bytes_max: Option<u64>,
    url: String,
) -> anyhow::Result<(Arc<JetStream>, Common)> {
    let nats = options.open(seal.as_ref(), inbox_bytes_max).await?;
    let common = Common::on_nats(nats.clone(), seal, url).await?;
    Ok((nats, common))
}

async fn open_listener(options: &Listening, exposure: Exposure) -> anyhow::Result<(TcpListener, SocketAddr)> {
    address::forget(options.address_file.as_deref())?;
    let listener = listen::open(&options.listen, exposure).await?;
    let bound = listener.local_addr()?;
    Ok((listener, bound))
}

fn url(options: &Listening, bound: SocketAddr) -> String {
    options.public_url.clone().unwrap_or_else(|| listen::base_url(bound))
}

/// Answers from the start, says where when the role is ready, and ends in time when it is told to. An engine hands over first:
/// whoever asks about health can wait.
async fn serve_role(
    options: &Listening,
    listener: TcpListener,
    routes: Router,
    health: &Router,
    engine: Option<Arc<Engine>>,
    stop: Stop,
) -> anyhow::Result<()> {
    let bound = listener.local_addr()?;
    let serving = tokio::spawn(windhover_ingress::server::serve(listener, routes, stop.clone().requested()));
    tokio::select! {
        () = until_ready(health) => tell(options, bound)?,
        () = stop.clone().requested() => {}
    }
    stop.requested().await;
    let signalled = Instant::now();
    if let Some(engine) = &engine {
        engine.stop().await;
    }
    finish(None, serving, signalled).await
}

fn tell(options: &Listening, bound: SocketAddr) -> anyhow::Result<()> {
    println!("Windhover listens on {}", listen::base_url(bound));
    match &options.address_file {
        Some(file) => address::write(file, &listen::base_url(bound)),
        None => Ok(()),
    }
}
