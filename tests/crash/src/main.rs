//! The crash test: load with kills, and a checker that knows only what a client, a sink and the API can see.
//!
//! Clients deliver every key several times and retry until 2xx; the server is killed in between. Then everything that was
//! seen is written down as [`facts::Facts`] and judged by [`check::check`], which is a pure function, so that its own tests can
//! show it doctored facts and see it object.

mod check;
mod clients;
mod facts;
mod nats;
mod observe;
mod report;

use std::{
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use clap::Parser;
use windhover_testing::{Launch, Server, Sink};

use crate::{
    clients::Load,
    facts::{Facts, Kill},
};

/// How long the sink takes for an answer: long enough that kills find calls under way.
const SINK_DELAY: Duration = Duration::from_millis(20);

/// Kills the server under load and checks that nothing was lost and nothing ran twice.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:\n  tests/crash/run\n  tests/crash/run --keys 1000 --kills 5 --seed 7\n  \
    tests/crash/run --nats --seconds 60\n  tests/crash/run --nats --engines 3 --replicas 3 --seconds 3600")]
struct Options {
    /// The binary to kill.
    #[arg(long)]
    server: PathBuf,
    /// Keys.
    #[arg(long, default_value_t = 10_000)]
    keys: usize,
    /// Deliveries of each key.
    #[arg(long, default_value_t = 3)]
    copies: usize,
    /// Kills, spread over the load.
    #[arg(long, default_value_t = 8)]
    kills: usize,
    /// Clients at once.
    #[arg(long, default_value_t = 32)]
    clients: usize,
    /// Order of the deliveries and moments of the kills.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Longest time for everything to end after the last delivery, in seconds.
    #[arg(long, default_value_t = 180)]
    drain_seconds: u64,
    /// Several processes on NATS instead of one: killed, stopped and frozen under a steady load.
    #[command(flatten)]
    nats: nats::NatsMode,
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    let facts = if options.nats.nats { nats::run(&options).await } else { run(&options).await };
    let violations = check::check(&facts);
    report::print(&facts, &violations, options.seed);
    if violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn run(options: &Options) -> Facts {
    let sink = Sink::start_slow(SINK_DELAY).await;
    let launch = launch(options, &sink);
    let mut server = launch.start();
    let load = Arc::new(Load::new(options.keys, options.copies, options.seed));
    let clients = clients::start(&load, &[server.api.base().to_owned()], options.clients);
    let mut kills = Vec::new();
    for moment in load.kill_moments(options.kills, options.seed) {
        load.wait_for(moment).await;
        server = kill(server, &launch, &mut kills).await;
    }
    let mut operations = Vec::new();
    for client in clients {
        operations.extend(client.await.expect("a client"));
    }
    let drained = observe::drain(&server.api, options.keys, Duration::from_secs(options.drain_seconds)).await;
    let executions = observe::executions(&server.api).await;
    let unequal = observe::unequal_after_restarts(server, &launch, &executions).await;
    let calls = sink.received().iter().map(observe::call).collect();
    Facts { keys: load.keys(), operations, executions, calls, kills, drained, unequal }
}

/// A server on a port that stays the same over restarts, so that clients find it again.
fn launch(options: &Options, sink: &Sink) -> Launch {
    let free =
        std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port");
    Launch::new(&options.server)
        .flow("plain.yaml", clients::PLAIN_FLOW)
        .flow("calling.yaml", &clients::calling_flow(sink.address()))
        .argument(format!("--listen={free}"))
        .argument(format!("--allow-private-host={}", sink.address()))
}

async fn kill(server: Server, launch: &Launch, kills: &mut Vec<Kill>) -> Server {
    let began = Instant::now();
    let at_ms = now_ms();
    server.kill();
    let server = tokio::task::block_in_place(|| launch.start());
    kills.push(Kill { at_ms, ready_after_ms: began.elapsed().as_millis() as u64 });
    server
}

/// Milliseconds since 1970, as the server's own dates.
fn now_ms() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis() as u64
}
