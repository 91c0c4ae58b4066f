//! The whole program, driven as its users drive it: flow files, variables, signals and HTTP. One test a promise.

mod bodies;
mod command_line;
mod compatibility;
mod crashes;
mod deliveries;
mod duplicates;
mod effects;
mod first_webhook;
mod flow_folder;
mod flows_api;
mod lifecycle;
mod openapi;
mod queries;
mod requests;
mod secrets;
mod statuses;
mod streams;
mod waits;

use serde_json::Value;
use windhover_testing::{Api, Launch};

const NAMESPACE: &str = "company.team";
const EXAMPLE: &str = "webhook_example";
const EXAMPLE_KEY: &str = "1KERKzRQZSMtLdMdNI7Nkr";

/// A server of the binary under test in new folders.
fn launch() -> Launch {
    Launch::new(env!("CARGO_BIN_EXE_windhover"))
}

/// A server with the example flow of the repository.
fn with_example() -> Launch {
    launch().flow("webhook_example.yaml", include_str!("../../flows/webhook_example.yaml"))
}

/// A flow of `company.team` with these tasks (YAML, indented by two) and more properties of its webhook, whose key is `key`.
fn flow(id: &str, tasks: &str, webhook: &str) -> String {
    let trigger = "type: io.kestra.plugin.core.trigger.Webhook\n    key: key";
    format!("id: {id}\nnamespace: {NAMESPACE}\ntasks:\n{tasks}\ntriggers:\n  - id: hook\n    {trigger}\n{webhook}")
}

/// A task that returns a text.
fn returns(id: &str, format: &str) -> String {
    format!("  - id: {id}\n    type: io.kestra.plugin.core.debug.Return\n    format: \"{format}\"")
}

/// Delivers a body to the example flow and gives the execution's id.
async fn deliver_example(api: &Api, body: &Value) -> String {
    let answer = api.webhook(NAMESPACE, EXAMPLE, EXAMPLE_KEY).json(body).send().await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.id()
}

/// The states of a history, in order.
fn states(of: &Value) -> Vec<&str> {
    let histories = of["state"]["histories"].as_array().expect("histories");
    histories.iter().filter_map(|entry| entry["state"].as_str()).collect()
}

/// Number of executions that a search finds.
async fn count(api: &Api, query: &str) -> u64 {
    api.search(query).await["total"].as_u64().expect("a total")
}
