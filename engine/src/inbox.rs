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

/// Hands out everything after `from`, for ever, to the partitions that run here. Partition `p` ignores what it has consumed
/// already.
pub(crate) async fn distribute(
    log: SharedLog,
    shard: u16,
    from: Position,
    partitions: Vec<Option<mpsc::Sender<Batch>>>,
    progress: Arc<Progress>,
) -> Result<(), InboxError> {
    let mut reader = log.read(LogName::Inbox { shard }, from);
    progress.read_through(from.0);
    while let Some(record) = reader.next().await {
        let record = record?;
        let position = record.position.0;
        let mut batches = split(&record.bytes, &partitions).map_err(|cause| InboxError::Decode { position, cause })?;
        progress.delivering(position, batches.keys().copied());
        if position.is_multiple_of(NOTE_EVERY) {
            let run_here = (0..).zip(&partitions).filter(|(_, sender)| sender.is_some());
            run_here.for_each(|(number, _)| {
                batches.entry(number).or_default();
            });
        }
        for (partition, inputs) in batches {
            let Some(Some(sender)) = partitions.get(usize::from(partition)) else { continue };
            // One that has stopped reads what it missed when it runs again.
            let _ = sender.send(Batch { position, inputs }).await;
        }
        progress.read_through(position);
    }
    Ok(())
}

/// The inputs of a record by partition; those of partitions that do not run here are not even parsed.
fn split(record: &[u8], partitions: &[Option<mpsc::Sender<Batch>>]) -> Result<BTreeMap<u16, Vec<Input>>, DecodeError> {
    let mut batches: BTreeMap<u16, Vec<Input>> = BTreeMap::new();
    for item in codec::decode_inbox(record)? {
        if !matches!(partitions.get(usize::from(item.partition)), Some(Some(_))) {
            continue;
        }
        batches.entry(item.partition).or_default().push(item.input()?);
    }
    Ok(batches)
}
