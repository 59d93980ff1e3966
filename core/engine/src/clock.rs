//! The process's own clocks, for hosts that bring none.

use crate::ports::Clock;
use std::sync::OnceLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use tandem_model::{MonoMicros, WallMillis};

/// The monotonic clock of the process. It may stand still while the phone sleeps, so a phone brings its own; deadlines
/// then come late by the sleep, and never early.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProcessClock;

/// Keeps the first reading away from zero, which machines use for "never".
const HEAD_START_MICROS: u64 = 1_000_000;

impl Clock for ProcessClock {
    fn mono(&self) -> MonoMicros {
        static START: OnceLock<Instant> = OnceLock::new();
        let since = START.get_or_init(Instant::now).elapsed().as_micros();
        MonoMicros(u64::try_from(since).unwrap_or(u64::MAX).saturating_add(HEAD_START_MICROS))
    }

    fn wall(&self) -> WallMillis {
        let now = SystemTime::now();
        WallMillis(match now.duration_since(UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_millis()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |ms| -ms),
        })
    }
}
