//! Query parameters, decoded and never guessed at: an unknown one is refused by name.

use windhover_proto::problem::{Code, Problem};

/// Most parameters of one request.
const COUNT_MAX: usize = 100;

/// The parameters of a query, in order.
#[derive(Debug, Default)]
pub(super) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Decodes a query.
    pub(super) fn parse(query: &str) -> Result<Self, Problem> {
        let pairs: Vec<_> = query.split('&').filter(|pair| !pair.is_empty()).collect();
        if pairs.len() > COUNT_MAX {
            return Err(Code::Malformed.because(format!("{} parameters; at most {COUNT_MAX} are read", pairs.len())));
        }
        let decoded = pairs.into_iter().map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decode(name)?, decode(value)?))
        });
        decoded.collect::<Result<_, _>>().map(Self)
    }

    pub(super) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// Percent-decoding; `+` is a blank.
fn decode(text: &str) -> Result<String, Problem> {
    let malformed = || Code::Malformed.because(format!("`{text}` is not percent-encoded UTF-8"));
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let decoded = match byte {
            b'+' => b' ',
            b'%' => {
                let pair =
                    [rest.next(), rest.next()].map(|digit| digit.and_then(|digit| char::from(digit).to_digit(16)));
                let [Some(high), Some(low)] = pair else { return Err(malformed()) };
                u8::try_from(high * 16 + low).map_err(|_| malformed())?
            }
            other => other,
        };
        bytes.push(decoded);
    }
    String::from_utf8(bytes).map_err(|_| malformed())
}

/// The refusal of a parameter that does nothing here.
pub(super) fn unsupported(name: &str, supported: &[&str]) -> Problem {
    Code::Malformed.because(format!("unknown parameter `{name}`; supported are {}", supported.join(", ")))
}
