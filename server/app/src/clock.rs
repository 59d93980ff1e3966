//! The server's two clocks, read together.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tandem_logic::ServerNow;
use tandem_model::{Mono, MonoMicros, ServerMillis};

/// Starts with the process. Server time follows the monotonic clock from one reading of the wall clock, so that a corrected
/// wall clock does not jump under running rings.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    started: Instant,
    wall_at_start: ServerMillis,
}

impl Clock {
    /// Reads both clocks for the first time.
    #[must_use]
    pub fn start() -> Clock {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Clock {
            started: Instant::now(),
            wall_at_start: ServerMillis(i64::try_from(wall.as_millis()).unwrap_or(i64::MAX)),
        }
    }

    /// Both clocks now.
    #[must_use]
    pub fn now(&self) -> ServerNow {
        let mono = self.micros().mono();
        ServerNow { mono, server: self.wall_at_start.after(Duration::from_millis(mono.0)) }
    }

    /// The monotonic clock in microseconds: stamps frames as they arrive.
    #[must_use]
    pub fn micros(&self) -> MonoMicros {
        MonoMicros(u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX))
    }

    /// When the runtime's timer is to fire for a deadline.
    #[must_use]
    pub fn instant(&self, deadline: Mono) -> tokio::time::Instant {
        // The runtime's timer counts whole milliseconds from a zero of its own and may fire within the millisecond
        // before ours; waiting to the end of it avoids asking twice.
        tokio::time::Instant::from_std(self.started + Duration::from_millis(deadline.0))
    }
}
