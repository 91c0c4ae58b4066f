//! How much room the file system still has.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

/// How long one look at the file system is good for.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// After this many bytes the next look is due at once.
const LOOK_AFTER_BYTES: u64 = 8 * 1024 * 1024;

/// Refuses writes while too little is free, so that fjall never meets a full disk half-way.
pub(super) struct FreeSpace {
    folder: PathBuf,
    free_bytes_min: u64,
    looked: Option<Instant>,
    free_bytes: u64,
    written_since: u64,
}

impl FreeSpace {
    pub(super) fn new(folder: PathBuf, free_bytes_min: u64) -> Self {
        Self { folder, free_bytes_min, looked: None, free_bytes: 0, written_since: 0 }
    }

    /// Takes note of `bytes` about to be written, or says why there is no room for them.
    pub(super) fn check(&mut self, bytes: usize) -> Result<(), String> {
        self.written_since += bytes as u64;
        if self.is_look_due() {
            self.look();
        }
        let left = self.free_bytes.saturating_sub(self.written_since);
        if left >= self.free_bytes_min {
            return Ok(());
        }
        // Nothing of this is written, and the next one asks again.
        self.looked = None;
        Err(format!(
            "{} has {left} bytes free, and {} are kept free to close the files in order",
            self.folder.display(),
            self.free_bytes_min
        ))
    }

    fn is_look_due(&self) -> bool {
        self.written_since > LOOK_AFTER_BYTES || self.looked.is_none_or(|looked| looked.elapsed() > LOOK_EVERY)
    }

    fn look(&mut self) {
        match rustix::fs::statvfs(&self.folder) {
            Ok(stat) => self.free_bytes = stat.f_bavail.saturating_mul(stat.f_frsize),
            // Where the file system does not say, writing will.
            Err(_) => self.free_bytes = u64::MAX,
        }
        self.written_since = 0;
        self.looked = Some(Instant::now());
    }
}
