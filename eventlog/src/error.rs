//! What can go wrong, one type per operation: a caller sees only what that operation can answer.

use std::error::Error as StdError;

use crate::{Layout, LogName, ObjectName, Position};

type Cause = Box<dyn StdError + Send + Sync>;

/// Why an append was not acknowledged.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// Another record was appended first. Not stored.
    #[error("the head of {log} is {head}, not where the append expected it")]
    Conflict {
        /// The log.
        log: LogName,
        /// Where the head is now.
        head: Position,
    },
    /// The record is larger than the store takes. Not stored.
    #[error("a record of {size_bytes} bytes for {log} is over the limit of {limit_bytes}")]
    TooLarge {
        /// The log.
        log: LogName,
        /// Size of the record.
        size_bytes: usize,
        /// Largest record.
        limit_bytes: usize,
    },
    /// No room: the disk or the log's cap is reached. Not stored; appends work again when there is room.
    #[error("no room to append to {log}: {reason}; free some space, or raise the cap")]
    Full {
        /// The log.
        log: LogName,
        /// Which limit.
        reason: String,
    },
    /// The store cannot be reached or takes nothing now. Not stored.
    #[error("{log} cannot be appended to now: {reason}")]
    Unavailable {
        /// The log.
        log: LogName,
        /// Why.
        reason: String,
    },
    /// The deadline passed or the store failed half-way: stored or not, nobody knows yet.
    #[error("whether the record is in {log} is not known: {reason}")]
    Unknown {
        /// The log.
        log: LogName,
        /// What happened.
        reason: String,
    },
}

/// Why a read failed.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Records that the reader asked for were trimmed.
    #[error("{log} starts at {first}: what stood after {after} was trimmed")]
    Trimmed {
        /// The log.
        log: LogName,
        /// After which position the reader wanted to go on.
        after: Position,
        /// The oldest record that is kept.
        first: Position,
    },
    /// The reader knows a position that the log does not have: the log went backwards.
    #[error(
        "{log} ends at {head}, but a record after {after} was already seen: the log lost data; restore it before going on"
    )]
    Ahead {
        /// The log.
        log: LogName,
        /// What the reader knows.
        after: Position,
        /// What the log has.
        head: Position,
    },
    /// A stored record is damaged.
    #[error("the record at {position} of {log} is damaged: {reason}")]
    Damaged {
        /// The log.
        log: LogName,
        /// Where.
        position: Position,
        /// How.
        reason: String,
    },
    /// The store failed.
    #[error("{log} cannot be read")]
    Store {
        /// The log.
        log: LogName,
        /// The store's own error.
        #[source]
        cause: Cause,
    },
}

/// Why a log could not be trimmed.
#[derive(Debug, thiserror::Error)]
#[error("{log} cannot be trimmed")]
pub struct TrimError {
    /// The log.
    pub log: LogName,
    /// The store's own error.
    #[source]
    pub cause: Cause,
}

/// Why an object could not be stored or fetched.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    /// No room.
    #[error("no room for object {name}: {reason}; free some space, or raise the cap")]
    Full {
        /// The object.
        name: ObjectName,
        /// Which limit.
        reason: String,
    },
    /// What is stored is not what was put.
    #[error("object {name} is damaged: {reason}")]
    Damaged {
        /// The object.
        name: ObjectName,
        /// How.
        reason: String,
    },
    /// The store failed.
    #[error("the object store failed at {what}")]
    Store {
        /// Name or prefix that was asked for.
        what: String,
        /// The store's own error.
        #[source]
        cause: Cause,
    },
}

/// Why the logs could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has the folder.
    #[error("another process uses {folder}; stop it, or give this one its own folder with --data")]
    Locked {
        /// The folder.
        folder: String,
    },
    /// The logs were made with another layout.
    #[error("the logs have {found}, but {wanted}; {advice}")]
    Layout {
        /// What stands in the store: `2 partitions`.
        found: String,
        /// What the caller wants: `4 were asked for`.
        wanted: String,
        /// What to do about it.
        advice: &'static str,
    },
    /// What the caller gave can never work, however long it waits.
    #[error("{0}")]
    Misconfigured(String),
    /// The store syncs lazily, and the caller did not accept that.
    #[error("{0}")]
    Unsynced(String),
    /// The store failed.
    #[error("the log in {place} cannot be opened")]
    Store {
        /// Folder or URL.
        place: String,
        /// The store's own error.
        #[source]
        cause: Cause,
    },
}

impl OpenError {
    /// Refuses logs of another layout than the one wanted. An older record format is fine: it stays readable.
    pub(crate) fn unless_same_layout(found: Layout, wanted: Layout) -> Result<(), Self> {
        let other = |what: &str, found: u16, wanted: u16, advice| Self::Layout {
            found: format!("{found} {what}"),
            wanted: format!("{wanted} were asked for"),
            advice,
        };
        if found.partitions != wanted.partitions {
            let advice = "leave --partitions out, or give the number that they have";
            return Err(other("partitions", found.partitions, wanted.partitions, advice));
        }
        if found.shards != wanted.shards {
            return Err(other("shards", found.shards, wanted.shards, "start with the number that they have"));
        }
        if found.format > wanted.format {
            return Err(Self::newer_format("record format", found.format, wanted.format));
        }
        Ok(())
    }

    /// Refuses what a newer version wrote.
    pub(crate) fn newer_format(what: &str, found: u32, known: u32) -> Self {
        Self::Layout {
            found: format!("{what} {found}"),
            wanted: format!("this version knows {known}"),
            advice: "start the version that wrote them, or a newer one",
        }
    }
}
