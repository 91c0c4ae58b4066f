//! How a record stands in the store: a checksum, then its bytes.

use bytes::Bytes;
use fjall::UserValue;
use xxhash_rust::xxh3::Xxh3;

use crate::Position;

const CHECKSUM_BYTES: usize = 8;

/// Also covers the position, so a record that turns up in another's place is noticed.
pub(super) fn checksum(position: Position, bytes: &[u8]) -> u64 {
    let mut hasher = Xxh3::with_seed(position.0);
    hasher.update(bytes);
    hasher.digest()
}

/// The stored form of a record.
pub(super) fn encode(position: Position, bytes: &[u8]) -> UserValue {
    let mut frame = Vec::with_capacity(CHECKSUM_BYTES + bytes.len());
    frame.extend_from_slice(&checksum(position, bytes).to_le_bytes());
    frame.extend_from_slice(bytes);
    frame.into()
}

/// The record again, or what is wrong with it.
pub(super) fn decode(position: Position, frame: &[u8]) -> Result<Bytes, String> {
    let (stored, bytes) =
        frame.split_first_chunk::<CHECKSUM_BYTES>().ok_or_else(|| format!("only {} bytes are left", frame.len()))?;
    if u64::from_le_bytes(*stored) == checksum(position, bytes) {
        Ok(Bytes::copy_from_slice(bytes))
    } else {
        Err("its checksum does not match".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_bit_a_lost_byte_or_another_place_is_damage() {
        let frame = encode(Position(7), b"hello").to_vec();
        assert_eq!(decode(Position(7), &frame).unwrap().as_ref(), b"hello");
        assert!(decode(Position(8), &frame).is_err());
        assert!(decode(Position(7), &frame[..frame.len() - 1]).is_err());
        assert!(decode(Position(7), &frame[..3]).is_err());
        for bit in 0..frame.len() * 8 {
            let mut flipped = frame.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(decode(Position(7), &flipped).is_err(), "bit {bit}");
        }
    }
}
