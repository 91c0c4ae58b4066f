//! Regular expressions in the host language's spelling, bounded in size and in steps.

use std::ops::Range;
use std::sync::Arc;

use fancy_regex::{Captures, Regex, RegexBuilder};

use super::error::RenderError;
use super::eval::Machine;
use super::java_pattern::translated;
use super::limits::REGEX_BYTES_MAX;

/// Steps that one search may take when a pattern needs backtracking.
const BACKTRACK_STEPS_MAX: usize = 100_000;

/// Regular expressions that one rendering keeps compiled.
const KEPT_MAX: usize = 64;

/// A compiled pattern.
#[derive(Clone)]
pub(crate) struct Pattern(Arc<Regex>);

impl Pattern {
    /// Compiles a pattern, or takes the one that this rendering compiled before.
    pub(crate) fn compile(machine: &mut Machine<'_, '_>, source: &str) -> Result<Pattern, RenderError> {
        if let Some(known) = machine.env.patterns.get(source) {
            return Ok(known.clone());
        }
        machine.env.spend(100 + source.len() as u64)?;
        let invalid = |reason: String| RenderError::engine(format!("Invalid regex '{source}': {reason}"));
        let compiled = RegexBuilder::new(&translated(source).map_err(|reason| invalid(reason.to_owned()))?)
            .backtrack_limit(BACKTRACK_STEPS_MAX)
            .delegate_size_limit(REGEX_BYTES_MAX)
            .build()
            .map_err(|error| invalid(error.to_string()))?;
        let pattern = Pattern(Arc::new(compiled));
        if machine.env.patterns.len() < KEPT_MAX {
            machine.env.patterns.insert(source.to_owned(), pattern.clone());
        }
        Ok(pattern)
    }

    /// How many groups there are beside the whole match.
    pub(crate) fn groups(&self) -> usize {
        self.0.captures_len() - 1
    }

    pub(crate) fn is_match(&self, machine: &mut Machine<'_, '_>, text: &str) -> Result<bool, RenderError> {
        machine.env.spend_bytes(text.len())?;
        self.0.is_match(text).map_err(|error| too_hard(&error))
    }

    pub(crate) fn captures<'t>(
        &self,
        machine: &mut Machine<'_, '_>,
        text: &'t str,
    ) -> Result<Option<Captures<'t, str>>, RenderError> {
        machine.env.spend_bytes(text.len())?;
        self.0.captures(text).map_err(|error| too_hard(&error))
    }

    /// Replaces every match; `$1`, `${name}` and `\$` are read as in the host language.
    pub(crate) fn replace_all(
        &self,
        machine: &mut Machine<'_, '_>,
        text: &str,
        replacement: &str,
    ) -> Result<String, RenderError> {
        let mut out = String::new();
        let mut written = 0;
        let mut from = Some(0);
        while let Some(start) = from {
            let found = self.0.captures_from_pos(text, start).map_err(|error| too_hard(&error))?;
            let Some((found, whole)) = found.and_then(|found| found.get(0).map(|whole| (found, whole))) else { break };
            out.push_str(&text[written..whole.start()]);
            self.expand(&found, replacement, &mut out)?;
            written = whole.end();
            from = behind(text, whole.range());
            machine.env.spend(1)?;
            machine.env.spend_bytes(out.len() / 64)?;
        }
        out.push_str(&text[written..]);
        machine.env.spend_bytes(out.len())?;
        Ok(out)
    }

    fn expand(&self, found: &Captures<'_, str>, replacement: &str, out: &mut String) -> Result<(), RenderError> {
        let mut rest = replacement;
        while let Some(at) = rest.find(['$', '\\']) {
            out.push_str(&rest[..at]);
            let special = &rest[at..];
            rest = match special.strip_prefix('\\') {
                Some(escaped) => {
                    let char = escaped.chars().next().ok_or_else(|| illegal("character to be escaped is missing"))?;
                    out.push(char);
                    &escaped[char.len_utf8()..]
                }
                None => self.group(found, &special[1..], out)?,
            };
        }
        out.push_str(rest);
        Ok(())
    }

    /// Writes the group that `reference` begins with and answers what follows the reference.
    fn group<'r>(
        &self,
        found: &Captures<'_, str>,
        reference: &'r str,
        out: &mut String,
    ) -> Result<&'r str, RenderError> {
        if let Some(named) = reference.strip_prefix('{') {
            let (name, rest) =
                named.split_once('}').ok_or_else(|| illegal("named capturing group is missing trailing '}'"))?;
            if !self.0.capture_names().any(|known| known == Some(name)) {
                return Err(RenderError::kind(format!(
                    "java.lang.IllegalArgumentException: No group with name {{{name}}}"
                )));
            }
            out.push_str(found.name(name).map_or("", |group| group.as_str()));
            return Ok(rest);
        }
        let digits = reference.len() - reference.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let length =
            (1..=digits).rev().find(|length| reference[..*length].parse().is_ok_and(|n: usize| n <= self.groups()));
        match length {
            Some(length) => {
                let number: usize = reference[..length].parse().unwrap_or(0);
                out.push_str(found.get(number).map_or("", |group| group.as_str()));
                Ok(&reference[length..])
            }
            None if digits > 0 => {
                let group = &reference[..1];
                Err(RenderError::kind(format!("java.lang.IndexOutOfBoundsException: No group {group}")))
            }
            None => Err(illegal("group index is missing")),
        }
    }

    /// The parts between matches. A positive limit is the most parts there can be; 0 drops empty parts at the end.
    pub(crate) fn split(
        &self,
        machine: &mut Machine<'_, '_>,
        text: &str,
        limit: i64,
    ) -> Result<Vec<String>, RenderError> {
        machine.env.spend_bytes(text.len())?;
        let mut parts = Vec::new();
        let mut start = 0;
        let mut from = Some(0);
        while let Some(at) = from.filter(|_| limit <= 0 || (parts.len() as i64) < limit - 1) {
            let Some(found) = self.0.find_from_pos(text, at).map_err(|error| too_hard(&error))? else { break };
            machine.env.spend(1)?;
            from = behind(text, found.range());
            if found.end() > 0 {
                parts.push(text[start..found.start()].to_owned());
                start = found.end();
            }
        }
        if start == 0 && parts.is_empty() {
            return Ok(vec![text.to_owned()]);
        }
        parts.push(text[start..].to_owned());
        while limit == 0 && parts.last().is_some_and(String::is_empty) {
            parts.pop();
        }
        Ok(parts)
    }
}

/// Where the host looks for the next match: right behind this one, where it may find an empty one, and a character further on
/// when this one was empty itself.
fn behind(text: &str, found: Range<usize>) -> Option<usize> {
    if !found.is_empty() {
        return Some(found.end);
    }
    text[found.end..].chars().next().map(|char| found.end + char.len_utf8())
}

fn illegal(what: &str) -> RenderError {
    RenderError::kind(format!("java.lang.IllegalArgumentException: Illegal group reference: {what}"))
}

fn too_hard(error: &fancy_regex::Error) -> RenderError {
    RenderError::limit(format!("the regular expression took too many steps: {error}"))
}
