//! Lengths and places of text in 16-bit units, as the host language counts them.

/// How many 16-bit units the text has.
pub(crate) fn length(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.encode_utf16().count() }
}

/// The units from `from` up to `to`. Half of a pair at an edge becomes the replacement character.
pub(crate) fn slice(text: &str, from: usize, to: usize) -> String {
    if text.is_ascii() {
        return text.get(from..to.min(text.len())).unwrap_or("").to_owned();
    }
    let units: Vec<u16> = text.encode_utf16().skip(from).take(to.saturating_sub(from)).collect();
    String::from_utf16_lossy(&units)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_horse_counts_for_two() {
        assert_eq!(length("a🐎b"), 4);
        assert_eq!(slice("a🐎b", 1, 3), "🐎");
        assert_eq!(slice("abc", 1, 9), "bc");
    }
}
