//! One partition of this engine, as other processes ask it.

use std::sync::Arc;

use futures_util::{FutureExt, future::BoxFuture};
use tokio::sync::{mpsc, oneshot};
use windhover_eventlog::{
    Position,
    ask::{Answer, Arrivals, Question},
    cluster::Owner,
};

use crate::{
    entrance::{Entrance, Entrances},
    progress::Progress,
};

/// Somebody wants to own a partition of this engine.
#[derive(Debug)]
pub(crate) struct Release {
    pub(crate) partition: u16,
    /// Told when no more of its work is done here.
    pub(crate) done: oneshot::Sender<()>,
}

/// A partition that runs here.
#[derive(Debug)]
pub(crate) struct PartitionOwner {
    pub(crate) number: u16,
    pub(crate) entrance: Arc<Entrance>,
    /// Those of all partitions of this engine.
    pub(crate) entrances: Entrances,
    pub(crate) progress: Arc<Progress>,
    pub(crate) releases: mpsc::Sender<Release>,
}

impl Owner for PartitionOwner {
    fn ask(&self, question: Question) -> BoxFuture<'static, Option<Answer>> {
        self.entrance.clone().ask(question).boxed()
    }

    fn first_ones(&self, arrivals: Arrivals) -> BoxFuture<'static, Vec<Option<bool>>> {
        self.entrances.clone().first_ones(arrivals).boxed()
    }

    fn settled(&self, inbox: Position) -> BoxFuture<'static, Option<Position>> {
        self.progress.clone().settled_one(self.number, inbox).boxed()
    }

    fn inbox_consumed(&self) -> u64 {
        self.progress.standing(self.number).inbox_through
    }

    fn release(&self) -> BoxFuture<'static, ()> {
        let (releases, partition) = (self.releases.clone(), self.number);
        async move {
            let (done, released) = oneshot::channel();
            if releases.send(Release { partition, done }).await.is_ok() {
                // It is gone also when nobody is left to tell.
                let _ = released.await;
            }
        }
        .boxed()
    }
}
