//! Every limit: its name, its unit and its reason.

/// Longest namespace, in bytes (Kestra's limit).
pub const NAMESPACE_BYTES_MAX: usize = 150;

/// Longest flow id, in bytes (Kestra's limit).
pub const FLOW_ID_BYTES_MAX: usize = 100;

/// Longest task or trigger id, in bytes (the width of Kestra's column).
pub const TASK_ID_BYTES_MAX: usize = 256;

/// Longest correlation id, in bytes: what Stripe and the IETF draft's implementations accept as `Idempotency-Key`.
pub const CORRELATION_ID_BYTES_MAX: usize = 255;

/// Largest webhook body, in bytes, that a trigger accepts unless it says otherwise.
///
/// NATS refuses messages above `max_payload` (1 MiB unless configured); a batch also carries headers and its envelope.
pub const BODY_BYTES_MAX_DEFAULT: usize = 1024 * 1024;

/// Largest body once it is decompressed, in bytes: the largest that any trigger may accept.
pub const BODY_DECODED_BYTES_MAX: usize = 25 * 1024 * 1024;

/// Largest source of one flow file, in bytes: far above any real flow, far below what a parser could be choked with.
pub const FLOW_SOURCE_BYTES_MAX: usize = 256 * 1024;

/// Largest rendered value of one task output or log line, in bytes. A larger one fails its task, never the commit.
pub const VALUE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Largest response body of an HTTP effect that is kept, in bytes; a larger one fails the task.
pub const EFFECT_RESPONSE_BYTES_MAX: usize = 1024 * 1024;

/// Suppressed deliveries that an execution keeps whole: this many of the first and as many of the last.
pub const SUPPRESSED_KEPT_EACH_SIDE: usize = 10;

/// Ids of inputs that an index entry remembers, to ignore a copy of an input that a reconnect sent twice.
pub const INPUT_IDS_REMEMBERED: usize = 16;

/// How long a key is remembered, in days, unless configured.
pub const KEY_HORIZON_DAYS_DEFAULT: u32 = 30;

/// Shortest time for which a key may be configured to be remembered, in days: providers redeliver for days.
pub const KEY_HORIZON_DAYS_MIN: u32 = 7;

/// Most task runs of one execution: a runaway loop ends here with an error instead of filling the log.
pub const TASK_RUNS_MAX: usize = 100_000;
