//! The engine: inbox → decide → executions log → effects.
//!
//! One task per partition takes turns ([`partition`]): what waits is decided by the pure core, appended as one commit with the
//! expected head, and only then shown, remembered and acted upon. Everything kept in sled ([`store`]) can be made again from
//! the log. [`Engine`] starts and stops it all and answers questions about deliveries.

mod announce;
mod clock;
mod config;
mod effect;
mod entrance;
mod filter;
mod inbox;
mod keeper;
mod owner;
mod pace;
mod partition;
mod progress;
mod question;
mod recover;
mod retention;
mod snapshot;
mod store;

pub use config::{Config, Parts};
pub use effect::AllowedHost;
pub use owner::{Engine, StartError, Status};
pub use retention::Retention;
