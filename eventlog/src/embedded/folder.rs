//! The data folder: who has it, and what it was made for.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use crate::{Layout, OpenError};

/// Version of everything in the folder but the records: files, keys, checksums.
const STORE_FORMAT: u32 = 1;
const LOCK_FILE: &str = "lock";
const LAYOUT_FILE: &str = "layout.json";

/// The folder, ours until this is dropped.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    _lock: File,
}

#[derive(serde::Serialize, serde::Deserialize)]
struct LayoutFile {
    store_format: u32,
    #[serde(flatten)]
    layout: Layout,
}

impl Folder {
    /// Makes the folder when it is missing and takes it, or says who is in the way.
    pub(super) fn take(path: &Path) -> Result<Self, OpenError> {
        std::fs::create_dir_all(path).map_err(|cause| store_error(path, cause))?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path.join(LOCK_FILE))
            .map_err(|cause| store_error(path, cause))?;
        match rustix::fs::flock(&lock, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(OpenError::Locked { folder: path.display().to_string() }),
            Err(cause) => Err(store_error(path, cause)),
        }
    }

    /// A path inside.
    pub(super) fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The folder's path.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Compares the layout that the folder was made with to the one wanted; a new folder takes the wanted one. A newer
    /// record format than the folder's is written down, an older one is refused: that program could not read it.
    pub(super) fn settle_layout(&self, wanted: Layout) -> Result<Layout, OpenError> {
        let Some(found) = read_layout(&self.path)? else {
            self.write_layout(wanted).map_err(|cause| store_error(&self.path, cause))?;
            return Ok(wanted);
        };
        if found.store_format != STORE_FORMAT {
            return Err(OpenError::newer_format("store format", found.store_format, STORE_FORMAT));
        }
        OpenError::unless_same_layout(found.layout, wanted)?;
        if found.layout.format < wanted.format {
            self.write_layout(wanted).map_err(|cause| store_error(&self.path, cause))?;
        }
        Ok(wanted)
    }

    fn write_layout(&self, layout: Layout) -> io::Result<()> {
        let text = serde_json::to_vec_pretty(&LayoutFile { store_format: STORE_FORMAT, layout })?;
        replace_file(&self.path, &self.join(LAYOUT_FILE), &[&text])
    }
}

/// The layout that a folder was made with; `None` when there are no logs in it.
pub(super) fn layout_of(path: &Path) -> Result<Option<Layout>, OpenError> {
    Ok(read_layout(path)?.map(|file| file.layout))
}

fn read_layout(path: &Path) -> Result<Option<LayoutFile>, OpenError> {
    match std::fs::read(path.join(LAYOUT_FILE)) {
        Ok(text) => serde_json::from_slice(&text).map(Some).map_err(|cause| store_error(path, cause)),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(store_error(path, cause)),
    }
}

/// An [`OpenError`] for this folder.
pub(super) fn store_error(folder: &Path, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> OpenError {
    OpenError::Store { place: folder.display().to_string(), cause: cause.into() }
}

/// Puts a file in place whole or not at all: written beside under a name of its own, synced, renamed, folder synced.
pub(super) fn replace_file(temporary_folder: &Path, path: &Path, parts: &[&[u8]]) -> io::Result<()> {
    let temporary = temporary_folder.join(temporary_name());
    let written = write_and_sync(&temporary, parts).and_then(|()| std::fs::rename(&temporary, path));
    if written.is_err() {
        // Nothing is lost when this fails too: leftovers are swept at the next start.
        let _ = std::fs::remove_file(&temporary);
    }
    written?;
    sync_folder(path.parent().unwrap_or(temporary_folder))
}

/// Names of unfinished files start with this; no object part can.
pub(super) const TEMPORARY_PREFIX: &str = "+";

fn temporary_name() -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    format!("{TEMPORARY_PREFIX}{}-{}", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed))
}

fn write_and_sync(path: &Path, parts: &[&[u8]]) -> io::Result<()> {
    let mut file = File::create(path)?;
    for part in parts {
        file.write_all(part)?;
    }
    file.sync_all()
}

/// Makes renames and new entries in a folder durable.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Bytes that a folder takes on disk, holes not counted.
pub(super) fn disk_bytes(folder: &Path) -> io::Result<u64> {
    use std::os::unix::fs::MetadataExt;
    let mut total = 0;
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let entry = entry?;
            // A file may vanish between listing and asking: fjall removes tables while we count.
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.is_dir() {
                folders.push(entry.path());
            } else {
                total += metadata.blocks() * 512;
            }
        }
    }
    Ok(total)
}

/// True for the errors that mean "no room".
pub(super) fn is_full(cause: &io::Error) -> bool {
    matches!(cause.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge)
}
