//! Names and numbers of things. Each is parsed once and trusted from then on.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::limit;

/// A text that is not the name it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no {kind}: {rule}")]
pub struct BadName {
    /// What it should name.
    pub kind: &'static str,
    /// What was given, cut to 60 characters.
    pub text: String,
    /// What is allowed.
    pub rule: &'static str,
}

fn checked(
    text: &str,
    kind: &'static str,
    rule: &'static str,
    bytes_max: usize,
    first: fn(u8) -> bool,
    rest: fn(u8) -> bool,
) -> Result<Arc<str>, BadName> {
    let good = text.len() <= bytes_max && text.bytes().next().is_some_and(first) && text.bytes().skip(1).all(rest);
    if good { Ok(text.into()) } else { Err(BadName { kind, text: text.chars().take(60).collect(), rule }) }
}

/// Declares a name with its rule. The patterns are Kestra's.
macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $max:expr, $first:expr, $rest:expr, $rule:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = BadName;

            fn from_str(text: &str) -> Result<Self, BadName> {
                checked(text, $kind, $rule, $max, $first, $rest).map(Self)
            }
        }

        impl TryFrom<String> for $name {
            type Error = BadName;

            fn try_from(text: String) -> Result<Self, BadName> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0.as_ref().to_owned()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, "{:?}", &*self.0)
            }
        }
    };
}

fn lower_or_digit(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

fn letter_or_digit(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

fn lower_dotted(byte: u8) -> bool {
    lower_or_digit(byte) || matches!(byte, b'.' | b'_' | b'-')
}

fn dotted(byte: u8) -> bool {
    letter_or_digit(byte) || matches!(byte, b'.' | b'_' | b'-')
}

fn dashed(byte: u8) -> bool {
    letter_or_digit(byte) || matches!(byte, b'_' | b'-')
}

name!(
    /// Who owns a set of flows; `main` unless said otherwise.
    TenantId, "tenant", 63, lower_or_digit, dashed,
    "a small letter or digit, then letters, digits, `_` and `-`, at most 63"
);
name!(
    /// A dotted path that groups flows, such as `company.team`.
    Namespace, "namespace", limit::NAMESPACE_BYTES_MAX, lower_or_digit, lower_dotted,
    "a small letter or digit, then small letters, digits, `.`, `_` and `-`, at most 150"
);
name!(
    /// Names a flow inside its namespace.
    FlowId, "flow id", limit::FLOW_ID_BYTES_MAX, letter_or_digit, dotted,
    "a letter or digit, then letters, digits, `.`, `_` and `-`, at most 100"
);
name!(
    /// Names a task inside its flow.
    TaskId, "task id", limit::TASK_ID_BYTES_MAX, letter_or_digit, dashed,
    "a letter or digit, then letters, digits, `_` and `-`, at most 256"
);
name!(
    /// Names a trigger inside its flow.
    TriggerId, "trigger id", limit::TASK_ID_BYTES_MAX, letter_or_digit, dashed,
    "a letter or digit, then letters, digits, `_` and `-`, at most 256"
);

impl TenantId {
    /// The tenant of every route that names none.
    pub fn main() -> Self {
        Self("main".into())
    }
}

impl Namespace {
    /// This namespace, then its parents, innermost first: `a.b.c`, `a.b`, `a`.
    pub fn with_parents(&self) -> impl Iterator<Item = &str> {
        std::iter::successors(Some(&*self.0), |path| path.rsplit_once('.').map(|(parent, _)| parent))
    }
}

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Characters of 128 bits in base62.
const BASE62_CHARS: usize = 22;

/// The ten lowest digits of a 128-bit number fit into 64 bits, where a division is twenty times cheaper.
const TEN_DIGITS: u128 = 62u128.pow(10);

fn base62(bits: [u8; 16]) -> [u8; BASE62_CHARS] {
    let mut rest = u128::from_be_bytes(bits);
    let mut text = [b'0'; BASE62_CHARS];
    for digits in text.rchunks_mut(10) {
        let mut number = (rest % TEN_DIGITS) as u64;
        rest /= TEN_DIGITS;
        for place in digits.iter_mut().rev() {
            *place = BASE62[(number % 62) as usize];
            number /= 62;
        }
    }
    text
}

fn digit62(byte: u8) -> Option<u128> {
    match byte {
        b'0'..=b'9' => Some(u128::from(byte - b'0')),
        b'A'..=b'Z' => Some(u128::from(byte - b'A') + 10),
        b'a'..=b'z' => Some(u128::from(byte - b'a') + 36),
        _ => None,
    }
}

fn from_base62(text: &str) -> Option<[u8; 16]> {
    if text.is_empty() || text.len() > BASE62_CHARS {
        return None;
    }
    let number = text.bytes().try_fold(0u128, |number, byte| {
        number.checked_mul(62).zip(digit62(byte)).and_then(|(n, d)| n.checked_add(d))
    })?;
    Some(number.to_be_bytes())
}

/// Declares a 128-bit id that is shown as 22 base62 characters, as Kestra shows its ids.
macro_rules! id128 {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 16]);

        impl $name {
            /// The id with these bits.
            pub const fn from_bytes(bits: [u8; 16]) -> Self {
                Self(bits)
            }

            /// The bits.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = BadName;

            fn from_str(text: &str) -> Result<Self, BadName> {
                let bad = || BadName {
                    kind: $kind,
                    text: text.chars().take(60).collect(),
                    rule: "up to 22 letters and digits (base62 of 128 bits)",
                };
                from_base62(text).map(Self).ok_or_else(bad)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                let text = base62(self.0);
                formatter.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, formatter)
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

id128!(
    /// Names one run of one flow. With a correlation id it is a hash of where the delivery went and that id, so that a
    /// redelivery finds the same run; without one it is random.
    ExecutionId,
    "execution id"
);
id128!(
    /// Names one run of one task inside an execution.
    TaskRunId,
    "task run id"
);
id128!(
    /// Names one input: a later copy of the same input is ignored.
    DeliveryId,
    "delivery id"
);

/// A correlation id: 1 to 255 printable ASCII bytes that name what a sender sent, whatever number of times it sends it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CorrelationId(Arc<str>);

impl CorrelationId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for CorrelationId {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        let printable = |byte: u8| (0x20..0x7f).contains(&byte);
        let rule = "1 to 255 printable ASCII characters";
        checked(text, "key", rule, limit::CORRELATION_ID_BYTES_MAX, printable, printable).map(Self)
    }
}

impl TryFrom<String> for CorrelationId {
    type Error = BadName;

    fn try_from(text: String) -> Result<Self, BadName> {
        text.parse()
    }
}

impl From<CorrelationId> for String {
    fn from(id: CorrelationId) -> String {
        id.0.as_ref().to_owned()
    }
}

impl fmt::Display for CorrelationId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Hashes parts, each with its length before it, so that no two lists of parts give the same bits.
pub(crate) fn hash_parts(domain: &str, parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in std::iter::once(&domain.as_bytes()).chain(parts) {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

/// The first 128 bits of [`hash_parts`].
pub(crate) fn id_of_parts(domain: &str, parts: &[&[u8]]) -> [u8; 16] {
    let hash = hash_parts(domain, parts);
    let mut bits = [0; 16];
    bits.copy_from_slice(&hash[..16]);
    bits
}

impl ExecutionId {
    /// The execution that every delivery with this correlation id belongs to.
    pub fn of_correlation(
        tenant: &TenantId,
        namespace: &Namespace,
        flow: &FlowId,
        trigger: &TriggerId,
        correlation: &CorrelationId,
    ) -> Self {
        let parts = [tenant.as_str(), namespace.as_str(), flow.as_str(), trigger.as_str(), correlation.as_str()];
        Self(id_of_parts("windhover execution", &parts.map(str::as_bytes)))
    }

    /// The execution that every call of the API with this key belongs to.
    pub fn of_request(tenant: &TenantId, namespace: &Namespace, flow: &FlowId, key: &CorrelationId) -> Self {
        let parts = [tenant.as_str(), namespace.as_str(), flow.as_str(), key.as_str()];
        Self(id_of_parts("windhover requested execution", &parts.map(str::as_bytes)))
    }

    /// The partition, of `partitions`, whose owner runs this execution. The id is random or a hash already.
    pub fn partition(&self, partitions: u16) -> u16 {
        let mut low = [0; 8];
        low.copy_from_slice(&self.0[8..]);
        (u64::from_be_bytes(low) % u64::from(partitions.max(1))) as u16
    }
}

impl TaskRunId {
    /// The run of `task` under `parent` (or at the root), in iteration `iteration` of a loop.
    pub fn of_task(execution: &ExecutionId, task: &TaskId, parent: Option<&TaskRunId>, iteration: Option<u32>) -> Self {
        let iteration = iteration.map(u32::to_be_bytes);
        let parts: [&[u8]; 4] = [
            execution.as_bytes(),
            task.as_str().as_bytes(),
            parent.map_or(&[], |id| id.as_bytes().as_slice()),
            iteration.as_ref().map_or(&[], <[u8; 4]>::as_slice),
        ];
        Self(id_of_parts("windhover task run", &parts))
    }
}

/// SHA-256 of the raw bytes of a body: two deliveries have the same body when these are equal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// The fingerprint of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The hash.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The fingerprint with these bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl FromStr for Fingerprint {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        let bad =
            || BadName { kind: "fingerprint", text: text.chars().take(70).collect(), rule: "64 hexadecimal digits" };
        let digits = text.as_bytes();
        let mut bytes = [0; 32];
        if digits.len() != 64 {
            return Err(bad());
        }
        for (place, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let high = (pair[0] as char).to_digit(16).ok_or_else(bad)?;
            let low = (pair[1] as char).to_digit(16).ok_or_else(bad)?;
            *place = (high * 16 + low) as u8;
        }
        Ok(Self(bytes))
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = [0; 64];
        for (pair, byte) in text.chunks_exact_mut(2).zip(self.0) {
            pair[0] = b"0123456789abcdef"[usize::from(byte >> 4)];
            pair[1] = b"0123456789abcdef"[usize::from(byte & 15)];
        }
        serializer.serialize_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

impl<'de> Deserialize<'de> for Fingerprint {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_prints_as_22_characters_and_reads_back() {
        for bits in [[0; 16], [255; 16], *b"0123456789abcdef"] {
            let id = ExecutionId::from_bytes(bits);
            let text = id.to_string();
            assert_eq!(text.len(), 22);
            assert_eq!(text.parse::<ExecutionId>(), Ok(id));
        }
    }

    #[test]
    fn an_id_prints_as_the_digits_of_its_number() {
        let text = |number: u128| ExecutionId::from_bytes(number.to_be_bytes()).to_string();
        assert_eq!(text(61), format!("{}z", "0".repeat(21)));
        assert_eq!(text(62u128.pow(10)), format!("{}1{}", "0".repeat(11), "0".repeat(10)));
        assert_eq!(text(62u128.pow(20) * 7 + 62 * 10), format!("07{}A0", "0".repeat(18)));
        assert_eq!(text(u128::MAX), "7n42DGM5Tflk9n8mt7Fhc7");
    }

    #[test]
    fn an_id_without_its_leading_zeros_is_the_same_id() {
        let id = ExecutionId::from_bytes([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0]);
        assert_eq!(id.to_string().trim_start_matches('0').parse::<ExecutionId>(), Ok(id));
    }

    #[test]
    fn a_text_beyond_128_bits_or_with_other_characters_is_no_id() {
        for text in ["", "zzzzzzzzzzzzzzzzzzzzzz", "abc-def", "00000000000000000000000"] {
            assert!(text.parse::<ExecutionId>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_same_correlation_in_another_place_is_another_execution() {
        let id = |namespace: &str, flow: &str, key: &str| {
            ExecutionId::of_correlation(
                &TenantId::main(),
                &namespace.parse().unwrap(),
                &flow.parse().unwrap(),
                &"hook".parse().unwrap(),
                &key.parse().unwrap(),
            )
        };
        assert_eq!(id("a", "b", "k"), id("a", "b", "k"));
        let others = [id("a", "bc", "k"), id("ab", "c", "k"), id("a", "b", "kk"), id("a", "b", "c")];
        assert!(others.iter().all(|other| *other != id("a", "b", "k")));
    }

    #[test]
    fn names_follow_their_patterns() {
        assert!("company.team".parse::<Namespace>().is_ok());
        assert!("Company".parse::<Namespace>().is_err());
        assert!("a/b".parse::<FlowId>().is_err());
        assert!("".parse::<TaskId>().is_err());
        assert!("a.b".parse::<TaskId>().is_err());
        assert!("k\u{7f}".parse::<CorrelationId>().is_err());
        assert!("k".repeat(256).parse::<CorrelationId>().is_err());
    }

    #[test]
    fn a_namespace_lists_its_parents_innermost_first() {
        let namespace: Namespace = "a.b.c".parse().unwrap();
        assert_eq!(namespace.with_parents().collect::<Vec<_>>(), ["a.b.c", "a.b", "a"]);
    }
}
