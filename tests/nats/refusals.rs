//! What a role refuses to start with.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_nats_that_syncs_lazily_is_refused_with_the_line_for_its_configuration() {
    let nats = NatsServer::start(Sync::Lazily, "");
    let arguments = vec![format!("--nats={}", nats.url()), format!("--nats-monitor={}", nats.monitor())];
    let world = World { nats, arguments };
    for role in ["ingress", "engine", "console", "local"] {
        let stopped = world.role(role).fails();
        assert!(!stopped.status.success());
        assert!(stopped.printed.contains("sync_interval: always"), "{role}: {}", stopped.printed);
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("echo.yaml"), echo()).expect("a flow file");
    let mut deploy = std::process::Command::new(binary());
    let deployed = deploy.args(["flow", "deploy"]).arg(folder.path()).args(&world.arguments).output().expect("a run");
    let printed = String::from_utf8_lossy(&deployed.stderr);
    assert!(!deployed.status.success() && printed.contains("sync_interval: always"), "{printed}");
    let allowed = world.role("local").argument("--allow-unsynced").flow("echo.yaml", &echo()).start();
    let answer = deliver(&allowed.api, "echo", "k").await;
    assert_eq!((answer.status.as_u16(), answer.header("windhover-durability")), (200, "unsynced"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nats_of_which_nobody_tells_whether_it_syncs_is_refused_naming_the_flag() {
    let mut world = World::start();
    let monitor = world.nats.monitor();
    world.arguments.truncate(1);
    let stopped = world.role("ingress").fails();
    assert!(!stopped.status.success() && stopped.printed.contains("--nats-monitor"), "{}", stopped.printed);
    // The variable does as well as the option.
    world.role("ingress").variable("WINDHOVER_NATS_MONITOR", &monitor).start();
}

#[tokio::test(flavor = "multi_thread")]
async fn two_roles_with_different_keys_are_refused() {
    let world = World::start();
    let key = |byte: u8| STANDARD.encode([byte; 32]);
    let with = |role, byte| world.role(role).variable("WINDHOVER_SECRET_KEY", &key(byte));
    let _ingress = with("ingress", 1).start();
    let _same = with("console", 1).start();
    let stopped = with("engine", 2).fails();
    assert!(!stopped.status.success() && stopped.printed.contains("key"), "{}", stopped.printed);
    let _without = world.role("engine").start();
}

#[tokio::test(flavor = "multi_thread")]
async fn another_number_of_partitions_is_refused_and_none_given_takes_what_is_there() {
    let world = World::start();
    let engine = world.engine().argument("--partitions=4").start();
    assert_eq!(running(&engine).await, 4);
    let stopped = world.role("ingress").argument("--partitions=8").fails();
    assert!(
        !stopped.status.success() && stopped.printed.contains("the logs have 4 partitions, but 8 were asked for"),
        "{}",
        stopped.printed
    );
    let other = world.engine().start();
    until_running(&other, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_without_nats_says_what_is_missing() {
    let stopped = Launch::role(binary(), "engine").fails();
    assert!(!stopped.status.success() && stopped.printed.contains("--nats URL is missing"), "{}", stopped.printed);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waiting_cannot_mend_is_refused_at_once_and_names_the_option() {
    let nats = NatsServer::start(Sync::Always, "authorization { user: flows, password: s3cret }");
    let with_user = nats.url().replace("nats://", "nats://flows:s3cret@");
    for (arguments, named) in [
        (
            vec![format!("--nats={}", nats.url()), "--nats-user=flows".into(), "--nats-password=wrong".into()],
            "--nats-password",
        ),
        (vec![format!("--nats={}", nats.url()), "--nats-prefix=a b".into()], "--nats-prefix"),
        (vec![format!("--nats={with_user}")], "--nats-user with --nats-password"),
    ] {
        let launch = arguments.into_iter().fold(Launch::role(binary(), "ingress"), Launch::argument);
        let stopped = launch.fails();
        assert_eq!(stopped.status.code(), Some(1), "{}", stopped.printed);
        assert!(stopped.printed.contains(named) && !stopped.printed.contains("s3cret"), "{named}: {}", stopped.printed);
        assert!(!stopped.printed.contains("waiting for NATS"), "{}", stopped.printed);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_waits_for_nats_ends_at_once_when_it_is_told_to() {
    for role in ["ingress", "engine", "console", "local"] {
        // Nothing listens on the first port of the system.
        let server = Launch::role(binary(), role).argument("--nats=nats://127.0.0.1:1").spawn();
        eventually("it waits", async || server.printed().contains("waiting for NATS").then_some(())).await;
        let stopped = server.terminate();
        assert_eq!(stopped.status.code(), Some(0), "{role}: {}", stopped.printed);
        assert!(stopped.after < Duration::from_secs(2), "{role} ended after {:?}", stopped.after);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_is_let_in_and_the_password_is_not_shown() {
    let nats = NatsServer::start(Sync::Always, "authorization { user: flows, password: s3cret }");
    let arguments = vec![format!("--nats={}", nats.url()), format!("--nats-monitor={}", nats.monitor())];
    let world = World { nats, arguments };
    let ingress = || world.role("ingress").argument("--nats-user=flows");
    ingress().variable("WINDHOVER_NATS_PASSWORD", "s3cret").start();
    let help = std::process::Command::new(binary())
        .args(["server", "ingress", "--help"])
        .env("WINDHOVER_NATS_PASSWORD", "s3cret")
        .output()
        .expect("help");
    assert!(!String::from_utf8_lossy(&help.stdout).contains("s3cret"));
}
