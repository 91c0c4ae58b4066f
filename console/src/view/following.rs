//! Waits until something more may have happened to one execution.

use tokio::sync::watch;
use windhover_proto::id::ExecutionId;

use super::{ViewError, Views, shared::Standing};

/// Follows one execution. What was folded before it was made is known already.
#[derive(Debug)]
pub(crate) struct Following {
    id: ExecutionId,
    /// Absent when there is no such partition, which no execution is in.
    standing: Option<watch::Receiver<Standing>>,
    /// The newest commit about the execution that was seen.
    seen: u64,
}

impl Views {
    /// Follows an execution.
    pub(crate) fn follow(&self, id: &ExecutionId) -> Following {
        Following { id: *id, standing: self.shared.watch(self.partition_of(id)), seen: 0 }
    }

    /// The newest commit about an execution; 0 when there is none.
    fn newest_commit(&self, id: &ExecutionId) -> Result<u64, ViewError> {
        self.noting_damage(|opened| {
            let Some(store) = opened.stores.get(usize::from(self.partition_of(id))) else { return Ok(0) };
            Ok(store.commits(id)?.last().copied().unwrap_or_default())
        })
    }
}

impl Following {
    /// Resolves when there is a commit that was not there at the last call; `false` when the views cannot say.
    pub(crate) async fn moved(&mut self, views: &Views) -> bool {
        loop {
            if let Some(standing) = &mut self.standing {
                standing.mark_unchanged();
            }
            match views.newest_commit(&self.id) {
                Ok(newest) if newest > self.seen => {
                    self.seen = newest;
                    return true;
                }
                Ok(_) => {}
                Err(_) => return false,
            }
            let Some(standing) = &mut self.standing else { return false };
            if standing.changed().await.is_err() {
                return false;
            }
        }
    }
}
