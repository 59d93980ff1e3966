//! What a phone's path carries: trains timed as they come in, reports on trains that went out, and how long to believe it.
//!
//! Both ends do the same: a train of frames goes out back to back (round 0), the other end reports how its frames after
//! the first were spread in time, and their bytes over that time are the rate. A path near the threshold gets a paced
//! burst (round 1) as well, because a token bucket lets a short train pass at its peak rate.
//!
//! Tickets of probes with the top bit set are the server's. A phone that gets the first frame of such a train answers
//! with its own train, of as many frames and as much filling, under the same ticket and round, and with its report
//! when the train is complete.

use crate::config::MeasureConfig;
use std::collections::BTreeMap;
use std::time::Duration;
use tandem_model::{DataRate, DataSize, Mono, MonoMicros, Ticket};
use tandem_wire::frame::{Train, TrainReport};
use tandem_wire::limits::TRAIN_COUNT_MAX;

/// Marks the tickets of probes that the server began.
pub(crate) const SERVER_PROBE: u64 = 1 << 63;

/// Trains of one phone that may be coming in at once.
const TRAINS_MAX: usize = 4;

/// Which way, seen from the phone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Up,
    Down,
}

/// A rate and when it was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sample {
    rate: DataRate,
    at: Mono,
}

/// What is known of one phone's path while its connection lasts: a new path is a new connection.
#[derive(Debug, Default)]
pub(crate) struct Measured {
    up: Option<Sample>,
    down: Option<Sample>,
    arriving: BTreeMap<(Ticket, u32), Arrival>,
    /// Probes of the phone's own whose reports are awaited.
    own: BTreeMap<Ticket, OwnProbe>,
}

/// A phone's own probe: the server's train to it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct OwnProbe {
    /// What the report on the train said, once a burst follows.
    pub(crate) train: Option<DataRate>,
    /// Frames of the burst that have left.
    pub(crate) burst_sent: u32,
}

/// A train coming in.
#[derive(Clone, Copy, Debug)]
struct Arrival {
    first_at: MonoMicros,
    last_at: MonoMicros,
    frames: u32,
    bytes_after_first: u32,
    count: u32,
}

impl Measured {
    /// The slower direction of what is known and still believed. `None` when a direction is unknown or too old.
    pub(crate) fn slower(&self, now: Mono, low_from: DataRate, config: &MeasureConfig) -> Option<DataRate> {
        let believed = |sample: Option<Sample>| {
            let sample = sample?;
            let age = if sample.rate >= low_from { config.pass_age } else { config.fail_age };
            (now.since(sample.at) <= age).then_some(sample.rate)
        };
        // One direction that fails is enough to know.
        match (believed(self.up), believed(self.down)) {
            (Some(up), Some(down)) => Some(up.min(down)),
            (Some(rate), None) | (None, Some(rate)) if rate < low_from => Some(rate),
            (Some(_) | None, None) | (None, Some(_)) => None,
        }
    }

    /// The rate of a direction, however old.
    pub(crate) fn last(&self, direction: Direction) -> Option<DataRate> {
        match direction {
            Direction::Up => self.up.map(|sample| sample.rate),
            Direction::Down => self.down.map(|sample| sample.rate),
        }
    }

    pub(crate) fn learn(&mut self, direction: Direction, rate: DataRate, now: Mono) {
        let sample = Some(Sample { rate, at: now });
        match direction {
            Direction::Up => self.up = sample,
            Direction::Down => self.down = sample,
        }
    }

    /// A frame of a train came. The report is given when it was the last, the first frame asks for a deadline.
    pub(crate) fn train_came(&mut self, train: Train, at: MonoMicros, wire_bytes: u32) -> TrainStep {
        let key = (train.probe, train.round);
        if train.count == 0 || train.count > TRAIN_COUNT_MAX || train.index >= train.count {
            return TrainStep::Ignored;
        }
        let Some(arrival) = self.arriving.get_mut(&key) else {
            if self.arriving.len() >= TRAINS_MAX {
                return TrainStep::Ignored;
            }
            let arrival = Arrival { first_at: at, last_at: at, frames: 1, bytes_after_first: 0, count: train.count };
            self.arriving.insert(key, arrival);
            return if train.count == 1 { self.finish(train.probe, train.round) } else { TrainStep::Began };
        };
        arrival.last_at = at;
        arrival.frames = arrival.frames.saturating_add(1);
        arrival.bytes_after_first = arrival.bytes_after_first.saturating_add(wire_bytes);
        if arrival.frames >= arrival.count { self.finish(train.probe, train.round) } else { TrainStep::Continued }
    }

    /// A train's deadline: it is judged by what came, up to now.
    pub(crate) fn train_is_over(&mut self, probe: Ticket, round: u32, now: Mono) -> Option<TrainReport> {
        let arrival = self.arriving.get_mut(&(probe, round))?;
        arrival.last_at = MonoMicros(now.0.saturating_mul(1_000)).max(arrival.last_at);
        match self.finish(probe, round) {
            TrainStep::Complete(report) => Some(report),
            TrainStep::Ignored | TrainStep::Began | TrainStep::Continued => None,
        }
    }

    /// Whether a train of this probe is coming in.
    pub(crate) fn is_arriving(&self, probe: Ticket) -> bool {
        self.arriving.keys().any(|(of, _)| *of == probe)
    }

    fn finish(&mut self, probe: Ticket, round: u32) -> TrainStep {
        let Some(arrival) = self.arriving.remove(&(probe, round)) else {
            return TrainStep::Ignored;
        };
        TrainStep::Complete(TrainReport {
            probe,
            round,
            frames: arrival.frames,
            bytes_after_first: arrival.bytes_after_first,
            spread_us: arrival.last_at.0.saturating_sub(arrival.first_at.0),
        })
    }

    /// The phone began a probe of its own. False when it has too many.
    pub(crate) fn begin_own(&mut self, probe: Ticket, max: usize) -> bool {
        if self.own.len() >= max && !self.own.contains_key(&probe) {
            return false;
        }
        self.own.insert(probe, OwnProbe::default());
        true
    }

    pub(crate) fn own_mut(&mut self, probe: Ticket) -> Option<&mut OwnProbe> {
        self.own.get_mut(&probe)
    }

    pub(crate) fn end_own(&mut self, probe: Ticket) {
        self.own.remove(&probe);
    }
}

/// What a frame of a train did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TrainStep {
    /// Makes no sense, or too many trains at once.
    Ignored,
    /// The first frame.
    Began,
    /// One more.
    Continued,
    /// The last.
    Complete(TrainReport),
}

/// The rate a report tells of; `None` when it says nothing (fewer than two frames).
pub(crate) fn rate_of(report: &TrainReport, config: &MeasureConfig) -> Option<DataRate> {
    if report.frames < 2 {
        return None;
    }
    let spread = Duration::from_micros(report.spread_us);
    if spread < config.spread_floor {
        return Some(DataRate::bps(u64::MAX));
    }
    Some(DataRate::of(DataSize::bytes(u64::from(report.bytes_after_first)), spread))
}

/// Whether a train leaves the question open: it lands within 0.5 to 2 times the threshold.
pub(crate) fn is_near(rate: DataRate, threshold: DataRate) -> bool {
    let (rate, threshold) = (rate.as_bps(), threshold.as_bps());
    rate.saturating_mul(2) >= threshold && rate <= threshold.saturating_mul(2)
}

/// What train and burst say together. A burst that passes nearly at its pace shows that the path carries the pace; one
/// that does not shows what it carries.
pub(crate) fn with_burst(train: DataRate, burst: DataRate, pace: DataRate) -> DataRate {
    if burst.as_bps().saturating_mul(100) >= pace.as_bps().saturating_mul(92) { train.max(pace) } else { burst }
}

/// The pause between two frames of a burst.
pub(crate) fn burst_pause(config: &MeasureConfig) -> Duration {
    let bits = u64::from(config.train_fill).saturating_add(20).saturating_mul(8);
    Duration::from_micros(bits.saturating_mul(1_000_000).checked_div(config.burst_rate.as_bps()).unwrap_or(0))
}

/// The server's frame at one place of a train.
pub(crate) fn train_frame(probe: Ticket, round: u32, index: u32, config: &MeasureConfig) -> Train {
    let count = if round == 0 { config.train_frames } else { config.burst_frames };
    Train { probe, round, index, count, fill: config.train_fill }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROBE: Ticket = Ticket(9);
    const LOW: DataRate = DataRate::kbps(32);

    fn frame(index: u32) -> Train {
        Train { probe: PROBE, round: 0, index, count: 4, fill: 300 }
    }

    #[test]
    fn a_train_of_forty_milliseconds_a_frame_is_sixty_four_kilobits() {
        let mut measured = Measured::default();
        assert_eq!(measured.train_came(frame(0), MonoMicros(1_000), 320), TrainStep::Began);
        assert_eq!(measured.train_came(frame(1), MonoMicros(41_000), 320), TrainStep::Continued);
        assert_eq!(measured.train_came(frame(2), MonoMicros(81_000), 320), TrainStep::Continued);
        let TrainStep::Complete(report) = measured.train_came(frame(3), MonoMicros(121_000), 320) else {
            panic!("the fourth frame of four is the last");
        };
        assert_eq!(report.bytes_after_first, 960);
        assert_eq!(rate_of(&report, &MeasureConfig::default()), Some(DataRate::kbps(64)));
    }

    #[test]
    fn a_train_that_stops_is_judged_up_to_its_deadline() {
        let mut measured = Measured::default();
        measured.train_came(frame(0), MonoMicros(0), 320);
        measured.train_came(frame(1), MonoMicros(40_000), 320);
        let report = measured.train_is_over(PROBE, 0, Mono(1_000)).unwrap();
        assert_eq!((report.frames, report.spread_us), (2, 1_000_000), "320 bytes in a whole second");
        assert_eq!(measured.train_is_over(PROBE, 0, Mono(1_001)), None, "and only once");
    }

    #[test]
    fn a_single_frame_says_nothing_and_no_spread_is_no_division_by_zero() {
        let config = MeasureConfig::default();
        let report = TrainReport { probe: PROBE, round: 0, frames: 1, bytes_after_first: 0, spread_us: 0 };
        assert_eq!(rate_of(&report, &config), None);
        let fast = TrainReport { frames: 8, bytes_after_first: 2_000, ..report };
        assert_eq!(rate_of(&fast, &config), Some(DataRate::bps(u64::MAX)));
    }

    #[test]
    fn a_pass_is_believed_for_thirty_seconds_and_a_fail_for_ten() {
        let config = MeasureConfig::default();
        let mut measured = Measured::default();
        measured.learn(Direction::Up, DataRate::kbps(500), Mono(0));
        measured.learn(Direction::Down, DataRate::kbps(70), Mono(0));
        assert_eq!(measured.slower(Mono(30_000), LOW, &config), Some(DataRate::kbps(70)));
        assert_eq!(measured.slower(Mono(30_001), LOW, &config), None);
        measured.learn(Direction::Down, DataRate::kbps(20), Mono(0));
        assert_eq!(measured.slower(Mono(10_000), LOW, &config), Some(DataRate::kbps(20)));
        assert_eq!(measured.slower(Mono(10_001), LOW, &config), None);
    }

    #[test]
    fn one_direction_alone_can_fail_but_not_pass() {
        let config = MeasureConfig::default();
        let mut measured = Measured::default();
        measured.learn(Direction::Up, DataRate::kbps(500), Mono(0));
        assert_eq!(measured.slower(Mono(0), LOW, &config), None);
        measured.learn(Direction::Up, DataRate::kbps(31), Mono(0));
        assert_eq!(measured.slower(Mono(0), LOW, &config), Some(DataRate::kbps(31)));
    }

    #[test]
    fn only_a_rate_within_half_and_twice_the_threshold_needs_a_burst() {
        let threshold = DataRate::kbps(64);
        for (kbps, near) in [(31, false), (32, true), (128, true), (129, false)] {
            assert_eq!(is_near(DataRate::kbps(kbps), threshold), near, "{kbps}");
        }
    }

    #[test]
    fn a_burst_overrules_a_train_that_a_token_bucket_let_pass() {
        let pace = DataRate::kbps(64);
        assert_eq!(with_burst(DataRate::kbps(120), DataRate::kbps(40), pace), DataRate::kbps(40));
        assert_eq!(with_burst(DataRate::kbps(50), DataRate::kbps(63), pace), pace);
        assert_eq!(with_burst(DataRate::kbps(120), DataRate::kbps(63), pace), DataRate::kbps(120));
    }

    #[test]
    fn hostile_trains_are_ignored_and_bounded() {
        let mut measured = Measured::default();
        let odd = Train { index: 4, ..frame(0) };
        assert_eq!(measured.train_came(odd, MonoMicros(0), 1), TrainStep::Ignored);
        let huge = Train { count: TRAIN_COUNT_MAX + 1, ..frame(0) };
        assert_eq!(measured.train_came(huge, MonoMicros(0), 1), TrainStep::Ignored);
        for probe in 0..10 {
            measured.train_came(Train { probe: Ticket(probe), ..frame(0) }, MonoMicros(0), 1);
        }
        assert_eq!(measured.arriving.len(), TRAINS_MAX);
    }
}
