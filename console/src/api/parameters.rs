//! Query parameters, decoded and never guessed at: an unknown one is refused by name.

use std::fmt::Display;

use windhover_proto::problem::{Code, Problem};

/// Most parameters of one request.
const COUNT_MAX: usize = 100;

/// The parameters of a query, in order. Each is taken once; what is left at the end is unknown.
#[derive(Debug, Default)]
pub(super) struct Parameters {
    pairs: Vec<(String, String)>,
    /// What was asked for, for the message about what is left.
    supported: Vec<&'static str>,
}

/// `filters[field][OPERATOR]` or `filters[field][OPERATOR][key]`, with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FilterParameter {
    pub(super) name: String,
    pub(super) field: String,
    pub(super) operator: String,
    pub(super) key: Option<String>,
    pub(super) value: String,
}

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
        Ok(Self { pairs: decoded.collect::<Result<_, Problem>>()?, supported: Vec::new() })
    }

    /// Takes every value of a parameter.
    pub(super) fn all(&mut self, name: &'static str) -> Vec<String> {
        self.supported.push(name);
        self.pairs.extract_if(.., |(given, _)| given == name).map(|(_, value)| value).collect()
    }

    /// Takes a parameter that may be given once.
    pub(super) fn one(&mut self, name: &'static str) -> Result<Option<String>, Problem> {
        let mut all = self.all(name);
        if all.len() > 1 {
            return Err(Code::Malformed.because(format!("`{name}` is given {} times; give it once", all.len())));
        }
        Ok(all.pop())
    }

    /// Takes a parameter that must be given.
    pub(super) fn required(&mut self, name: &'static str) -> Result<String, Problem> {
        let given = self.one(name)?;
        given.ok_or_else(|| Code::Malformed.because(format!("Required QueryValue [{name}] not specified")))
    }

    /// Takes a parameter of a kind that is read from text.
    pub(super) fn parsed<T>(&mut self, name: &'static str) -> Result<Option<T>, Problem>
    where
        T: std::str::FromStr<Err: Display>,
    {
        let Some(text) = self.one(name)? else { return Ok(None) };
        let value = text.parse().map_err(|error| bad(name, &text, &error))?;
        Ok(Some(value))
    }

    /// Takes a switch, which is off unless it is on.
    pub(super) fn flag(&mut self, name: &'static str) -> Result<bool, Problem> {
        Ok(self.parsed(name)?.unwrap_or(false))
    }

    /// Takes the filters of 2.0.
    pub(super) fn filters(&mut self) -> Result<Vec<FilterParameter>, Problem> {
        let given: Vec<_> = self.pairs.extract_if(.., |(name, _)| name.starts_with("filters[")).collect();
        given.into_iter().map(|(name, value)| filter(name, value)).collect()
    }

    /// Says what is supported beside what was asked for, in the message about what is left.
    pub(super) fn also(&mut self, supported: &[&'static str]) {
        self.supported.extend(supported);
    }

    /// Refuses what is left.
    pub(super) fn finish(self) -> Result<(), Problem> {
        match self.pairs.first() {
            Some((name, _)) => Err(unsupported(name, &self.supported)),
            None => Ok(()),
        }
    }
}

fn filter(name: String, value: String) -> Result<FilterParameter, Problem> {
    let inner = name.strip_prefix("filters[").and_then(|rest| rest.strip_suffix(']')).unwrap_or_default();
    let mut parts = inner.splitn(3, "][").map(str::to_owned);
    match (parts.next(), parts.next(), parts.next()) {
        (Some(field), Some(operator), key) => Ok(FilterParameter { name, field, operator, key, value }),
        _ => Err(Code::Malformed.because(format!("`{name}` is no filter; write filters[field][OPERATOR]=value"))),
    }
}

/// The refusal of a value.
pub(super) fn bad(name: &str, value: &str, why: &dyn Display) -> Problem {
    Code::Unprocessable.because(format!("Failed to convert argument [{name}] for value [{value}]: {why}"))
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
