//! The flow folder is watched.

use serde_json::json;
use windhover_testing::{Server, eventually};

use super::*;

const BROKEN: &str = "id: broken\nnamespace: company.team\ntasks:\n  - id: t\n    type: no.such.Task\n";

async fn revision(api: &Api, id: &str) -> Option<u64> {
    let answer = api.get(&format!("/api/v1/main/flows/{NAMESPACE}/{id}")).await;
    (answer.status == 200).then(|| answer.json()["revision"].as_u64()).flatten()
}

async fn says(server: &Server, text: &str) {
    eventually(text, async || server.printed().contains(text).then_some(())).await;
}

#[tokio::test]
async fn a_saved_file_is_the_next_revision_for_the_next_delivery() {
    let launch = launch().flow("a.yaml", &flow("edited", &returns("out", "one"), ""));
    let server = launch.start();
    assert_eq!(revision(&server.api, "edited").await, Some(1));
    launch.write_flow("a.yaml", &flow("edited", &returns("out", "two"), ""));
    eventually("revision 2", async || (revision(&server.api, "edited").await == Some(2)).then_some(())).await;
    let answer = server.api.webhook(NAMESPACE, "edited", "key").json(&json!({})).send().await;
    assert_eq!(answer.json()["flowRevision"], 2);
    assert_eq!(server.api.ended(&answer.id()).await["taskRunList"][0]["outputs"]["value"], "two");
}

#[tokio::test]
async fn a_new_file_is_deployed_and_its_webhook_is_shown() {
    let launch = with_example();
    let server = launch.start();
    launch.write_flow("new.yml", &flow("new", &returns("out", "x"), ""));
    says(&server, &format!("{}/api/v1/main/executions/webhook/{NAMESPACE}/new/key", server.api.base())).await;
    assert_eq!(server.api.webhook(NAMESPACE, "new", "key").body("{}").send().await.status, 200);
}

#[tokio::test]
async fn a_broken_save_is_reported_with_file_line_and_column_and_the_old_revision_stays() {
    let launch = launch().flow("a.yaml", &flow("edited", &returns("out", "one"), ""));
    let server = launch.start();
    launch.write_flow("a.yaml", &BROKEN.replace("broken", "edited"));
    says(&server, "a.yaml:5:").await;
    assert_eq!(revision(&server.api, "edited").await, Some(1));
    assert_eq!(server.api.webhook(NAMESPACE, "edited", "key").body("{}").send().await.status, 200);
}

#[tokio::test]
async fn a_broken_file_at_start_is_reported_and_skipped_and_the_others_run() {
    let server = with_example().flow("broken.yaml", BROKEN).start();
    says(&server, "broken.yaml:5:").await;
    deliver_example(&server.api, &json!({})).await;
    assert_eq!(revision(&server.api, "broken").await, None);
}

#[tokio::test]
async fn a_removed_file_is_reported_and_its_flow_stays() {
    let launch = with_example();
    let server = launch.start();
    std::fs::remove_file(launch.flows().join("webhook_example.yaml")).expect("a removal");
    says(&server, "is no longer in").await;
    deliver_example(&server.api, &json!({})).await;
}

#[tokio::test]
async fn with_prune_a_removed_file_takes_its_flow_along() {
    let launch = with_example().argument("--prune");
    let server = launch.start();
    std::fs::remove_file(launch.flows().join("webhook_example.yaml")).expect("a removal");
    eventually("the deletion", async || {
        let answer = server.api.webhook(NAMESPACE, EXAMPLE, EXAMPLE_KEY).body("{}").send().await;
        (answer.status == 404).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_restart_deploys_nothing_that_did_not_change() {
    let launch = with_example();
    for _ in 0..3 {
        let server = launch.start();
        assert_eq!(revision(&server.api, EXAMPLE).await, Some(1));
        server.terminate();
    }
}

#[tokio::test]
async fn validate_names_file_line_and_column_and_exits_1() {
    let launch = with_example().flow("broken.yaml", BROKEN);
    let validate = |file: &str| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_windhover"))
            .args(["flow", "validate"])
            .arg(launch.flows().join(file))
            .output()
            .expect("a run");
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr),
        )
    };
    assert_eq!(validate("webhook_example.yaml").0, Some(0));
    let (code, printed) = validate("broken.yaml");
    assert_eq!(code, Some(1));
    assert!(printed.contains("broken.yaml:5:"), "{printed}");
}

#[tokio::test]
async fn the_examples_of_the_repository_are_valid() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    for folder in ["flows", "docs/examples"] {
        for entry in std::fs::read_dir(root.join(folder)).expect("a folder") {
            let file = entry.expect("an entry").path();
            let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_windhover"));
            assert!(
                command.args(["flow", "validate"]).arg(&file).status().expect("a run").success(),
                "{}",
                file.display()
            );
        }
    }
}
