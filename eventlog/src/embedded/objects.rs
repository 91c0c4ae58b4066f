//! Objects as files beside the logs: written under another name, synced, then renamed.
//!
//! Part `a` of a name becomes the folder `a`; the last part becomes the file `a+`, so that objects `a` and `a/b` can both
//! exist. `+` is in no object name.

use std::{
    io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use bytes::Bytes;
use xxhash_rust::xxh3::Xxh3;

use super::folder::{TEMPORARY_PREFIX, disk_bytes, is_full, replace_file, sync_folder};
use crate::{ObjectError, ObjectName};

const MAGIC: &[u8; 4] = b"WHO1";
const HEADER_BYTES: usize = MAGIC.len() + 8 + 8;
const FILE_SUFFIX: &str = "+";

/// The folder of objects.
#[derive(Debug)]
pub(super) struct Objects {
    folder: PathBuf,
    bytes: AtomicU64,
}

impl Objects {
    /// Opens or makes the folder; removes what an interrupted put left.
    pub(super) fn open(folder: PathBuf) -> io::Result<Self> {
        std::fs::create_dir_all(&folder)?;
        for entry in std::fs::read_dir(&folder)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(TEMPORARY_PREFIX) {
                std::fs::remove_file(entry.path())?;
            }
        }
        let bytes = AtomicU64::new(disk_bytes(&folder)?);
        Ok(Self { folder, bytes })
    }

    /// Bytes on disk of all objects, counted at the start and kept up since.
    pub(super) fn disk_bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    pub(super) fn put(&self, name: &ObjectName, bytes: &[u8]) -> Result<(), ObjectError> {
        let path = self.path_of(name);
        self.write(&path, &header(name, bytes), bytes).map_err(|cause| write_error(name, cause))
    }

    fn write(&self, path: &Path, header: &[u8], bytes: &[u8]) -> io::Result<()> {
        self.make_parents(path)?;
        let before = size_on_disk(path);
        replace_file(&self.folder, path, &[header, bytes])?;
        self.bytes.fetch_add(size_on_disk(path), Ordering::Relaxed);
        self.bytes.fetch_sub(before, Ordering::Relaxed);
        Ok(())
    }

    /// Every new folder is an entry in its parent that must be synced too.
    fn make_parents(&self, path: &Path) -> io::Result<()> {
        let parent = path.parent().unwrap_or(&self.folder);
        if parent.is_dir() {
            return Ok(());
        }
        self.make_parents(parent)?;
        match std::fs::create_dir(parent) {
            Err(cause) if cause.kind() != io::ErrorKind::AlreadyExists => Err(cause),
            Ok(()) | Err(_) => sync_folder(parent.parent().unwrap_or(&self.folder)),
        }
    }

    pub(super) fn get(&self, name: &ObjectName) -> Result<Option<Bytes>, ObjectError> {
        match std::fs::read(self.path_of(name)) {
            Ok(file) => open_frame(name, file).map(Some),
            Err(cause) if is_absent(&cause) => Ok(None),
            Err(cause) => Err(ObjectError::Store { what: name.to_string(), cause: cause.into() }),
        }
    }

    pub(super) fn delete(&self, name: &ObjectName) -> Result<(), ObjectError> {
        let path = self.path_of(name);
        let size = size_on_disk(&path);
        let removed = std::fs::remove_file(&path).and_then(|()| sync_folder(path.parent().unwrap_or(&self.folder)));
        match removed {
            Ok(()) => {
                self.bytes.fetch_sub(size, Ordering::Relaxed);
                Ok(())
            }
            Err(cause) if is_absent(&cause) => Ok(()),
            Err(cause) => Err(ObjectError::Store { what: name.to_string(), cause: cause.into() }),
        }
    }

    /// Names that start with `prefix`, in order. Only the folder that the prefix names is walked.
    pub(super) fn list(&self, prefix: &str) -> Result<Vec<ObjectName>, ObjectError> {
        let parent = prefix.rsplit_once('/').map_or("", |(parent, _)| parent);
        if parent.split('/').any(|part| part == "." || part == "..") {
            return Ok(Vec::new());
        }
        let mut names = Vec::new();
        let walked = self.walk(parent, &mut names);
        walked.map_err(|cause| ObjectError::Store { what: prefix.to_owned(), cause: cause.into() })?;
        names.retain(|name| name.as_str().starts_with(prefix));
        names.sort();
        Ok(names)
    }

    fn walk(&self, below: &str, names: &mut Vec<ObjectName>) -> io::Result<()> {
        let entries = match std::fs::read_dir(self.folder.join(below)) {
            Ok(entries) => entries,
            Err(cause) if is_absent(&cause) => return Ok(()),
            Err(cause) => return Err(cause),
        };
        for entry in entries {
            let entry = entry?;
            let file = entry.file_name();
            let Some(file) = file.to_str() else { continue };
            let joined = if below.is_empty() { file.to_owned() } else { format!("{below}/{file}") };
            if entry.file_type()?.is_dir() {
                self.walk(&joined, names)?;
            } else if let Some(name) = joined.strip_suffix(FILE_SUFFIX) {
                names.extend(ObjectName::new(name));
            }
        }
        Ok(())
    }

    fn path_of(&self, name: &ObjectName) -> PathBuf {
        self.folder.join(format!("{name}{FILE_SUFFIX}"))
    }
}

fn is_absent(cause: &io::Error) -> bool {
    matches!(cause.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Magic, length, checksum over name and bytes: a file under another's name is noticed.
fn header(name: &ObjectName, bytes: &[u8]) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    header[..4].copy_from_slice(MAGIC);
    header[4..12].copy_from_slice(&(bytes.len() as u64).to_le_bytes());
    header[12..].copy_from_slice(&checksum(name, bytes).to_le_bytes());
    header
}

fn checksum(name: &ObjectName, bytes: &[u8]) -> u64 {
    let mut hasher = Xxh3::new();
    hasher.update(name.as_str().as_bytes());
    hasher.update(&[0]);
    hasher.update(bytes);
    hasher.digest()
}

fn open_frame(name: &ObjectName, file: Vec<u8>) -> Result<Bytes, ObjectError> {
    let damaged = |reason: &str| ObjectError::Damaged { name: name.clone(), reason: reason.to_owned() };
    let file = Bytes::from(file);
    if file.len() < HEADER_BYTES {
        return Err(damaged("its header is cut short"));
    }
    let bytes = file.slice(HEADER_BYTES..);
    if file[..HEADER_BYTES] != header(name, &bytes) {
        return Err(damaged("its length or checksum does not match"));
    }
    Ok(bytes)
}

fn write_error(name: &ObjectName, cause: io::Error) -> ObjectError {
    if is_full(&cause) {
        ObjectError::Full { name: name.clone(), reason: cause.to_string() }
    } else {
        ObjectError::Store { what: name.to_string(), cause: cause.into() }
    }
}

fn size_on_disk(path: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(path).map_or(0, |metadata| metadata.blocks() * 512)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> ObjectName {
        ObjectName::new(text).unwrap()
    }

    fn objects() -> (tempfile::TempDir, Objects) {
        let folder = tempfile::tempdir().unwrap();
        let objects = Objects::open(folder.path().join("objects")).unwrap();
        (folder, objects)
    }

    #[test]
    fn an_object_and_one_below_its_name_can_both_exist() {
        let (_folder, objects) = objects();
        objects.put(&name("a"), b"1").unwrap();
        objects.put(&name("a/b"), b"2").unwrap();
        assert_eq!(objects.get(&name("a")).unwrap().as_deref(), Some(&b"1"[..]));
        assert_eq!(objects.get(&name("a/b")).unwrap().as_deref(), Some(&b"2"[..]));
        assert_eq!(objects.list("a").unwrap(), [name("a"), name("a/b")]);
        assert_eq!(objects.list("a/").unwrap(), [name("a/b")]);
    }

    #[test]
    fn a_flipped_bit_a_short_file_or_a_swapped_file_is_damage() {
        let (_folder, objects) = objects();
        objects.put(&name("a"), b"hello").unwrap();
        objects.put(&name("b"), b"other").unwrap();
        let path = objects.path_of(&name("a"));
        let good = std::fs::read(&path).unwrap();
        for bit in 0..good.len() * 8 {
            let mut flipped = good.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            std::fs::write(&path, &flipped).unwrap();
            assert!(matches!(objects.get(&name("a")), Err(ObjectError::Damaged { .. })), "bit {bit}");
        }
        std::fs::write(&path, &good[..10]).unwrap();
        assert!(matches!(objects.get(&name("a")), Err(ObjectError::Damaged { .. })));
        std::fs::copy(objects.path_of(&name("b")), &path).unwrap();
        assert!(matches!(objects.get(&name("a")), Err(ObjectError::Damaged { .. })));
    }

    #[test]
    fn usage_follows_puts_replacements_and_deletions() {
        let (_folder, objects) = objects();
        objects.put(&name("x/a"), &[1; 100_000]).unwrap();
        let one = objects.disk_bytes();
        assert!((100_000..120_000).contains(&one), "{one}");
        objects.put(&name("x/a"), &[2; 50_000]).unwrap();
        assert!(objects.disk_bytes() < one);
        objects.delete(&name("x/a")).unwrap();
        assert_eq!(objects.disk_bytes(), 0);
        objects.delete(&name("x/a")).unwrap();
    }

    #[test]
    fn what_an_interrupted_put_left_is_swept_at_the_next_start() {
        let (folder, objects) = objects();
        std::fs::write(folder.path().join("objects/+1-1"), b"half").unwrap();
        drop(objects);
        let objects = Objects::open(folder.path().join("objects")).unwrap();
        assert_eq!(objects.list("").unwrap(), []);
        assert!(!folder.path().join("objects/+1-1").exists());
    }
}
