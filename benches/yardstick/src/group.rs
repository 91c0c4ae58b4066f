//! Group commit: whoever comes while the disk syncs waits for the next sync, together with everybody else.

use tokio::sync::{mpsc, oneshot};

use crate::nats::Stream;

/// Most events in one group.
const EVENTS_MAX: usize = 512;

/// Most events that wait for a group.
const WAITING_MAX: usize = 8192;

/// An event and whoever waits for it.
struct Waiting {
    event: Vec<u8>,
    kept: oneshot::Sender<bool>,
}

/// The door to the group that is filling.
pub(crate) struct Group(mpsc::Sender<Waiting>);

impl Group {
    /// Groups that `write` stores, on a thread of its own.
    pub(crate) fn on_disk(mut write: impl FnMut(&[u8]) -> bool + Send + 'static) -> Self {
        let (door, mut queue) = mpsc::channel(WAITING_MAX);
        std::thread::spawn(move || {
            let mut group: Vec<Waiting> = Vec::with_capacity(EVENTS_MAX);
            while queue.blocking_recv_many(&mut group, EVENTS_MAX) > 0 {
                let kept = write(&joined(&group));
                release(&mut group, kept);
            }
        });
        Self(door)
    }

    /// Groups that become one message each.
    pub(crate) fn in_stream(stream: Stream) -> Self {
        let (door, mut queue) = mpsc::channel(WAITING_MAX);
        tokio::spawn(async move {
            let mut group: Vec<Waiting> = Vec::with_capacity(EVENTS_MAX);
            while queue.recv_many(&mut group, EVENTS_MAX).await > 0 {
                let kept = stream.store(joined(&group)).await;
                release(&mut group, kept);
            }
        });
        Self(door)
    }

    /// Resolves when the event's group is stored.
    pub(crate) async fn store(&self, event: Vec<u8>) -> bool {
        let (kept, answer) = oneshot::channel();
        self.0.send(Waiting { event, kept }).await.is_ok() && answer.await.unwrap_or(false)
    }
}

/// All events, each behind its length.
fn joined(group: &[Waiting]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(group.iter().map(|waiting| waiting.event.len() + 4).sum());
    for Waiting { event, .. } in group {
        bytes.extend_from_slice(&u32::try_from(event.len()).unwrap_or(u32::MAX).to_le_bytes());
        bytes.extend_from_slice(event);
    }
    bytes
}

fn release(group: &mut Vec<Waiting>, kept: bool) {
    for waiting in group.drain(..) {
        // Whoever left needs no answer.
        let _ = waiting.kept.send(kept);
    }
}
