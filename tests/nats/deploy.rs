//! Flows are deployed once and seen by all.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_shows_what_changes_sends_nothing_when_nothing_does_and_is_seen_by_all() {
    let world = World::start();
    let (ingress, other) = (world.ingress(), world.ingress());
    assert_eq!(deliver(&ingress.api, "echo", "k").await.status, 404);
    let printed = world.deploy(&[("echo.yaml", &echo())]);
    assert!(printed.contains("company.team/echo: new") && printed.contains("+ id: echo"), "{printed}");
    for ingress in [&ingress, &other] {
        assert_eq!(deliver(&ingress.api, "echo", "k").await.status, 200);
    }
    let printed = world.deploy(&[("echo.yaml", &echo())]);
    assert!(printed.contains("unchanged") && !printed.contains('+'), "{printed}");
    let changed = echo().replace("trigger.body.n", "trigger.body.m");
    let printed = world.deploy(&[("echo.yaml", &changed)]);
    assert!(printed.contains("-     format: \"{{ trigger.body.n }}\""), "{printed}");
    assert!(printed.contains("+     format: \"{{ trigger.body.m }}\""), "{printed}");
    let answer = deliver(&other.api, "echo", "newer").await;
    assert_eq!(answer.json()["flowRevision"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_makes_nothing_and_shows_everything_as_new() {
    let world = World::start();
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("echo.yaml"), echo()).expect("a flow file");
    let dry_run = || {
        let mut command = std::process::Command::new(binary());
        let output = command.args(["flow", "deploy", "--dry-run"]).arg(folder.path()).args(&world.arguments).output();
        let output = output.expect("a run");
        assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    assert!(dry_run().contains("company.team/echo: new"));
    // Had a dry run made the installation, it would have 16 partitions now.
    let engine = world.engine().argument("--partitions=4").start();
    assert_eq!(running(&engine).await, 4);
    assert!(dry_run().contains("company.team/echo: new"));
    assert_eq!(deliver(&world.ingress().api, "echo", "k").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_typed_wins_over_the_variable_that_names_nats() {
    let world = World::start();
    let server = Launch::role(binary(), "local").start();
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("echo.yaml"), echo()).expect("a flow file");
    let mut command = std::process::Command::new(binary());
    command.args(["flow", "deploy", "--server", server.api.base()]).arg(folder.path());
    let output = command.env("WINDHOVER_NATS", world.nats.url()).output().expect("a run");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(deliver(&server.api, "echo", "k").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mistake_in_one_flow_keeps_all_of_them_from_being_deployed() {
    let world = World::start();
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("a.yaml"), echo()).expect("a flow file");
    std::fs::write(folder.path().join("b.yaml"), echo().replace("tasks:", "taks:")).expect("a flow file");
    let mut command = std::process::Command::new(binary());
    let output = command.args(["flow", "deploy"]).arg(folder.path()).args(&world.arguments).output().expect("a run");
    assert!(!output.status.success());
    let printed = String::from_utf8_lossy(&output.stderr).into_owned();
    let printed = format!("{printed}{}", String::from_utf8_lossy(&output.stdout));
    assert!(printed.contains("b.yaml"), "{printed}");
    assert_eq!(deliver(&world.ingress().api, "echo", "k").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_folder_of_one_server_or_the_api_of_another_deploys_is_seen_by_all() {
    let world = World::start();
    let (ingress, console) = (world.ingress(), world.console());
    let _local = world.role("local").flow("echo.yaml", &echo()).start();
    assert_eq!(deliver(&ingress.api, "echo", "k").await.status, 200, "deployed by the folder");
    let source = echo().replace("id: echo", "id: other");
    let request = console.api.webhook_at(reqwest::Method::POST, "/api/v1/main/flows");
    let answer = request.header("Content-Type", "application/x-yaml").body(source).send().await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(deliver(&ingress.api, "other", "k").await.status, 200, "deployed by the API");
}
