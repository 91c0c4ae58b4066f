//! Query parameters of what asks for something: known by name, and each does what it says or is refused.

use windhover_proto::problem::{Code, Problem};

use crate::target;

/// Most parameters of one request.
const COUNT_MAX: usize = 100;

/// The pairs of a query or of a form, decoded, in order; `+` is a blank.
///
/// # Errors
/// 400 for escapes that are none, and for too many.
pub(super) fn pairs(text: &str) -> Result<Vec<(String, String)>, Problem> {
    let pairs: Vec<&str> = text.split('&').filter(|pair| !pair.is_empty()).collect();
    if pairs.len() > COUNT_MAX {
        return Err(Code::Malformed.because(format!("{} parameters; at most {COUNT_MAX} are read", pairs.len())));
    }
    let decode = |text: &str| target::decode(&text.replace('+', " ")).map(|text| text.into_owned());
    let pair = |pair: &str| {
        target::check_escapes("parameters", pair)?;
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        Ok((decode(name)?, decode(value)?))
    };
    pairs.into_iter().map(pair).collect()
}

/// True or false; none when the parameter is empty.
pub(super) fn flag(name: &str, value: &str) -> Result<Option<bool>, Problem> {
    match value {
        "true" => Ok(Some(true)),
        "false" => Ok(Some(false)),
        "" => Ok(None),
        other => Err(Code::Unprocessable.because(format!("`{name}` is `{other}`, but must be true or false"))),
    }
}

/// A revision; none when the parameter is empty.
pub(super) fn revision(value: &str) -> Result<Option<u32>, Problem> {
    if value.is_empty() {
        return Ok(None);
    }
    let number = value.parse().ok().filter(|number| *number > 0);
    let bad = || Code::Unprocessable.because(format!("`revision` is `{value}`, but must be a number from 1"));
    number.map(Some).ok_or_else(bad)
}

/// A parameter of Kestra's that does nothing here yet.
pub(super) fn not_yet(name: &str) -> Problem {
    Code::Unprocessable.because(format!("the parameter `{name}` is not supported yet; leave it out"))
}

/// A parameter that nobody knows.
pub(super) fn unknown(name: &str, known: &[&str]) -> Problem {
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    Code::Malformed.because(format!("unknown parameter `{name}`; supported are: {known}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_decoded_in_order_and_bad_escapes_are_refused() {
        let found = pairs("a=1&b=x+y%20%C3%A9&&flag&a=").unwrap();
        let found: Vec<_> = found.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(found, [("a", "1"), ("b", "x y \u{e9}"), ("flag", ""), ("a", "")]);
        assert_eq!(pairs("a=%zz").unwrap_err().code.status(), 400);
        assert_eq!(pairs(&"a&".repeat(101)).unwrap_err().code.status(), 400);
    }

    #[test]
    fn a_parameter_that_makes_no_sense_is_named() {
        assert_eq!(revision("3").unwrap(), Some(3));
        assert_eq!(revision("").unwrap(), None);
        for bad in ["x", "0", "-1"] {
            assert!(revision(bad).unwrap_err().detail.contains("`revision`"));
        }
        assert!(flag("wait", "maybe").unwrap_err().detail.contains("`wait`"));
    }
}
