//! Whether NATS can be used now, looked at all the time, so that `/ready` answers at once and says why not.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use windhover_eventlog::jetstream::JetStream;

/// How often it is looked, and how long NATS may take to answer.
const LOOK_EVERY: Duration = Duration::from_millis(500);
const ANSWER_MAX: Duration = Duration::from_secs(2);

/// What is wrong with NATS, if anything. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Reach(Arc<RwLock<Option<String>>>);

impl Reach {
    /// Looks at this NATS until nobody else uses it.
    pub(super) fn follow(nats: &Arc<JetStream>) -> Self {
        let reach = Self::default();
        let (told, nats) = (reach.clone(), Arc::downgrade(nats));
        tokio::spawn(async move {
            while let Some(nats) = nats.upgrade() {
                told.tell(nats.trouble(ANSWER_MAX).await);
                drop(nats);
                tokio::time::sleep(LOOK_EVERY).await;
            }
        });
        reach
    }

    /// What is wrong now.
    pub(super) fn trouble(&self) -> Option<String> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn tell(&self, trouble: Option<String>) {
        let mut told = self.0.write().unwrap_or_else(PoisonError::into_inner);
        match (&*told, &trouble) {
            (None, Some(reason)) => tracing::warn!(reason, "NATS cannot be used"),
            (Some(_), None) => tracing::info!("NATS can be used again"),
            (None, None) | (Some(_), Some(_)) => {}
        }
        *told = trouble;
    }
}
