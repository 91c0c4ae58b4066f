//! The parts as processes on a real nats-server, driven as their users drive them. One test a promise.

mod compose;
mod deploy;
mod events;
mod outage;
mod ownership;
mod refusals;
mod roles;

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use windhover_eventlog::nats_server::{NatsCluster, NatsServer, Sync};
use windhover_testing::{Api, Launch, Server, Sink, eventually};

const NAMESPACE: &str = "company.team";

/// One NATS and the arguments that every role gets.
struct World {
    nats: NatsServer,
    arguments: Vec<String>,
}

impl World {
    fn start() -> Self {
        let nats = NatsServer::start(Sync::Always, "");
        let arguments = vec![format!("--nats={}", nats.url()), format!("--nats-monitor={}", nats.monitor())];
        Self { nats, arguments }
    }

    /// A role, not started yet.
    fn role(&self, role: &'static str) -> Launch {
        self.arguments.iter().fold(Launch::role(binary(), role), |launch, argument| launch.argument(argument.clone()))
    }

    fn ingress(&self) -> Server {
        self.role("ingress").start()
    }

    fn console(&self) -> Server {
        self.role("console").start()
    }

    /// An engine whose heartbeat lives two seconds.
    fn engine(&self) -> Launch {
        self.role("engine").argument("--engine-ttl=2")
    }

    /// Deploys flows as an operator does, and gives what that printed.
    fn deploy(&self, flows: &[(&str, &str)]) -> String {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for (name, source) in flows {
            std::fs::write(folder.path().join(name), source).expect("a flow file");
        }
        let mut command = std::process::Command::new(binary());
        let output = command.args(["flow", "deploy"]).arg(folder.path()).args(&self.arguments).output();
        let output = output.expect("windhover flow deploy");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

fn binary() -> &'static str {
    env!("CARGO_BIN_EXE_windhover")
}

/// A flow with these tasks (YAML, indented by two) and more properties of its webhook, whose key is `key`.
fn flow(id: &str, tasks: &str, webhook: &str) -> String {
    let trigger = "type: io.kestra.plugin.core.trigger.Webhook\n    key: key";
    format!("id: {id}\nnamespace: {NAMESPACE}\ntasks:\n{tasks}\ntriggers:\n  - id: hook\n    {trigger}\n{webhook}")
}

/// A flow that ends within one turn.
fn echo() -> String {
    flow("echo", "  - id: out\n    type: io.kestra.plugin.core.debug.Return\n    format: \"{{ trigger.body.n }}\"", "")
}

/// A flow that calls the sink.
fn calling(sink: &Sink) -> String {
    let task = "  - id: call\n    type: io.kestra.plugin.core.http.Request\n    method: POST\n    uri: http://";
    flow("calling", &format!("{task}{}/call", sink.address()), "")
}

async fn deliver(api: &Api, flow: &str, key: &str) -> windhover_testing::Answer {
    api.webhook(NAMESPACE, flow, "key").key(key).json(&json!({"n": 1})).send().await
}

/// Delivers this many keys and gives the executions' ids.
async fn deliver_many(api: &Api, flow: &str, prefix: &str, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for number in 0..count {
        let answer = deliver(api, flow, &format!("{prefix}-{number}")).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        ids.push(answer.id());
    }
    ids
}

/// Waits until as many executions have ended in SUCCESS.
async fn until_ended(console: &Api, count: u64) {
    eventually("the end of all executions", async || {
        let found = console.search("size=1&filters[state][EQUALS]=SUCCESS").await;
        (found["total"].as_u64() == Some(count)).then_some(())
    })
    .await;
}

/// How many partitions an engine owns and works on.
async fn running(engine: &Server) -> u64 {
    engine.api.get("/health").await.json()["running"].as_u64().expect("a number")
}

async fn until_running(engine: &Server, count: u64) -> Duration {
    let began = Instant::now();
    eventually("the share of the engine", async || (running(engine).await == count).then_some(())).await;
    began.elapsed()
}

fn states(of: &Value) -> Vec<&str> {
    let histories = of["state"]["histories"].as_array().expect("histories");
    histories.iter().filter_map(|entry| entry["state"].as_str()).collect()
}
