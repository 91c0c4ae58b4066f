//! What one rendering may use and what it leaves behind: time, seed, fuel, secrets that were shown.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::ast::Span;
use super::error::RenderError;
use super::limits::{BYTES_PER_STEP, FUEL_MAX, OUTPUT_BYTES_MAX};
use super::surroundings::Surroundings;
use super::value::Value;
use crate::sight::Sight;

/// The value of one sub-expression, kept when tracing.
#[derive(Clone, Debug)]
pub struct TraceStep {
    /// The sub-expression as it was written.
    pub source: String,
    /// How deep it lies in the expression, the whole being 0.
    pub depth: usize,
    /// Its value, or the text of its failure.
    pub outcome: Result<Value, String>,
}

/// The environment of renderings: one for each turn, or one for each rendering, as the caller likes.
///
/// The same surroundings, time and seed give the same answers, random ones included.
pub struct Env<'a> {
    pub(crate) surroundings: &'a dyn Surroundings,
    pub(crate) now: Timestamp,
    random: u64,
    fuel: u64,
    secrets_used: Vec<String>,
    pub(crate) sight: Sight,
    pub(crate) render_depth: usize,
    pub(crate) call_depth: usize,
    pub(crate) patterns: BTreeMap<String, super::pattern::Pattern>,
    trace: Option<Vec<TraceStep>>,
    /// Levels of evaluation that are open.
    pub(crate) depth: usize,
    /// Levels of expressions that are open, counted when tracing.
    pub(crate) trace_depth: usize,
}

impl<'a> Env<'a> {
    /// An environment with full fuel.
    pub fn new(surroundings: &'a dyn Surroundings, now: Timestamp, seed: u64) -> Env<'a> {
        Env {
            surroundings,
            now,
            random: seed,
            fuel: FUEL_MAX,
            secrets_used: Vec::new(),
            sight: Sight::Opened,
            render_depth: 0,
            trace_depth: 0,
            call_depth: 0,
            patterns: BTreeMap::new(),
            trace: None,
            depth: 0,
        }
    }

    /// Keeps the value of every sub-expression from now on.
    pub fn traced(mut self) -> Env<'a> {
        self.trace = Some(Vec::new());
        self
    }

    /// Reads masks in place of secrets unless they are seen.
    pub fn with_sight(mut self, sight: Sight) -> Env<'a> {
        self.sight = sight;
        self
    }

    /// What was traced, in the order of evaluation.
    pub fn trace(&self) -> &[TraceStep] {
        self.trace.as_deref().unwrap_or(&[])
    }

    /// Values of secrets that were read, for masking them in logs.
    pub fn secrets_used(&self) -> &[String] {
        &self.secrets_used
    }

    /// Fills the fuel again, for the next rendering of the same turn.
    pub fn refuel(&mut self) {
        self.fuel = FUEL_MAX;
    }

    /// Steps that are left.
    pub fn fuel(&self) -> u64 {
        self.fuel
    }

    /// Grants fewer steps than [`FUEL_MAX`].
    pub fn with_fuel(mut self, steps: u64) -> Env<'a> {
        self.fuel = steps;
        self
    }

    pub(crate) fn note_secret(&mut self, value: &str) {
        if !self.secrets_used.iter().any(|known| known == value) {
            self.secrets_used.push(value.to_owned());
        }
    }

    pub(crate) fn is_traced(&self) -> bool {
        self.trace.is_some()
    }

    pub(crate) fn note_step(&mut self, template: &str, span: Span, outcome: Result<&Value, &RenderError>) {
        let depth = self.trace_depth;
        if let Some(trace) = &mut self.trace {
            let source = template.get(span.start as usize..span.end as usize).unwrap_or("").to_owned();
            let outcome = outcome.cloned().map_err(RenderError::kestra_text);
            trace.push(TraceStep { source, depth, outcome });
        }
    }

    /// Takes steps out of the fuel.
    #[inline]
    pub(crate) fn spend(&mut self, steps: u64) -> Result<(), RenderError> {
        match self.fuel.checked_sub(steps) {
            Some(left) => {
                self.fuel = left;
                Ok(())
            }
            None => Err(RenderError::limit(format!("the rendering took more than {FUEL_MAX} steps"))),
        }
    }

    /// Pays for a text of this many bytes, which must be within the limit.
    pub(crate) fn spend_bytes(&mut self, bytes: usize) -> Result<(), RenderError> {
        if bytes > OUTPUT_BYTES_MAX {
            return Err(output_too_large());
        }
        self.spend((bytes / BYTES_PER_STEP) as u64)
    }

    /// The next random number; the sequence depends on the seed alone (SplitMix64).
    pub(crate) fn random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A random number below `bound`, which must not be 0.
    pub(crate) fn random_below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.random()) * u128::from(bound)) >> 64) as u64
    }

    /// This many random bytes.
    pub(crate) fn random_bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        for chunk in bytes.chunks_mut(8) {
            let random = self.random().to_le_bytes();
            chunk.copy_from_slice(&random[..chunk.len()]);
        }
        bytes
    }
}

pub(crate) fn output_too_large() -> RenderError {
    RenderError::limit(format!("the rendered text is longer than {OUTPUT_BYTES_MAX} bytes"))
}

impl std::fmt::Debug for Env<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Env").field("now", &self.now).field("fuel", &self.fuel).finish_non_exhaustive()
    }
}
