//! Answers a file of recorded cases.

use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use windhover_proto::expr::Value;
use windhover_proto::expr::recorded::{Contexts, answer};

/// Writes one answer for each case, in the order of the file.
pub(super) fn run(cases: &Path, contexts: &Path, seed: u64) -> anyhow::Result<ExitCode> {
    let text = std::fs::read_to_string(contexts).with_context(|| format!("cannot read {}", contexts.display()))?;
    let contexts = Contexts::read(&text).with_context(|| format!("{} is not JSON", contexts.display()))?;
    let file = std::fs::File::open(cases).with_context(|| format!("cannot read {}", cases.display()))?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    let now = jiff::Timestamp::now();
    for (number, line) in BufReader::new(file).lines().enumerate() {
        let place = || format!("{}:{}", cases.display(), number + 1);
        let line = line.with_context(place)?;
        if line.trim().is_empty() {
            continue;
        }
        let case = Value::from_json(&line).with_context(place)?;
        writeln!(out, "{}", answer(&case, &contexts, now, seed).to_json())?;
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}
