//! The server's clock as this boot knows it: the best of all offset exchanges so far.

use tandem_model::{Mono, ServerMillis, ServerOffset};

/// How fast two quartz clocks may drift apart: 50 millionths, so one millisecond in this many.
const DRIFT_ONE_MS_IN: u64 = 20_000;

/// Keeps the exchange with the smallest error. An old exchange grows worse by drift, and gives way to a new one that
/// contradicts it: then the server's clock was set.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ServerClock {
    best: Option<(ServerOffset, Mono)>,
}

impl ServerClock {
    /// Takes one exchange: asked at `sent`, answered with `server`, heard at `heard`.
    pub(crate) fn learn(&mut self, sent: Mono, heard: Mono, server: ServerMillis) {
        let new = ServerOffset::from_exchange(sent, heard, server);
        let keep = self.best.is_some_and(|(old, at)| {
            let old_error = old.error_ms.saturating_add(heard.0.saturating_sub(at.0) / DRIFT_ONE_MS_IN);
            let apart = old.offset_ms.abs_diff(new.offset_ms);
            old_error < new.error_ms && apart <= old_error.saturating_add(new.error_ms).saturating_add(1)
        });
        if !keep {
            self.best = Some((new, heard));
        }
    }

    /// The offset, once there was any exchange in this boot.
    pub(crate) fn offset(&self) -> Option<ServerOffset> {
        self.best.map(|(offset, _)| offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exchange_with_the_smallest_error_is_kept() {
        let mut clock = ServerClock::default();
        clock.learn(Mono(0), Mono(400), ServerMillis(10_250));
        clock.learn(Mono(1_000), Mono(1_020), ServerMillis(11_010));
        clock.learn(Mono(2_000), Mono(2_300), ServerMillis(12_100));
        assert_eq!(clock.offset(), Some(ServerOffset { offset_ms: 10_000, error_ms: 10 }));
    }

    #[test]
    fn a_server_whose_clock_was_set_is_believed_at_once() {
        let mut clock = ServerClock::default();
        clock.learn(Mono(0), Mono(20), ServerMillis(10_010));
        clock.learn(Mono(1_000), Mono(1_400), ServerMillis(99_000_000));
        assert_eq!(clock.offset().map(|o| o.error_ms), Some(200));
    }

    #[test]
    fn an_old_exchange_grows_worse_by_drift() {
        let mut clock = ServerClock::default();
        clock.learn(Mono(0), Mono(20), ServerMillis(10));
        let day = 86_400_000;
        clock.learn(Mono(day), Mono(day + 40), ServerMillis(86_400_020));
        assert_eq!(clock.offset().map(|o| o.error_ms), Some(20));
    }
}
