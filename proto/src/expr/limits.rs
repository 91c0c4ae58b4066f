//! Every limit of expressions: its name, its unit and its reason.

/// Longest text that a rendering, or one value inside it, may reach, in bytes (Kestra's `max-output-size`).
pub const OUTPUT_BYTES_MAX: usize = 10 * 1024 * 1024;

/// Steps of one rendering. A step takes about a tenth of a microsecond, so that no template holds a turn for long.
pub const FUEL_MAX: u64 = 5_000_000;

/// Most members that `range()` and `..` produce (Kestra's limit).
pub const RANGE_MEMBERS_MAX: i64 = 1_000_000;

/// Most members of a list or map that an expression builds.
pub(super) const MEMBERS_MAX: usize = 1_000_000;

/// How deep `render()` may call itself: a chain of 15 answers, 16 fails (Kestra's `max-render-depth`).
pub(super) const RENDER_DEPTH_MAX: usize = 16;

/// How deep macros and blocks may call each other, which bounds the stack.
pub(super) const CALL_DEPTH_MAX: usize = 32;

/// Levels of evaluation at one time, over all templates and macros that call each other, which bounds the stack.
pub(super) const EVALUATION_DEPTH_MAX: usize = 400;

/// Longest template, in bytes.
pub const TEMPLATE_BYTES_MAX: usize = 1024 * 1024;

/// Largest compiled regular expression, in bytes of memory.
pub(super) const REGEX_BYTES_MAX: usize = 1024 * 1024;

/// Bytes of text that cost one step: copying is cheap, but not free.
pub(super) const BYTES_PER_STEP: usize = 64;
