//! Clocks: the process's own, and a host's that may fail.

use crate::ports::Clock;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};
use tandem_model::{MonoMicros, Now, WallMillis};

/// The clocks of the process. The monotonic one goes on while the phone sleeps: `CLOCK_BOOTTIME` on Linux and Android,
/// `CLOCK_MONOTONIC` on Apple's systems, which is what `mach_continuous_time` reads.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProcessClock;

/// Keeps the first reading away from zero, which machines use for "never".
const HEAD_START_MICROS: u64 = 1_000_000;

impl Clock for ProcessClock {
    fn mono(&self) -> MonoMicros {
        static START: OnceLock<u64> = OnceLock::new();
        let now = since_boot_micros();
        let since = now.saturating_sub(*START.get_or_init(|| now));
        MonoMicros(since.saturating_add(HEAD_START_MICROS))
    }

    fn wall(&self) -> WallMillis {
        let now = SystemTime::now();
        WallMillis(match now.duration_since(UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_millis()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |ms| -ms),
        })
    }
}

fn since_boot_micros() -> u64 {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    const ID: rustix::time::ClockId = rustix::time::ClockId::Boottime;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    const ID: rustix::time::ClockId = rustix::time::ClockId::Monotonic;
    let now = rustix::time::clock_gettime(ID);
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    let micros = u64::try_from(now.tv_nsec / 1_000).unwrap_or(0);
    seconds.saturating_mul(1_000_000).saturating_add(micros)
}

/// A host's clock that may fail or go back. It never does here: a failed reading is counted on by the process's clock, a
/// monotonic one that goes back stands still.
pub struct SteadyClock<R> {
    read: R,
    last: Mutex<Option<Reading>>,
}

#[derive(Clone, Copy)]
struct Reading {
    host: MonoMicros,
    wall: WallMillis,
    process: MonoMicros,
}

impl<R: Fn() -> Option<(MonoMicros, WallMillis)> + Send + Sync> SteadyClock<R> {
    /// A clock that asks `read`.
    pub const fn new(read: R) -> SteadyClock<R> {
        SteadyClock { read, last: Mutex::new(None) }
    }

    fn reading(&self) -> Reading {
        // Asked before the lock: a host may look at the clock from within its own.
        let host = (self.read)();
        self.settle(host, ProcessClock.mono())
    }

    fn settle(&self, host: Option<(MonoMicros, WallMillis)>, process: MonoMicros) -> Reading {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let before = last.unwrap_or(Reading { host: process, wall: ProcessClock.wall(), process });
        let (mono, wall) = host.unwrap_or_else(|| {
            let passed = process.0.saturating_sub(before.process.0);
            let wall = before.wall.0.saturating_add(i64::try_from(passed / 1_000).unwrap_or(i64::MAX));
            (MonoMicros(before.host.0.saturating_add(passed)), WallMillis(wall))
        });
        let floor = last.map_or(MonoMicros(HEAD_START_MICROS), |before| before.host);
        *last.insert(Reading { host: mono.max(floor), wall, process })
    }
}

impl<R: Fn() -> Option<(MonoMicros, WallMillis)> + Send + Sync> Clock for SteadyClock<R> {
    fn mono(&self) -> MonoMicros {
        self.reading().host
    }

    fn wall(&self) -> WallMillis {
        self.reading().wall
    }

    fn now(&self) -> Now {
        let reading = self.reading();
        Now { mono: reading.host.mono(), wall: reading.wall }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(mono: u64) -> Option<(MonoMicros, WallMillis)> {
        Some((MonoMicros(mono), WallMillis(7)))
    }

    #[test]
    fn the_process_clock_never_reads_zero_and_never_goes_back() {
        let first = ProcessClock.mono();
        assert!(first.0 >= HEAD_START_MICROS);
        assert!(ProcessClock.mono() >= first);
    }

    #[test]
    fn a_hosts_clock_that_goes_back_stands_still() {
        let clock = SteadyClock::new(|| None);
        assert_eq!(clock.settle(at(5_000_000), MonoMicros(10)).host, MonoMicros(5_000_000));
        assert_eq!(clock.settle(at(4_999_999), MonoMicros(11)).host, MonoMicros(5_000_000));
        assert_eq!(clock.settle(at(5_000_001), MonoMicros(12)).host, MonoMicros(5_000_001));
    }

    #[test]
    fn while_a_hosts_clock_fails_time_goes_on_from_its_last_reading() {
        let clock = SteadyClock::new(|| None);
        clock.settle(at(5_000_000), MonoMicros(1_000));
        let reading = clock.settle(None, MonoMicros(2_501_000));
        assert_eq!((reading.host, reading.wall), (MonoMicros(7_500_000), WallMillis(2_507)));
        let reading = clock.settle(None, MonoMicros(3_501_000));
        assert_eq!(reading.host, MonoMicros(8_500_000));
    }

    #[test]
    fn a_hosts_clock_that_never_answered_is_the_process_clock() {
        let clock = SteadyClock::new(|| None);
        assert_eq!(clock.settle(None, MonoMicros(9_000_000)).host, MonoMicros(9_000_000));
        assert!(clock.now().wall.0 > 0);
    }
}
