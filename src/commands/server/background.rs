//! Threads for work that may wait a moment: where one machine plays all roles, a delivery is accepted first, and flows run with
//! what is left of the processor.

use std::{io, thread};

use tokio::runtime::{Builder, Runtime};

/// How much the scheduler favours other threads (`man 2 setpriority`): about a thirtieth of their share when all want to run.
const NICE: i32 = 15;

/// A runtime whose threads stand back.
///
/// # Errors
/// When its threads cannot be made.
pub(super) fn runtime() -> io::Result<Runtime> {
    let threads = thread::available_parallelism().map_or(1, usize::from).div_ceil(2);
    Builder::new_multi_thread()
        .worker_threads(threads)
        .thread_name("engine")
        .on_thread_start(stand_back)
        .enable_all()
        .build()
}

/// Lowers the calling thread's priority; not being allowed to changes nothing but speed.
fn stand_back() {
    if let Err(error) = rustix::process::setpriority_process(None, NICE) {
        tracing::debug!(%error, "the engine's threads have the priority of all others");
    }
}
