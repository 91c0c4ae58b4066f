//! One key, one execution.

use std::collections::BTreeSet;

use serde_json::json;

use super::*;

fn hook(api: &Api) -> windhover_testing::Webhook {
    api.webhook(NAMESPACE, EXAMPLE, EXAMPLE_KEY)
}

#[tokio::test]
async fn a_duplicate_is_told_the_first_execution_and_its_live_state() {
    let server = with_example().start();
    let first = hook(&server.api).key("order-1").json(&json!({"n": 1})).send().await;
    assert_eq!(first.header("idempotent-replayed"), "");
    server.api.ended(&first.id()).await;
    let second = hook(&server.api).key("order-1").json(&json!({"n": 1})).send().await;
    assert_eq!(second.status, 200, "{}", second.text());
    assert_eq!(second.header("idempotent-replayed"), "true");
    assert_eq!(second.id(), first.id());
    assert_eq!(second.json()["state"]["current"], "SUCCESS");
    assert_eq!(count(&server.api, "").await, 1);
}

#[tokio::test]
async fn a_hundred_deliveries_of_one_key_at_once_start_one_execution() {
    let server = with_example().start();
    let deliveries = (0..100).map(|_| {
        let api = server.api.clone();
        tokio::spawn(async move { hook(&api).key("same").json(&json!({"n": 1})).send().await })
    });
    let deliveries: Vec<_> = deliveries.collect();
    let mut ids = BTreeSet::new();
    for delivery in deliveries {
        let answer = delivery.await.expect("a delivery");
        assert_eq!(answer.status, 200, "{}", answer.text());
        ids.insert(answer.id());
    }
    assert_eq!(ids.len(), 1);
    assert_eq!(count(&server.api, "").await, 1);
}

#[tokio::test]
async fn the_same_key_with_another_body_is_422_with_both_fingerprints() {
    let server = with_example().start();
    hook(&server.api).key("order-2").json(&json!({"n": 1})).send().await;
    let other = hook(&server.api).key("order-2").json(&json!({"n": 2})).send().await;
    assert_eq!(other.status, 422, "{}", other.text());
    let text = other.text();
    let fingerprints = text.split(|letter: char| !letter.is_ascii_hexdigit()).filter(|word| word.len() == 64);
    assert_eq!(fingerprints.collect::<BTreeSet<_>>().len(), 2, "{text}");
    assert_eq!(count(&server.api, "").await, 1);
}

#[tokio::test]
async fn query_and_headers_do_not_make_another_body() {
    let server = with_example().start();
    let path = format!("/api/v1/main/executions/webhook/{NAMESPACE}/{EXAMPLE}/{EXAMPLE_KEY}");
    let first = hook(&server.api).key("order-3").json(&json!({"n": 1})).send().await;
    let again = server.api.webhook_at(reqwest::Method::POST, &format!("{path}?attempt=2")).header("X-Attempt", "2");
    let again = again.key("order-3").json(&json!({"n": 1})).send().await;
    assert_eq!((again.status.as_u16(), again.id()), (200, first.id()));
}

#[tokio::test]
async fn a_quoted_key_is_the_same_as_a_bare_one() {
    let server = with_example().start();
    let bare = hook(&server.api).key("order-4").json(&json!({})).send().await;
    let quoted = hook(&server.api).key("\"order-4\"").json(&json!({})).send().await;
    assert_eq!(quoted.id(), bare.id());
}

#[tokio::test]
async fn an_empty_key_is_no_key() {
    let server = with_example().start();
    let one = hook(&server.api).key("").json(&json!({})).send().await;
    let two = hook(&server.api).key("").json(&json!({})).send().await;
    assert_eq!((one.status.as_u16(), two.status.as_u16()), (200, 200));
    assert_ne!(one.id(), two.id());
}

#[tokio::test]
async fn a_key_that_is_too_long_or_unprintable_is_400() {
    let server = with_example().start();
    let status = async |key: &str| hook(&server.api).key(key).json(&json!({})).send().await.status.as_u16();
    assert_eq!(status(&"k".repeat(255)).await, 200);
    assert_eq!(status(&"k".repeat(256)).await, 400);
    assert_eq!(status("tab\there").await, 400);
}

#[tokio::test]
async fn deliveries_without_a_key_start_one_execution_each() {
    let server = with_example().start();
    let ids: BTreeSet<_> =
        [deliver_example(&server.api, &json!({})).await, deliver_example(&server.api, &json!({})).await].into();
    assert_eq!(ids.len(), 2);
    assert_eq!(count(&server.api, "").await, 2);
}

#[tokio::test]
async fn the_label_of_the_correlation_groups_and_does_not_deduplicate() {
    let server = with_example().start();
    let answer = hook(&server.api).key("order-5").json(&json!({})).send().await;
    let labels = answer.json()["labels"].clone();
    let labels = labels.as_array().expect("labels").clone();
    assert!(labels.contains(&json!({"key": "system.correlationId", "value": "order-5"})), "{labels:?}");
    assert_eq!(count(&server.api, "filters[labels][EQUALS][system.correlationId]=order-5").await, 1);
}

#[tokio::test]
async fn a_key_is_remembered_over_a_kill_and_over_the_loss_of_the_index() {
    let launch = with_example();
    let server = launch.start();
    let first = hook(&server.api).key("order-6").json(&json!({})).send().await;
    server.kill();
    let _ = std::fs::remove_dir_all(launch.data().join("engine"));
    let server = launch.start();
    let again = hook(&server.api).key("order-6").json(&json!({})).send().await;
    assert_eq!((again.id(), again.header("idempotent-replayed")), (first.id(), "true"));
    let other = hook(&server.api).key("order-6").json(&json!({"other": true})).send().await;
    assert_eq!(other.status, 422);
    assert_eq!(count(&server.api, "").await, 1);
}
