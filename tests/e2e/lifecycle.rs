//! Start and end of the server.

use std::{os::unix::fs::PermissionsExt, time::Duration};

use serde_json::json;

use super::*;

#[tokio::test]
async fn an_address_that_others_reach_is_refused_without_insecure() {
    let stopped = with_example().argument("--listen").argument("0.0.0.0:0").fails();
    assert_eq!(stopped.status.code(), Some(1), "{}", stopped.printed);
    assert!(stopped.printed.contains("--insecure"), "{}", stopped.printed);
    let server = with_example().argument("--listen").argument("0.0.0.0:0").argument("--insecure").start();
    deliver_example(&server.api, &json!({})).await;
}

#[tokio::test]
async fn every_flag_is_also_a_variable() {
    let launch = with_example().variable("WINDHOVER_PUBLIC_URL", "https://hooks.example.com/");
    let server = launch.start();
    let answer = server.api.webhook(NAMESPACE, EXAMPLE, EXAMPLE_KEY).body("{}").send().await;
    let url = answer.json()["url"].as_str().unwrap_or_default().to_owned();
    assert!(url.starts_with("https://hooks.example.com/ui/main/executions/"), "{url}");
    assert!(
        server.printed().contains("https://hooks.example.com/api/v1/main/executions/webhook/"),
        "{}",
        server.printed()
    );
}

#[tokio::test]
async fn sigterm_ends_with_0_and_what_was_accepted_is_there_afterwards() {
    let launch = with_example();
    let server = launch.start();
    let mut ids = Vec::new();
    for n in 0..20 {
        ids.push(deliver_example(&server.api, &json!({"n": n})).await);
    }
    let stopped = server.terminate();
    assert_eq!(stopped.status.code(), Some(0), "{}", stopped.printed);
    assert!(stopped.after < Duration::from_secs(10), "{:?}", stopped.after);
    let server = launch.start();
    for id in ids {
        assert_eq!(server.api.ended(&id).await["state"]["current"], "SUCCESS");
    }
}

#[tokio::test]
async fn sigterm_lets_a_sender_that_waits_have_its_answer() {
    let sleep = "  - id: nap\n    type: io.kestra.plugin.core.flow.Sleep\n    duration: PT2S";
    let server = launch().flow("slow.yaml", &flow("slow", sleep, "    wait: true\n")).start();
    let api = server.api.clone();
    let waiting = tokio::spawn(async move { api.webhook(NAMESPACE, "slow", "key").body("{}").send().await });
    windhover_testing::eventually("the start", async || (count(&server.api, "").await == 1).then_some(())).await;
    server.signal_term();
    let answer = waiting.await.expect("a delivery");
    assert_eq!((answer.status.as_u16(), &answer.json()["state"]["current"]), (200, &json!("SUCCESS")));
    let stopped = server.wait();
    assert_eq!(stopped.status.code(), Some(0), "{}", stopped.printed);
}

#[tokio::test]
async fn sigterm_ends_in_time_although_a_flow_sleeps_for_an_hour() {
    let sleep = "  - id: nap\n    type: io.kestra.plugin.core.flow.Sleep\n    duration: PT1H";
    let server = launch().flow("slow.yaml", &flow("slow", sleep, "")).start();
    server.api.webhook(NAMESPACE, "slow", "key").body("{}").send().await;
    let stopped = server.terminate();
    assert_eq!(stopped.status.code(), Some(0), "{}", stopped.printed);
    assert!(stopped.after < Duration::from_secs(10), "{:?}", stopped.after);
}

#[tokio::test]
async fn a_second_server_on_the_same_folder_is_refused() {
    let launch = with_example();
    let server = launch.start();
    let second = std::process::Command::new(env!("CARGO_BIN_EXE_windhover"))
        .args(["server", "local", "--listen", "127.0.0.1:0"])
        .arg("--flows")
        .arg(launch.flows())
        .arg("--data")
        .arg(launch.data())
        .output()
        .expect("a run");
    assert_eq!(second.status.code(), Some(1));
    let printed = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(printed.contains("another process uses"), "{printed}");
    deliver_example(&server.api, &json!({})).await;
}

#[tokio::test]
async fn the_key_for_sealed_values_is_made_once_and_closed_to_others() {
    let launch = with_example();
    launch.start().terminate();
    let file = launch.data().join("secret.key");
    let made = std::fs::read_to_string(&file).expect("a key");
    assert_eq!(std::fs::metadata(&file).expect("metadata").permissions().mode() & 0o777, 0o600);
    launch.start().terminate();
    assert_eq!(std::fs::read_to_string(&file).expect("a key"), made);
}

#[tokio::test]
async fn a_bad_or_another_key_for_sealed_values_is_refused() {
    let short = with_example().variable("WINDHOVER_SECRET_KEY", "c2hvcnQ=").fails();
    assert!(short.printed.contains("32 bytes"), "{}", short.printed);
    let launch = with_example();
    launch.start().terminate();
    let other = launch.variable("WINDHOVER_SECRET_KEY", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=").fails();
    assert_eq!(other.status.code(), Some(1));
    assert!(other.printed.contains("the key of the data"), "{}", other.printed);
}

#[tokio::test]
async fn the_number_of_partitions_is_fixed_when_the_folder_is_made() {
    let launch = with_example().argument("--partitions").argument("4");
    launch.start().terminate();
    let data = launch.data();
    let other = std::process::Command::new(env!("CARGO_BIN_EXE_windhover"))
        .args(["server", "local", "--listen", "127.0.0.1:0", "--partitions", "8"])
        .arg("--flows")
        .arg(launch.flows())
        .arg("--data")
        .arg(&data)
        .output()
        .expect("a run");
    assert_eq!(other.status.code(), Some(1));
    let printed = String::from_utf8_lossy(&other.stderr).into_owned();
    assert!(printed.contains("the logs have 4 partitions, but 8 were asked for; leave --partitions out"), "{printed}");
}

#[tokio::test]
async fn without_a_number_of_partitions_the_log_keeps_its_own() {
    let data = tempfile::tempdir().expect("a folder");
    let launch = || with_example().argument("--data").argument(data.path());
    launch().argument("--partitions=2").start().terminate();
    let server = launch().start();
    deliver_example(&server.api, &json!({})).await;
}

#[tokio::test]
async fn an_old_address_is_gone_as_soon_as_a_server_starts_and_stays_away_when_it_fails() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("address");
    std::fs::write(&file, "http://127.0.0.1:1\n").expect("an old address");
    let failed = std::process::Command::new(env!("CARGO_BIN_EXE_windhover"))
        .args(["server", "local", "--listen", "127.0.0.1:0", "--address-file"])
        .arg(&file)
        .arg("--data")
        .arg(folder.path().join("data"))
        .env("WINDHOVER_SECRET_KEY", "c2hvcnQ=")
        .output()
        .expect("a run");
    assert_eq!(failed.status.code(), Some(1));
    assert!(!file.exists());
}

#[tokio::test]
async fn a_start_without_the_key_of_the_data_is_refused_and_leaves_no_other_key() {
    const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    let data = tempfile::tempdir().expect("a folder");
    let launch = || with_example().argument("--data").argument(data.path());
    launch().variable("WINDHOVER_SECRET_KEY", KEY).start().terminate();
    let refused = launch().fails();
    assert!(refused.printed.contains("none was given"), "{}", refused.printed);
    assert!(refused.printed.contains("WINDHOVER_SECRET_KEY or --secret-key-file"), "{}", refused.printed);
    assert!(!data.path().join("secret.key").exists());
    launch().variable("WINDHOVER_SECRET_KEY", KEY).start();
}

#[tokio::test]
async fn every_answer_names_how_firmly_deliveries_are_kept() {
    let server = with_example().start();
    for path in ["/health", "/ready", "/nothing", "/api/v1/main/executions/search", "/api/v1/main/executions/none"] {
        let answer = server.api.get(path).await;
        assert_eq!(answer.header("windhover-durability"), "fsync", "{path}: {}", answer.status);
    }
}

#[tokio::test]
async fn a_server_whose_disk_cap_is_reached_says_that_it_is_not_ready() {
    let server = with_example().argument("--disk-max=1B").start();
    let reason = windhover_testing::eventually("/ready says why", async || {
        let ready = server.api.get("/ready").await;
        (ready.status == 503).then(|| ready.text())
    })
    .await;
    assert!(reason.contains("nothing new is accepted") && reason.contains("the cap is 1"), "{reason}");
}

#[tokio::test]
async fn a_flow_folder_that_is_not_there_is_told_with_the_option() {
    let server = launch().argument("--flows=/does/not/exist").start();
    let printed = server.printed();
    assert!(printed.contains("/does/not/exist is not there") && printed.contains("--flows"), "{printed}");
}
