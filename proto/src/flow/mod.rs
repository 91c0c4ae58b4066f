//! Flow documents: Kestra's YAML, read once and trusted from then on.
//!
//! [`Flow::parse`] gives a flow in which everything is known, of the right kind and runs, or [`FlowErrors`] with
//! everything that is wrong, each finding with its line and column. What Kestra knows and we do not run yet is refused with
//! "not supported yet": a property that is accepted does something.

mod condition;
mod document;
pub mod duration;
mod error;
mod http;
mod input;
mod limits;
mod read;
mod retry;
mod secrets;
mod task;
mod trigger;
mod yaml;

pub use condition::{Condition, DayInMonth};
pub use document::{Flow, Output, ParsedDocument};
pub use error::{FlowError, FlowErrors, Position};
pub use http::{HttpOptions, HttpRequest};
pub use input::{Choice, ChoiceValue, ChoiceValues, DependsOn, Input, InputKind, Pattern, ValueType};
pub use retry::{Retry, RetryDelay};
pub use task::{Dynamic, FromDocument, LogLevel, LogMessage, NotThatKind, Task, TaskKind};
pub use trigger::{FetchType, ResponseContentType, Trigger, TriggerKind, Webhook, is_registered_status};
