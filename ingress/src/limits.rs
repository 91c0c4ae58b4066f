//! Limits of the ingress, each with its reason.

use std::time::Duration;

/// Longest time from the first to the last byte of a request's head. The same time closes an idle connection.
pub(crate) const HEAD_READ_MAX: Duration = Duration::from_secs(10);

/// A head that is not complete in this many bytes is refused with 431: Kestra's own limit. One read may bring more than that
/// at once, so the largest head that passes is twice as large.
pub(crate) const HEAD_BYTES_MAX: usize = 32 * 1024;

/// Longest time for a body to arrive: 25 MiB over a line of 4 Mbit/s. A sender of one byte a second is cut off here.
pub(crate) const BODY_READ_MAX: Duration = Duration::from_secs(60);

/// Connections that are served at once; more wait in the kernel's backlog. Each costs some 10 to 40 KiB.
pub(crate) const CONNECTIONS_MAX: u32 = 10_000;

/// Requests at once on one HTTP/2 connection.
pub(crate) const STREAMS_MAX: u32 = 100;

/// How long requests that are being answered may go on after the stop signal; with what the rest of the process needs it
/// stays below the 10 s after which orchestrators kill.
pub(crate) const FINISH_MAX: Duration = Duration::from_secs(7);

/// How long to wait after the process ran out of file descriptors before the next connection is accepted.
pub(crate) const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);

/// How much of a refused body is read and thrown away, so that the sender gets to read the answer before it sees a reset.
pub(crate) const DRAIN_BYTES_MAX: usize = 8 * 1024 * 1024;

/// For how long a refused body is read and thrown away.
pub(crate) const DRAIN_MAX: Duration = Duration::from_secs(2);

/// A larger body becomes an object beside the log, in bytes: groups stay small, and so do the records that engines read.
pub(crate) const BODY_IN_RECORD_BYTES_MAX: usize = 64 * 1024;

/// Most deliveries in one group: beyond it the time to answer the group is felt by the next one.
pub(crate) const GROUP_COUNT_MAX: usize = 512;

/// Most bytes in one group: below NATS' default `max_payload` of 1 MiB, and some milliseconds of a plain disk.
pub(crate) const GROUP_BYTES_MAX: usize = 960 * 1024;

/// Most bytes of deliveries that wait for the log: three seconds of a slow disk.
pub(crate) const WAITING_BYTES_MAX: usize = 64 * 1024 * 1024;

/// How long a sender waits for its delivery to be on disk before it is told to retry.
pub(crate) const APPEND_MAX: Duration = Duration::from_secs(5);

/// How long to wait before a group whose outcome is unknown is sent again.
pub(crate) const RESEND_DELAY: Duration = Duration::from_millis(100);

/// How long a keyed delivery waits for its verdict. It is the same id either way, so a sender never waits longer for it.
pub(crate) const VERDICT_MAX: Duration = Duration::from_millis(250);

/// How long a sender that waits for the end waits before it asks again, when no engine answers.
pub(crate) const ASK_AGAIN_DELAY: Duration = Duration::from_millis(100);

/// While no engine answers for this long, a sender that waits for the end is answered as one that does not wait: longer than the
/// default life of an engine's heartbeat (10 s), so that a takeover goes unnoticed.
pub(crate) const UNANSWERED_MAX: Duration = Duration::from_secs(15);

/// A question that was open for longer was not met with silence: the engine that had it was thinking. More than the 1.5 s that a
/// question to an engine on NATS may take.
pub(crate) const SILENT_QUESTION_MAX: Duration = Duration::from_secs(2);

/// Deployed flows are read again at most this often because an address was not found.
pub(crate) const REFRESH_INTERVAL: Duration = Duration::from_millis(200);

/// How long a look at the deployed flows may take before the answer is given without it.
pub(crate) const REFRESH_MAX: Duration = Duration::from_secs(1);

/// How long a caller of the API waits for the end of the execution it asked for; Kestra's limit.
pub(crate) const END_WAIT_MAX: Duration = Duration::from_secs(3600);

/// How long the answer to a kill or a deletion waits until it is decided; it is on disk before.
pub(crate) const DECIDED_MAX: Duration = Duration::from_secs(2);
