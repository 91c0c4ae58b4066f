//! Tells which executions are certainly not in the index, so that a new one costs no look into sled.
//!
//! A Bloom filter (<https://en.wikipedia.org/wiki/Bloom_filter>) in layers that double in size: nobody has to know beforehand how
//! many executions there will be. Ids are random or hashes already, so their own bits choose the places.

use windhover_proto::id::ExecutionId;

/// Ids that the first layer has room for.
const FIRST_IDS: usize = 4096;

/// A set of ids that may say yes to one that is not in it, but never no to one that is. It takes `BITS` for each id: with 20 one
/// in five thousand that is not there is affirmed all the same, with 40 one in ten million.
#[derive(Debug, Default)]
pub(crate) struct Filter<const BITS: usize> {
    layers: Vec<Layer<BITS>>,
}

#[derive(Debug)]
struct Layer<const BITS: usize> {
    words: Vec<u64>,
    room: usize,
}

impl<const BITS: usize> Layer<BITS> {
    /// Bits that an id sets. A few more would be wrong less often, and cost more.
    const PLACES: u64 = BITS as u64 * 7 / 20;

    fn new(room: usize) -> Self {
        Self { words: vec![0; (room * BITS).div_ceil(64)], room }
    }

    /// Word and bit of each place of an id.
    fn places(&self, id: &ExecutionId) -> impl Iterator<Item = (usize, u64)> + use<BITS> {
        let (start, step) = halves(id);
        let bits = self.words.len() as u128 * 64;
        (0..Self::PLACES).map(move |number| {
            // A share of all places, as a share of these: cheaper than a division.
            let place = (u128::from(start.wrapping_add(step.wrapping_mul(number))) * bits) >> 64;
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

impl<const BITS: usize> Filter<BITS> {
    /// Whether the id may be in the set.
    pub(crate) fn may_have(&self, id: &ExecutionId) -> bool {
        self.layers.iter().rev().any(|layer| layer.may_have(id))
    }

    /// Adds an id; says whether it is certainly a new one.
    pub(crate) fn insert(&mut self, id: &ExecutionId) -> bool {
        if self.may_have(id) {
            return false;
        }
        let room = self.layers.last().map_or(0, |layer| layer.room);
        if room == 0 {
            self.layers.push(Layer::new(FIRST_IDS << self.layers.len()));
        }
        let Some(layer) = self.layers.last_mut() else { return true };
        layer.room -= 1;
        for (word, bit) in layer.places(id) {
            layer.words[word] |= bit;
        }
        true
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

    /// How many of 100 000 that are not there are affirmed, when half as many are.
    fn wrong<const BITS: usize>() -> usize {
        let mut filter = Filter::<BITS>::default();
        assert!(!filter.may_have(&id(0)));
        let new = (0..50_000).filter(|number| filter.insert(&id(*number))).count();
        assert!(new > 49_900, "{new} of 50 000 were new");
        assert!((0..50_000).all(|number| filter.may_have(&id(number)) && !filter.insert(&id(number))));
        assert!(filter.layers.len() > 3, "it grew");
        (50_000..150_000).filter(|number| filter.may_have(&id(*number))).count()
    }

    #[test]
    fn what_was_inserted_is_never_denied_and_hardly_anything_else_is_affirmed() {
        let wrong = wrong::<20>();
        assert!(wrong < 100, "{wrong} of 100 000");
    }

    #[test]
    fn with_twice_the_bits_nothing_else_is_affirmed_in_practice() {
        assert_eq!(wrong::<40>(), 0);
    }
}
