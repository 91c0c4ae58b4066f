//! NATS goes away and comes back.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn while_nats_is_down_answers_are_503_ready_says_why_and_nothing_acknowledged_is_lost() {
    let mut world = World::start();
    world.deploy(&[("echo.yaml", &echo())]);
    let (ingress, engine, console) = (world.ingress(), world.engine().start(), world.console());
    deliver_many(&ingress.api, "echo", "before", 10).await;
    until_running(&engine, 16).await;
    world.nats.kill();
    let began = Instant::now();
    let answer = deliver(&ingress.api, "echo", "down").await;
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert!(began.elapsed() < Duration::from_secs(6), "answered after {:?}", began.elapsed());
    assert!(answer.header("retry-after").parse::<u32>().is_ok(), "{:?}", answer.headers);
    for server in [&ingress, &engine, &console] {
        // It may have another reason not to be ready for the moment until it notices.
        eventually("/ready says that it is NATS", async || {
            let ready = server.api.get("/ready").await;
            let reason = (ready.status == 503).then(|| ready.json()["reason"].as_str().unwrap_or_default().to_owned());
            reason.filter(|reason| reason.contains("NATS"))
        })
        .await;
        assert_eq!(server.api.get("/health").await.status, 200, "the process lives");
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    world.nats.restart();
    for server in [&ingress, &engine, &console] {
        eventually("recovery", async || (server.api.get("/ready").await.status == 200).then_some(())).await;
    }
    deliver_many(&ingress.api, "echo", "after", 10).await;
    until_ended(&console.api, 20).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_console_cannot_know_while_nats_is_away_is_503_and_never_404() {
    let mut world = World::start();
    let console = world.console();
    let path = "/api/v1/main/executions/5uQx2m8TnBvE1cR7kYwZpA";
    assert_eq!(console.api.get(path).await.status, 404);
    world.nats.freeze();
    let frozen = console.api.get(path).await;
    world.nats.thaw();
    world.nats.kill();
    for answer in [frozen, console.api.get(path).await] {
        assert_eq!(
            (answer.status.as_u16(), answer.json()["retryable"].as_bool()),
            (503, Some(true)),
            "{}",
            answer.text()
        );
        assert!(!answer.header("retry-after").is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_nats_is_answered_with_503_within_the_deadline_of_an_append() {
    let world = World::start();
    world.deploy(&[("echo.yaml", &echo())]);
    let ingress = world.ingress();
    world.nats.freeze();
    let began = Instant::now();
    let answer = deliver(&ingress.api, "echo", "frozen").await;
    world.nats.thaw();
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert!(began.elapsed() < Duration::from_secs(6), "answered after {:?}", began.elapsed());
    assert!(!answer.header("retry-after").is_empty());
    // It may or may not have been stored: the same key gives the same execution either way.
    let again = deliver(&ingress.api, "echo", "frozen").await;
    assert_eq!(again.status, 200, "{}", again.text());
}
