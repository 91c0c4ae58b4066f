//! What tests of the whole program share: a server in a process of its own, a client, and a sink for its calls.
//!
//! Nothing here knows the program's code: it is driven as its users drive it, by flow files, variables, signals and HTTP.

mod api;
mod launch;
mod sink;

pub use api::{Answer, Api, Webhook};
pub use launch::{Launch, Server, Stopped};
pub use sink::{Received, Sink};

use std::time::Duration;

/// How long a test waits for what should come at once: generous, because the machine may be busy.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Asks every 20 ms until there is an answer.
///
/// # Panics
/// When there is none within [`PATIENCE`].
pub async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(tokio::time::Instant::now() < deadline, "{what} did not happen within {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
