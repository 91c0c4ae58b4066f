//! The simulation itself, smaller than its command runs it, and the proof that its checker finds planted defects.

use windhover_sim::{Config, Mutant, run, run_twice};

const EXECUTIONS: usize = 60;

#[test]
fn every_promise_holds_and_every_seed_repeats_itself() {
    windhover_sim::silence_planted_panics();
    let (mut executions, mut crashes) = (0, 0);
    for seed in 1_000..1_012 {
        let report = run_twice(seed, Config { executions: EXECUTIONS, mutant: None });
        let report = report.unwrap_or_else(|violation| panic!("seed {seed}: {}", violation.0));
        executions += report.executions;
        crashes += report.crashes;
    }
    assert_eq!(executions, 12 * EXECUTIONS as u64);
    assert!(crashes > 0, "no seed saw a crash");
}

#[test]
fn the_checker_finds_every_planted_defect() {
    windhover_sim::silence_planted_panics();
    for mutant in Mutant::ALL {
        let config = Config { executions: 40, mutant: Some(mutant) };
        let found = (0..60).any(|seed| run(seed, config).is_err());
        assert!(found, "no seed finds {mutant}");
    }
}

#[test]
fn other_seeds_have_other_histories() {
    windhover_sim::silence_planted_panics();
    let config = Config { executions: 20, mutant: None };
    let traces: std::collections::BTreeSet<u64> =
        (0..8).filter_map(|seed| run(seed, config).ok()).map(|report| report.trace).collect();
    assert_eq!(traces.len(), 8);
}
