//! What a new user sees in the first minute.

use serde_json::json;
use windhover_testing::eventually;

use super::*;

#[tokio::test]
async fn the_terminal_shows_every_webhook_and_one_line_to_copy() {
    let launch = with_example().flow("secret.yaml", include_str!("../../flows/webhook_secret.yaml"));
    let server = launch.start();
    let url = format!("{}/api/v1/main/executions/webhook/{NAMESPACE}/{EXAMPLE}/{EXAMPLE_KEY}", server.api.base());
    let printed = server.printed();
    assert!(printed.contains(&url), "{printed}");
    assert!(printed.contains("waiting for secret WEBHOOK_KEY"), "{printed}");
    let line = printed.lines().find(|line| line.trim().starts_with("curl ")).expect("a line to copy").trim().to_owned();
    let copied = std::process::Command::new("sh").args(["-c", &line]).output().expect("a shell");
    let answer: Value = serde_json::from_slice(&copied.stdout).expect("an answer in JSON");
    assert_eq!(answer["flowId"], EXAMPLE, "{answer}");
}

/// Only the address is given, by a variable: the tests must not depend on a certain port being free.
#[tokio::test]
async fn without_arguments_the_local_server_runs_on_the_flows_and_data_of_the_folder() {
    let folder = with_example();
    let free =
        std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port");
    let child = std::process::Command::new(env!("CARGO_BIN_EXE_windhover"))
        .current_dir(folder.scratch())
        .env("WINDHOVER_LISTEN", free.to_string())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn();
    let mut child = child.expect("a server");
    let api = Api::new(&format!("http://{free}"));
    let answer = eventually("an answer", async || {
        api.webhook(NAMESPACE, EXAMPLE, EXAMPLE_KEY).json(&json!({"hello": "world"})).try_send().await.ok()
    });
    let ended = api.ended(&answer.await.id()).await;
    child.kill().and_then(|()| child.wait()).expect("an end");
    assert_eq!(ended["state"]["current"], "SUCCESS");
    assert!(folder.scratch().join(".windhover/log").is_dir(), "the log is under .windhover");
}

#[tokio::test]
async fn the_answer_has_the_shape_of_kestras() {
    let server = with_example().start();
    let webhook = server.api.webhook(NAMESPACE, EXAMPLE, EXAMPLE_KEY).json(&json!({"hello": "world"}));
    let answer = webhook.send().await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let body = answer.json();
    let members: Vec<_> = body.as_object().expect("an object").keys().map(String::as_str).collect();
    let wanted = ["flowId", "flowRevision", "id", "labels", "namespace", "state", "tenantId", "trigger", "url"];
    let mut sorted = members.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, wanted);
    let id = answer.id();
    assert!(id.len() == 22 && id.chars().all(|letter| letter.is_ascii_alphanumeric()), "{id}");
    assert_eq!(
        (&body["tenantId"], &body["namespace"], &body["flowId"], &body["flowRevision"]),
        (&json!("main"), &json!(NAMESPACE), &json!(EXAMPLE), &json!(1))
    );
    assert_eq!(body["trigger"]["id"], "webhook");
    assert_eq!(body["trigger"]["type"], "io.kestra.plugin.core.trigger.Webhook");
    assert_eq!(body["trigger"]["variables"]["body"], json!({"hello": "world"}));
    assert_eq!(body["trigger"]["variables"]["headers"]["Content-Type"], json!(["application/json"]));
    assert_eq!(body["state"]["current"], "CREATED");
    assert_eq!(states(&body), ["CREATED"]);
    assert_eq!(body["state"]["startDate"], body["state"]["histories"][0]["date"]);
    assert!(
        body["url"]
            .as_str()
            .is_some_and(|url| url.ends_with(&format!("/ui/main/executions/{NAMESPACE}/{EXAMPLE}/{id}")))
    );
    let labels = body["labels"].as_array().expect("labels");
    assert!(labels.contains(&json!({"key": "system.correlationId", "value": id})), "{labels:?}");
    assert!(labels.contains(&json!({"key": "system.from", "value": "trigger"})), "{labels:?}");
    assert_eq!(answer.header("windhover-durability"), "fsync");
}

#[tokio::test]
async fn the_execution_ends_in_success_with_task_runs_outputs_and_histories() {
    let server = with_example().start();
    let id = deliver_example(&server.api, &json!({"hello": "world"})).await;
    let execution = server.api.ended(&id).await;
    assert_eq!(states(&execution), ["CREATED", "RUNNING", "SUCCESS"]);
    let runs = execution["taskRunList"].as_array().expect("task runs");
    assert_eq!(runs.len(), 1);
    assert_eq!(runs[0]["taskId"], "out");
    assert_eq!(states(&runs[0]), ["CREATED", "SUBMITTED", "RUNNING", "SUCCESS"]);
    let value = runs[0]["outputs"]["value"].as_str().expect("an output");
    let seen: Value = serde_json::from_str(value).expect("the trigger as JSON");
    assert_eq!(seen["body"], json!({"hello": "world"}));
    assert!(execution["state"]["endDate"].is_string() && execution["state"]["duration"].is_string());
}

#[tokio::test]
async fn log_lines_are_shown_by_execution() {
    let log = "  - id: say\n    type: io.kestra.plugin.core.log.Log\n    message: \"order {{ trigger.body.n }}\"";
    let server = launch().flow("log.yaml", &flow("logs", log, "")).start();
    let answer = server.api.webhook(NAMESPACE, "logs", "key").json(&json!({"n": 17})).send().await;
    let id = answer.id();
    server.api.ended(&id).await;
    let lines = server.api.get(&format!("/api/v1/main/logs/{id}")).await.json();
    let line = lines.as_array().expect("lines").iter().find(|line| line["taskId"] == "say").cloned();
    let line = line.unwrap_or_else(|| panic!("no line of the task in {lines}"));
    assert_eq!(
        (&line["message"], &line["level"], &line["executionId"]),
        (&json!("order 17"), &json!("INFO"), &json!(id))
    );
}

#[tokio::test]
async fn get_and_put_start_executions_too_and_other_methods_do_not() {
    let server = with_example().start();
    let path = format!("/api/v1/main/executions/webhook/{NAMESPACE}/{EXAMPLE}/{EXAMPLE_KEY}");
    for (method, status) in [("GET", 200), ("PUT", 200), ("POST", 200), ("DELETE", 405), ("HEAD", 405), ("PATCH", 405)]
    {
        let method: reqwest::Method = method.parse().expect("a method");
        let answer = server.api.webhook_at(method.clone(), &path).send().await;
        assert_eq!(answer.status, status, "{method}");
        if status == 405 {
            assert!(answer.header("allow").contains("POST"), "{method}: {:?}", answer.headers);
        }
    }
    assert_eq!(count(&server.api, &format!("filters[flowId][EQUALS]={EXAMPLE}")).await, 3);
}

#[tokio::test]
async fn the_secret_variant_opens_with_the_value_of_its_secret_only() {
    let launch = launch()
        .flow("secret.yaml", include_str!("../../flows/webhook_secret.yaml"))
        .variable("SECRET_WEBHOOK_KEY", "czNjcmV0");
    let server = launch.start();
    let deliver = async |key: &str| server.api.webhook(NAMESPACE, "webhook_secret", key).body("{}").send().await.status;
    assert_eq!(deliver("s3cret").await, 200);
    assert_eq!(deliver("czNjcmV0").await, 404);
    assert!(!server.printed().contains("s3cret"), "{}", server.printed());
}

#[tokio::test]
async fn a_trigger_that_waits_for_its_secret_is_closed_and_the_others_are_open() {
    let server = with_example().flow("secret.yaml", include_str!("../../flows/webhook_secret.yaml")).start();
    let secret = server.api.webhook(NAMESPACE, "webhook_secret", "s3cret").body("{}").send().await;
    assert_eq!(secret.status, 404);
    deliver_example(&server.api, &json!({})).await;
}

#[tokio::test]
async fn health_and_readiness_are_told() {
    let server = with_example().start();
    for path in ["/health", "/ready"] {
        assert_eq!(server.api.get(path).await.status, 200, "{path}: a server that gave its address is ready");
    }
}
