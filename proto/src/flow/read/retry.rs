//! `retry` of a task.

use std::time::Duration;

use super::{
    at::{At, nearest},
    fields::Fields,
};
use crate::flow::retry::{Retry, RetryDelay};

const BEHAVIORS: [(&str, ()); 2] = [("RETRY_FAILED_TASK", ()), ("CREATE_NEW_EXECUTION", ())];
const TYPES: [&str; 3] = ["constant", "exponential", "random"];
/// The factor of exponential retries that say none.
const FACTOR_DEFAULT: f64 = 2.0;

/// Reads a task's `retry`.
pub(super) fn of_task(at: &At<'_>) -> Option<Retry> {
    let (fields, retry) = read(at)?;
    if let Some(behavior) = fields.get("behavior").filter(|at| at.one_of(&BEHAVIORS).is_some())
        && behavior.text() == Some("CREATE_NEW_EXECUTION")
    {
        behavior.wrong("`behavior: CREATE_NEW_EXECUTION` is for the `retry` of a flow, and that is not supported yet");
    }
    fields.finish();
    retry
}

/// Checks a flow's `retry`, which does not run yet.
pub(super) fn of_flow(at: &At<'_>) {
    if let Some((fields, _)) = read(at) {
        let _ = fields.get("behavior").map(|at| at.one_of(&BEHAVIORS));
        fields.finish();
    }
}

fn read<'a>(at: &At<'a>) -> Option<(Fields<'a>, Option<Retry>)> {
    let fields = Fields::of(at, "retry")?;
    let Some(kind) = fields.get("type") else {
        fields.missing("type", "Invalid type: null");
        return None;
    };
    let name = kind.text()?;
    let delay = match name {
        "constant" => constant(&fields),
        "exponential" => exponential(&fields),
        "random" => random(&fields),
        other => {
            kind.report(kind.node.at, format!("Invalid type: {other}"), nearest(other, TYPES));
            return None;
        }
    };
    let retry = limits(&fields, delay);
    Some((fields, retry))
}

fn duration(fields: &Fields<'_>, name: &'static str) -> Option<Duration> {
    fields.require(name)?.fixed()
}

fn constant(fields: &Fields<'_>) -> Option<RetryDelay> {
    Some(RetryDelay::Constant { interval: duration(fields, "interval")? })
}

fn exponential(fields: &Fields<'_>) -> Option<RetryDelay> {
    let (interval, interval_max) = (duration(fields, "interval"), duration(fields, "maxInterval"));
    let factor = match fields.get("delayFactor") {
        Some(at) => {
            let factor = at.number()?;
            if factor < 1.0 {
                at.wrong("must be greater than or equal to 1");
                return None;
            }
            factor
        }
        None => FACTOR_DEFAULT,
    };
    let (interval, interval_max) = (interval?, interval_max?);
    if interval >= interval_max {
        fields.at.wrong("'interval' must be less than 'maxInterval'");
    }
    Some(RetryDelay::Exponential { interval, interval_max, factor })
}

fn random(fields: &Fields<'_>) -> Option<RetryDelay> {
    let (interval_min, interval_max) = (duration(fields, "minInterval"), duration(fields, "maxInterval"));
    let (interval_min, interval_max) = (interval_min?, interval_max?);
    if interval_min >= interval_max {
        fields.at.wrong("'minInterval' must be less than 'maxInterval'");
    }
    Some(RetryDelay::Random { interval_min, interval_max })
}

fn limits(fields: &Fields<'_>, delay: Option<RetryDelay>) -> Option<Retry> {
    let attempts_max = fields.get_either("maxAttempts", "maxAttempt").and_then(|at| {
        let attempts = at.whole()?;
        let fitting = u32::try_from(attempts).ok().filter(|attempts| *attempts >= 1);
        if fitting.is_none() {
            at.wrong(format!("must be greater than or equal to 1, and this is {attempts}"));
        }
        fitting
    });
    let duration_max = fields.get("maxDuration").and_then(|at| at.fixed());
    let warning_on_retry = fields.flag("warningOnRetry");
    let delay = delay?;
    if let Some(longest) = duration_max {
        check_span(fields, &delay, longest);
    }
    Some(Retry { delay, attempts_max, duration_max, warning_on_retry })
}

/// Every wait must be shorter than all attempts together may take.
fn check_span(fields: &Fields<'_>, delay: &RetryDelay, longest: Duration) {
    let too_long = |name: &str, wait: Duration| {
        if wait >= longest {
            fields.at.wrong(format!("'{name}' must be less than 'maxDuration'"));
        }
    };
    match *delay {
        RetryDelay::Constant { interval } | RetryDelay::Exponential { interval, .. } => too_long("interval", interval),
        RetryDelay::Random { interval_min, interval_max } => {
            too_long("minInterval", interval_min);
            too_long("maxInterval", interval_max);
        }
    }
}
