//! Sizes as people write them.

use std::str::FromStr;

/// A number of bytes, written as `20GiB`, `500MB` or `1048576`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bytes(pub(super) u64);

/// Units, longest first, so that `GiB` is not taken for `B`.
const UNITS: [(&str, u64); 13] = [
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("tib", 1 << 40),
    ("kb", 1_000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
    ("tb", 1_000_000_000_000),
    ("k", 1 << 10),
    ("m", 1 << 20),
    ("g", 1 << 30),
    ("t", 1 << 40),
    ("b", 1),
];

impl FromStr for Bytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let lower = text.trim().to_ascii_lowercase();
        let unit = UNITS.iter().find_map(|(name, size)| Some((lower.strip_suffix(name)?, *size)));
        let (number, size) = unit.unwrap_or((&lower, 1));
        let count: u64 = number.trim().parse().map_err(|_| "a size such as 20GiB or 500MB is wanted".to_owned())?;
        count.checked_mul(size).map(Bytes).ok_or_else(|| "the size is beyond any disk".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_and_without_a_unit() {
        assert_eq!("20GiB".parse(), Ok(Bytes(20 << 30)));
        assert_eq!("500 MB".parse(), Ok(Bytes(500_000_000)));
        assert_eq!("64k".parse(), Ok(Bytes(65_536)));
        assert_eq!("1048576".parse(), Ok(Bytes(1_048_576)));
    }

    #[test]
    fn what_is_no_size_is_refused() {
        for text in ["", "many", "-1", "1.5GiB", "99999999999TiB"] {
            assert!(text.parse::<Bytes>().is_err(), "{text}");
        }
    }
}
