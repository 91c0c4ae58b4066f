//! Disks that are full, and disk space that must come back.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use futures_util::StreamExt;

use super::{Folder, LAYOUT};
use crate::{
    Append, AppendError, EventLog, Expect, LogName, ObjectName, Position,
    embedded::{Embedded, Options},
};

const MIB: u64 = 1024 * 1024;

/// A file system of its own in memory, gone when dropped.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    /// `None`, and the reason on the terminal, where mounting is not allowed.
    fn mount(bytes: u64) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let size = format!("size={bytes}");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder.path()).output();
        match mounted {
            Ok(output) if output.status.success() => Some(Self(folder)),
            Ok(output) => {
                eprintln!("skipped, mounting is not allowed: {}", String::from_utf8_lossy(&output.stderr));
                None
            }
            Err(cause) => {
                eprintln!("skipped, there is no mount: {cause}");
                None
            }
        }
    }

    fn data(&self) -> PathBuf {
        self.0.path().join("data")
    }

    fn ballast(&self) -> PathBuf {
        self.0.path().join("ballast")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

fn inbox() -> LogName {
    LogName::Inbox { shard: 0 }
}

fn noise(seed: u64) -> Bytes {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..64 * 1024).map(next).collect::<Vec<_>>().into()
}

async fn append(log: &Embedded, seed: u64) -> Result<Position, AppendError> {
    log.append(Append { log: inbox(), bytes: noise(seed), expect: Expect::Anything, resend_id: None }).await
}

/// Seeds that were stored, and those that were refused for certain.
#[derive(Default)]
struct History {
    seed: u64,
    acked: Vec<(Position, u64)>,
    refused: Vec<u64>,
}

impl History {
    async fn append(&mut self, log: &Embedded) -> Result<(), AppendError> {
        self.seed += 1;
        match append(log, self.seed).await {
            Ok(position) => {
                self.acked.push((position, self.seed));
                Ok(())
            }
            Err(error) => {
                if !matches!(error, AppendError::Unknown { .. }) {
                    self.refused.push(self.seed);
                }
                Err(error)
            }
        }
    }

    async fn append_until_refused(&mut self, log: &Embedded) -> AppendError {
        for _ in 0..10_000 {
            if let Err(error) = self.append(log).await {
                return error;
            }
        }
        panic!("the disk never filled");
    }

    async fn append_until_accepted(&mut self, log: &Embedded) {
        for _ in 0..100 {
            if self.append(log).await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("appends never worked again");
    }

    async fn check(&self, log: &Arc<Embedded>) {
        let head = log.head(inbox()).await.unwrap();
        let count = usize::try_from(head.0).unwrap();
        let records: Vec<_> = log.read(inbox(), Position::ORIGIN).take(count).collect().await;
        let stored: Vec<Bytes> = records.into_iter().map(|record| record.unwrap().bytes).collect();
        for (position, seed) in &self.acked {
            let index = usize::try_from(position.0).unwrap() - 1;
            assert!(stored[index] == noise(*seed), "acknowledged at {position}");
        }
        for seed in &self.refused {
            assert!(!stored.contains(&noise(*seed)), "{seed} was refused");
        }
    }
}

fn open(folder: &Path, free_bytes_min: u64) -> Arc<Embedded> {
    Embedded::open(folder, LAYOUT, Options { free_bytes_min, ..Options::default() }).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_appends_damages_nothing_and_accepts_again_when_there_is_room() {
    let Some(disk) = SmallDisk::mount(64 * MIB) else { return };
    std::fs::write(disk.ballast(), vec![1; 24 * MIB as usize]).unwrap();
    let log = open(&disk.data(), 16 * MIB);
    let mut history = History::default();
    let refusal = history.append_until_refused(&log).await;
    assert!(matches!(refusal, AppendError::Full { .. }), "{refusal:?}");
    assert!(refusal.to_string().contains("free some space"));
    history.check(&log).await;
    std::fs::remove_file(disk.ballast()).unwrap();
    history.append_until_accepted(&log).await;
    drop(log);
    history.check(&open(&disk.data(), 16 * MIB)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_fills_in_the_middle_of_a_write_is_survived_too() {
    let Some(disk) = SmallDisk::mount(64 * MIB) else { return };
    std::fs::write(disk.ballast(), vec![1; 24 * MIB as usize]).unwrap();
    let log = open(&disk.data(), 0);
    let mut history = History::default();
    for _ in 0..5 {
        let refusal = history.append_until_refused(&log).await;
        assert!(!matches!(refusal, AppendError::Conflict { .. } | AppendError::TooLarge { .. }), "{refusal:?}");
    }
    std::fs::remove_file(disk.ballast()).unwrap();
    history.append_until_accepted(&log).await;
    history.append(&log).await.unwrap();
    history.check(&log).await;
    drop(log);
    history.check(&open(&disk.data(), 0)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_that_finds_no_room_leaves_the_old_one() {
    let Some(disk) = SmallDisk::mount(8 * MIB) else { return };
    let log = open(&disk.data(), 0);
    let name = ObjectName::new("a").unwrap();
    log.put_object(name.clone(), Bytes::from("old")).await.unwrap();
    let put = log.put_object(name.clone(), vec![1; 16 * MIB as usize].into()).await;
    assert!(matches!(put, Err(crate::ObjectError::Full { .. })), "{put:?}");
    assert_eq!(log.object(name).await.unwrap().as_deref(), Some(&b"old"[..]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trimming_gives_the_disk_space_back() {
    let folder = Folder::new();
    let log = open(folder.path(), 0);
    let appends = (0..3200).map(|seed| append(&log, seed));
    let positions: Vec<_> = futures_util::stream::iter(appends).buffered(32).collect().await;
    let newest = positions.into_iter().map(Result::unwrap).max().unwrap();
    let full = log.usage_bytes().await.unwrap();
    assert!(full > 190 * MIB, "{full}");
    let mut left = full;
    for _ in 0..200 {
        // Again and again, as the trimmer does: what fjall had not yet written to a table goes the next time.
        log.trim(inbox(), newest).await.unwrap();
        left = log.usage_bytes().await.unwrap();
        if left < 140 * MIB {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(left < 140 * MIB, "{full} before, {left} after: more than the journals is left");
}
