//! When a failed attempt is tried again.

use std::time::Duration;

use super::execution::TaskRun;
use crate::{
    flow::{Retry, RetryDelay},
    time::Timestamp,
};

/// When the next attempt starts; `None` when the policy allows no other. `random` is a number of this attempt's own.
pub(super) fn next_attempt(retry: &Retry, run: &TaskRun, now: Timestamp, random: u64) -> Option<Timestamp> {
    let made = u32::try_from(run.attempts.len()).unwrap_or(u32::MAX);
    if retry.attempts_max.is_some_and(|most| made >= most) {
        return None;
    }
    let wake_at = now.plus_millis(millis(delay(&retry.delay, made, random)));
    let latest = retry.duration_max.map(|most| run.history.started_at().plus_millis(millis(most)));
    latest.is_none_or(|latest| wake_at <= latest).then_some(wake_at)
}

/// The wait after `made` attempts.
fn delay(delay: &RetryDelay, made: u32, random: u64) -> Duration {
    match delay {
        RetryDelay::Constant { interval } => *interval,
        RetryDelay::Exponential { interval, interval_max, factor } => {
            let seconds = interval.as_secs_f64() * factor.powi(i32::try_from(made).unwrap_or(i32::MAX) - 1);
            Duration::try_from_secs_f64(seconds).map_or(*interval_max, |wait| wait.min(*interval_max))
        }
        RetryDelay::Random { interval_min, interval_max } => {
            let span = millis(interval_max.saturating_sub(*interval_min)).unsigned_abs();
            *interval_min + Duration::from_millis(random % (span + 1))
        }
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exponential(factor: f64) -> RetryDelay {
        let (interval, interval_max) = (Duration::from_secs(1), Duration::from_secs(10));
        RetryDelay::Exponential { interval, interval_max, factor }
    }

    #[test]
    fn an_exponential_wait_grows_by_its_factor_up_to_its_limit() {
        let waits = [1, 2, 3, 4, 5].map(|made| delay(&exponential(2.0), made, 0).as_secs());
        assert_eq!(waits, [1, 2, 4, 8, 10]);
        assert_eq!(delay(&exponential(f64::INFINITY), 40, 0).as_secs(), 10);
    }

    #[test]
    fn a_random_wait_stays_between_its_limits() {
        let (low, high) = (Duration::from_millis(100), Duration::from_millis(103));
        let random = RetryDelay::Random { interval_min: low, interval_max: high };
        for number in [0, 1, 3, 4, u64::MAX] {
            assert!((low..=high).contains(&delay(&random, 1, number)));
        }
    }
}
