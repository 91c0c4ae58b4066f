//! Kills, restarts, lost indexes and full disks.

use std::{collections::BTreeMap, fs, path::Path};

use serde_json::json;
use windhover_testing::eventually;

use super::*;

/// Every answer of the API about these executions, byte by byte.
async fn answers(api: &Api, ids: &[String]) -> BTreeMap<String, Vec<u8>> {
    let mut paths = vec![
        "executions/search?size=100&sort=state.startDate:desc".to_owned(),
        "executions/search?size=7&page=2&filters[state][EQUALS]=SUCCESS".to_owned(),
        format!("flows/{NAMESPACE}/{EXAMPLE}"),
    ];
    paths.extend(ids.iter().flat_map(|id| [format!("executions/{id}"), format!("logs/{id}")]));
    let mut answers = BTreeMap::new();
    for path in paths {
        let answer = api.get(&format!("/api/v1/main/{path}")).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answers.insert(path, answer.body.to_vec());
    }
    answers
}

/// Delivers to the example and to a flow that logs, fails or succeeds, and waits for all ends.
async fn some_executions(api: &Api) -> Vec<String> {
    let mut ids = Vec::new();
    for n in 0..20 {
        let flow = if n % 4 == 0 { "mixed" } else { EXAMPLE };
        let key = if n % 4 == 0 { "key" } else { EXAMPLE_KEY };
        let answer = api.webhook(NAMESPACE, flow, key).key(&format!("key-{n}")).json(&json!({"n": n})).send().await;
        ids.push(answer.id());
        if n % 3 == 0 {
            api.webhook(NAMESPACE, flow, key).key(&format!("key-{n}")).json(&json!({"n": n})).send().await;
        }
    }
    for id in &ids {
        api.ended(id).await;
    }
    ids
}

fn mixed() -> String {
    let log = "  - id: say\n    type: io.kestra.plugin.core.log.Log\n    message: \"{{ trigger.body.n }}\"\n";
    let fail =
        "  - id: no\n    type: io.kestra.plugin.core.execution.Fail\n    condition: \"{{ trigger.body.n > 10 }}\"";
    flow("mixed", &format!("{log}{fail}"), "")
}

/// Removes every folder that only keeps what can be made again: all but the log.
fn remove_projections(data: &Path) -> Vec<String> {
    let mut removed = Vec::new();
    for entry in fs::read_dir(data).expect("the data folder") {
        let entry = entry.expect("an entry");
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.path().is_dir() && name != "log" {
            fs::remove_dir_all(entry.path()).expect("a removal");
            removed.push(name);
        }
    }
    removed
}

#[tokio::test]
async fn after_kill_9_and_a_restart_everything_is_still_there() {
    let launch = with_example().flow("mixed.yaml", &mixed());
    let server = launch.start();
    let ids = some_executions(&server.api).await;
    let before = answers(&server.api, &ids).await;
    server.kill();
    let server = launch.start();
    assert_same(&before, &answers(&server.api, &ids).await);
}

#[tokio::test]
async fn a_kill_directly_after_the_answer_loses_nothing() {
    let launch = with_example();
    for n in 0..5 {
        let server = launch.start();
        let id = deliver_example(&server.api, &json!({"n": n})).await;
        server.kill();
        let server = launch.start();
        assert_eq!(server.api.ended(&id).await["state"]["current"], "SUCCESS");
        assert_eq!(count(&server.api, "").await, n + 1);
    }
}

#[tokio::test]
async fn deleting_the_sled_folders_changes_no_answer() {
    let launch = with_example().flow("mixed.yaml", &mixed());
    let server = launch.start();
    let ids = some_executions(&server.api).await;
    let before = answers(&server.api, &ids).await;
    assert_eq!(server.terminate().status.code(), Some(0));
    let removed = remove_projections(&launch.data());
    assert!(removed.len() >= 2, "the index and the views are folders of their own: {removed:?}");
    let server = launch.start();
    assert_same(&before, &answers(&server.api, &ids).await);
    let again = server.api.webhook(NAMESPACE, EXAMPLE, EXAMPLE_KEY).key("key-1").json(&json!({"n": 1})).send().await;
    assert_eq!(again.header("idempotent-replayed"), "true");
}

#[tokio::test]
async fn damaged_sled_folders_are_made_again() {
    let launch = with_example().flow("mixed.yaml", &mixed());
    let server = launch.start();
    let ids = some_executions(&server.api).await;
    let before = answers(&server.api, &ids).await;
    server.terminate();
    for entry in fs::read_dir(launch.data()).expect("the data folder").flatten() {
        if entry.path().is_dir() && entry.file_name() != "log" {
            damage(&entry.path());
        }
    }
    let server = launch.start();
    assert_same(&before, &answers(&server.api, &ids).await);
}

/// Overwrites the first bytes of every file below a folder.
fn damage(folder: &Path) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        if entry.path().is_dir() {
            damage(&entry.path());
            continue;
        }
        let mut bytes = fs::read(entry.path()).expect("a file");
        bytes.iter_mut().take(4096).for_each(|byte| *byte = !*byte);
        fs::write(entry.path(), bytes).expect("a write");
    }
}

#[tokio::test]
async fn at_the_disk_cap_senders_are_told_to_retry_and_nothing_is_damaged() {
    let launch = with_example();
    let server = launch.start();
    let kept = server.api.webhook(NAMESPACE, EXAMPLE, EXAMPLE_KEY).key("kept").json(&json!({})).send().await.id();
    server.api.ended(&kept).await;
    server.kill();
    let launch = launch.argument("--disk-max=1");
    let server = launch.start();
    let refused = eventually("the cap", async || {
        let answer = server.api.webhook(NAMESPACE, EXAMPLE, EXAMPLE_KEY).key("late").json(&json!({})).send().await;
        (answer.status == 503).then_some(answer)
    });
    let refused = refused.await;
    assert!(refused.header("retry-after").parse::<u32>().is_ok(), "{:?}", refused.headers);
    assert!(refused.text().contains("raise the cap"), "{}", refused.text());
    assert_eq!(server.api.execution(&kept).await["state"]["current"], "SUCCESS");
    assert_eq!(server.terminate().status.code(), Some(0));
    let launch = launch.argument("--disk-max=1GiB");
    let server = launch.start();
    let late = server.api.webhook(NAMESPACE, EXAMPLE, EXAMPLE_KEY).key("late").json(&json!({})).send().await;
    assert_eq!(server.api.ended(&late.id()).await["state"]["current"], "SUCCESS");
}

#[tokio::test]
async fn a_log_that_lost_its_end_is_noticed() {
    let launch = with_example();
    let server = launch.start();
    for n in 0..10 {
        let id = deliver_example(&server.api, &json!({"n": n})).await;
        server.api.ended(&id).await;
    }
    server.terminate();
    let saved = launch.scratch().join("saved");
    copy(&launch.data().join("log"), &saved);
    let server = launch.start();
    for n in 0..10 {
        let id = deliver_example(&server.api, &json!({"n": n})).await;
        server.api.ended(&id).await;
    }
    server.terminate();
    fs::remove_dir_all(launch.data().join("log")).expect("a removal");
    copy(&saved, &launch.data().join("log"));
    let stopped = launch.fails();
    assert_eq!(stopped.status.code(), Some(1), "{}", stopped.printed);
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder").flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("a copy");
        }
    }
}

fn assert_same(before: &BTreeMap<String, Vec<u8>>, after: &BTreeMap<String, Vec<u8>>) {
    for (path, bytes) in before {
        let (was, is) = (String::from_utf8_lossy(bytes), String::from_utf8_lossy(&after[path]));
        assert_eq!(was, is, "{path}");
    }
}
