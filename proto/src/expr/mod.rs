//! Expressions: the template language of Kestra flows.

mod decimal;
mod host;
mod json;
mod map;
mod print;
mod stored;
mod value;

pub use decimal::Decimal;
pub use host::Host;
pub use json::{JSON_DEPTH_MAX, JsonError};
pub use map::{Keys, Map};
pub use value::{Text, Value, verdict};
