//! Answers that wait for the end.

use serde_json::json;

use super::*;

const RETURNING: &str = "    wait: true\n    returnOutputs: true\n";

fn with_outputs(id: &str, webhook: &str) -> String {
    let outputs = "outputs:\n  - id: answer\n    type: STRING\n    value: \"{{ outputs.out.value }}\"\n";
    format!("{}{outputs}", flow(id, &returns("out", "got {{ trigger.body.n }}"), webhook))
}

#[tokio::test]
async fn a_waited_delivery_is_answered_by_the_ended_execution() {
    let server = launch().flow("waits.yaml", &flow("waits", &returns("out", "x"), "    wait: true\n")).start();
    let answer = server.api.webhook(NAMESPACE, "waits", "key").json(&json!({})).send().await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(states(&answer.json()), ["CREATED", "RUNNING", "SUCCESS"]);
}

#[tokio::test]
async fn outputs_are_returned_when_that_is_wanted() {
    let server = launch().flow("waits.yaml", &with_outputs("waits", RETURNING)).start();
    let answer = server.api.webhook(NAMESPACE, "waits", "key").json(&json!({"n": 5})).send().await;
    assert_eq!(answer.json(), json!({"answer": "got 5"}));
}

#[tokio::test]
async fn a_waited_duplicate_gets_the_first_ones_status_and_body() {
    let server =
        launch().flow("waits.yaml", &with_outputs("waits", &format!("{RETURNING}    responseCode: 201\n"))).start();
    let deliver =
        async || server.api.webhook(NAMESPACE, "waits", "key").key("once").json(&json!({"n": 5})).send().await;
    let (first, second) = (deliver().await, deliver().await);
    assert_eq!(first.status, 201, "{}", first.text());
    assert_eq!((second.status, &second.body), (first.status, &first.body));
    assert_eq!(second.header("idempotent-replayed"), "true");
    assert_eq!(count(&server.api, "").await, 1);
}

#[tokio::test]
async fn duplicates_that_wait_together_get_one_answer() {
    let sleep = "  - id: out\n    type: io.kestra.plugin.core.flow.Sleep\n    duration: PT0.5S";
    let server = launch().flow("waits.yaml", &flow("waits", sleep, "    wait: true\n")).start();
    let deliveries: Vec<_> = (0..10)
        .map(|_| {
            let api = server.api.clone();
            tokio::spawn(async move { api.webhook(NAMESPACE, "waits", "key").key("once").body("{}").send().await })
        })
        .collect();
    let mut ids = std::collections::BTreeSet::new();
    for delivery in deliveries {
        let answer = delivery.await.expect("a delivery");
        assert_eq!(answer.json()["state"]["current"], "SUCCESS", "{}", answer.text());
        ids.insert(answer.id());
    }
    assert_eq!(ids.len(), 1);
}

#[tokio::test]
async fn a_wait_that_a_crash_cut_off_is_answered_when_the_sender_tries_again() {
    let nap = "  - id: out\n    type: io.kestra.plugin.core.flow.Sleep\n    duration: PT1.5S";
    let launch = launch().flow("waits.yaml", &flow("waits", nap, "    wait: true\n"));
    let server = launch.start();
    let deliver = |api: &Api| {
        let api = api.clone();
        tokio::spawn(async move { api.webhook(NAMESPACE, "waits", "key").key("once").body("{}").try_send().await })
    };
    let cut_off = deliver(&server.api);
    windhover_testing::eventually("the execution", async || (count(&server.api, "").await == 1).then_some(())).await;
    server.kill();
    assert!(cut_off.await.expect("a delivery").is_err(), "the connection broke");
    let server = launch.start();
    let answer = deliver(&server.api).await.expect("a delivery").expect("an answer");
    assert_eq!((answer.status.as_u16(), answer.header("idempotent-replayed")), (200, "true"), "{}", answer.text());
    assert_eq!(answer.json()["state"]["current"], "SUCCESS");
    assert_eq!(count(&server.api, "").await, 1);
}
