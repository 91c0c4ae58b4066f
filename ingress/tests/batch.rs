//! What senders are told while the log does not do what it should.
#![allow(clippy::unwrap_used)]

mod support;

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use support::{
    World,
    faulty::{Fault, Faulty},
    flow, within,
};
use windhover_proto::codec;

async fn world(log: &Arc<Faulty>) -> World {
    World::with(&[flow("f", "k", "", "")], log.clone(), |options| options.append_max = Duration::from_millis(700)).await
}

#[tokio::test]
async fn what_was_not_stored_is_answered_503_with_when_to_retry() {
    for (fault, code, after) in [(Fault::Full, "full", "30"), (Fault::Unavailable, "unavailable", "1")] {
        let log = Faulty::new(&[fault]);
        let world = world(&log).await;
        let reply = world.post("f", &[("idempotency-key", "a")], "{}").await;
        assert_eq!((reply.status, reply.header("retry-after")), (503, Some(after)));
        assert_eq!(reply.json()["code"], code);
        assert_eq!(reply.header("windhover-durability"), Some("fsync"));
        assert_eq!(world.post("f", &[("idempotency-key", "a")], "{}").await.status, 200);
        assert_eq!(world.received().await.len(), 1);
    }
}

#[tokio::test]
async fn an_unknown_outcome_is_resent_under_the_same_id_and_its_sender_never_notices() {
    let log = Faulty::new(&[Fault::Unknown, Fault::StoredButUnknown]);
    let world = world(&log).await;
    assert_eq!(world.post("f", &[], "{}").await.status, 200);
    let appends = log.appends.lock().unwrap().clone();
    assert_eq!(appends.len(), 3);
    assert!(appends.iter().all(|append| *append == appends[0] && append.1.is_some()));
    let received = world.received().await;
    assert_eq!(received.len(), 2, "the copy is in the log");
    assert_eq!(received[0].delivery.id, received[1].delivery.id, "and has the same id, so it is ignored");
}

#[tokio::test]
async fn a_log_that_does_not_confirm_gives_503_and_the_retry_is_the_same_execution() {
    let log = Faulty::new(&[Fault::Hanging]);
    let world = world(&log).await;
    let began = Instant::now();
    let reply = within(5, world.post("f", &[("idempotency-key", "a")], "{}")).await;
    assert_eq!((reply.status, reply.header("retry-after")), (503, Some("1")));
    let detail = reply.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("retry with the same key"), "{detail}");
    assert!((600..2000).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
    assert_eq!(world.post("f", &[("idempotency-key", "a")], "{}").await.status, 200);
}

#[tokio::test]
async fn an_outcome_that_stays_unknown_is_told_within_the_deadline() {
    let log = Faulty::new(&[Fault::Unknown; 50]);
    let world = world(&log).await;
    let reply = within(2, world.post("f", &[], "{}")).await;
    assert_eq!((reply.status, reply.json()["code"].as_str()), (503, Some("not-confirmed")));
}

#[tokio::test]
async fn one_append_is_in_flight_and_all_that_waits_is_the_next() {
    let log = Faulty::gated(&[], 0, 8 << 20);
    let world = world(&log).await;
    let open = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        log.gate.add_permits(1);
        tokio::time::sleep(Duration::from_millis(50)).await;
        log.gate.add_permits(100);
    };
    let all = futures_util::future::join_all((0..60).map(|_| world.post("f", &[], "{}")));
    let (replies, ()) = within(10, async { tokio::join!(all, open) }).await;
    assert!(replies.iter().all(|reply| reply.status == 200));
    let sizes: Vec<_> =
        log.appends.lock().unwrap().iter().map(|(bytes, _)| codec::decode_inbox(bytes).unwrap().len()).collect();
    assert_eq!(sizes.iter().sum::<usize>(), 60);
    assert!(sizes.len() <= 3, "{sizes:?}");
    assert_eq!(log.in_flight_max.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn no_record_is_larger_than_the_log_takes() {
    let limit = 4000;
    let log = Faulty::gated(&[], 0, limit);
    let world = world(&log).await;
    let open = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        log.gate.add_permits(100);
    };
    let body = format!("\"{}\"", "x".repeat(900));
    let all = futures_util::future::join_all((0..20).map(|_| world.post("f", &[], &body)));
    let (replies, ()) = within(10, async { tokio::join!(all, open) }).await;
    assert!(replies.iter().all(|reply| reply.status == 200));
    assert!(log.appends.lock().unwrap().iter().all(|(bytes, _)| bytes.len() <= limit));
    let too_large = world.post("f", &[], &"x".repeat(5000)).await;
    assert_eq!(too_large.status, 413, "one delivery that no record can hold");
}
