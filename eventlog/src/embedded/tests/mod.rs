//! The embedded log against the contract, and against what only a disk can do to it.

use std::path::Path;

use futures_util::{FutureExt, future::BoxFuture};

use super::{Embedded, Options};
use crate::{
    Layout, OpenError, SharedLog,
    contract::{Backend, LAYOUT},
};

pub(super) struct Folder(pub(super) tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Backend for Folder {
    fn open(&self) -> BoxFuture<'_, SharedLog> {
        let opened = Embedded::open(self.path(), LAYOUT, Options::default());
        std::future::ready(opened.expect("the folder opens") as SharedLog).boxed()
    }
}

mod contract {
    crate::contract_tests!(std::future::ready(super::Folder::new()));
}

/// The same folder, but nothing is kept in memory: every read goes to the disk.
struct FolderWithoutTail(Folder);

impl Backend for FolderWithoutTail {
    fn open(&self) -> BoxFuture<'_, SharedLog> {
        let options = Options { tail_bytes_max: 0, ..Options::default() };
        let opened = Embedded::open(self.0.path(), LAYOUT, options);
        std::future::ready(opened.expect("the folder opens") as SharedLog).boxed()
    }
}

mod contract_from_disk {
    use super::{Folder, FolderWithoutTail};
    crate::contract_tests!(std::future::ready(FolderWithoutTail(Folder::new())));
}

#[test]
fn a_folder_in_use_is_refused() {
    let folder = Folder::new();
    let first = Embedded::open(folder.path(), LAYOUT, Options::default()).unwrap();
    let second = Embedded::open(folder.path(), LAYOUT, Options::default());
    assert!(matches!(second, Err(OpenError::Locked { .. })), "{second:?}");
    drop(first);
    Embedded::open(folder.path(), LAYOUT, Options::default()).unwrap();
}

#[test]
fn another_partition_count_shard_count_or_a_newer_format_is_refused() {
    let folder = Folder::new();
    drop(Embedded::open(folder.path(), Layout { format: 2, ..LAYOUT }, Options::default()).unwrap());
    let others = [
        (Layout { format: 2, partitions: 8, ..LAYOUT }, "4 partitions"),
        (Layout { format: 2, shards: 2, ..LAYOUT }, "1 shards"),
        (Layout { format: 1, ..LAYOUT }, "record format 2"),
    ];
    for (wanted, text) in others {
        match Embedded::open(folder.path(), wanted, Options::default()) {
            Err(OpenError::Layout { found, .. }) => assert_eq!(found, text),
            other => panic!("{other:?}"),
        }
    }
    assert!(matches!(Embedded::partitions(folder.path()), Ok(Some(4))));
    assert!(matches!(Embedded::partitions(&folder.path().join("none")), Ok(None)));
    let newer = Layout { format: 3, ..LAYOUT };
    assert_eq!(crate::EventLog::layout(&*Embedded::open(folder.path(), newer, Options::default()).unwrap()), newer);
}

mod crash;
mod disk;
mod fixture;
