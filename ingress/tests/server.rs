//! What slow, hostile and leaving clients meet.
#![allow(clippy::unwrap_used)]

mod support;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use support::{LAYOUT, Mood, Reply, World, flow, within};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use windhover_eventlog::memory::Memory;
use windhover_ingress::server::Limits;

const HEAD: &str = "POST /api/v1/executions/webhook/a.b/f/k HTTP/1.1\r\nhost: h\r\n";

async fn world(limits: Limits) -> World {
    let flows = [flow("f", "k", "", ""), flow("wait", "k", "    wait: true\n", "")];
    World::within(limits, &flows, Memory::new(LAYOUT), |_| {}).await
}

fn short() -> Limits {
    let (head_read_max, body_read_max) = (Duration::from_millis(400), Duration::from_millis(400));
    Limits { head_read_max, body_read_max, finish_max: Duration::from_millis(600), ..Limits::default() }
}

/// Sends a byte every 50 ms until the server ends the connection; how long that took.
async fn trickle(world: &World, first: &str, then: &str) -> Duration {
    let began = Instant::now();
    let stream = world.connect().await;
    let (mut read, mut write) = stream.into_split();
    write.write_all(first.as_bytes()).await.unwrap();
    let writing = async {
        for byte in then.bytes().cycle() {
            tokio::time::sleep(Duration::from_millis(50)).await;
            if write.write_all(&[byte]).await.is_err() {
                break;
            }
        }
    };
    let mut rest = Vec::new();
    tokio::select! {
        () = writing => {}
        _ = read.read_to_end(&mut rest) => {}
    }
    began.elapsed()
}

#[tokio::test]
async fn a_head_that_comes_too_slowly_is_cut_off() {
    let world = world(short()).await;
    for (first, then) in [("", "P"), ("P", "R"), (HEAD, "x-a: 1\r\n")] {
        let took = within(5, trickle(&world, first, then)).await;
        assert!((300..2500).contains(&took.as_millis()), "{first:?}: {took:?}");
    }
}

#[tokio::test]
async fn a_connection_that_says_nothing_is_closed() {
    let world = world(short()).await;
    for begin in ["", "P", "PRI * HTTP"] {
        let mut stream = world.connect().await;
        stream.write_all(begin.as_bytes()).await.unwrap();
        let mut rest = Vec::new();
        within(3, stream.read_to_end(&mut rest)).await.ok();
    }
}

#[tokio::test]
async fn a_body_that_comes_too_slowly_is_answered_408() {
    let world = world(short()).await;
    let mut stream = world.connect().await;
    stream.write_all(format!("{HEAD}content-length: 10\r\n\r\n").as_bytes()).await.unwrap();
    let (mut read, mut write) = stream.split();
    let mut answer = Vec::new();
    let trickle = async {
        for _ in 0..9 {
            let _ = write.write_all(b"x").await;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        std::future::pending::<()>().await;
    };
    within(5, async {
        tokio::select! {
            () = trickle => {}
            _ = read.read_to_end(&mut answer) => {}
        }
    })
    .await;
    assert!(answer.starts_with(b"HTTP/1.1 408"), "{}", String::from_utf8_lossy(&answer));
    assert_eq!(world.received().await, []);
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let world = world(Limits::default()).await;
    let mut stream = world.connect().await;
    let one = |body: &str| format!("{HEAD}content-length: {}\r\n\r\n{body}", body.len());
    stream.write_all(format!("{}{}{}", one("[1]"), one("[2]"), one("[3]")).as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    while String::from_utf8_lossy(&bytes).matches("HTTP/1.1 200").count() < 3
        || !String::from_utf8_lossy(&bytes).contains("\"body\":[3]")
    {
        assert_ne!(within(5, stream.read_buf(&mut bytes)).await.unwrap(), 0);
    }
    let text = String::from_utf8(bytes).unwrap();
    let places: Vec<_> = (1..=3).map(|n| text.find(&format!("\"body\":[{n}]")).unwrap()).collect();
    assert!(places.is_sorted());
}

/// Requests that two servers in a row could read differently: none may let a second request through.
#[tokio::test]
async fn a_request_that_could_be_read_in_two_ways_ends_its_connection() {
    let world = world(Limits::default()).await;
    let hidden = "GET /api/v1/executions/webhook/a.b/f/k HTTP/1.1\r\nhost: h\r\n\r\n";
    let corpus = [
        format!("{HEAD}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{hidden}"),
        format!("{HEAD}transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n{hidden}"),
        format!("{HEAD}content-length: 3\r\ncontent-length: 4\r\n\r\nabc{hidden}"),
        format!("{HEAD}content-length: +3\r\n\r\nabc{hidden}"),
        format!("{HEAD}content-length: 0x3\r\n\r\nabc{hidden}"),
        format!("{HEAD}content-length: -1\r\n\r\n{hidden}"),
        format!("{HEAD}transfer-encoding: identity\r\n\r\n{hidden}"),
        format!("{HEAD}transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n{hidden}"),
        format!("{HEAD}transfer-encoding : chunked\r\n\r\n0\r\n\r\n{hidden}"),
        format!("{HEAD}transfer-encoding: chunked\r\n\r\nzz\r\n\r\n{hidden}"),
        format!("{HEAD}transfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\n\r\n{hidden}"),
        format!("{HEAD} folded: x\r\n\r\n{hidden}"),
        format!("{HEAD}x-a: a\0b\r\n\r\n{hidden}"),
        "POST /api/v1/executions/webhook/a.b/f/k HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n".to_owned()
            + hidden,
        format!("POST /api/v1/executions/webhook/a.b/f/k HTTP/9.9\r\nhost: h\r\n\r\n{hidden}"),
        format!("POST  /api/v1/executions/webhook/a.b/f/k HTTP/1.1\r\nhost: h\r\n\r\n{hidden}"),
        format!("POST /api/v1/executions/webhook/a.b/f/k\r\nhost: h\r\n\r\n{hidden}"),
    ];
    for request in corpus {
        let mut stream = world.connect().await;
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let _ = within(5, stream.read_to_end(&mut answer)).await;
        let text = String::from_utf8_lossy(&answer);
        assert!(text.matches("HTTP/1.").count() <= 1, "{request:?} was answered twice: {text}");
    }
}

#[tokio::test]
async fn a_head_over_its_limit_is_refused() {
    let world = world(Limits::default()).await;
    let head = format!("{HEAD}x-a: {}\r\n\r\n", "a".repeat(100_000));
    let mut stream = world.connect().await;
    let _ = stream.write_all(head.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = within(5, stream.read_to_end(&mut answer)).await;
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 431"), "{}", String::from_utf8_lossy(&answer));
    assert_eq!(world.received().await, []);
}

#[tokio::test]
async fn a_sender_that_asks_before_it_sends_is_told_to_go_on_only_when_it_may() {
    let world = world(Limits::default()).await;
    let mut stream = world.connect().await;
    stream.write_all(format!("{HEAD}expect: 100-continue\r\ncontent-length: 2\r\n\r\n").as_bytes()).await.unwrap();
    let mut go_on = [0; 25];
    within(5, stream.read_exact(&mut go_on)).await.unwrap();
    assert!(go_on.starts_with(b"HTTP/1.1 100 Continue"));
    stream.write_all(b"{}").await.unwrap();
    assert_eq!(within(5, Reply::read(&mut stream)).await.unwrap().status, 200);
    for (path, length, status) in [("a.b/nope/k", "2", 404), ("a.b/f/k", "9000000", 413)] {
        let mut stream = world.connect().await;
        let head = format!("POST /api/v1/executions/webhook/{path} HTTP/1.1\r\nhost: h\r\nexpect: 100-continue\r\n");
        stream.write_all(format!("{head}content-length: {length}\r\n\r\n").as_bytes()).await.unwrap();
        assert_eq!(within(5, Reply::read(&mut stream)).await.unwrap().status, status, "{path}: not 100 first");
    }
}

#[tokio::test]
async fn http2_without_tls_is_spoken_too() {
    let world = world(Limits::default()).await;
    let mut stream = world.connect().await;
    // The preface and an empty SETTINGS frame.
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    let mut frame = [0; 9];
    within(5, stream.read_exact(&mut frame)).await.unwrap();
    assert_eq!(frame[3], 4, "the server's SETTINGS");
}

#[tokio::test]
async fn connections_over_the_limit_wait_for_a_place() {
    let world = Arc::new(world(Limits { connections_max: 1, ..Limits::default() }).await);
    let first = world.connect().await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    let second = {
        let world = world.clone();
        tokio::spawn(async move { world.post("f", &[], "{}").await.status })
    };
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!second.is_finished());
    drop(first);
    assert_eq!(within(5, second).await.unwrap(), 200);
}

#[tokio::test]
async fn a_stop_answers_what_was_begun_and_closes_what_is_idle() {
    let mut world = world(Limits::default()).await;
    let mut idle = world.connect().await;
    idle.write_all(format!("{HEAD}content-length: 0\r\n\r\n").as_bytes()).await.unwrap();
    assert_eq!(Reply::read(&mut idle).await.unwrap().status, 200);
    let mut begun = world.connect().await;
    begun.write_all(format!("{HEAD}content-length: 2\r\n\r\n{{").as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    world.stop.take().unwrap().send(()).unwrap();
    let mut rest = Vec::new();
    assert_eq!(within(2, idle.read_to_end(&mut rest)).await.unwrap(), 0, "idle connections are closed");
    begun.write_all(b"}").await.unwrap();
    assert_eq!(within(2, Reply::read(&mut begun)).await.unwrap().status, 200);
    within(2, world.server).await.unwrap();
}

#[tokio::test]
async fn a_stop_does_not_wait_for_ever() {
    let mut world = world(short()).await;
    world.owner.set(Mood::Away);
    let mut waiting = world.connect().await;
    let head = "POST /api/v1/executions/webhook/a.b/wait/k HTTP/1.1\r\nhost: h\r\ncontent-length: 0\r\n\r\n";
    waiting.write_all(head.as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    world.stop.take().unwrap().send(()).unwrap();
    within(3, world.server).await.unwrap();
    assert!(within(2, Reply::read(&mut waiting)).await.is_none());
}
