//! An engine over a log: what is appended to the inbox is decided once, whatever is stopped, deleted or asked in between.

#![expect(clippy::unwrap_used, reason = "helpers of tests: what cannot go on fails the test")]

use std::{path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use windhover_engine::{AllowedHost, Config, Engine, Parts};
use windhover_eventlog::{
    Append, Expect, Layout, LogName, ObjectName, Position, SharedLog,
    ask::{Answer, Owners, Question, Until, Verdict},
    definitions::Deployments,
    memory::Memory,
};
use windhover_proto::{
    codec::{self, InboxLine},
    core::Execution,
    delivery::{Delivery, FlowRef, Key, KeySource, RawRequest},
    expr::NoSurroundings,
    id::{DeliveryId, ExecutionId, Fingerprint, TenantId},
    input::{Input, WebhookReceived},
    request::{Body, Request},
    state::State,
    time::Timestamp,
};

const LAYOUT: Layout = Layout { format: 1, partitions: 4, shards: 1 };

const ECHO: &str = "\
id: echo
namespace: company.team
tasks:
  - id: out
    type: io.kestra.plugin.core.debug.Return
    format: \"{{ trigger.body.n }}\"
triggers:
  - id: hook
    type: io.kestra.plugin.core.trigger.Webhook
    key: k
";

struct World {
    log: SharedLog,
    deployments: Deployments,
    engine: Arc<Engine>,
}

impl World {
    async fn start(log: SharedLog, folder: &Path, allowed: &[AllowedHost]) -> World {
        let deployments = Deployments::open(log.clone()).await.unwrap();
        let surroundings = Arc::new(NoSurroundings);
        let parts = Parts { log: log.clone(), deployments: deployments.clone(), surroundings, seal: None };
        let mut config = Config::new(folder.join("engine"));
        config.allowed_hosts = allowed.to_vec();
        config.snapshot_commits = 3;
        let engine = Engine::start(parts, config, None).unwrap();
        World { log, deployments, engine }
    }

    async fn deploy(&self, source: &str) {
        self.deployments.deploy(&TenantId::main(), source, Timestamp::from_millis(1)).await.unwrap();
    }

    /// Appends a delivery as an ingress would.
    async fn deliver(&self, flow: &str, key: &str, number: u8, body: &str) -> (ExecutionId, DeliveryId, Position) {
        let delivery = DeliveryId::from_bytes([number; 16]);
        self.append(webhook(flow, key, delivery, body, self.deployments.current().position())).await
    }

    async fn append(&self, webhook: WebhookReceived) -> (ExecutionId, DeliveryId, Position) {
        let (execution, delivery) = (webhook.execution, webhook.delivery.id);
        let line = InboxLine::new(&Input::WebhookReceived(Box::new(webhook)), self.log.layout().partitions);
        let bytes = Bytes::from(codec::encode_inbox(&[line]));
        let append = Append { log: LogName::Inbox { shard: 0 }, bytes, expect: Expect::Anything, resend_id: None };
        (execution, delivery, self.log.append(append).await.unwrap())
    }

    async fn ask(&self, execution: ExecutionId, delivery: DeliveryId, until: Until) -> Answer {
        let asking = self.engine.ask(Question { execution, delivery, until });
        tokio::time::timeout(Duration::from_secs(10), asking).await.expect("an answer in time").expect("an owner")
    }

    async fn end_of(&self, execution: ExecutionId, delivery: DeliveryId) -> Execution {
        *self.ask(execution, delivery, Until::End).await.ended.expect("the ended execution")
    }
}

fn webhook(flow: &str, key: &str, delivery: DeliveryId, body: &str, definitions_at: u64) -> WebhookReceived {
    let (tenant, namespace, trigger) = (TenantId::main(), "company.team".parse().unwrap(), "hook".parse().unwrap());
    let flow: windhover_proto::id::FlowId = flow.parse().unwrap();
    let id = key.parse().unwrap();
    let execution = ExecutionId::of_correlation(&tenant, &namespace, &flow, &trigger, &id);
    let body_bytes = Body::Text(body.to_owned());
    let request = Request { method: "POST".into(), query: String::new(), headers: vec![], body: Some(body_bytes) };
    WebhookReceived {
        execution,
        flow: FlowRef { tenant, namespace, flow, revision: 1 },
        definitions_at,
        delivery: Delivery {
            id: delivery,
            trigger: Some(trigger),
            received_at: Timestamp::from_millis(5),
            key: Some(Key { id, source: KeySource::Header }),
            fingerprint: Fingerprint::of(body.as_bytes()),
            request: RawRequest::new(&request),
        },
        labels: vec![],
        inputs: None,
        secret_inputs: None,
        from: "trigger".into(),
    }
}

fn output(execution: &Execution) -> String {
    let kept = execution.task_runs[0].outputs.as_ref().expect("outputs");
    kept.shown().get("value").expect("a value").as_text().expect("text").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_runs_its_flow_and_duplicates_get_the_first_ones_answer() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::start(Memory::new(LAYOUT), folder.path(), &[]).await;
    world.deploy(ECHO).await;
    let (execution, first, _) = world.deliver("echo", "a", 1, r#"{"n":7}"#).await;
    assert_eq!(world.ask(execution, first, Until::Verdict).await.verdict, Verdict::First);
    let ended = world.end_of(execution, first).await;
    assert_eq!((ended.state(), output(&ended).as_str()), (State::Success, "7"));

    let (_, same, _) = world.deliver("echo", "a", 2, r#"{"n":7}"#).await;
    let answer = world.ask(execution, same, Until::Verdict).await;
    assert_eq!((answer.verdict, answer.history.current()), (Verdict::Duplicate, State::Success));
    let (_, other, _) = world.deliver("echo", "a", 3, r#"{"n":8}"#).await;
    assert!(matches!(world.ask(execution, other, Until::Verdict).await.verdict, Verdict::KeyReused { .. }));
    let ended = world.end_of(execution, same).await;
    assert_eq!((ended.suppressed.count, output(&ended).as_str()), (2, "7"));
    world.engine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_decided_without_a_body_that_is_only_out_of_reach() {
    let folder = tempfile::tempdir().unwrap();
    let memory = Memory::new(LAYOUT);
    let world = World::start(memory.clone(), folder.path(), &[]).await;
    world.deploy(ECHO).await;
    let (body, delivery) = (r#"{"n":7}"#, DeliveryId::from_bytes([1; 16]));
    let fingerprint = Fingerprint::of(body.as_bytes());
    let name = ObjectName::new(format!("blob/{fingerprint}")).unwrap();
    world.log.put_object(name, Bytes::from(body)).await.unwrap();
    memory.fail_reads_of_objects(1);
    let mut webhook = webhook("echo", "a", delivery, body, world.deployments.current().position());
    let body = Some(Body::Blob { fingerprint, size_bytes: 7 });
    let request = Request { method: "POST".into(), query: String::new(), headers: vec![], body };
    webhook.delivery.request = RawRequest::new(&request);
    let (execution, delivery, _) = world.append(webhook).await;
    // The partition stops and is taken again; whoever asked meanwhile asks again.
    let question = Question { execution, delivery, until: Until::End };
    let ended = loop {
        let asking = world.engine.ask(question);
        match tokio::time::timeout(Duration::from_secs(10), asking).await.expect("an answer in time") {
            Some(answer) => break answer.ended.expect("the ended execution"),
            None => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    };
    assert_eq!((ended.state(), output(&ended).as_str()), (State::Success, "7"));
    world.engine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_with_or_without_sled_knows_every_key() {
    let folder = tempfile::tempdir().unwrap();
    let log: SharedLog = Memory::new(LAYOUT);
    let world = World::start(log.clone(), folder.path(), &[]).await;
    world.deploy(ECHO).await;
    for number in 1..=40 {
        world.deliver("echo", &format!("key-{number}"), number, r#"{"n":1}"#).await;
    }
    world.engine.stop().await;
    for keep_sled in [true, false] {
        if !keep_sled {
            std::fs::remove_dir_all(folder.path().join("engine")).unwrap();
        }
        let world = World::start(log.clone(), folder.path(), &[]).await;
        for number in 1..=40u8 {
            let delivery = 100 + number + if keep_sled { 0 } else { 60 };
            let (execution, delivery, _) =
                world.deliver("echo", &format!("key-{number}"), delivery, r#"{"n":1}"#).await;
            let answer = world.ask(execution, delivery, Until::Verdict).await;
            assert_eq!(answer.verdict, Verdict::Duplicate, "key-{number}, sled kept: {keep_sled}");
        }
        world.engine.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_knows_what_was_decided_before_a_restart_and_after_the_last_snapshot() {
    let folder = tempfile::tempdir().unwrap();
    let log: SharedLog = Memory::new(Layout { partitions: 1, ..LAYOUT });
    for life in 0..2 {
        let world = World::start(log.clone(), folder.path(), &[]).await;
        if life == 0 {
            world.deploy(ECHO).await;
        }
        // A commit each; the fourth one comes after a snapshot.
        for number in 4 * life + 1..=4 * life + 4 {
            let (execution, delivery, _) = world.deliver("echo", &format!("key-{number}"), number, r#"{"n":1}"#).await;
            world.ask(execution, delivery, Until::Verdict).await;
        }
        world.engine.stop().await;
    }
    std::fs::remove_dir_all(folder.path().join("engine")).unwrap();
    let world = World::start(log.clone(), folder.path(), &[]).await;
    for number in 1..=8 {
        let (execution, delivery, _) =
            world.deliver("echo", &format!("key-{number}"), 100 + number, r#"{"n":1}"#).await;
        let answer = world.ask(execution, delivery, Until::Verdict).await;
        assert_eq!(answer.verdict, Verdict::Duplicate, "key-{number}");
    }
    world.engine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_an_input_is_ignored_silently() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::start(Memory::new(LAYOUT), folder.path(), &[]).await;
    world.deploy(ECHO).await;
    let (execution, delivery, _) = world.deliver("echo", "a", 1, r#"{"n":1}"#).await;
    let (_, _, last) = world.deliver("echo", "a", 1, r#"{"n":1}"#).await;
    world.engine.settled(last).await.unwrap();
    assert_eq!(world.ask(execution, delivery, Until::Verdict).await.verdict, Verdict::First);
    assert_eq!(world.end_of(execution, delivery).await.suppressed.count, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sleep_survives_a_restart_and_then_ends() {
    let folder = tempfile::tempdir().unwrap();
    let log: SharedLog = Memory::new(LAYOUT);
    let flow = ECHO.replace(
        "  - id: out",
        "  - id: nap\n    type: io.kestra.plugin.core.flow.Sleep\n    duration: PT1S\n  - id: out",
    );
    let world = World::start(log.clone(), folder.path(), &[]).await;
    world.deploy(&flow).await;
    let (execution, delivery, position) = world.deliver("echo", "a", 1, r#"{"n":1}"#).await;
    world.engine.settled(position).await.unwrap();
    world.engine.stop().await;
    std::fs::remove_dir_all(folder.path().join("engine")).unwrap();
    let world = World::start(log, folder.path(), &[]).await;
    let (_, again, _) = world.deliver("echo", "a", 2, r#"{"n":1}"#).await;
    assert_eq!(world.ask(execution, again, Until::Verdict).await.history.current(), State::Running);
    assert_eq!(world.end_of(execution, again).await.state(), State::Success);
    let _ = delivery;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_address_is_called_only_when_it_is_allowed() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve_once(listener));
    let flow = ECHO.replace(
        "  - id: out",
        &format!(
            "  - id: call\n    type: io.kestra.plugin.core.http.Request\n    uri: http://{address}/x\n  - id: out"
        ),
    );
    for (allowed, state) in [(vec![], State::Failed), (vec![address.to_string().parse().unwrap()], State::Success)] {
        let folder = tempfile::tempdir().unwrap();
        let world = World::start(Memory::new(LAYOUT), folder.path(), &allowed).await;
        world.deploy(&flow).await;
        let (execution, delivery, _) = world.deliver("echo", "a", 1, r#"{"n":1}"#).await;
        assert_eq!(world.end_of(execution, delivery).await.state(), state, "allowed: {allowed:?}");
    }
}

/// Answers one request with 200 and its `Idempotency-Key`.
async fn serve_once(listener: tokio::net::TcpListener) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut request = [0; 4096];
    let read = stream.read(&mut request).await.unwrap();
    let request = String::from_utf8_lossy(&request[..read]).to_lowercase();
    assert!(request.contains("idempotency-key: "), "{request}");
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_backlog_is_decided_whole_though_no_record_may_hold_it() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::start(Memory::new(LAYOUT), folder.path(), &[]).await;
    world.deploy(ECHO).await;
    world.engine.stop().await;
    let mut last = Position::ORIGIN;
    let body = format!(r#"{{"n":1,"pad":"{}"}}"#, "x".repeat(200_000));
    for number in 1..=200 {
        last = world.deliver("echo", &format!("key-{number}"), number, &body).await.2;
    }
    let world = World::start(world.log.clone(), folder.path(), &[]).await;
    tokio::time::timeout(Duration::from_secs(60), world.engine.settled(last)).await.unwrap().unwrap();
    for number in 1..=200u8 {
        let (execution, delivery, _) = world.deliver("echo", &format!("key-{number}"), number, &body).await;
        assert_eq!(world.end_of(execution, delivery).await.state(), State::Success);
    }
}
