//! How far the engine is, seen from outside without asking a partition.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use tokio::sync::watch;
use windhover_eventlog::Position;

/// How far one partition is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Every inbox record up to here is consumed by a commit that is on disk.
    pub(crate) inbox_through: u64,
    /// The newest commit.
    pub(crate) head: u64,
    /// Whether the partition takes turns.
    pub(crate) running: bool,
}

/// How far one partition is, and how far it has to go.
#[derive(Debug)]
pub(crate) struct PartitionProgress {
    /// The newest inbox record with something for the partition.
    delivered: AtomicU64,
    standing: watch::Sender<Standing>,
}

/// Progress of an inbox reader and all partitions.
#[derive(Debug)]
pub(crate) struct Progress {
    read: watch::Sender<u64>,
    /// How far the entrances have seen the inbox.
    greeted: watch::Sender<u64>,
    partitions: Vec<PartitionProgress>,
}

impl Progress {
    pub(crate) fn new(partitions: u16) -> Arc<Self> {
        let partition = || PartitionProgress { delivered: AtomicU64::new(0), standing: watch::Sender::default() };
        let partitions = (0..partitions).map(|_| partition()).collect();
        Arc::new(Self { read: watch::Sender::default(), greeted: watch::Sender::default(), partitions })
    }

    /// The inbox record at `position` is about to be handed to these partitions.
    pub(crate) fn delivering(&self, position: u64, partitions: impl Iterator<Item = u16>) {
        for partition in partitions {
            if let Some(progress) = self.partitions.get(usize::from(partition)) {
                progress.delivered.store(position, Ordering::Release);
            }
        }
    }

    /// Every inbox record up to `position` was handed out.
    pub(crate) fn read_through(&self, position: u64) {
        self.read.send_replace(position);
    }

    /// Every inbox record up to `position` was shown to the entrances.
    pub(crate) fn greeted_through(&self, position: u64) {
        self.greeted.send_replace(position);
    }

    /// Resolves when the inbox record at `position` was shown to the entrances.
    pub(crate) async fn greeted(&self, position: Position) {
        // The sender lives as long as this, so waiting never fails.
        let _ = self.greeted.subscribe().wait_for(|greeted| *greeted >= position.0).await;
    }

    pub(crate) fn stand(&self, partition: u16, standing: Standing) {
        if let Some(progress) = self.partitions.get(usize::from(partition)) {
            progress.standing.send_replace(standing);
        }
    }

    /// How far a partition is.
    pub(crate) fn standing(&self, partition: u16) -> Standing {
        self.partitions.get(usize::from(partition)).map(|progress| *progress.standing.borrow()).unwrap_or_default()
    }

    /// The oldest inbox record that some partition has not consumed yet, minus one.
    pub(crate) fn inbox_consumed(&self) -> u64 {
        self.partitions.iter().map(|progress| progress.standing.borrow().inbox_through).min().unwrap_or_default()
    }

    /// Resolves when everything in the inbox up to `position` is committed: the heads of all partitions then.
    pub(crate) async fn settled(self: Arc<Self>, position: Position) -> Option<Vec<Position>> {
        let mut heads = Vec::with_capacity(self.partitions.len());
        for partition in 0..self.partitions.len() {
            heads.push(self.clone().settled_one(u16::try_from(partition).ok()?, position).await?);
        }
        Some(heads)
    }

    /// Resolves when everything in the inbox up to `position` that is for a partition is committed: its head then.
    pub(crate) async fn settled_one(self: Arc<Self>, partition: u16, position: Position) -> Option<Position> {
        let mut read = self.read.subscribe();
        let progress = self.partitions.get(usize::from(partition))?;
        let mut standing = progress.standing.subscribe();
        loop {
            standing.wait_for(|standing| standing.running).await.ok()?;
            read.wait_for(|read| *read >= position.0).await.ok()?;
            let wanted = progress.delivered.load(Ordering::Acquire).min(position.0);
            let stands = *standing.wait_for(|stands| stands.inbox_through >= wanted || !stands.running).await.ok()?;
            if stands.running {
                return Some(Position(stands.head));
            }
        }
    }

    /// Partitions that do not take turns now.
    pub(crate) fn idle(&self) -> Vec<u16> {
        let stopped = |(index, progress): (usize, &PartitionProgress)| {
            (!progress.standing.borrow().running).then_some(u16::try_from(index).unwrap_or(u16::MAX))
        };
        self.partitions.iter().enumerate().filter_map(stopped).collect()
    }
}
