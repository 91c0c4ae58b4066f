//! A look at fjall's journals before fjall opens them.
//!
//! fjall cuts a journal at the first entry that it does not understand, whatever stands behind it, and refuses to open one
//! whose last batch was torn by a power cut. Both are wrong for a log: acknowledged records must not vanish silently, and
//! a batch that nobody was told about must not keep the log closed. So the journals are walked here first. Damage with a
//! whole batch behind it is refused; damage that nothing follows is the batch that was being written, and is cut off.

use std::{
    fs::OpenOptions,
    io,
    path::{Path, PathBuf},
};

use xxhash_rust::xxh3::Xxh3;

const TAG_START: u8 = 1;
const TAG_ITEM: u8 = 2;
const TAG_END: u8 = 3;
const TAG_CLEAR: u8 = 4;
const TRAILER: &[u8] = &[b'F', b'J', b'L', 3];

/// Why the journals cannot be trusted.
#[derive(Debug, thiserror::Error)]
pub(super) enum JournalError {
    /// A file cannot be read or cut.
    #[error("the journal {path} cannot be read")]
    Io {
        path: PathBuf,
        #[source]
        cause: io::Error,
    },
    /// Acknowledged records stand behind the damage.
    #[error(
        "the journal {path} is damaged at byte {at}, and whole records stand behind it: restore the folder from a backup, \
         or move it away and start anew"
    )]
    Damaged { path: PathBuf, at: usize },
}

/// Walks all journals of a database folder, oldest first; cuts a torn end off the newest.
pub(super) fn check(database: &Path) -> Result<(), JournalError> {
    let journals = list(database)?;
    for (index, path) in journals.iter().enumerate() {
        let io = |cause| JournalError::Io { path: path.clone(), cause };
        let bytes = std::fs::read(path).map_err(io)?;
        let sound = sound_bytes(&bytes);
        let Some(rest) = torn_rest(&bytes[sound..]) else { continue };
        let is_newest = index + 1 == journals.len();
        if !is_newest || holds_a_batch(rest) {
            return Err(JournalError::Damaged { path: path.clone(), at: sound });
        }
        tracing::warn!(journal = %path.display(), at = sound, "cutting off a batch that was being written at the last stop");
        cut(path, sound).map_err(io)?;
    }
    Ok(())
}

fn list(database: &Path) -> Result<Vec<PathBuf>, JournalError> {
    let io = |cause| JournalError::Io { path: database.to_owned(), cause };
    let entries = match std::fs::read_dir(database) {
        Ok(entries) => entries,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(cause) => return Err(io(cause)),
    };
    let mut journals = Vec::new();
    for entry in entries {
        let path = entry.map_err(io)?.path();
        let number = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".jnl")?.parse::<u64>().ok());
        journals.extend(number.map(|number| (number, path)));
    }
    journals.sort();
    Ok(journals.into_iter().map(|(_, path)| path).collect())
}

fn cut(path: &Path, length: usize) -> io::Result<()> {
    let file = OpenOptions::new().write(true).open(path)?;
    file.set_len(length as u64)?;
    file.sync_all()
}

/// How many bytes from the start are whole batches.
fn sound_bytes(bytes: &[u8]) -> usize {
    let mut sound = 0;
    while let Some(length) = batch_bytes(&bytes[sound..]) {
        sound += length;
    }
    sound
}

/// What follows the last whole batch, unless it is only the room that fjall reserved in advance.
fn torn_rest(rest: &[u8]) -> Option<&[u8]> {
    rest.iter().any(|byte| *byte != 0).then_some(rest)
}

/// Whether a whole batch stands anywhere behind the first byte.
fn holds_a_batch(rest: &[u8]) -> bool {
    (1..rest.len()).any(|at| rest[at] == TAG_START && batch_bytes(&rest[at..]).is_some())
}

/// Length of the whole batch that starts here, checksum compared.
fn batch_bytes(bytes: &[u8]) -> Option<usize> {
    let mut cursor = Cursor { bytes, at: 0 };
    if cursor.u8()? != TAG_START {
        return None;
    }
    let items = cursor.u32()?;
    cursor.skip(8)?;
    let mut hasher = Xxh3::new();
    for _ in 0..items {
        let start = cursor.at;
        cursor.item()?;
        hasher.update(&bytes[start..cursor.at]);
    }
    if cursor.u8()? != TAG_END || cursor.u64()? != hasher.digest() || cursor.take(TRAILER.len())? != TRAILER {
        return None;
    }
    Some(cursor.at)
}

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let taken = self.bytes.get(self.at..self.at.checked_add(count)?)?;
        self.at += count;
        Some(taken)
    }

    fn skip(&mut self, count: usize) -> Option<()> {
        self.take(count).map(drop)
    }

    fn u8(&mut self) -> Option<u8> {
        Some(self.take(1)?[0])
    }

    fn u16(&mut self) -> Option<u16> {
        Some(u16::from_le_bytes(self.take(2)?.try_into().ok()?))
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    fn u64(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }

    /// An item: kind, compression, keyspace, length of key, of value, of value as stored, then both. Or a clearing.
    fn item(&mut self) -> Option<()> {
        match self.u8()? {
            TAG_ITEM => {
                self.skip(1 + 1 + 8)?;
                let key = usize::from(self.u16()?);
                self.skip(4)?;
                let value = usize::try_from(self.u32()?).ok()?;
                self.skip(key)?;
                self.skip(value)
            }
            TAG_CLEAR => self.skip(8),
            _ => None,
        }
    }
}
