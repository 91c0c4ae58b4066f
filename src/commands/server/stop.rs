//! When to end.

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};

/// Resolves, for every clone, once the server is told to end.
#[derive(Clone, Debug)]
pub(super) struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Listens for SIGTERM and SIGINT from now on.
    ///
    /// # Errors
    /// When the system gives no signals.
    pub(super) fn on_signals() -> std::io::Result<Stop> {
        let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let (sender, receiver) = watch::channel(false);
        tokio::spawn(async move {
            tokio::select! {
                _ = terminate.recv() => tracing::info!("SIGTERM: finishing what was accepted"),
                _ = interrupt.recv() => tracing::info!("SIGINT: finishing what was accepted"),
            }
            sender.send_replace(true);
            // A second signal must not be swallowed while the first is obeyed.
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            std::process::exit(1);
        });
        Ok(Stop(receiver))
    }

    /// What a piece of the start comes to; `None` as soon as the server is told to end.
    pub(super) async fn or<T>(&self, starting: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.clone().requested() => None,
            started = starting => Some(started),
        }
    }

    /// Resolves once the server is told to end.
    pub(super) async fn requested(mut self) {
        // The sender is gone only when the process ends anyway.
        let _ = self.0.wait_for(|stop| *stop).await;
    }
}
