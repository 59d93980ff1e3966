//! How long to wait before trying again: doubling, capped, with full jitter from the seed.

use crate::ctx::Ctx;
use std::time::Duration;

/// A random wait after `tries` failures in a row: uniform up to `reconnect_first` doubled `tries` times, never above
/// `reconnect_max`. Full jitter, so that phones that lost the server together do not come back together.
pub(crate) fn wait(tries: u32, ctx: &mut Ctx<'_>) -> Duration {
    let first = millis(ctx.config.reconnect_first);
    let cap = first
        .saturating_mul(1_u64.checked_shl(tries.min(32)).unwrap_or(u64::MAX))
        .min(millis(ctx.config.reconnect_max));
    Duration::from_millis(1 + ctx.random.below(cap))
}

/// `mean` give or take ten percent.
pub(crate) fn jittered(mean: Duration, ctx: &mut Ctx<'_>) -> Duration {
    let mean = millis(mean);
    let tenth = mean / 10;
    Duration::from_millis((mean - tenth) + ctx.random.below(2 * tenth + 1))
}

/// How long a server may make us wait, whatever it says: one that lies shall not silence us for weeks.
pub(crate) const TOLD_MAX: Duration = Duration::from_secs(3600);

/// The wait a server told, within bounds.
pub(crate) fn told(retry_after_ms: u32, at_least: Duration) -> Duration {
    Duration::from_millis(u64::from(retry_after_ms)).clamp(at_least.min(TOLD_MAX), TOLD_MAX)
}

/// The wait after a refusal: what the server told, or, where it said that trying again is useless, ever longer.
pub(crate) fn refused(tries: u32, retry_after_ms: u32, ctx: &Ctx<'_>) -> Duration {
    let at_least = if retry_after_ms == 0 {
        ctx.config.request.saturating_mul(1_u32.checked_shl(tries).unwrap_or(u32::MAX))
    } else {
        ctx.config.request
    };
    told(retry_after_ms, at_least)
}

/// Whole milliseconds, saturating.
pub(crate) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::Bench;

    #[test]
    fn waits_double_up_to_the_cap_and_are_never_zero() {
        let mut bench = Bench::new(1);
        for tries in 0..200 {
            let wait = wait(tries, &mut bench.ctx());
            let cap = (500_u64 << tries.min(20)).min(60_000);
            assert!(wait >= Duration::from_millis(1) && wait <= Duration::from_millis(cap));
        }
    }

    #[test]
    fn a_wait_the_server_tells_is_neither_too_short_nor_without_end() {
        let second = Duration::from_secs(1);
        assert_eq!(told(0, second), second);
        assert_eq!(told(5_000, second), 5 * second);
        assert_eq!(told(u32::MAX, second), TOLD_MAX);
    }

    #[test]
    fn a_refusal_that_tells_no_wait_is_asked_again_ever_later() {
        let mut bench = Bench::new(3);
        let second = Duration::from_secs(1);
        assert_eq!(refused(0, 0, &bench.ctx()), 10 * second);
        assert_eq!(refused(3, 0, &bench.ctx()), 80 * second);
        assert_eq!(refused(99, 0, &bench.ctx()), TOLD_MAX);
        assert_eq!(refused(3, 25_000, &bench.ctx()), 25 * second);
    }

    #[test]
    fn jitter_stays_within_ten_percent() {
        let mut bench = Bench::new(2);
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..200 {
            let time = jittered(Duration::from_secs(100), &mut bench.ctx());
            assert!((90..=110).contains(&time.as_secs()));
            seen.insert(time);
        }
        assert!(seen.len() > 100, "jitter must spread");
    }
}
