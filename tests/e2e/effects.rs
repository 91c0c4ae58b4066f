//! What flows do outside: calls and timers.

use std::time::{Duration, Instant};

use serde_json::json;
use windhover_testing::{Sink, eventually};

use super::*;

fn calls(address: &str, more: &str) -> String {
    format!(
        "  - id: call\n    type: io.kestra.plugin.core.http.Request\n    uri: http://{address}/orders?from=flow\n    \
         method: POST\n    contentType: application/json\n    headers:\n      X-Order: \"{{{{ trigger.body.n }}}}\"\n    \
         body: \"{{{{ trigger.body | json }}}}\"\n{more}"
    )
}

async fn run(server: &windhover_testing::Server, flow: &str) -> Value {
    let answer = server.api.webhook(NAMESPACE, flow, "key").json(&json!({"n": 7})).send().await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    server.api.ended(&answer.id()).await
}

#[tokio::test]
async fn a_call_carries_method_headers_body_and_a_key_of_its_own() {
    let sink = Sink::start().await;
    let server = launch()
        .flow("calls.yaml", &flow("calls", &calls(sink.address(), ""), ""))
        .argument("--allow-private-host")
        .argument(sink.address())
        .start();
    let execution = run(&server, "calls").await;
    assert_eq!(execution["state"]["current"], "SUCCESS", "{execution}");
    assert_eq!(execution["taskRunList"][0]["outputs"]["code"], 200);
    let received = sink.received();
    assert_eq!(received.len(), 1);
    let call = &received[0];
    assert_eq!((call.path.as_str(), call.header("x-order")), ("/orders?from=flow", "7"));
    assert_eq!(serde_json::from_slice::<Value>(&call.body).expect("JSON"), json!({"n": 7}));
    let (id, run) = (execution["id"].as_str().unwrap_or_default(), execution["taskRunList"][0]["id"].as_str());
    let key = call.header("idempotency-key");
    let parts: Vec<_> = key.split('/').collect();
    assert_eq!((parts.len(), parts[0], parts.get(1).copied()), (3, id, run), "{key}");
}

#[tokio::test]
async fn a_status_over_399_fails_the_task_and_the_execution() {
    let sink = Sink::start().await;
    sink.answer_with(&[503]);
    let server = launch()
        .flow("calls.yaml", &flow("calls", &calls(sink.address(), ""), ""))
        .argument(format!("--allow-private-host={}", sink.address()))
        .start();
    let execution = run(&server, "calls").await;
    assert_eq!(execution["state"]["current"], "FAILED", "{execution}");
    assert_eq!(states(&execution["taskRunList"][0]).last(), Some(&"FAILED"));
}

#[tokio::test]
async fn a_failed_call_is_retried_under_another_key() {
    let sink = Sink::start().await;
    sink.answer_with(&[500, 502]);
    let retry = "    retry:\n      type: constant\n      interval: PT0.2S\n      maxAttempts: 5\n";
    let server = launch()
        .flow("calls.yaml", &flow("calls", &calls(sink.address(), retry), ""))
        .argument(format!("--allow-private-host={}", sink.address()))
        .start();
    let execution = run(&server, "calls").await;
    assert_eq!(execution["state"]["current"], "SUCCESS", "{execution}");
    let received = sink.received();
    let mut keys: Vec<_> = received.iter().map(|call| call.header("idempotency-key").to_owned()).collect();
    keys.dedup();
    assert_eq!((received.len(), keys.len()), (3, 3), "{keys:?}");
    assert_eq!(execution["taskRunList"][0]["attempts"].as_array().map(Vec::len), Some(3), "{execution}");
    let waits = received.windows(2).map(|pair| pair[1].at - pair[0].at);
    assert!(waits.min() >= Some(Duration::from_millis(190)), "the interval is kept");
}

#[tokio::test]
async fn loopback_is_closed_to_flows_unless_it_was_allowed() {
    let sink = Sink::start().await;
    let server = launch().flow("calls.yaml", &flow("calls", &calls(sink.address(), ""), "")).start();
    let execution = run(&server, "calls").await;
    assert_eq!(execution["state"]["current"], "FAILED");
    assert!(sink.received().is_empty(), "nothing was called");
    let id = execution["id"].as_str().unwrap_or_default();
    let lines = server.api.get(&format!("/api/v1/main/logs/{id}")).await.text();
    assert!(lines.contains("--allow-private-host"), "{lines}");
}

#[tokio::test]
async fn a_sleep_takes_its_time() {
    let sleep = "  - id: nap\n    type: io.kestra.plugin.core.flow.Sleep\n    duration: PT1S";
    let server = launch().flow("sleep.yaml", &flow("sleeps", sleep, "")).start();
    let began = Instant::now();
    let execution = run(&server, "sleeps").await;
    assert_eq!(execution["state"]["current"], "SUCCESS");
    assert!(began.elapsed() >= Duration::from_secs(1), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_sleep_goes_on_after_a_kill() {
    let sleep = "  - id: nap\n    type: io.kestra.plugin.core.flow.Sleep\n    duration: PT3S";
    let launch = launch().flow("sleep.yaml", &flow("sleeps", sleep, ""));
    let server = launch.start();
    let began = Instant::now();
    let answer = server.api.webhook(NAMESPACE, "sleeps", "key").json(&json!({})).send().await;
    let id = answer.id();
    eventually("the start", async || (server.api.execution(&id).await["state"]["current"] == "RUNNING").then_some(()))
        .await;
    server.kill();
    let server = launch.start();
    let execution = server.api.ended(&id).await;
    assert_eq!(execution["state"]["current"], "SUCCESS");
    assert!(began.elapsed() >= Duration::from_secs(3), "it did not end early: {:?}", began.elapsed());
}

#[tokio::test]
async fn every_kind_of_task_runs() {
    let tasks = [
        returns("one", "{{ trigger.body.n }}"),
        "  - id: two\n    type: io.kestra.plugin.core.log.Log\n    message: \"{{ outputs.one.value }}\"".to_owned(),
        "  - id: three\n    type: io.kestra.plugin.core.output.OutputValues\n    values:\n      doubled: \"{{ outputs.one.value ~ outputs.one.value }}\""
            .to_owned(),
    ];
    let outputs = "outputs:\n  - id: result\n    type: STRING\n    value: \"{{ outputs.three.values.doubled }}\"\n";
    let labels = "labels:\n  team: shop\n";
    let source = format!("{}\n{outputs}{labels}", flow("all", &tasks.join("\n"), ""));
    let server = launch().flow("all.yaml", &source).start();
    let execution = run(&server, "all").await;
    assert_eq!(execution["state"]["current"], "SUCCESS", "{execution}");
    assert_eq!(execution["outputs"], json!({"result": "77"}));
    let labels = execution["labels"].as_array().expect("labels");
    assert!(labels.contains(&json!({"key": "team", "value": "shop"})), "{labels:?}");
}

#[tokio::test]
async fn a_fail_task_ends_the_execution_as_failed() {
    let fail = "  - id: no\n    type: io.kestra.plugin.core.execution.Fail\n    errorMessage: not today\n";
    let source = flow("fails", &format!("{fail}{}", returns("never", "x")), "");
    let server = launch().flow("fails.yaml", &source).start();
    let execution = run(&server, "fails").await;
    assert_eq!(execution["state"]["current"], "FAILED");
    assert_eq!(execution["taskRunList"].as_array().map(Vec::len), Some(1), "nothing runs after it");
}
