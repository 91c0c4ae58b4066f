//! The figures of a run, for people.

use std::collections::BTreeMap;

use crate::{
    check::Violation,
    facts::{Facts, Outcome, Verdict},
};

/// Violations of one kind that are printed.
const SHOWN_MAX: usize = 20;

/// Prints figures and violations.
pub(crate) fn print(facts: &Facts, violations: &[Violation], seed: u64) {
    let count = |wanted: fn(&Violation) -> bool| violations.iter().filter(|violation| wanted(violation)).count();
    println!("seed            {seed}");
    println!("keys            {}", facts.keys.len());
    println!("kills           {}", facts.kills.len());
    println!("executions      {}", facts.executions.len());
    print_operations(facts);
    println!("lost            {}", count(|violation| matches!(violation, Violation::Lost(_))));
    println!("duplicated      {}", count(|violation| matches!(violation, Violation::Duplicated(_))));
    println!("unfinished      {}", count(|violation| matches!(violation, Violation::Unfinished(_))));
    print_calls(facts);
    print_recovery(facts);
    match violations {
        [] => println!("1 passed, 0 failed: nothing was lost, nothing ran twice, everything ended"),
        _ => {
            violations.iter().take(SHOWN_MAX).for_each(|violation| println!("VIOLATION       {violation}"));
            println!("0 passed, 1 failed: {} violations", violations.len());
        }
    }
}

fn print_operations(facts: &Facts) {
    let (mut accepted, mut refused, mut unknown, mut replayed, mut pending) = (0, 0, 0, 0, 0);
    for operation in &facts.operations {
        match &operation.outcome {
            Outcome::Accepted { verdict, .. } => {
                accepted += 1;
                replayed += usize::from(*verdict == Verdict::Replayed);
                pending += usize::from(*verdict == Verdict::Pending);
            }
            Outcome::Refused(_) => refused += 1,
            Outcome::Unknown => unknown += 1,
        }
    }
    println!("acked           {accepted} ({replayed} as duplicates, {pending} before their verdict)");
    println!("refused         {refused}, without an answer {unknown}");
}

fn print_calls(facts: &Facts) {
    let mut by_key: BTreeMap<&str, usize> = BTreeMap::new();
    facts.calls.iter().for_each(|call| *by_key.entry(call.key.as_str()).or_default() += 1);
    let repeated = by_key.values().filter(|count| **count > 1).count();
    println!(
        "calls           {} under {} keys; {repeated} repeated, each under way at a kill",
        facts.calls.len(),
        by_key.len()
    );
}

fn print_recovery(facts: &Facts) {
    let mut ready: Vec<u64> = facts.kills.iter().map(|kill| kill.ready_after_ms).collect();
    ready.sort_unstable();
    let percentile = |share: usize| ready.get((ready.len() * share / 100).min(ready.len().saturating_sub(1)));
    if let (Some(p50), Some(p99)) = (percentile(50), percentile(99)) {
        println!("recovery        p50 {p50} ms, p99 {p99} ms from kill to ready");
    }
    match facts.drained {
        Some(time) => println!("drained         {:.1} s after the last delivery", time.as_secs_f64()),
        None => println!("drained         no"),
    }
}
