//! Folders that earlier versions wrote stay readable.

use std::{path::Path, process::Command};

use bytes::Bytes;
use futures_util::StreamExt;

use super::{Folder, LAYOUT};
use crate::{
    Append, EventLog, Expect, LogName, ObjectName, OpenError, Position,
    embedded::{Embedded, Options},
};

const INBOX: LogName = LogName::Inbox { shard: 0 };
const COMMITS: LogName = LogName::Executions { partition: 2 };

fn open(folder: &Path) -> Result<std::sync::Arc<Embedded>, OpenError> {
    Embedded::open(folder, LAYOUT, Options::default())
}

/// Not a test: writes a new fixture when the store format changes. The folder is named by `WINDHOVER_FIXTURE`.
#[tokio::test]
#[ignore = "only when the store format changes"]
async fn write_fixture() {
    let folder = std::env::var_os("WINDHOVER_FIXTURE").expect("WINDHOVER_FIXTURE");
    let log = open(Path::new(&folder)).unwrap();
    for (name, count) in [(INBOX, 10), (COMMITS, 3)] {
        for number in 0..count {
            let bytes = format!("{name} {number} {}", "x".repeat(number * 700)).into();
            let append = Append { log: name.clone(), bytes, expect: Expect::Anything, resend_id: None };
            log.append(append).await.unwrap();
        }
    }
    log.trim(INBOX, Position(5)).await.unwrap();
    log.put_object(ObjectName::new("snapshots/2").unwrap(), Bytes::from("state")).await.unwrap();
    drop(log);
    // Opened once more, so that the journal's reserved room is cut off.
    drop(open(Path::new(&folder)).unwrap());
}

fn unpack_fixture() -> Folder {
    let folder = Folder::new();
    let archive = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/embedded-1.tar.gz");
    let unpacked = Command::new("tar").arg("-xzf").arg(archive).arg("-C").arg(folder.path()).status();
    assert!(unpacked.unwrap().success());
    folder
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_of_store_format_1_is_opened_with_everything_in_it() {
    let folder = unpack_fixture();
    let log = open(folder.path()).unwrap();
    assert_eq!(log.head(INBOX).await.unwrap(), Position(10));
    assert_eq!(log.first(INBOX).await.unwrap(), Position(5));
    for (name, after, count) in [(INBOX, 4, 6), (COMMITS, 0, 3)] {
        let records: Vec<_> = log.read(name.clone(), Position(after)).take(count).collect().await;
        for (index, record) in records.into_iter().enumerate() {
            let (record, number) = (record.unwrap(), index + usize::try_from(after).unwrap());
            assert_eq!(record.bytes, format!("{name} {number} {}", "x".repeat(number * 700)));
        }
    }
    let object = log.object(ObjectName::new("snapshots/2").unwrap()).await.unwrap();
    assert_eq!(object.as_deref(), Some(&b"state"[..]));
    let append = Append { log: INBOX, bytes: "new".into(), expect: Expect::Head(Position(10)), resend_id: None };
    assert_eq!(log.append(append).await.unwrap(), Position(11));
}

#[test]
fn a_folder_of_a_newer_store_format_is_refused() {
    let folder = unpack_fixture();
    let path = folder.path().join("layout.json");
    let newer = std::fs::read_to_string(&path).unwrap().replace("\"store_format\": 1", "\"store_format\": 2");
    std::fs::write(&path, newer).unwrap();
    match open(folder.path()) {
        Err(OpenError::Layout { found, wanted, .. }) => {
            assert_eq!((found.as_str(), wanted.as_str()), ("store format 2", "this version knows 1"));
        }
        other => panic!("{other:?}"),
    }
}
