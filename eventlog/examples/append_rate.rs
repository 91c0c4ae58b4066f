//! How many appends a second the embedded log takes, beside fjall used as plainly as possible on the same disk.
//!
//! `cargo run --release -p windhover-eventlog --example append_rate -- FOLDER [SECONDS [joined]]`

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};
use windhover_eventlog::{Append, Expect, Layout, LogName, SharedLog, embedded};

const EVENT_BYTES: usize = 600;
const LAYOUT: Layout = Layout { format: 1, partitions: 16, shards: 1 };

/// Runs `each` on that many tasks for a while; appends a second.
async fn rate<F, R>(tasks: usize, seconds: u64, each: F) -> f64
where
    F: Fn(usize) -> R + Clone + Send + 'static,
    R: Future<Output = ()> + Send,
{
    let (count, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let workers: Vec<_> = (0..tasks)
        .map(|task| {
            let (count, stop, each) = (count.clone(), stop.clone(), each.clone());
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    each(task).await;
                    count.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    let started = Instant::now();
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    stop.store(true, Ordering::Relaxed);
    for worker in workers {
        worker.await.expect("a worker");
    }
    count.load(Ordering::Relaxed) as f64 / started.elapsed().as_secs_f64()
}

/// One fjall value for each group of what waits, one sync: the least that could be called durable.
fn plain_fjall(folder: &Path) -> mpsc::Sender<(Bytes, oneshot::Sender<()>)> {
    let (sender, mut queue) = mpsc::channel::<(Bytes, oneshot::Sender<()>)>(8192);
    let database = fjall::Database::builder(folder).open().expect("fjall");
    let keyspace = database.keyspace("log", fjall::KeyspaceCreateOptions::default).expect("a keyspace");
    std::thread::spawn(move || {
        let mut position = 0u64;
        let mut group = Vec::new();
        while queue.blocking_recv_many(&mut group, 512) > 0 {
            let value: Vec<u8> = group.iter().flat_map(|(event, _)| event.iter().copied()).collect();
            let mut batch = database.batch();
            batch.insert(&keyspace, position.to_be_bytes(), value);
            batch.commit().expect("a commit");
            database.persist(fjall::PersistMode::SyncData).expect("a sync");
            position += 1;
            for (_, done) in group.drain(..) {
                let _ = done.send(());
            }
        }
    });
    sender
}

/// Bytes that do not compress, so that both write the same amount.
fn noise(count: usize) -> Bytes {
    let mut state = 0x9E37_79B9_7F4A_7C15u64;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..count).map(next).collect::<Vec<_>>().into()
}

async fn append(log: &SharedLog, name: LogName, bytes: Bytes) {
    let append = Append { log: name, bytes, expect: Expect::Anything, resend_id: None };
    log.append(append).await.expect("an append");
}

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = std::path::PathBuf::from(arguments.next().expect("a folder"));
    let seconds = arguments.next().map_or(3, |text| text.parse().expect("seconds"));
    std::fs::create_dir_all(&folder).expect("the folder");
    let plain = plain_fjall(&folder.join("plain"));
    let log: SharedLog =
        embedded::Embedded::open(&folder.join("log"), LAYOUT, embedded::Options::default()).expect("the log");
    let event = noise(EVENT_BYTES);
    let tasks_of_each: &[usize] = if arguments.next().as_deref() == Some("joined") { &[] } else { &[64, 256] };
    for &tasks in tasks_of_each {
        let (queue, bytes) = (plain.clone(), event.clone());
        let base = rate(tasks, seconds, move |_| {
            let (queue, bytes) = (queue.clone(), bytes.clone());
            async move {
                let (done, stored) = oneshot::channel();
                let _ = queue.send((bytes, done)).await;
                let _ = stored.await;
            }
        })
        .await;
        let (each_log, bytes) = (log.clone(), event.clone());
        let each = rate(tasks, seconds, move |_| {
            let (log, bytes) = (each_log.clone(), bytes.clone());
            async move { append(&log, LogName::Inbox { shard: 0 }, bytes).await }
        })
        .await;
        println!("{tasks} tasks: plain fjall {base:.0}/s, one append per event {each:.0}/s ({:.2})", each / base);
    }
    let group = noise(EVENT_BYTES * 64);
    let joined = rate(17, seconds, move |task| {
        let (log, group) = (log.clone(), group.clone());
        let name = match u16::try_from(task).unwrap_or(0) {
            16 => LogName::Inbox { shard: 0 },
            partition => LogName::Executions { partition },
        };
        async move { append(&log, name, group.slice(..EVENT_BYTES * if task == 16 { 64 } else { 4 })).await }
    })
    .await;
    println!("an inbox (64 events a record) and 16 partitions (4 a record), each one in flight: {joined:.0} records/s");
}
