//! Expressions: the template language of Kestra flows.
//!
//! A [`Template`] is compiled once and rendered often. Rendering is pure: what it needs from outside comes through
//! [`Variables`] and [`Surroundings`], time and randomness come from [`Env`], and fuel bounds every rendering.

mod access;
mod arithmetic;
mod ast;
mod call;
mod canonical;
mod checks;
mod dates;
mod decimal;
mod env;
mod error;
mod eval;
mod filters;
mod functions;
mod host;
mod ion;
mod java_format;
mod java_pattern;
mod jq;
mod json;
mod kinds;
mod lex;
mod limits;
mod map;
mod operators;
mod parse;
mod parse_tags;
mod pattern;
mod print;
pub mod property;
pub mod recorded;
mod scope;
mod sealed;
mod stored;
mod surroundings;
mod template;
mod templated;
#[cfg(test)]
mod tests;
mod utf16;
mod value;
mod yaml;

pub use decimal::Decimal;
pub use env::{Env, TraceStep};
pub use error::{Class, RenderError, SyntaxError};
pub use host::Host;
pub use json::{JSON_DEPTH_MAX, JsonError};
pub use limits::{FUEL_MAX, OUTPUT_BYTES_MAX, RANGE_MEMBERS_MAX, TEMPLATE_BYTES_MAX};
pub use map::{Keys, Map};
pub use parse::NESTING_MAX;
pub use sealed::unseal;
pub use surroundings::{LogEntry, NoSurroundings, NoVariables, Surroundings, Variables};
pub use template::Template;
pub use templated::Templated;
pub use value::{Text, Value, verdict};
