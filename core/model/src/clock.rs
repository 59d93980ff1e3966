//! Two clocks, both passed as arguments (law 2).
//!
//! [`Mono`] counts sleep and owns every deadline. [`WallMillis`] is for stamps that are stored or shown.
//! What two phones must agree on is in [`ServerMillis`]; each phone maps it to its own [`Mono`] by a
//! measured [`ServerOffset`].

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Milliseconds on a monotonic clock that keeps counting while the device sleeps. Its zero is arbitrary per boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Mono(pub u64);

impl Mono {
    /// The clock's arbitrary start.
    pub const ZERO: Mono = Mono(0);

    /// This instant plus a duration, saturating.
    #[must_use]
    pub fn after(self, wait: Duration) -> Mono {
        Mono(self.0.saturating_add(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)))
    }

    /// Time passed since `earlier`; zero when `earlier` lies in the future.
    #[must_use]
    pub const fn since(self, earlier: Mono) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

/// Microseconds on the same clock as [`Mono`]; stamps the arrival of frames for rate measurements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct MonoMicros(pub u64);

impl MonoMicros {
    /// The millisecond this stamp lies in.
    #[must_use]
    pub const fn mono(self) -> Mono {
        Mono(self.0 / 1000)
    }
}

/// Milliseconds since the Unix epoch on this device's wall clock, which the user or the network may set. Never orders
/// anything and never owns a deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct WallMillis(pub i64);

/// Milliseconds since the Unix epoch on the server's clock: what two phones agree on, such as a ring's expiry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct ServerMillis(pub i64);

impl WallMillis {
    /// This instant plus a duration, saturating.
    #[must_use]
    pub fn after(self, wait: Duration) -> WallMillis {
        WallMillis(self.0.saturating_add(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl ServerMillis {
    /// This instant plus a duration, saturating.
    #[must_use]
    pub fn after(self, wait: Duration) -> ServerMillis {
        ServerMillis(self.0.saturating_add(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX)))
    }

    /// Time passed since `earlier`; zero when `earlier` lies in the future.
    #[must_use]
    pub fn since(self, earlier: ServerMillis) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

/// Both clocks of one device, read together by the shell just before it feeds an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Now {
    /// Owns deadlines.
    pub mono: Mono,
    /// Stamps what is stored or shown.
    pub wall: WallMillis,
}

/// What this boot knows of the server's clock: `server = mono + offset`, known to within half a round trip.
///
/// Valid for one boot only, because [`Mono`]'s zero is arbitrary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerOffset {
    /// Server milliseconds minus monotonic milliseconds.
    pub offset_ms: i64,
    /// Half the round trip of the exchange it was measured by: the error's bound.
    pub error_ms: u64,
}

impl ServerOffset {
    /// From one exchange: asked at `sent`, answered with the server's time, heard at `heard`.
    #[must_use]
    pub fn from_exchange(sent: Mono, heard: Mono, server: ServerMillis) -> ServerOffset {
        let round_trip = heard.0.saturating_sub(sent.0);
        let middle = i64::try_from(sent.0.saturating_add(round_trip / 2)).unwrap_or(i64::MAX);
        ServerOffset { offset_ms: server.0.saturating_sub(middle), error_ms: round_trip / 2 }
    }

    /// Maps a server instant to this boot's monotonic clock; instants before the boot map to zero.
    #[must_use]
    pub fn to_mono(self, server: ServerMillis) -> Mono {
        Mono(u64::try_from(server.0.saturating_sub(self.offset_ms)).unwrap_or(0))
    }

    /// Maps a monotonic instant to the server's clock.
    #[must_use]
    pub fn to_server(self, mono: Mono) -> ServerMillis {
        ServerMillis(i64::try_from(mono.0).unwrap_or(i64::MAX).saturating_add(self.offset_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_maps_there_and_back() {
        let offset = ServerOffset::from_exchange(Mono(1_000), Mono(1_080), ServerMillis(5_000_040));
        assert_eq!(offset.error_ms, 40);
        assert_eq!(offset.to_mono(ServerMillis(5_000_040)), Mono(1_040));
        assert_eq!(offset.to_server(Mono(1_040)), ServerMillis(5_000_040));
    }

    #[test]
    fn a_server_instant_before_boot_is_already_past() {
        let offset = ServerOffset { offset_ms: 10_000, error_ms: 0 };
        assert_eq!(offset.to_mono(ServerMillis(3)), Mono::ZERO);
    }

    #[test]
    fn a_clock_that_stands_still_or_goes_back_yields_no_negative_time() {
        assert_eq!(Mono(5).since(Mono(9)), Duration::ZERO);
        assert_eq!(ServerMillis(5).since(ServerMillis(9)), Duration::ZERO);
        assert_eq!(Mono(u64::MAX).after(Duration::from_secs(1)), Mono(u64::MAX));
    }
}
