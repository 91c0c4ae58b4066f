//! Engines come, go, die and freeze; every execution runs once.

use super::*;

const PARTITIONS: u64 = 16;

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_joins_takes_half_and_one_that_stops_hands_over_at_once() {
    let world = World::start();
    let sink = Sink::start_slow(Duration::from_millis(50)).await;
    world.deploy(&[("calling.yaml", &calling(&sink))]);
    let engine = || world.engine().argument(format!("--allow-private-host={}", sink.address()));
    let (ingress, console, first) = (world.ingress(), world.console(), engine().start());
    assert_eq!(running(&first).await, PARTITIONS);
    let mut ids = deliver_many(&ingress.api, "calling", "before", 20).await;
    let second = engine().start();
    let joined = until_running(&second, PARTITIONS / 2).await;
    until_running(&first, PARTITIONS / 2).await;
    assert!(joined < Duration::from_secs(3), "the share was taken after {joined:?}");
    ids.extend(deliver_many(&ingress.api, "calling", "shared", 20).await);
    let stopped = Instant::now();
    assert!(second.terminate().status.success());
    until_running(&first, PARTITIONS).await;
    assert!(stopped.elapsed() < Duration::from_secs(2), "handed over after {:?}", stopped.elapsed());
    ids.extend(deliver_many(&ingress.api, "calling", "after", 20).await);
    until_ended(&console.api, 60).await;
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 60, "each key has an execution of its own");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_engine_owned_runs_on_elsewhere_within_the_life_of_its_heartbeat() {
    let world = World::start();
    world.deploy(&[("echo.yaml", &echo())]);
    let (ingress, console) = (world.ingress(), world.console());
    let (first, second) = (world.engine().start(), world.engine().start());
    until_running(&first, PARTITIONS / 2).await;
    until_running(&second, PARTITIONS / 2).await;
    second.kill();
    let killed = Instant::now();
    deliver_many(&ingress.api, "echo", "k", 40).await;
    until_running(&first, PARTITIONS).await;
    assert!(killed.elapsed() < Duration::from_secs(4), "taken over after {:?}", killed.elapsed());
    until_ended(&console.api, 40).await;
}

/// Longest time in which the engines together did not work on all partitions, until `thawed` has its share.
async fn longest_gap(first: &Server, thawed: &Server) -> Duration {
    let (mut whole_at, mut longest) = (Instant::now(), Duration::ZERO);
    loop {
        let share = running(thawed).await;
        if running(first).await + share >= PARTITIONS {
            whole_at = Instant::now();
            if share == PARTITIONS / 2 {
                return longest;
            }
        }
        longest = longest.max(whole_at.elapsed());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_comes_back_from_a_freeze_takes_its_share_as_one_that_joins() {
    let world = World::start();
    let engine = || world.role("engine").argument("--engine-ttl=6").start();
    let (first, frozen) = (engine(), engine());
    until_running(&first, PARTITIONS / 2).await;
    until_running(&frozen, PARTITIONS / 2).await;
    frozen.freeze();
    until_running(&first, PARTITIONS).await;
    frozen.thaw();
    eventually("the frozen engine notices", async || frozen.printed().contains("the heartbeat lapsed").then_some(()))
        .await;
    until_running(&first, PARTITIONS).await;
    // With a key of its own while it still waits, half of the partitions would be nobody's for three seconds.
    let gap = longest_gap(&first, &frozen).await;
    assert!(gap < Duration::from_secs(2), "partitions were nobody's for {gap:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_engine_that_goes_on_stops_what_others_do_in_its_place() {
    let world = World::start();
    // Slow beside a commit, so that hardly ever a result waits to be recorded.
    let sink = Sink::start_slow(Duration::from_millis(100)).await;
    world.deploy(&[("calling.yaml", &calling(&sink))]);
    // One call at a time, so that many wait in the engine when it freezes.
    let engine = |calls: &str| {
        let launch = world.engine().argument(format!("--allow-private-host={}", sink.address()));
        launch.argument(format!("--effects-max={calls}")).start()
    };
    let (ingress, console) = (world.ingress(), world.console());
    let frozen = engine("1");
    deliver_many(&ingress.api, "calling", "k", 60).await;
    frozen.freeze();
    let before = sink.received().len();
    let _other = engine("10");
    until_ended(&console.api, 60).await;
    assert!(before < 60, "calls were waiting in the frozen engine");
    frozen.thaw();
    eventually("the frozen engine notices", async || frozen.printed().contains("the heartbeat lapsed").then_some(()))
        .await;
    until_running(&frozen, PARTITIONS / 2).await;
    let calls = sink.received();
    let mut repeated: std::collections::BTreeMap<String, usize> = std::collections::BTreeMap::new();
    calls.iter().for_each(|call| *repeated.entry(call.header("idempotency-key").to_owned()).or_default() += 1);
    let again = repeated.values().filter(|count| **count > 1).count();
    assert_eq!(repeated.len(), 60);
    // The one that was under way, and perhaps one whose result was not on disk yet.
    assert!(again <= 2, "only calls that were under way may be made twice, but {again} were");
}
