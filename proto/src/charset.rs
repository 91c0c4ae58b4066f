//! Charsets that a content type may declare. `encoding_rs` knows those of the web, in which `ISO-8859-1` and `US-ASCII` are other
//! names of windows-1252 and `UTF-16` is little-endian; what a sender says is taken at its word instead, as Kestra's platform
//! takes it.

use std::borrow::Cow;

use encoding_rs::{Encoding, REPLACEMENT, UTF_8, UTF_16BE, UTF_16LE, X_USER_DEFINED};

const LATIN_1: [&str; 9] =
    ["iso-8859-1", "iso8859-1", "iso_8859-1", "iso8859_1", "latin1", "l1", "cp819", "ibm819", "csisolatin1"];
const ASCII: [&str; 7] = ["us-ascii", "ascii", "iso646-us", "ansi_x3.4-1968", "iso-ir-6", "us", "csascii"];

/// A charset that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Charset {
    /// The default.
    Utf8,
    /// Every byte is the character of its number.
    Latin1,
    /// Bytes from 128 on are nothing.
    Ascii,
    /// In the order that a mark at the beginning says, big-endian without one.
    Utf16,
    /// As [`Charset::Utf16`], four bytes each; `None` goes by the mark.
    Utf32(Option<Order>),
    /// One that the web knows.
    Other(&'static Encoding),
}

/// The order of the bytes of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Big,
    Little,
}

impl Charset {
    /// The charset of this name, in any case.
    pub(crate) fn of(name: &str) -> Option<Self> {
        let name = name.trim().to_ascii_lowercase();
        match name.as_str() {
            "utf-16" | "utf_16" | "unicode" => Some(Charset::Utf16),
            "utf-32" | "utf_32" => Some(Charset::Utf32(None)),
            "utf-32be" | "utf_32be" => Some(Charset::Utf32(Some(Order::Big))),
            "utf-32le" | "utf_32le" => Some(Charset::Utf32(Some(Order::Little))),
            name if LATIN_1.contains(&name) => Some(Charset::Latin1),
            name if ASCII.contains(&name) => Some(Charset::Ascii),
            name => Self::of_the_web(Encoding::for_label(name.as_bytes())?),
        }
    }

    fn of_the_web(encoding: &'static Encoding) -> Option<Self> {
        if encoding == UTF_8 {
            return Some(Charset::Utf8);
        }
        // These two stand for "not to be read" and for a private range: text would be lost in them.
        (encoding != REPLACEMENT && encoding != X_USER_DEFINED).then_some(Charset::Other(encoding))
    }

    /// The text; what is no character of the charset becomes U+FFFD.
    pub(crate) fn decode(self, bytes: &[u8]) -> Cow<'_, str> {
        match self {
            Charset::Utf8 => String::from_utf8_lossy(bytes),
            Charset::Latin1 => encoding_rs::mem::decode_latin1(bytes),
            Charset::Ascii => {
                let shown = |byte: &u8| if byte.is_ascii() { char::from(*byte) } else { char::REPLACEMENT_CHARACTER };
                bytes.iter().map(shown).collect()
            }
            Charset::Utf16 => match bytes {
                [0xff, 0xfe, rest @ ..] => UTF_16LE.decode_without_bom_handling(rest).0,
                [0xfe, 0xff, rest @ ..] => UTF_16BE.decode_without_bom_handling(rest).0,
                bytes => UTF_16BE.decode_without_bom_handling(bytes).0,
            },
            Charset::Utf32(order) => utf_32(order, bytes).into(),
            Charset::Other(encoding) => encoding.decode_without_bom_handling(bytes).0,
        }
    }
}

fn utf_32(order: Option<Order>, bytes: &[u8]) -> String {
    let (order, bytes) = match (order, bytes) {
        (None, [0xff, 0xfe, 0, 0, rest @ ..]) => (Order::Little, rest),
        (None, [0, 0, 0xfe, 0xff, rest @ ..]) => (Order::Big, rest),
        (order, bytes) => (order.unwrap_or(Order::Big), bytes),
    };
    let (units, left) = bytes.as_chunks::<4>();
    let number = |unit: &[u8; 4]| match order {
        Order::Big => u32::from_be_bytes(*unit),
        Order::Little => u32::from_le_bytes(*unit),
    };
    let shown = |unit| char::from_u32(number(unit)).unwrap_or(char::REPLACEMENT_CHARACTER);
    let broken_off = (!left.is_empty()).then_some(char::REPLACEMENT_CHARACTER);
    units.iter().map(shown).chain(broken_off).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, bytes: &[u8]) -> Option<String> {
        Charset::of(name).map(|charset| charset.decode(bytes).into_owned())
    }

    #[test]
    fn latin_1_and_ascii_are_not_windows_1252() {
        assert_eq!(read("ISO-8859-1", b"\x80\xe9").as_deref(), Some("\u{80}\u{e9}"));
        assert_eq!(read("latin1", b"\x99").as_deref(), Some("\u{99}"));
        assert_eq!(read("windows-1252", b"\x80\xe9").as_deref(), Some("\u{20ac}\u{e9}"));
        assert_eq!(read("US-ASCII", b"a\xe9").as_deref(), Some("a\u{fffd}"));
    }

    #[test]
    fn utf_16_and_32_are_big_endian_unless_a_mark_says_otherwise() {
        assert_eq!(read("utf-16", b"\0a\0b").as_deref(), Some("ab"));
        assert_eq!(read("UTF-16", b"\xff\xfea\0").as_deref(), Some("a"));
        assert_eq!(read("UTF-16", b"\xfe\xff\0a").as_deref(), Some("a"));
        assert_eq!(read("UTF-16LE", b"a\0").as_deref(), Some("a"));
        assert_eq!(read("UTF-32", b"\0\x01\xf5\x11").as_deref(), Some("\u{1f511}"));
        assert_eq!(read("UTF-32LE", b"\x11\xf5\x01\0\0").as_deref(), Some("\u{1f511}\u{fffd}"));
        assert_eq!(read("UTF-32", b"\xff\xfe\0\0a\0\0\0").as_deref(), Some("a"));
    }

    #[test]
    fn a_charset_in_which_text_would_be_lost_is_none() {
        for name in ["nope", "", "x-user-defined", "replacement", "iso-2022-kr"] {
            assert_eq!(Charset::of(name), None, "{name}");
        }
    }
}
