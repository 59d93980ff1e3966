//! One packet train as its receiver sees it.

use tandem_model::{DataRate, DataSize, Mono, MonoMicros, Ticket};
use tandem_wire::frame::{Train, TrainReport};

/// Frames of one round of one probe, timed as they came off the socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// The probe.
    pub probe: Ticket,
    /// Its round.
    pub round: u32,
    count: u32,
    frames: u32,
    bytes_after_first: u32,
    first_at: MonoMicros,
    last_at: MonoMicros,
}

impl Arrival {
    /// From a train's first frame.
    pub fn begin(train: &Train, at: MonoMicros) -> Arrival {
        Arrival {
            probe: train.probe,
            round: train.round,
            count: train.count,
            frames: 1,
            bytes_after_first: 0,
            first_at: at,
            last_at: at,
        }
    }

    /// Whether a frame belongs to it.
    pub fn is_of(&self, train: &Train) -> bool {
        self.probe == train.probe && self.round == train.round
    }

    /// Takes a further frame.
    pub fn take(&mut self, at: MonoMicros, wire_bytes: u32) {
        self.frames = self.frames.saturating_add(1);
        self.bytes_after_first = self.bytes_after_first.saturating_add(wire_bytes);
        self.last_at = self.last_at.max(at);
    }

    /// Whether every frame came.
    pub fn is_whole(&self) -> bool {
        self.frames >= self.count
    }

    /// The rate of what came; `None` while that is one frame, which says nothing.
    pub fn rate(&self) -> Option<DataRate> {
        (self.frames > 1).then(|| report_rate(&self.report()))
    }

    /// The rate there would be if the next frame came now: what a train that stalled allows at most.
    pub fn rate_by(&self, now: Mono) -> Option<DataRate> {
        let waited = now.since(self.first_at.mono());
        (self.frames > 1).then(|| DataRate::of(DataSize::bytes(u64::from(self.bytes_after_first)), waited))
    }

    /// What its sender is told.
    pub fn report(&self) -> TrainReport {
        TrainReport {
            probe: self.probe,
            round: self.round,
            frames: self.frames,
            bytes_after_first: self.bytes_after_first,
            spread_us: self.last_at.0.saturating_sub(self.first_at.0),
        }
    }
}

/// The rate a report tells of: bytes after the first frame over the time from the first to the last.
pub fn report_rate(report: &TrainReport) -> DataRate {
    DataRate::of(
        DataSize::bytes(u64::from(report.bytes_after_first)),
        std::time::Duration::from_micros(report.spread_us),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn train(index: u32) -> Train {
        Train { probe: Ticket(9), round: 0, index, count: 8, fill: 300 }
    }

    #[test]
    fn eight_frames_over_a_known_time_give_the_rate_of_the_seven_after_the_first() {
        let mut arrival = Arrival::begin(&train(0), MonoMicros(1_000_000));
        assert_eq!(arrival.rate(), None, "one frame says nothing");
        for index in 1..8_u64 {
            arrival.take(MonoMicros(1_000_000 + index * 40_000), 320);
        }
        assert!(arrival.is_whole());
        assert_eq!(arrival.rate(), Some(DataRate::kbps(64)));
        assert_eq!(report_rate(&arrival.report()), DataRate::kbps(64));
    }

    #[test]
    fn a_stalled_train_allows_less_the_longer_it_stalls() {
        let mut arrival = Arrival::begin(&train(0), MonoMicros(0));
        arrival.take(MonoMicros(1), 1_000);
        assert_eq!(arrival.rate_by(Mono(1_000)), Some(DataRate::kbps(8)));
        assert!(!arrival.is_whole());
    }

    #[test]
    fn frames_that_all_come_at_once_are_the_fastest_there_is_and_no_division_by_zero() {
        let mut arrival = Arrival::begin(&train(0), MonoMicros(5));
        arrival.take(MonoMicros(5), u32::MAX);
        arrival.take(MonoMicros(4), u32::MAX);
        assert_eq!(arrival.rate(), Some(DataRate::bps(u64::MAX)));
    }
}
