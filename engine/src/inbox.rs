//! Reads the inbox in order and hands each partition its inputs.

use std::{collections::BTreeMap, sync::Arc};

use futures_util::StreamExt;
use tokio::sync::mpsc;
use windhover_eventlog::{LogName, Position, ReadError, SharedLog};
use windhover_proto::{
    codec::{self, DecodeError},
    input::Input,
};

use crate::progress::Progress;

/// Inbox records between two notes to a partition that nothing was there for it: it then commits how far it is, so that a
/// restart does not read old records again and they can be trimmed.
const NOTE_EVERY: u64 = 4096;

/// The part of one inbox record that is for one partition.
#[derive(Debug)]
pub(crate) struct Batch {
    /// The record's position.
    pub(crate) position: u64,
    /// The inputs, in order; none when this is only a note of how far the inbox was read.
    pub(crate) inputs: Vec<Input>,
}

/// Why the inbox cannot be read on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InboxError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("the inbox record at {position} cannot be read")]
    Decode {
        position: u64,
        #[source]
        cause: DecodeError,
    },
}

/// Hands out everything after `from`, for ever. Partition `p` ignores what it has consumed already.
pub(crate) async fn distribute(
    log: SharedLog,
    shard: u16,
    from: Position,
    partitions: Vec<mpsc::Sender<Batch>>,
    progress: Arc<Progress>,
) -> Result<(), InboxError> {
    let mut reader = log.read(LogName::Inbox { shard }, from);
    progress.read_through(from.0);
    while let Some(record) = reader.next().await {
        let record = record?;
        let position = record.position.0;
        let mut batches = split(&record.bytes).map_err(|cause| InboxError::Decode { position, cause })?;
        progress.delivering(position, batches.keys().copied());
        if position.is_multiple_of(NOTE_EVERY) {
            (0..partitions.len()).for_each(|index| {
                batches.entry(u16::try_from(index).unwrap_or(u16::MAX)).or_default();
            });
        }
        for (partition, inputs) in batches {
            let Some(sender) = partitions.get(usize::from(partition)) else { continue };
            if sender.send(Batch { position, inputs }).await.is_err() {
                return Ok(());
            }
        }
        progress.read_through(position);
    }
    Ok(())
}

fn split(record: &[u8]) -> Result<BTreeMap<u16, Vec<Input>>, DecodeError> {
    let mut batches: BTreeMap<u16, Vec<Input>> = BTreeMap::new();
    for item in codec::decode_inbox(record)? {
        batches.entry(item.partition).or_default().push(item.input()?);
    }
    Ok(batches)
}
