//! What each role does alone and beside the others.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_goes_through_ingress_engine_and_console() {
    let world = World::start();
    world.deploy(&[("echo.yaml", &echo())]);
    let (ingress, _engine, console) = (world.ingress(), world.engine().start(), world.console());
    let first = deliver(&ingress.api, "echo", "once").await;
    assert_eq!((first.status.as_u16(), first.header("windhover-durability")), (200, "fsync"), "{}", first.text());
    let execution = console.api.ended(&first.id()).await;
    assert_eq!(states(&execution), ["CREATED", "RUNNING", "SUCCESS"]);
    let again = deliver(&ingress.api, "echo", "once").await;
    assert_eq!((again.id(), again.header("idempotent-replayed")), (first.id(), "true"));
    assert_eq!(again.json()["state"]["current"], "SUCCESS", "the live state, asked of the engine");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_role_in_one_process_has_its_log_in_nats_too() {
    let world = World::start();
    let server = world.role("local").flow("echo.yaml", &echo()).start();
    let id = deliver(&server.api, "echo", "once").await.id();
    server.api.ended(&id).await;
    let console = world.console();
    assert_eq!(states(&console.api.ended(&id).await), ["CREATED", "RUNNING", "SUCCESS"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_engine_deliveries_are_taken_at_once_and_run_when_one_comes() {
    let world = World::start();
    world.deploy(&[("echo.yaml", &echo())]);
    let (ingress, console) = (world.ingress(), world.console());
    assert_eq!(ingress.api.get("/ready").await.status, 200);
    let began = Instant::now();
    let answer = deliver(&ingress.api, "echo", "early").await;
    assert_eq!((answer.status.as_u16(), answer.header("windhover-verdict")), (200, "pending"));
    assert!(began.elapsed() < Duration::from_millis(200), "the answer waited for nobody: {:?}", began.elapsed());
    let shown = console.api.get(&format!("/api/v1/main/executions/{}", answer.id())).await;
    assert_eq!((shown.status.as_u16(), shown.header("retry-after")), (503, "1"), "not decided yet: {}", shown.text());
    assert!(shown.text().contains("no engine answers"), "{}", shown.text());
    let _engine = world.engine().start();
    until_ended(&console.api, 1).await;
    assert_eq!(deliver(&ingress.api, "echo", "early").await.header("idempotent-replayed"), "true");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_is_answered_across_processes_also_when_the_engine_dies_meanwhile() {
    let world = World::start();
    let nap = "  - id: nap\n    type: io.kestra.plugin.core.flow.Sleep\n    duration: PT1S";
    world.deploy(&[("waits.yaml", &flow("waits", nap, "    wait: true\n"))]);
    let (ingress, engine) = (world.ingress(), world.engine().start());
    let webhook = ingress.api.webhook(NAMESPACE, "waits", "key").key("once").json(&json!({}));
    let waiting = tokio::spawn(webhook.send());
    tokio::time::sleep(Duration::from_millis(500)).await;
    engine.kill();
    let _next = world.engine().start();
    let answer = waiting.await.expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(states(&answer.json()), ["CREATED", "RUNNING", "SUCCESS"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_that_no_engine_answers_ends_as_a_call_that_does_not_wait() {
    let world = World::start();
    let task = "  - id: out\n    type: io.kestra.plugin.core.debug.Return\n    format: x";
    world.deploy(&[("waits.yaml", &flow("waits", task, "    wait: true\n"))]);
    let ingress = world.ingress();
    let began = Instant::now();
    let answer = ingress.api.webhook(NAMESPACE, "waits", "key").key("once").json(&json!({})).send().await;
    assert!(began.elapsed() >= Duration::from_secs(15), "a takeover goes unnoticed: {:?}", began.elapsed());
    assert_eq!((answer.status.as_u16(), answer.header("windhover-verdict")), (200, "pending"), "{}", answer.text());
    assert_eq!(states(&answer.json()), ["CREATED"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_of_every_role_names_how_firmly_deliveries_are_kept() {
    let world = World::start();
    for server in [world.ingress(), world.engine().start(), world.console()] {
        for path in ["/health", "/ready", "/nothing", "/api/v1/main/executions/search"] {
            let answer = server.api.get(path).await;
            assert_eq!(answer.header("windhover-durability"), "fsync", "{path}: {}", answer.status);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_without_a_key_does_not_keep_sensitive_headers_and_says_so() {
    let world = World::start();
    world.deploy(&[("echo.yaml", &echo())]);
    let (ingress, _engine, console) = (world.ingress(), world.engine().start(), world.console());
    assert!(ingress.printed().contains("no key for sealed values is given"), "{}", ingress.printed());
    let webhook = ingress.api.webhook(NAMESPACE, "echo", "key").header("Authorization", "Bearer s3cret");
    let id = webhook.json(&json!({"n": 1})).send().await.id();
    let text = console.api.ended(&id).await.to_string();
    assert!(text.contains("<not kept>") && !text.contains("s3cret"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_prefixes_are_two_installations() {
    let mut world = World::start();
    world.deploy(&[("echo.yaml", &echo())]);
    let (_engine, console) = (world.engine().start(), world.console());
    world.arguments.push("--nats-prefix=other".to_owned());
    let other = world.ingress();
    assert_eq!(deliver(&other.api, "echo", "k").await.status, 404, "its flows are not the other's");
    world.deploy(&[("echo.yaml", &echo())]);
    assert_eq!(deliver(&other.api, "echo", "k").await.status, 200);
    assert_eq!(console.api.search("size=1").await["total"], 0);
}
