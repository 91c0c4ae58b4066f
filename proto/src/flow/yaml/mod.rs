//! YAML as Kestra's parser sees it, with the place of every value.
//!
//! A marked parse gives every value its line and column, and bounds nesting; `serde_yaml` beside it has the last word on
//! whether a text is YAML, and explains when it is not. Plain scalars follow YAML 1.1 (`yes` is true, `012` is ten), as Kestra's parser does; an empty value
//! is the empty text, not null.

mod build;
mod node;
mod scalar;
mod split;

pub(crate) use build::{document, value};
pub(crate) use node::{Content, Entry, Node, Scalar};
pub(crate) use split::{Part, split};
