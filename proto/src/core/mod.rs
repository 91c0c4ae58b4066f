//! The pure core: what follows from what, for one execution (`decide`, `apply`) and for one partition (`partition`).
//!
//! The engine, the replay, the simulator and the tests share this and nothing else knows the state machine. Where things live:
//!
//! * [`decide`]: an input, the result of a call or a due timer → events. One file per kind of task in `task/`.
//! * `block`: which task of a block runs next. A flow's root is a block; a flowable's children are a block under its task run, so
//!   nested flowables, their `errors` and `finally` need no other machinery.
//! * `retry`: when a failed attempt is tried again.
//! * `context`: what expressions see.
//! * [`apply`]: events → state.
//! * [`partition`]: a turn over many executions → one commit; and the fold of commits back into executions and index entries.

mod apply;
mod block;
mod context;
mod decide;
mod evaluate;
mod execution;
mod keep;
mod labels;
mod outputs;
pub mod partition;
mod retry;
mod run;
mod task;
mod typed;

pub use apply::apply;
pub use decide::{Decision, Known, Stimulus, Turn, decide, pending_calls};
pub use evaluate::evaluate;
pub use execution::{Attempt, Execution, Suppressed, TaskRun, Wait};
pub use labels::execution_labels;
pub use task::http::{Call, CallFailure, CallResult, HttpCall, HttpResponse};
