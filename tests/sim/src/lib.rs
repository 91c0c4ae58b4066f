//! A deterministic simulation of the whole path over the pure core: one thread, one seed, no clock and no disk.
//!
//! Owners take turns exactly as the engine's shell does, over logs in memory. The dice of a seed decide what happens next: which
//! message arrives, is lost, comes late or twice, which node dies at which step, who thinks that it owns a partition. A
//! checker reads nothing but the logs and says at once what does not hold. A failing seed fails the same way every time.
//!
//! `cargo run --profile sim -p windhover-sim -- --seeds 0..500` builds quickly and keeps every assertion on; `--mutants` prints the
//! table of planted defects and which seed finds each.

mod canon;
pub mod catalog;
mod check;
mod log;
mod mutant;
mod owner;
mod rng;
mod sender;
mod store;
mod trace;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};

pub use canon::{text as canonical_text, undisturbed};
pub use check::Violation;
pub use mutant::Mutant;
pub use rng::Rng;
pub use store::Kept;

/// Partitions of every simulated installation.
pub const PARTITIONS: u16 = 2;

/// What to simulate.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Messages that start an execution each; duplicates come on top.
    pub executions: usize,
    /// A defect to put in, to see that it is found.
    pub mutant: Option<Mutant>,
}

/// What happened in one run of one seed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Executions that ended.
    pub executions: u64,
    /// Executions whose end was compared with an undisturbed run.
    pub compared: u64,
    /// Steps of the world.
    pub steps: u64,
    /// Commits.
    pub commits: u64,
    /// Nodes that died.
    pub crashes: u64,
    /// Partitions taken over.
    pub takeovers: u64,
    /// Owners that found a higher epoch.
    pub fenced: u64,
    /// Appends whose outcome was unknown.
    pub unknown: u64,
    /// Messages lost.
    pub lost: u64,
    /// Inputs that were stored again.
    pub ghosts: u64,
    /// Calls made.
    pub calls: u64,
    /// Calls made again under their key.
    pub repeated_calls: u64,
    /// Simulated time.
    pub virtual_ms: i64,
    /// Digest of everything that happened.
    pub trace: u64,
}

impl Report {
    /// Adds the numbers of another run; the trace is the other's.
    pub fn add(&mut self, other: &Report) {
        self.executions += other.executions;
        self.compared += other.compared;
        self.steps += other.steps;
        self.commits += other.commits;
        self.crashes += other.crashes;
        self.takeovers += other.takeovers;
        self.fenced += other.fenced;
        self.unknown += other.unknown;
        self.lost += other.lost;
        self.ghosts += other.ghosts;
        self.calls += other.calls;
        self.repeated_calls += other.repeated_calls;
        self.virtual_ms += other.virtual_ms;
        self.trace = other.trace;
    }
}

/// Runs a seed once. A panic of anything but a planted one is a violation too.
///
/// # Errors
/// The first promise that did not hold.
pub fn run(seed: u64, config: Config) -> Result<Report, Violation> {
    let run = catch_unwind(AssertUnwindSafe(|| world::World::new(seed, config).run()));
    run.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Err(Violation(format!("a panic: {}", text.unwrap_or_default())))
    })
}

/// Runs a seed twice and demands the same history of both.
///
/// # Errors
/// The first promise that did not hold.
pub fn run_twice(seed: u64, config: Config) -> Result<Report, Violation> {
    let (first, second) = (run(seed, config)?, run(seed, config)?);
    if first == second {
        return Ok(first);
    }
    Err(Violation(format!("two runs of seed {seed} differ: {first:?} and {second:?}")))
}

/// Panics that a flow plants, by the thousand, print nothing; all others do.
pub fn silence_planted_panics() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if info.payload_as_str() != Some(catalog::PLANTED) {
            before(info);
        }
    }));
}

/// Inputs as the senders of a seed give them, in the order in which an inbox might hold them.
pub fn inputs(seed: u64, executions: usize) -> Vec<windhover_proto::input::Input> {
    let mut rng = Rng::new(seed);
    let mut senders = sender::Senders::plan(executions, &mut rng);
    let mut inputs = Vec::new();
    while let Some(batch) = senders.batch(windhover_proto::time::Timestamp::default(), &mut rng) {
        inputs.extend(batch.inputs);
    }
    inputs
}
