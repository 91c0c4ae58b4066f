//! Processes that are killed, and journals that are torn.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use futures_util::StreamExt;

use super::{Folder, LAYOUT};
use crate::{
    Append, EventLog, Expect, LogName, OpenError, Position,
    embedded::{Embedded, Options},
};

const FOLDER_VARIABLE: &str = "WINDHOVER_TEST_FOLDER";

/// Not a test: what the child process of the tests below does until it is killed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "only as the child of other tests"]
async fn child_appends_until_killed() {
    let folder = PathBuf::from(std::env::var_os(FOLDER_VARIABLE).expect("a folder"));
    let log = Embedded::open(&folder, LAYOUT, Options { free_bytes_min: 0, ..Options::default() }).unwrap();
    let round = log.head(LogName::Inbox { shard: 0 }).await.unwrap();
    let tasks = (0..u16::try_from(CHILD_TASKS).unwrap()).map(|task| {
        let log = log.clone();
        tokio::spawn(async move {
            let name = LogName::Executions { partition: task % 4 };
            for number in 0u64.. {
                let bytes = format!("{round} {task} {number}");
                let append = Append {
                    log: name.clone(),
                    bytes: bytes.clone().into(),
                    expect: Expect::Anything,
                    resend_id: None,
                };
                match log.append(append.clone()).await {
                    Ok(position) => println!("ack {name} {position} {bytes}"),
                    Err(first) => {
                        // Once more, as a caller might, to see what a log says that met a fault.
                        println!("refused {first:?}");
                        println!("then {:?}", log.append(append).await);
                        println!("head {:?}", log.head(name).await);
                        panic!("the log failed");
                    }
                }
            }
        })
    });
    for task in futures_util::future::join_all(tasks).await {
        task.unwrap();
    }
}

fn child_command(folder: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "embedded::tests::crash::child_appends_until_killed", "--ignored", "--nocapture"])
        .env(FOLDER_VARIABLE, folder);
    command
}

fn start_child(folder: &Path) -> Child {
    child_command(folder).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

type Ack = (LogName, Position, String);

fn parse_ack(line: &str) -> Option<Ack> {
    let rest = &line[line.find("ack ")? + 4..];
    let (log, rest) = rest.split_once(' ')?;
    let (position, bytes) = rest.split_once(' ')?;
    Some((log.parse().ok()?, Position(position.parse().ok()?), bytes.to_owned()))
}

/// Lets the child append for a while, kills it, and returns what it said was stored. The last line may be cut by the kill.
fn acks_until_killed(mut child: Child, after: Duration) -> Vec<Ack> {
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut acks = Vec::new();
    let mut killed = false;
    let mut started = None;
    while let Some(Ok(line)) = lines.next() {
        acks.extend(parse_ack(&line));
        let began = *started.get_or_insert_with(Instant::now);
        if !killed && !acks.is_empty() && began.elapsed() > after {
            child.kill().unwrap();
            killed = true;
        }
    }
    child.wait().unwrap();
    acks.pop();
    acks
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_killed_process_acknowledged_is_there() {
    let folder = Folder::new();
    let mut acked = Vec::new();
    for round in 1..=4 {
        acked.extend(acks_until_killed(start_child(folder.path()), Duration::from_millis(60 * round)));
        let log = Embedded::open(folder.path(), LAYOUT, Options::default()).unwrap();
        for (name, position, bytes) in &acked {
            let record = log.record(name.clone(), *position).await.unwrap();
            assert_eq!(record.expect("acknowledged").bytes, bytes.as_bytes());
        }
        // Makes each round's records its own.
        let mark = Append {
            log: LogName::Inbox { shard: 0 },
            bytes: "mark".into(),
            expect: Expect::Anything,
            resend_id: None,
        };
        log.append(mark).await.unwrap();
    }
    assert!(acked.len() > 100, "only {} acks", acked.len());
}

#[test]
fn a_folder_that_another_process_uses_is_refused_until_that_one_is_gone() {
    let folder = Folder::new();
    let mut child = start_child(folder.path());
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    while parse_ack(&lines.next().unwrap().unwrap()).is_none() {}
    let refused = Embedded::open(folder.path(), LAYOUT, Options::default());
    assert!(matches!(refused, Err(OpenError::Locked { .. })), "{refused:?}");
    assert!(refused.unwrap_err().to_string().contains("--data"));
    child.kill().unwrap();
    child.wait().unwrap();
    Embedded::open(folder.path(), LAYOUT, Options::default()).unwrap();
}

/// A closed store with `count` records of which each is a batch of its own; its journal and the sizes after each batch.
async fn store_with(folder: &Folder, count: usize) -> (PathBuf, Vec<usize>) {
    let path = folder.path().join("fjall/0.jnl");
    let mut sizes = Vec::new();
    for number in 0..count {
        let log = Embedded::open(folder.path(), LAYOUT, Options::default()).unwrap();
        let bytes = vec![b'a' + u8::try_from(number).unwrap(); 3000];
        let append =
            Append { log: LogName::Definitions, bytes: bytes.into(), expect: Expect::Anything, resend_id: None };
        log.append(append).await.unwrap();
        drop(log);
        let journal = std::fs::read(&path).unwrap();
        sizes.push(journal.iter().rposition(|byte| *byte != 0).unwrap() + 1);
    }
    (path, sizes)
}

async fn records_in(folder: &Folder) -> Result<usize, OpenError> {
    let log = Embedded::open(folder.path(), LAYOUT, Options::default())?;
    let head = log.head(LogName::Definitions).await.unwrap();
    let read = log.read(LogName::Definitions, Position::ORIGIN).take(usize::try_from(head.0).unwrap());
    let records: Vec<_> = read.collect().await;
    for (number, record) in records.iter().enumerate() {
        let byte = b'a' + u8::try_from(number).unwrap();
        assert!(record.as_ref().unwrap().bytes.iter().all(|other| *other == byte));
    }
    Ok(records.len())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_torn_by_a_power_cut_is_cut_off_and_the_ones_before_it_stay() {
    let folder = Folder::new();
    let (path, sizes) = store_with(&folder, 3).await;
    let whole = std::fs::read(&path).unwrap();
    let (start, end) = (sizes[1], sizes[2]);
    for at in [start + 1, start + 13, start + 20, start + 60, start + 1500, end - 14, end - 5, end - 1] {
        std::fs::write(&path, &whole[..at]).unwrap();
        assert_eq!(records_in(&folder).await.unwrap(), 2, "cut at {at}");
        // Blocks reach the disk in any order: this one did not, those behind it did.
        let mut holed = whole.clone();
        holed[at..(at + 512).min(end)].fill(0);
        std::fs::write(&path, &holed).unwrap();
        assert_eq!(records_in(&folder).await.unwrap(), 2, "hole at {at}");
    }
    std::fs::write(&path, &whole).unwrap();
    assert_eq!(records_in(&folder).await.unwrap(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damage_before_acknowledged_records_is_refused_at_open() {
    let folder = Folder::new();
    let (path, sizes) = store_with(&folder, 3).await;
    let whole = std::fs::read(&path).unwrap();
    for at in [0, 3, sizes[0], sizes[0] + 13, sizes[0] + 15, sizes[0] + 35, sizes[0] + 1000, sizes[1] - 8, sizes[1] - 1]
    {
        let mut flipped = whole.clone();
        flipped[at] ^= 0x10;
        std::fs::write(&path, &flipped).unwrap();
        let refused = records_in(&folder).await;
        assert!(matches!(refused, Err(OpenError::Store { .. })), "byte {at}: {refused:?}");
    }
    std::fs::write(&path, &whole).unwrap();
    assert_eq!(records_in(&folder).await.unwrap(), 3);
}

/// An ext4 of its own in a file, whose power can be cut.
struct LoopDisk {
    folder: tempfile::TempDir,
}

impl LoopDisk {
    /// `None`, and the reason on the terminal, where that is not allowed.
    fn make() -> Option<Self> {
        let disk = Self { folder: tempfile::tempdir().unwrap() };
        std::fs::create_dir(disk.mount_point()).unwrap();
        let image = std::fs::File::create(disk.image()).unwrap();
        image.set_len(256 * 1024 * 1024).unwrap();
        if !run(Command::new("mkfs.ext4").arg("-q").arg(disk.image())) || !disk.mount() {
            eprintln!("skipped: a loop device cannot be mounted here");
            return None;
        }
        Some(disk)
    }

    fn image(&self) -> PathBuf {
        self.folder.path().join("image")
    }

    fn mount_point(&self) -> PathBuf {
        self.folder.path().join("mounted")
    }

    fn mount(&self) -> bool {
        run(Command::new("mount").args(["-o", "loop"]).arg(self.image()).arg(self.mount_point()))
    }

    fn unmount(&self) -> bool {
        run(Command::new("umount").arg(self.mount_point()))
    }

    /// Stops the file system where it stands: nothing that is not on the disk yet will ever be. This is `EXT4_IOC_SHUTDOWN`
    /// without a flush of the journal, the nearest to a pulled plug that a test can do.
    fn cut_power(&self) -> bool {
        let script = "import fcntl, os, struct, sys\n\
                      fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587d, struct.pack('I', 2))";
        run(Command::new("python3").args(["-c", script]).arg(self.mount_point()))
    }
}

impl Drop for LoopDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.mount_point()).stderr(Stdio::null()).status();
    }
}

fn run(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

/// Appends that the child has under way at one time.
const CHILD_TASKS: usize = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_before_a_power_cut_is_there() {
    let Some(disk) = LoopDisk::make() else { return };
    let data = disk.mount_point().join("data");
    let mut acked = Vec::new();
    for _ in 0..3 {
        let mut child = start_child(&data);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let enough = acked.len() + 200;
        while acked.len() < enough {
            acked.extend(parse_ack(&lines.next().expect("the child appends")));
        }
        assert!(disk.cut_power());
        // The child hears of a failed write or sync, is told nothing more, and ends by itself.
        acked.extend(lines.filter_map(|line| parse_ack(&line)));
        assert!(!child.wait().unwrap().success());
        // The one sync that is under way while ext4 is shut down may be answered with success although nothing is kept: so
        // it is for any program, about one time in ten. It is a fault of this way to cut the power, not of a disk.
        acked.truncate(acked.len() - CHILD_TASKS);
        assert!(disk.unmount() && disk.mount());
        let log = Embedded::open(&data, LAYOUT, Options { free_bytes_min: 0, ..Options::default() }).unwrap();
        for (index, (name, position, bytes)) in acked.iter().enumerate() {
            let record = log.record(name.clone(), *position).await.unwrap();
            let record = record.unwrap_or_else(|| panic!("{index} of {} acknowledged ones is lost", acked.len()));
            assert_eq!(record.bytes, bytes.as_bytes());
        }
    }
    assert!(disk.unmount());
}

#[test]
fn a_failed_sync_leaves_the_outcome_unknown_and_closes_the_log() {
    let folder = Folder::new();
    if !run(Command::new("strace").arg("--version")) {
        eprintln!("skipped: faults are put into system calls by strace, and there is none");
        return;
    }
    let child = child_command(folder.path());
    let output = Command::new("strace")
        .args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync", "-e", "inject=fdatasync:error=EIO:when=40"])
        .arg(child.get_program())
        .args(child.get_args())
        .env(FOLDER_VARIABLE, folder.path())
        .output()
        .unwrap();
    assert!(!output.status.success());
    let text = String::from_utf8_lossy(&output.stdout);
    let (acks, faults) = text.split_at(text.find("refused").expect("a refusal"));
    assert!(acks.lines().filter_map(parse_ack).count() > 20, "{text}");
    assert!(faults.contains("refused Unknown"), "{faults}");
    assert!(faults.contains("then Err(Unavailable"), "{faults}");
    assert!(faults.contains("restart this process"), "{faults}");
    assert!(faults.contains("head Err("), "{faults}");
    assert!(!faults.contains("then Ok"), "{faults}");
    Embedded::open(folder.path(), LAYOUT, Options::default()).unwrap();
}
