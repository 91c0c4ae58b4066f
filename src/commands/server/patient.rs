//! An engine that is starting is not an engine that is not there.

use std::{sync::Arc, time::Duration};

use futures_util::{future::BoxFuture, stream::BoxStream};
use windhover_engine::Engine;
use windhover_eventlog::{
    Position,
    ask::{Answer, Arrivals, Firsts, Owners, Question},
};

/// How long to wait before an engine that does not own everything yet is asked again.
const ASK_AGAIN: Duration = Duration::from_millis(20);

/// The engine of this process, which will own every partition in a moment even when it does not yet. Whoever asks what was
/// decided waits for it, as long as it likes, instead of taking a start for "nobody knows".
#[derive(Debug)]
pub(super) struct Patient(pub(super) Arc<Engine>);

impl Owners for Patient {
    fn ask(&self, question: Question) -> BoxFuture<'static, Option<Answer>> {
        self.0.ask(question)
    }

    fn first_ones(&self, arrivals: Arrivals) -> BoxStream<'static, Firsts> {
        self.0.first_ones(arrivals)
    }

    fn settled(&self, inbox: Position) -> BoxFuture<'static, Option<Vec<Position>>> {
        let engine = Arc::downgrade(&self.0);
        Box::pin(async move {
            loop {
                let settled = engine.upgrade()?.settled(inbox);
                if let Some(heads) = settled.await {
                    return Some(heads);
                }
                tokio::time::sleep(ASK_AGAIN).await;
            }
        })
    }
}
