//! A digest of everything that happened, in order: two runs of a seed are the same run when these are equal.

/// A running 64-bit FNV-1a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Trace(u64);

impl Default for Trace {
    fn default() -> Self {
        Self(0xCBF2_9CE4_8422_2325)
    }
}

impl Trace {
    /// Takes in what happened and its particulars.
    pub(crate) fn note(&mut self, what: &str, numbers: &[u64], bytes: &[u8]) {
        let numbers = numbers.iter().flat_map(|number| number.to_be_bytes());
        for byte in what.bytes().chain(numbers).chain(bytes.iter().copied()) {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3);
        }
    }

    /// The digest so far.
    pub(crate) fn digest(self) -> u64 {
        self.0
    }
}
