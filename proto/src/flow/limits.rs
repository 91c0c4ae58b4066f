//! Limits of flow documents beside the size of a source, which is in [`crate::limit`].

/// Deepest nesting of lists and maps in one document: real flows stay below 20, and reading is recursive.
pub(crate) const YAML_DEPTH_MAX: usize = 64;

/// Most values in one document once aliases are followed: what the largest source can hold without any, so that an alias
/// can shorten a document but never blow it up.
pub(crate) const YAML_NODES_MAX: usize = 100_000;

/// Most opening brackets in a text whose syntax error is explained a second time, in better words.
pub(crate) const YAML_BRACKETS_EXPLAINED_MAX: usize = 4_000;

/// Most documents in one source: each is read on its own, and a wrong one is read a second time for its message.
pub(crate) const YAML_DOCUMENTS_MAX: usize = 1_000;

/// Longest webhook key, in characters, before it is rendered (Kestra's limit).
pub(crate) const WEBHOOK_KEY_CHARS_MAX: usize = 256;

/// Most findings about one document; past it, reading goes on but nothing is added.
pub(crate) const FINDINGS_MAX: usize = 200;
