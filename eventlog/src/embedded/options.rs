//! Limits of the embedded log, in one place, each with its reason.

/// Most appends in one group: beyond it the time to answer the group's waiters is felt by the next group.
pub(super) const GROUP_COUNT_MAX: usize = 1024;
/// Most bytes in one group: about 10 ms of a plain disk, so that a flood does not delay the first of it for long. One
/// record may be larger than this and then is a group of its own.
pub(super) const GROUP_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Bytes of one read from disk; a reader holds at most this much ahead.
pub(super) const READ_BYTES_MAX: usize = 1024 * 1024;
/// Records of one read from disk: small records come in hundreds, not in ten thousands.
pub(super) const READ_COUNT_MAX: usize = 512;
/// Bytes that a log may buffer in memory before fjall writes a table.
pub(super) const MEMTABLE_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Bytes of sealed journals before fjall writes the tables of the logs that hold them back; fjall's own minimum.
/// Together with the active journal it bounds all memtables, so memory stays under 200 MiB.
pub(super) const JOURNAL_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// fjall's block cache: reads are sequential and the tail has a cache of its own.
pub(super) const CACHE_BYTES: u64 = 16 * 1024 * 1024;

/// What a user of the embedded log may change.
#[derive(Clone, Debug)]
pub struct Options {
    /// Most bytes of appends that wait for the disk; past it an append is refused as unavailable. Default 64 MiB: three
    /// seconds of a slow disk.
    pub waiting_bytes_max: usize,
    /// Largest record. Default 8 MiB: twice the largest value of a task.
    pub record_bytes_max: usize,
    /// Most bytes of recent records kept in memory for readers that follow the head. Default 32 MiB.
    pub tail_bytes_max: usize,
    /// Appends are refused as full while the file system has less free than this. Default 192 MiB: the journals and
    /// memtables can still be written out then, so a full disk never interrupts fjall half-way.
    pub free_bytes_min: u64,
}

impl Default for Options {
    fn default() -> Self {
        const MIB: usize = 1024 * 1024;
        Self {
            waiting_bytes_max: 64 * MIB,
            record_bytes_max: 8 * MIB,
            tail_bytes_max: 32 * MIB,
            free_bytes_min: 192 * MIB as u64,
        }
    }
}
