//! Runs seeds of the simulation and prints what happened; `--mutants` shows that the checker finds planted defects.

use std::{
    process::ExitCode,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use clap::Parser;
use windhover_sim::{Config, Mutant, Report, run, run_twice, silence_planted_panics};

/// Simulates the pure core under crashes, lost and late answers, duplicates and two owners at once.
#[derive(Parser)]
#[command(
    after_help = "Examples:\n  windhover-sim --seeds 0..500 --executions 200\n  windhover-sim --seeds 42..43\n  windhover-sim --mutants"
)]
struct Options {
    /// Seeds to run, the last one excluded.
    #[arg(long, default_value = "0..50", value_parser = seeds)]
    seeds: (u64, u64),
    /// Executions of each seed.
    #[arg(long, default_value_t = 200)]
    executions: usize,
    /// Worker threads; each seed runs on one.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Put this defect in.
    #[arg(long)]
    mutant: Option<Mutant>,
    /// Put every defect in, one after the other, and print which seed finds it.
    #[arg(long)]
    mutants: bool,
}

fn seeds(text: &str) -> Result<(u64, u64), String> {
    let read = |part: &str| part.parse::<u64>().map_err(|error| format!("`{part}` is no number: {error}"));
    let (from, to) = text.split_once("..").ok_or("seeds are written as 0..50")?;
    Ok((read(from)?, read(to)?))
}

fn main() -> ExitCode {
    let options = Options::parse();
    silence_planted_panics();
    if options.mutants { table(&options) } else { simulate(&options) }
}

fn simulate(options: &Options) -> ExitCode {
    let config = Config { executions: options.executions, mutant: options.mutant };
    let next = AtomicU64::new(options.seeds.0);
    let total = Mutex::new((Report::default(), Vec::new()));
    let started = Instant::now();
    let work = || loop {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed >= options.seeds.1 {
            return;
        }
        let outcome = run_twice(seed, config);
        let mut total = total.lock().unwrap_or_else(PoisonError::into_inner);
        match outcome {
            Ok(report) => total.0.add(&report),
            Err(violation) => total.1.push((seed, violation)),
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..options.threads.max(1) {
            scope.spawn(work);
        }
    });
    let (report, failures) = total.into_inner().unwrap_or_else(PoisonError::into_inner);
    print(&report, options, started.elapsed().as_secs_f64());
    for (seed, violation) in &failures {
        println!("seed {seed} FAILED: {}", violation.0);
        println!("repeat it with: windhover-sim --seeds {seed}..{} --executions {}", seed + 1, options.executions);
    }
    if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn print(report: &Report, options: &Options, seconds: f64) {
    let (from, to) = options.seeds;
    println!("seeds {from}..{to}, each twice with the same trace: {seconds:.1} s");
    let each = |what: &str, count: u64| println!("  {count:>12} {what}");
    each("executions, each checked", report.executions);
    each("of them compared with an undisturbed run", report.compared);
    each("executions a second, both runs counted", (2.0 * report.executions as f64 / seconds) as u64);
    each("steps", report.steps);
    each("commits", report.commits);
    each("crashes", report.crashes);
    each("takeovers", report.takeovers);
    each("owners fenced", report.fenced);
    each("appends of unknown outcome", report.unknown);
    each("messages lost", report.lost);
    each("inputs stored again", report.ghosts);
    each("calls", report.calls);
    each("calls repeated under their key", report.repeated_calls);
    each("simulated seconds", report.virtual_ms.unsigned_abs() / 1000);
}

fn table(options: &Options) -> ExitCode {
    let mut missed = 0;
    println!("{:<18} {:>6}  found by", "mutant", "seed");
    for mutant in Mutant::ALL {
        let config = Config { executions: options.executions, mutant: Some(mutant) };
        let found = (options.seeds.0..options.seeds.1).find_map(|seed| Some((seed, run(seed, config).err()?)));
        match found {
            Some((seed, violation)) => println!("{mutant:<18} {seed:>6}  {}", first_line(&violation.0)),
            None => {
                missed += 1;
                println!("{mutant:<18} {:>6}  NOT FOUND", "-");
            }
        }
    }
    if missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().take(110).collect()
}
