//! Tells which executions are certainly not in the index, so that a new one costs no look into sled.
//!
//! A Bloom filter (<https://en.wikipedia.org/wiki/Bloom_filter>) in layers that double in size: nobody has to know beforehand how
//! many executions there will be. Ids are random or hashes already, so their own bits choose the places.

use windhover_proto::id::ExecutionId;

/// Bits for each id; with [`PLACES`] one id in ten thousand that is not there is looked up all the same.
const BITS_PER_ID: usize = 20;

/// Bits that an id sets.
const PLACES: u64 = 10;

/// Ids that the first layer has room for.
const FIRST_IDS: usize = 4096;

/// A set of ids that may say yes to one that is not in it, but never no to one that is.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    layers: Vec<Layer>,
}

#[derive(Debug)]
struct Layer {
    words: Vec<u64>,
    room: usize,
}

impl Layer {
    fn new(room: usize) -> Self {
        Self { words: vec![0; (room * BITS_PER_ID).div_ceil(64)], room }
    }

    /// Word and bit of each place of an id.
    fn places(&self, id: &ExecutionId) -> impl Iterator<Item = (usize, u64)> + use<> {
        let (start, step) = halves(id);
        let bits = self.words.len() as u64 * 64;
        (0..PLACES).map(move |number| {
            let place = start.wrapping_add(step.wrapping_mul(number)) % bits;
            (usize::try_from(place / 64).unwrap_or_default(), 1 << (place % 64))
        })
    }

    fn may_have(&self, id: &ExecutionId) -> bool {
        self.places(id).all(|(word, bit)| self.words[word] & bit != 0)
    }
}

/// The two halves of an id; the second one is odd, so that it leads to different places.
fn halves(id: &ExecutionId) -> (u64, u64) {
    let all = u128::from_be_bytes(*id.as_bytes());
    let (high, low) = (all >> 64, all & u128::from(u64::MAX));
    (u64::try_from(high).unwrap_or_default(), u64::try_from(low).unwrap_or_default() | 1)
}

impl Filter {
    /// Whether the id may be in the set.
    pub(crate) fn may_have(&self, id: &ExecutionId) -> bool {
        self.layers.iter().rev().any(|layer| layer.may_have(id))
    }

    /// Adds an id.
    pub(crate) fn insert(&mut self, id: &ExecutionId) {
        if self.may_have(id) {
            return;
        }
        let room = self.layers.last().map_or(0, |layer| layer.room);
        if room == 0 {
            self.layers.push(Layer::new(FIRST_IDS << self.layers.len()));
        }
        let Some(layer) = self.layers.last_mut() else { return };
        layer.room -= 1;
        for (word, bit) in layer.places(id) {
            layer.words[word] |= bit;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u64) -> ExecutionId {
        // What a random id looks like, the same at every run.
        let mix = |salt: u64| {
            let mut mixed = number.wrapping_add(salt).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            mixed ^= mixed >> 32;
            mixed = mixed.wrapping_mul(0xD6E8_FEB8_6659_FD93);
            mixed ^ (mixed >> 32)
        };
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&mix(1).to_be_bytes());
        bytes[8..].copy_from_slice(&mix(1 << 40).to_be_bytes());
        ExecutionId::from_bytes(bytes)
    }

    #[test]
    fn what_was_inserted_is_never_denied_and_hardly_anything_else_is_affirmed() {
        let mut filter = Filter::default();
        assert!(!filter.may_have(&id(0)));
        (0..50_000).for_each(|number| filter.insert(&id(number)));
        assert!((0..50_000).all(|number| filter.may_have(&id(number))));
        let wrong = (50_000..150_000).filter(|number| filter.may_have(&id(*number))).count();
        assert!(wrong < 100, "{wrong} of 100 000");
        assert!(filter.layers.len() > 3, "it grew");
    }
}
