//! Changes inputs: bytes are flipped, dropped, repeated and moved, pieces of other inputs and known words are put in.

/// Most bytes that a mutated input has.
const INPUT_BYTES_MAX: usize = 4096;

/// Words that parsers of templates, JSON, YAML and dates know.
const WORDS: [&str; 48] = [
    "{{",
    "}}",
    "{%",
    "%}",
    "{#",
    "#}",
    "#{",
    "}",
    "{",
    "[",
    "]",
    "(",
    ")",
    "|",
    "~",
    "..",
    "??",
    "???",
    "?",
    ":",
    ",",
    "\"",
    "'",
    "\\",
    "not ",
    " is ",
    " and ",
    " or ",
    " contains ",
    " isIn ",
    "if ",
    "endif",
    "for x in ",
    "endfor",
    "set x = ",
    "macro m(a)",
    "endmacro",
    "raw",
    "endraw",
    "9223372036854775808",
    "-1",
    "0",
    "1e400",
    "null",
    "\u{0}",
    "\u{1f40e}",
    "[[[[[[[[",
    "\n",
];

/// Makes inputs out of known ones; the same seed makes the same inputs.
pub(crate) struct Mutator {
    state: u64,
}

impl Mutator {
    pub(crate) fn new(seed: u64) -> Mutator {
        Mutator { state: seed }
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    /// A known input after a few changes.
    pub(crate) fn mutated(&mut self, seeds: &[Vec<u8>]) -> Vec<u8> {
        let place = self.below(seeds.len());
        let mut input = seeds.get(place).cloned().unwrap_or_default();
        for _ in 0..=self.below(6) {
            self.change(&mut input, seeds);
        }
        input.truncate(INPUT_BYTES_MAX);
        input
    }

    fn range(&mut self, length: usize) -> std::ops::Range<usize> {
        let start = self.below(length + 1);
        let end = start + self.below((length - start).min(24) + 1);
        start..end
    }

    fn change(&mut self, input: &mut Vec<u8>, seeds: &[Vec<u8>]) {
        let range = self.range(input.len());
        match self.below(7) {
            0 => {
                let bit = 1 << self.below(8);
                if let Some(byte) = input.get_mut(range.start) {
                    *byte ^= bit;
                }
            }
            1 => drop(input.drain(range)),
            2 => {
                let piece = input[range.clone()].to_vec();
                let times = self.below(12);
                insert(input, range.end, &piece.repeat(times));
            }
            3 | 4 => {
                let word = WORDS[self.below(WORDS.len())];
                insert(input, range.start, word.as_bytes());
            }
            5 => {
                let other = self.below(seeds.len());
                let other = seeds.get(other).cloned().unwrap_or_default();
                let piece = self.range(other.len());
                insert(input, range.start, &other[piece]);
            }
            _ => {
                let byte = self.below(256) as u8;
                insert(input, range.start, &[byte]);
            }
        }
    }
}

fn insert(input: &mut Vec<u8>, at: usize, piece: &[u8]) {
    input.splice(at..at, piece.iter().copied());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_inputs() {
        let seeds = [b"{{ a | upper }}".to_vec(), b"[1,2]".to_vec()];
        let inputs = |seed| {
            let mut mutator = Mutator::new(seed);
            (0..100).map(|_| mutator.mutated(&seeds)).collect::<Vec<_>>()
        };
        assert_eq!(inputs(3), inputs(3));
        assert_ne!(inputs(3), inputs(4));
    }
}
