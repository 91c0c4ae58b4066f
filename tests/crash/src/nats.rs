//! The crash test with the parts as processes: ingresses, engines, a console and NATS, each killed, stopped or frozen at random
//! under a steady load.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use clap::Args;
use windhover_eventlog::nats_server::{NatsCluster, NatsServer, Sync};
use windhover_testing::{Launch, Server, Sink};

use crate::{
    SINK_DELAY,
    clients::{self, Load, Random},
    facts::{Facts, Kill, Operation},
    now_ms, observe,
};

/// How long an engine may be silent, in seconds.
const ENGINE_TTL: u64 = 2;

/// Canaries after each fault: so many that hardly a partition has none.
const CANARIES: usize = 64;

/// How long nothing bad happens any more before the load ends: every client must then be served.
const QUIET_AT_THE_END: Duration = Duration::from_secs(8);

/// The number that the operations of canaries have as their client.
const CANARY_CLIENT: usize = 1_000_000;

/// How long whoever is frozen stays so: an engine longer than its heartbeat lives.
const FROZEN: Duration = Duration::from_millis(3_500);
const FROZEN_SHORTLY: Duration = Duration::from_millis(1_000);

/// The options of this mode.
#[derive(Args, Debug)]
pub(crate) struct NatsMode {
    /// Run the parts as processes of their own on NATS.
    #[arg(long)]
    pub(crate) nats: bool,
    /// Length of the load, in seconds.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Deliveries a second.
    #[arg(long, default_value_t = 100)]
    rate: usize,
    /// Deliveries that repeat a key, in percent.
    #[arg(long, default_value_t = 20)]
    repeats: usize,
    /// Engines.
    #[arg(long, default_value_t = 2)]
    engines: usize,
    /// Ingresses.
    #[arg(long, default_value_t = 2)]
    ingresses: usize,
    /// 1: one NATS server; 3: a cluster of three that keeps three copies.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=3))]
    replicas: u8,
}

/// Something that is done to one of the processes.
#[derive(Clone, Copy, Debug)]
enum Fault {
    KillEngine,
    StopEngine,
    FreezeEngine,
    KillIngress,
    FreezeIngress,
    KillNats,
    FreezeNats,
}

/// Each kind of fault comes before one comes again.
const FAULTS: [Fault; 7] = [
    Fault::KillEngine,
    Fault::KillNats,
    Fault::FreezeEngine,
    Fault::KillIngress,
    Fault::StopEngine,
    Fault::FreezeNats,
    Fault::FreezeIngress,
];

/// One process and how it is started again.
struct Process {
    launch: Launch,
    server: Option<Server>,
}

impl Process {
    fn start(launch: Launch) -> Self {
        let server = Some(launch.start());
        Self { launch, server }
    }

    fn server(&self) -> &Server {
        self.server.as_ref().expect("a running process")
    }

    fn kill(&mut self) {
        self.server.take().expect("a running process").kill();
    }

    fn terminate(&mut self) {
        let stopped = self.server.take().expect("a running process").terminate();
        assert!(stopped.status.success(), "a role did not end well: {}", stopped.printed);
    }

    fn restart(&mut self) {
        self.server = Some(self.launch.start());
    }
}

/// Everything that runs.
struct World {
    nats: Vec<NatsServer>,
    ingresses: Vec<Process>,
    engines: Vec<Process>,
    console: Process,
    random: Random,
}

/// Runs the load and the faults, and gives what was seen.
pub(crate) async fn run(options: &crate::Options) -> Facts {
    let sink = Sink::start_slow(SINK_DELAY).await;
    let mut world = tokio::task::block_in_place(|| World::start(options, &sink));
    let bases: Vec<_> = world.ingresses.iter().map(|ingress| ingress.server().api.base().to_owned()).collect();
    let span = Duration::from_secs(options.nats.seconds);
    let load = Arc::new(Load::steady(options.nats.rate, span, options.nats.repeats, options.seed));
    let clients = clients::start(&load, &bases, options.clients);
    let mut canaries = Canaries::default();
    let mut kills = Vec::new();
    let deadline = Instant::now() + span.saturating_sub(QUIET_AT_THE_END);
    for fault in FAULTS.iter().cycle() {
        tokio::time::sleep(Duration::from_millis(300 + world.random.below(700) as u64)).await;
        if Instant::now() >= deadline {
            break;
        }
        kills.push(world.suffer(*fault, &bases, &mut canaries).await);
    }
    canaries.send(&bases).await;
    let mut operations = canaries.operations;
    for client in clients {
        operations.extend(client.await.expect("a client"));
    }
    let mut keys = load.keys();
    keys.extend(canaries.keys);
    let console = &world.console.server().api;
    let drained = observe::drain(console, keys.len(), Duration::from_secs(options.drain_seconds)).await;
    let executions = observe::executions(console).await;
    let unequal = world.unequal_after_restarts(&executions).await;
    let calls = sink.received().iter().map(observe::call).collect();
    Facts { keys, operations, executions, calls, kills, drained, unequal }
}

#[derive(Default)]
struct Canaries {
    keys: Vec<String>,
    operations: Vec<Operation>,
}

impl Canaries {
    /// Sends some and resolves when all of them were answered: then every part works.
    async fn send(&mut self, bases: &[String]) {
        let first = self.keys.len();
        let keys: Vec<_> = (first..first + CANARIES).map(|number| format!("canary-{number}")).collect();
        self.operations.extend(clients::send_canaries(&keys, bases, CANARY_CLIENT).await);
        self.keys.extend(keys);
    }
}

impl World {
    fn start(options: &crate::Options, sink: &Sink) -> Self {
        let nats = match options.nats.replicas {
            1 => vec![NatsServer::start(Sync::Always, "")],
            _ => NatsCluster::start(Sync::Always).servers,
        };
        let role = |role: &'static str| {
            let url: Vec<_> = nats.iter().map(NatsServer::url).collect();
            let mut launch = Launch::role(&options.server, role).argument(format!("--nats={}", url.join(",")));
            for server in &nats {
                launch = launch.argument(format!("--nats-monitor={}", server.monitor()));
            }
            let copies = if options.nats.replicas == 1 { 1 } else { 3 };
            launch.argument(format!("--nats-replicas={copies}")).argument(format!("--listen={}", free_address()))
        };
        let engine = || {
            let launch = role("engine").argument(format!("--engine-ttl={ENGINE_TTL}"));
            Process::start(launch.argument(format!("--allow-private-host={}", sink.address())))
        };
        let console = Process::start(role("console"));
        deploy(&options.server, &nats, sink);
        Self {
            ingresses: (0..options.nats.ingresses).map(|_| Process::start(role("ingress"))).collect(),
            engines: (0..options.nats.engines).map(|_| engine()).collect(),
            console,
            nats,
            random: Random(options.seed ^ 0x6661_756c),
        }
    }

    /// Does something bad, undoes it, and waits until everything works.
    async fn suffer(&mut self, fault: Fault, bases: &[String], canaries: &mut Canaries) -> Kill {
        let (began, at_ms) = (Instant::now(), now_ms());
        let pause = Duration::from_millis(self.random.below(1_500) as u64);
        // Canaries are on their way while the fault lasts, so that the first moment is seen at which all of them are answered.
        let sending = canaries.send(bases);
        let suffering = self.inflict(fault, pause);
        tokio::join!(sending, suffering);
        let ready_after_ms = began.elapsed().as_millis() as u64;
        println!("fault           {fault:?}: everything worked again after {ready_after_ms} ms");
        Kill { at_ms, ready_after_ms }
    }

    async fn inflict(&mut self, fault: Fault, pause: Duration) {
        let engine = self.random.below(self.engines.len());
        let ingress = self.random.below(self.ingresses.len());
        let nats = self.random.below(self.nats.len());
        match fault {
            Fault::KillEngine => kill(&mut self.engines[engine], pause).await,
            Fault::KillIngress => kill(&mut self.ingresses[ingress], pause).await,
            Fault::StopEngine => {
                tokio::task::block_in_place(|| self.engines[engine].terminate());
                tokio::time::sleep(pause).await;
                tokio::task::block_in_place(|| self.engines[engine].restart());
            }
            Fault::FreezeEngine => freeze(&self.engines[engine], FROZEN).await,
            Fault::FreezeIngress => freeze(&self.ingresses[ingress], FROZEN_SHORTLY).await,
            Fault::KillNats => {
                self.nats[nats].kill();
                tokio::time::sleep(pause).await;
                tokio::task::block_in_place(|| self.nats[nats].restart());
            }
            Fault::FreezeNats => {
                self.nats[nats].freeze();
                tokio::time::sleep(FROZEN_SHORTLY).await;
                self.nats[nats].thaw();
            }
        }
    }

    /// Starts the console anew, with and without its views, and engines without their indexes; gives the paths whose answers
    /// changed.
    async fn unequal_after_restarts(&mut self, executions: &[crate::facts::Execution]) -> Vec<String> {
        let ids = observe::compared(executions);
        let before = observe::answers(&self.console.server().api, &ids).await;
        tokio::task::block_in_place(|| {
            self.console.terminate();
            std::fs::remove_dir_all(self.console.launch.data()).expect("a removal");
            for engine in &mut self.engines {
                engine.terminate();
                std::fs::remove_dir_all(engine.launch.data()).expect("a removal");
                engine.restart();
            }
            self.console.restart();
        });
        let after = observe::answers(&self.console.server().api, &ids).await;
        observe::differences("without sled", &before, &after)
    }
}

async fn kill(process: &mut Process, pause: Duration) {
    process.kill();
    tokio::time::sleep(pause).await;
    tokio::task::block_in_place(|| process.restart());
}

async fn freeze(process: &Process, span: Duration) {
    process.server().freeze();
    tokio::time::sleep(span).await;
    process.server().thaw();
}

/// Brings the flows into the log, as an operator does.
fn deploy(binary: &std::path::Path, nats: &[NatsServer], sink: &Sink) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("a flow file");
    write("plain.yaml", clients::PLAIN_FLOW);
    write("canary.yaml", clients::CANARY_FLOW);
    write("calling.yaml", &clients::calling_flow(sink.address()));
    let mut command = std::process::Command::new(binary);
    command.args(["flow", "deploy"]).arg(folder.path());
    command.arg(format!("--nats={}", nats.iter().map(NatsServer::url).collect::<Vec<_>>().join(",")));
    command.args(nats.iter().map(|server| format!("--nats-monitor={}", server.monitor())));
    let output = command.output().expect("windhover flow deploy");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// An address that stays the same over restarts, so that clients find the process again.
fn free_address() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    listener.expect("a free port").to_string()
}
