//! YAML as Kestra's parser sees it, with the place of every value.
//!
//! `serde_yaml` decides whether a text is YAML and explains when it is not; a marked parse beside it gives every value its
//! line and column. Plain scalars follow YAML 1.1 (`yes` is true, `012` is ten), as Kestra's parser does; an empty value
//! is the empty text, not null.

mod build;
mod node;
mod scalar;
mod split;

pub(crate) use build::{document, value};
pub(crate) use node::{Content, Entry, Node, Scalar};
pub(crate) use split::{Part, split};
