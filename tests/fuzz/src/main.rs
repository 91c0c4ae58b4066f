//! `windhover-fuzz`: a fuzzer for stable Rust.
//!
//! It takes known inputs, changes them by a seed, and runs a target on each for a limited time. A panic, a broken claim or a
//! run that takes too long ends it with the input and the seed that made it. Another target is one entry in
//! [`targets::TARGETS`].

mod mutate;
mod targets;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;

use mutate::Mutator;
use targets::{TARGETS, Target};

/// Longest time that one input may take. Release builds stay far below; the margin is for busy machines.
const INPUT_TIME_MAX: Duration = Duration::from_secs(20);

/// Runs targets on mutated inputs for a limited time.
#[derive(Debug, Parser)]
#[command(name = "windhover-fuzz")]
struct Options {
    /// Targets to run; all of them unless named.
    targets: Vec<String>,
    /// Seconds for each target.
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// Seed of the mutations; printed when something fails.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Only list the targets.
    #[arg(long)]
    list: bool,
}

fn main() -> ExitCode {
    let options = Options::parse();
    if options.list {
        TARGETS.iter().for_each(|target| println!("{:12} {}", target.name, target.claim));
        return ExitCode::SUCCESS;
    }
    if let Some(unknown) = options.targets.iter().find(|name| TARGETS.iter().all(|target| target.name != **name)) {
        eprintln!("there is no target `{unknown}`; --list shows what there is");
        return ExitCode::FAILURE;
    }
    let chosen =
        |target: &&Target| options.targets.is_empty() || options.targets.iter().any(|name| *name == target.name);
    let failed = TARGETS.iter().filter(chosen).filter(|target| !runs_clean(target, &options)).count();
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs one target until its time is over or something fails.
fn runs_clean(target: &Target, options: &Options) -> bool {
    let seeds = (target.seeds)();
    let mut mutator = Mutator::new(options.seed);
    let start = Instant::now();
    let mut runs = 0_u64;
    for seed in &seeds {
        if !holds(target, seed, options.seed) {
            return false;
        }
    }
    while start.elapsed() < Duration::from_secs(options.seconds) {
        let input = mutator.mutated(&seeds);
        runs += 1;
        if !holds(target, &input, options.seed) {
            return false;
        }
    }
    println!("{:12} {runs} inputs in {} s, seed {}: {}", target.name, options.seconds, options.seed, target.claim);
    true
}

fn holds(target: &Target, input: &[u8], seed: u64) -> bool {
    let start = Instant::now();
    let outcome = catch_unwind(AssertUnwindSafe(|| (target.run)(input)));
    let took = start.elapsed();
    let reason = match outcome {
        Ok(Ok(())) if took <= INPUT_TIME_MAX => return true,
        Ok(Ok(())) => format!("took {took:?}"),
        Ok(Err(broken)) => broken,
        Err(_) => "panicked".to_owned(),
    };
    eprintln!("target {} with seed {seed}: {reason}\ninput: {:?}", target.name, String::from_utf8_lossy(input));
    false
}
