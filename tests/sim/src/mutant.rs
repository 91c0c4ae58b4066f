//! Defects put into the simulated shell on purpose: a checker that misses one of them proves nothing.

use std::{fmt, str::FromStr};

/// One defect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutant {
    /// An execution that is over is forgotten at once, so a late duplicate starts it again.
    NoDedupe,
    /// A sender is told "stored" before anything is.
    AckBeforeAppend,
    /// The events of a commit are folded twice into the owner's state.
    ApplyTwice,
    /// Commits are appended without an expected head, and a higher epoch stops nobody.
    NoFencing,
    /// Calls start before the commit that records them is on disk.
    EffectsFirst,
    /// A call that is repeated after a recovery gets a new number.
    NewNumber,
    /// A turn says that it consumed one record more than it took.
    SkipInput,
    /// The end of an execution is written twice.
    DoubleEnd,
    /// Timers are not restored by a recovery.
    LoseTimers,
    /// Calls in flight are not repeated by a recovery.
    ForgetCalls,
    /// An append whose outcome is unknown is taken for stored.
    TrustUnknown,
    /// A recovery takes an old snapshot for the state at the head of the log.
    StaleStore,
    /// The result of a call is recorded, and the call made again all the same.
    RepeatCalls,
}

impl Mutant {
    /// All of them.
    pub const ALL: [Mutant; 13] = [
        Mutant::NoDedupe,
        Mutant::AckBeforeAppend,
        Mutant::ApplyTwice,
        Mutant::NoFencing,
        Mutant::EffectsFirst,
        Mutant::NewNumber,
        Mutant::SkipInput,
        Mutant::DoubleEnd,
        Mutant::LoseTimers,
        Mutant::ForgetCalls,
        Mutant::TrustUnknown,
        Mutant::StaleStore,
        Mutant::RepeatCalls,
    ];

    /// Its name on the command line and in the table.
    pub const fn name(self) -> &'static str {
        match self {
            Mutant::NoDedupe => "no-dedupe",
            Mutant::AckBeforeAppend => "ack-before-append",
            Mutant::ApplyTwice => "apply-twice",
            Mutant::NoFencing => "no-fencing",
            Mutant::EffectsFirst => "effects-first",
            Mutant::NewNumber => "new-number",
            Mutant::SkipInput => "skip-input",
            Mutant::DoubleEnd => "double-end",
            Mutant::LoseTimers => "lose-timers",
            Mutant::ForgetCalls => "forget-calls",
            Mutant::TrustUnknown => "trust-unknown",
            Mutant::StaleStore => "stale-store",
            Mutant::RepeatCalls => "repeat-calls",
        }
    }
}

impl fmt::Display for Mutant {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

impl FromStr for Mutant {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = || Mutant::ALL.map(Mutant::name).join(", ");
        let found = Mutant::ALL.into_iter().find(|mutant| mutant.name() == text);
        found.ok_or_else(|| format!("`{text}` is no mutant; there are: {}", known()))
    }
}
