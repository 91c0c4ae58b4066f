//! What is accepted and what is turned away.

use serde_json::json;

use super::*;

#[tokio::test]
async fn an_unknown_flow_and_a_wrong_key_are_not_found() {
    let server = with_example().start();
    let flow = server.api.webhook(NAMESPACE, "nobody", EXAMPLE_KEY).body("{}").send().await;
    assert_eq!(flow.status, 404);
    assert!(flow.text().contains("Flow not found"), "{}", flow.text());
    let key = server.api.webhook(NAMESPACE, EXAMPLE, "wrong").body("{}").send().await;
    assert_eq!(key.status, 404);
    assert!(key.text().contains("Webhook not found"), "{}", key.text());
    assert_eq!(count(&server.api, "").await, 0);
}

#[tokio::test]
async fn the_key_of_the_trigger_is_rendered_and_trimmed() {
    let source = flow("trimmed", &returns("out", "x"), "").replace("key: key", "key: \"  {{ 'a' ~ 'b' }}  \"");
    let server = launch().flow("trimmed.yaml", &source).start();
    assert_eq!(server.api.webhook(NAMESPACE, "trimmed", "ab").body("{}").send().await.status, 200);
    assert_eq!(server.api.webhook(NAMESPACE, "trimmed", "a").body("{}").send().await.status, 404);
}

#[tokio::test]
async fn a_disabled_flow_and_a_disabled_trigger_answer_409() {
    let disabled_flow = format!("{}disabled: true\n", flow("off", &returns("out", "x"), ""));
    let disabled_trigger = flow("half", &returns("out", "x"), "    disabled: true\n");
    let server = launch().flow("off.yaml", &disabled_flow).flow("half.yaml", &disabled_trigger).start();
    for id in ["off", "half"] {
        assert_eq!(server.api.webhook(NAMESPACE, id, "key").body("{}").send().await.status, 409, "{id}");
    }
}

#[tokio::test]
async fn a_delivery_that_the_trigger_does_not_want_is_204_and_starts_nothing() {
    let when = "    when: \"{{ trigger.body.amount > 100 }}\"\n";
    let server = launch().flow("big.yaml", &flow("big", &returns("out", "x"), when)).start();
    let deliver = async |amount: u32| {
        server.api.webhook(NAMESPACE, "big", "key").json(&json!({"amount": amount})).send().await.status
    };
    assert_eq!((deliver(5).await.as_u16(), deliver(500).await.as_u16()), (204, 200));
    assert_eq!(count(&server.api, "filters[flowId][EQUALS]=big").await, 1);
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_with_the_limit() {
    let server = with_example().start();
    let large = vec![b'x'; 3 * 1024 * 1024];
    let answer = server.api.webhook(NAMESPACE, EXAMPLE, EXAMPLE_KEY).body(large).send().await;
    assert_eq!(answer.status, 413);
    assert!(answer.text().contains("1048576") || answer.text().contains("1 MiB"), "{}", answer.text());
}

#[tokio::test]
async fn a_body_that_is_no_json_is_kept_as_text() {
    let server = with_example().start();
    let answer = server.api.webhook(NAMESPACE, EXAMPLE, EXAMPLE_KEY).body("plain words").send().await;
    assert_eq!(answer.json()["trigger"]["variables"]["body"], "plain words");
}

#[tokio::test]
async fn a_large_body_reaches_the_flow_whole() {
    let size = returns("out", "{{ trigger.body.text | length }}");
    let server = launch().flow("large.yaml", &flow("large", &size, "")).start();
    let text = "é".repeat(300_000);
    let answer = server.api.webhook(NAMESPACE, "large", "key").json(&json!({"text": text})).send().await;
    let execution = server.api.ended(&answer.id()).await;
    assert_eq!(execution["taskRunList"][0]["outputs"]["value"], "300000", "{}", execution["state"]);
}

#[tokio::test]
async fn sensitive_headers_are_masked_wherever_they_are_shown() {
    let server = with_example().start();
    let webhook = server.api.webhook(NAMESPACE, EXAMPLE, EXAMPLE_KEY).header("Authorization", "Bearer hunter2-token");
    let answer = webhook.json(&json!({})).send().await;
    let id = answer.id();
    server.api.ended(&id).await;
    for path in [format!("executions/{id}"), "executions/search".to_owned(), format!("logs/{id}")] {
        let shown = server.api.get(&format!("/api/v1/main/{path}")).await.text();
        assert!(!shown.contains("hunter2-token"), "{path}: {shown}");
    }
    assert!(!answer.text().contains("hunter2-token"), "{}", answer.text());
    assert!(!server.printed().contains("hunter2-token"));
}

#[tokio::test]
async fn errors_are_problem_documents_with_a_status_and_a_detail() {
    let server = with_example().start();
    for path in ["/api/v1/main/executions/webhook/a.b/c/d", "/api/v1/main/executions/7777777777777777777777"] {
        let answer = server.api.get(path).await;
        assert_eq!(answer.status, 404, "{path}");
        assert!(answer.header("content-type").starts_with("application/problem+json"), "{path}: {:?}", answer.headers);
        let problem = answer.json();
        assert_eq!(problem["status"], 404, "{path}");
        assert!(problem["title"].is_string() && problem["detail"].is_string(), "{path}: {problem}");
    }
}

#[tokio::test]
async fn a_sensitive_header_hides_what_is_made_of_it_and_nothing_else() {
    let tasks = [
        returns("body", "{{ trigger.body.n }}"),
        returns("event", "{{ trigger.headers['X-GitHub-Event'] | first }}"),
        returns("later", "{{ outputs.body.value }}!"),
        returns("token", "{{ trigger.headers.Authorization | first }}"),
        returns("changed", "{{ trigger.headers.Authorization | first | upper }}"),
        returns("afterwards", "{{ outputs.changed.value | lower }} {{ outputs.body.value }}"),
    ];
    let server = launch().flow("f.yaml", &flow("f", &tasks.join("\n"), "")).start();
    let call = server.api.webhook(NAMESPACE, "f", "key").header("Authorization", "Bearer hunter2-token");
    let answer = call.header("X-GitHub-Event", "push").json(&json!({"n": 5})).send().await;
    let execution = server.api.ended(&answer.id()).await;
    let shown: Vec<_> =
        execution["taskRunList"].as_array().expect("runs").iter().map(|run| &run["outputs"]["value"]).collect();
    assert_eq!(shown, ["5", "push", "5!", "******", "******", "****** 5"]);
}

#[tokio::test]
async fn a_secret_in_a_default_of_an_input_is_masked_where_it_is_used() {
    let inputs = "inputs:\n  - id: s\n    type: STRING\n    defaults: \"{{ secret('TOKEN') }}\"\n";
    let source = format!("{}{inputs}", flow("f", &returns("out", "<{{ inputs.s }}>"), ""));
    let server = launch().flow("f.yaml", &source).variable("SECRET_TOKEN", "aHVudGVyMi10b2tlbg==").start();
    let id = server.api.webhook(NAMESPACE, "f", "key").body("{}").send().await.id();
    let execution = server.api.ended(&id).await;
    assert_eq!(execution["taskRunList"][0]["outputs"]["value"], "<******>", "{execution}");
    let logs = server.api.get(&format!("/api/v1/main/logs/{id}")).await.text();
    assert!(!logs.contains("hunter2-token"), "{logs}");
}
