//! The commands that talk to a server, as people and programs use them.

use std::process::{Command, Output};

use serde_json::json;

use super::*;

/// Runs the program against a server.
fn run(api: &Api, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_windhover"));
    command.args(arguments).env("WINDHOVER_SERVER", api.base()).output().expect("the program")
}

/// What it printed; it must have gone well.
fn printed(api: &Api, arguments: &[&str]) -> String {
    let output = run(api, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

fn printed_json(api: &Api, arguments: &[&str]) -> Value {
    serde_json::from_str(&printed(api, arguments)).expect("JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn flows_are_deployed_listed_read_and_deleted() {
    let server = launch().start();
    let api = &server.api;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().to_str().expect("a path");
    std::fs::write(folder.path().join("a.yaml"), flow("a", &returns("out", "1"), "")).expect("a file");
    std::fs::write(folder.path().join("b.yaml"), flow("b", &returns("out", "1"), "")).expect("a file");
    let dry = run(api, &["flow", "deploy", path, "--dry-run", "--json"]);
    assert_eq!(dry.status.code(), Some(2), "something would change");
    let planned: Value = serde_json::from_slice(&dry.stdout).expect("JSON");
    assert_eq!((&planned[0]["change"], &planned[1]["id"]), (&json!("new"), &json!("b")));
    assert_eq!(printed_json(api, &["flow", "list", "--json"]), json!([]), "a dry run changes nothing");
    let table = printed(api, &["flow", "deploy", path]);
    assert!(table.starts_with("company.team/a: new\n"), "the lines that change come first: {table}");
    assert!(table.lines().any(|line| line.trim_end() == "NAMESPACE     FLOW  CHANGE  REVISION"), "{table}");
    std::fs::write(folder.path().join("b.yaml"), flow("b", &returns("out", "2"), "")).expect("a file");
    let again = printed_json(api, &["flow", "deploy", path, "--json"]);
    let of = |place: usize| (again[place]["change"].clone(), again[place]["revision"].clone());
    assert_eq!((of(0), of(1)), ((json!("unchanged"), json!(1)), (json!("changed"), json!(2))));
    assert_eq!(run(api, &["flow", "deploy", path, "--dry-run"]).status.code(), Some(0));
    assert_eq!(
        printed(api, &["flow", "get", "company.team/b"]).trim_end(),
        flow("b", &returns("out", "2"), "").trim_end()
    );
    assert!(printed(api, &["flow", "get", "company.team/b", "--revision", "1"]).contains("format: \"1\""));
    let listed = printed(api, &["flow", "list", "--namespace", "company"]);
    assert_eq!(listed.lines().count(), 3, "{listed}");
    assert_eq!(printed(api, &["flow", "delete", "company.team/b"]), "company.team/b deleted\n");
    let missing = run(api, &["flow", "get", "company.team/b"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("Flow not found"));
    std::fs::write(folder.path().join("c.yaml"), "id: c\n").expect("a file");
    let wrong = run(api, &["flow", "deploy", path]);
    assert_eq!(wrong.status.code(), Some(1));
    let said = String::from_utf8_lossy(&wrong.stderr).into_owned();
    assert!(said.contains("c.yaml:1:1: namespace: must not be null"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn executions_logs_and_triggers_are_shown_to_people_and_programs() {
    let fail = "  - id: no\n    type: io.kestra.plugin.core.execution.Fail\n    errorMessage: not today";
    let server = with_example().flow("fails.yaml", &flow("fails", fail, "")).start();
    let api = &server.api;
    let good = deliver_example(api, &json!({"hello": "world"})).await;
    let bad = api.webhook(NAMESPACE, "fails", "key").body("{}").send().await.id();
    let followed = run(api, &["execution", "follow", &bad]);
    assert_eq!(followed.status.code(), Some(1), "a failed execution is a failure");
    assert!(String::from_utf8_lossy(&followed.stdout).contains("execution  FAILED"));
    assert!(printed(api, &["execution", "follow", &good]).contains("execution  SUCCESS"));
    let lines = printed(api, &["execution", "follow", &good, "--json"]);
    let last: Value = serde_json::from_str(lines.lines().last().expect("a line")).expect("JSON");
    assert_eq!(last["state"]["current"], "SUCCESS");
    let listed = printed(api, &["execution", "list", "--state", "FAILED"]);
    assert!(listed.contains(&bad) && !listed.contains(&good), "{listed}");
    let all = printed_json(api, &["execution", "list", "--json", "--limit", "1"]);
    assert_eq!(all.as_array().map(Vec::len), Some(1));
    let shown = printed(api, &["execution", "show", &good]);
    assert!(shown.contains("State      SUCCESS") && shown.contains("TASK  STATE"), "{shown}");
    assert_eq!(printed_json(api, &["execution", "show", &good, "--json"])["id"], good);
    assert!(printed(api, &["logs", &bad, "--level", "error"]).contains("ERROR no  not today"));
    assert!(printed(api, &["logs", &bad, "--follow"]).contains("not today"));
    assert_eq!(printed(api, &["logs", &bad, "--task", "other"]), "");
    let missing = run(api, &["logs", "nope"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("there is no execution `nope`"));
    let triggers = printed_json(api, &["trigger", "list", "--json"]);
    assert_eq!(triggers.as_array().map(Vec::len), Some(2));
    assert!(
        printed(api, &["trigger", "list", "--flow", "fails"]).contains("/executions/webhook/company.team/fails/key")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_there_and_one_that_is_no_url_are_said_so() {
    let nobody = Api::new("http://127.0.0.1:1");
    let output = run(&nobody, &["flow", "list"]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("http://127.0.0.1:1") && said.contains("does not answer"), "{said}");
    let output = run(&nobody, &["flow", "list", "--server", "nonsense"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("is no URL"));
}
