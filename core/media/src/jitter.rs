//! The jitter buffer: a pure machine that is told packets and the time, and says what to play next.
//!
//! ```text
//!            first packet old enough              200 ms of nothing
//!  Waiting ------------------------> Playing ---------------------> Waiting
//! ```
//!
//! While playing it never throws away sound that came: when a packet is late the player conceals and *waits* for it,
//! so the delay grows by what was concealed, and shrinks again in a pause of the speech. When later packets show that
//! one was lost, what was concealed meanwhile counts for it.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use crate::port::FRAME_SAMPLES;

/// Packets the buffer holds at most: over a second of 20 ms packets. More than that is not jitter.
const MOST_PACKETS: usize = 64;
/// Packets whose delay is remembered to choose the target: 10 s of 20 ms packets.
const WINDOW: usize = 500;
/// Delay held until enough packets have been seen, in microseconds: one packet being played and two in hand.
const FIRST_TARGET_US: i64 = 40_000;
/// The least and the most delay held.
const TARGET_RANGE_US: (i64, i64) = (40_000, 400_000);
/// Packets to see before the target follows them.
const LEARN_FROM: usize = 50;
/// Nothing for this long ends the playing: the peer paused, or the path is gone.
const PAUSE_SAMPLES: u64 = 10 * FRAME_SAMPLES as u64;
/// Pulls over which the level is watched before the delay may grow (0.5 s) or shrink (2 s).
const GROW_AFTER_PULLS: u32 = 25;
const SHRINK_AFTER_PULLS: u32 = 100;
/// Played packets that are remembered, to tell a duplicate from a late one.
const REMEMBERED: usize = 64;
/// A jump of the RTP clock larger than this is a new stream, not a gap: 5 s.
const JUMP_SAMPLES: i64 = 5 * 48_000;

/// What to do with the next stretch of sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pull {
    /// Decode and play this packet.
    Packet(Bytes),
    /// A packet was lost just before this one, which is still to come: restore the lost one from it.
    Recover {
        /// The packet after the lost one.
        next: Bytes,
    },
    /// Conceal one frame of 20 ms: lost, or late.
    Conceal,
    /// Play nothing: no sound has come, or the peer paused.
    Silence,
}

/// What became of a packet that came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inserted {
    /// It waits to be played.
    Kept,
    /// Its time to be played is over.
    Late,
    /// It has been here already.
    Duplicate,
    /// The buffer is full: the oldest packet gave way.
    Overflow,
}

/// The buffer of one received stream.
#[derive(Debug)]
pub struct JitterBuffer {
    packets: BTreeMap<i64, Held>,
    unwrap: TimestampUnwrap,
    state: State,
    /// Everything before this position has been played or given up.
    floor: Option<i64>,
    transits_us: VecDeque<i64>,
    target_us: i64,
    /// The newest last; the sequence numbers that were played.
    played: VecDeque<u16>,
    level: LevelWatch,
}

#[derive(Debug)]
struct Held {
    sequence: u16,
    samples: i64,
    arrived_us: i64,
    payload: Bytes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing is being played; the first packet waits until it is `target_us` old.
    Waiting,
    /// `next` is the position to be played, in samples of the RTP clock; `stalled` what was concealed there while
    /// nothing was in hand.
    Playing { next: i64, stalled: u64 },
}

impl Default for JitterBuffer {
    fn default() -> Self {
        Self {
            packets: BTreeMap::new(),
            unwrap: TimestampUnwrap::default(),
            state: State::Waiting,
            floor: None,
            transits_us: VecDeque::with_capacity(WINDOW),
            target_us: FIRST_TARGET_US,
            played: VecDeque::with_capacity(REMEMBERED),
            level: LevelWatch::default(),
        }
    }
}

impl JitterBuffer {
    /// Takes a packet of `samples` (at 48 kHz) that arrived at `now_us` on a clock that never goes back.
    pub fn insert(&mut self, sequence: u16, timestamp: u32, samples: usize, payload: Bytes, now_us: i64) -> Inserted {
        let position = self.unwrap.extend(timestamp);
        if self.played.contains(&sequence) || self.packets.contains_key(&position) {
            return Inserted::Duplicate;
        }
        if self.floor.is_some_and(|floor| (position - floor).abs() > JUMP_SAMPLES) {
            self.restart();
        }
        self.learn(now_us - position * 1000 / 48);
        if self.floor.is_some_and(|floor| position < floor) {
            return Inserted::Late;
        }
        let samples = i64::try_from(samples).unwrap_or(i64::MAX);
        self.packets.insert(position, Held { sequence, samples, arrived_us: now_us, payload });
        if self.packets.len() > MOST_PACKETS {
            self.packets.pop_first();
            return Inserted::Overflow;
        }
        Inserted::Kept
    }

    /// What to play next, at `now_us`. Whatever it answers is taken as played.
    pub fn pull(&mut self, now_us: i64) -> Pull {
        if self.state == State::Waiting {
            match self.packets.first_key_value() {
                Some((&position, held)) if self.is_ripe(held, now_us) => {
                    self.state = State::Playing { next: position, stalled: 0 };
                }
                Some(_) | None => return Pull::Silence,
            }
        }
        let State::Playing { next, stalled } = self.state else { return Pull::Silence };
        self.level.watch(self.end().map_or(0, |end| end - next));
        let Some((&position, held)) = self.packets.first_key_value() else { return self.stall(next, stalled) };
        let (sequence, samples) = (held.sequence, held.samples);
        let gap = position - next;
        if gap > 0 && self.played.back().is_some_and(|last| last.wrapping_add(1) == sequence) {
            // The sequence goes on and the clock jumped: the peer paused. Nothing was lost.
            return self.resume(now_us);
        }
        let made_up = gap.min(i64::try_from(stalled).unwrap_or(i64::MAX)).max(0);
        let missing = gap - made_up;
        if missing <= 0 {
            return self.play(position);
        }
        self.fill(position - missing, missing, samples)
    }

    /// Whether more sound waits than the jitter calls for: the player may leave out a quiet frame.
    #[must_use]
    pub fn may_shrink(&self) -> bool {
        // The frame about to be played does not count, and half a frame either way is no reason.
        self.level.pulls >= SHRINK_AFTER_PULLS && self.level.lowest * 1000 / 48 > self.target_us + 20_000
    }

    /// Whether less sound waits than the jitter calls for: the player may draw out a quiet frame.
    #[must_use]
    pub fn may_grow(&self) -> bool {
        self.level.pulls >= GROW_AFTER_PULLS && self.level.highest * 1000 / 48 < self.target_us
    }

    /// The player has left out or drawn out a frame.
    pub fn stretched(&mut self) {
        self.level = LevelWatch::default();
    }

    /// Sound in hand, in microseconds.
    #[must_use]
    pub fn level_us(&self) -> i64 {
        match self.state {
            State::Playing { next, .. } => self.end().map_or(0, |end| (end - next).max(0) * 1000 / 48),
            State::Waiting => self.packets.values().map(|held| held.samples).sum::<i64>() * 1000 / 48,
        }
    }

    /// Delay the buffer wants to hold, in microseconds.
    #[must_use]
    pub fn target_us(&self) -> i64 {
        self.target_us
    }

    fn is_ripe(&self, first: &Held, now_us: i64) -> bool {
        now_us - first.arrived_us >= self.target_us || self.level_us() > self.target_us
    }

    fn play(&mut self, position: i64) -> Pull {
        let Some(held) = self.packets.remove(&position) else { return Pull::Conceal };
        if self.played.len() == REMEMBERED {
            self.played.pop_front();
        }
        self.played.push_back(held.sequence);
        self.go_to(position + held.samples);
        Pull::Packet(held.payload)
    }

    /// One lost stretch in front of the first packet: the last of it from that packet's redundancy, the rest concealed.
    fn fill(&mut self, from: i64, missing: i64, next_samples: i64) -> Pull {
        if missing == next_samples {
            self.go_to(from + missing);
            if let Some((_, held)) = self.packets.first_key_value() {
                return Pull::Recover { next: held.payload.clone() };
            }
        }
        self.go_to(from + missing.min(FRAME_SAMPLES as i64));
        Pull::Conceal
    }

    fn go_to(&mut self, next: i64) {
        self.state = State::Playing { next, stalled: 0 };
        self.floor = Some(next);
    }

    fn stall(&mut self, next: i64, stalled: u64) -> Pull {
        let stalled = stalled + FRAME_SAMPLES as u64;
        self.state = if stalled > PAUSE_SAMPLES { State::Waiting } else { State::Playing { next, stalled } };
        self.level = LevelWatch::default();
        if stalled > PAUSE_SAMPLES { Pull::Silence } else { Pull::Conceal }
    }

    /// Starts anew at the first packet, once that is old enough.
    fn resume(&mut self, now_us: i64) -> Pull {
        self.state = State::Waiting;
        self.played.clear();
        self.level = LevelWatch::default();
        self.pull(now_us)
    }

    fn restart(&mut self) {
        self.packets.clear();
        self.transits_us.clear();
        self.target_us = FIRST_TARGET_US;
        self.state = State::Waiting;
        self.floor = None;
        self.played.clear();
        self.level = LevelWatch::default();
    }

    fn end(&self) -> Option<i64> {
        self.packets.last_key_value().map(|(position, held)| position + held.samples)
    }

    /// Follows the delays: the target covers all but the slowest of the last seconds' packets, and a frame more.
    fn learn(&mut self, transit_us: i64) {
        if self.transits_us.len() == WINDOW {
            self.transits_us.pop_front();
        }
        self.transits_us.push_back(transit_us);
        if self.transits_us.len() < LEARN_FROM {
            return;
        }
        let mut sorted: Vec<i64> = self.transits_us.iter().copied().collect();
        sorted.sort_unstable();
        let fastest = sorted.first().copied().unwrap_or(0);
        let slow = sorted.get(sorted.len() * 98 / 100).copied().unwrap_or(fastest);
        self.target_us = (slow - fastest + 20_000).clamp(TARGET_RANGE_US.0, TARGET_RANGE_US.1);
    }
}

/// Lowest and highest level seen at the pulls since it was last reset, in samples.
#[derive(Debug)]
struct LevelWatch {
    lowest: i64,
    highest: i64,
    pulls: u32,
}

impl Default for LevelWatch {
    fn default() -> Self {
        Self { lowest: i64::MAX, highest: 0, pulls: 0 }
    }
}

impl LevelWatch {
    /// Notes one pull. Every 4 s it begins again, so that an old low does not hold the delay up for ever.
    fn watch(&mut self, level: i64) {
        if self.pulls >= 2 * SHRINK_AFTER_PULLS {
            *self = Self::default();
        }
        self.pulls += 1;
        self.lowest = self.lowest.min(level);
        self.highest = self.highest.max(level);
    }
}

/// RTP's 32-bit clock as one that does not wrap (RFC 3550 appendix A.1 does the same to sequence numbers).
#[derive(Debug, Default)]
struct TimestampUnwrap {
    last: Option<i64>,
}

impl TimestampUnwrap {
    fn extend(&mut self, timestamp: u32) -> i64 {
        let extended = match self.last {
            None => i64::from(timestamp),
            Some(last) => last + i64::from(timestamp.wrapping_sub(last as u32).cast_signed()),
        };
        self.last = Some(extended);
        extended
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FRAME_US: i64 = 20_000;

    fn payload(sequence: u16) -> Bytes {
        Bytes::copy_from_slice(&sequence.to_be_bytes())
    }

    /// A buffer and a clock; packet n is sent at n frames.
    #[derive(Default)]
    struct Stream {
        buffer: JitterBuffer,
    }

    impl Stream {
        fn arrive(&mut self, sequence: u16, delay_us: i64) -> Inserted {
            let sent_us = i64::from(sequence) * FRAME_US;
            self.buffer.insert(sequence, u32::from(sequence) * 960, 960, payload(sequence), sent_us + delay_us)
        }

        fn played(&mut self, now_us: i64) -> Option<u16> {
            match self.buffer.pull(now_us) {
                Pull::Packet(bytes) => Some(u16::from_be_bytes([bytes[0], bytes[1]])),
                Pull::Recover { .. } | Pull::Conceal | Pull::Silence => None,
            }
        }

        /// Plays a whole trace of (sequence, arrival) on a 20 ms device; what came out at each pull.
        fn play_trace(mut trace: Vec<(u16, i64)>, until_us: i64) -> (Vec<Pull>, JitterBuffer) {
            trace.sort_by_key(|&(_, at)| at);
            let mut buffer = JitterBuffer::default();
            let mut pulls = Vec::new();
            let mut waiting = trace.into_iter().peekable();
            for now in (0..until_us).step_by(FRAME_US as usize) {
                while let Some((sequence, at)) = waiting.next_if(|&(_, at)| at <= now) {
                    buffer.insert(sequence, u32::from(sequence) * 960, 960, payload(sequence), at);
                }
                pulls.push(buffer.pull(now));
            }
            (pulls, buffer)
        }
    }

    fn sequences(pulls: &[Pull]) -> Vec<u16> {
        let played = pulls.iter().filter_map(|pull| match pull {
            Pull::Packet(bytes) => Some(u16::from_be_bytes([bytes[0], bytes[1]])),
            Pull::Recover { .. } | Pull::Conceal | Pull::Silence => None,
        });
        played.collect()
    }

    #[test]
    fn the_first_packet_waits_for_the_target_and_then_all_play_in_order() {
        let mut stream = Stream::default();
        assert_eq!(stream.played(0), None);
        stream.arrive(0, 0);
        assert_eq!(stream.played(39_999), None, "one microsecond too young");
        stream.arrive(1, 0);
        assert_eq!(stream.played(40_000), Some(0));
        assert_eq!(stream.played(60_000), Some(1));
    }

    #[test]
    fn packets_out_of_order_play_in_order() {
        let mut stream = Stream::default();
        for (sequence, delay) in [(0, 0), (2, -20_000), (1, 5_000), (3, 0)] {
            assert_eq!(stream.arrive(sequence, delay), Inserted::Kept);
        }
        let heard: Vec<_> = (3..7).map(|n| stream.played(n * FRAME_US)).collect();
        assert_eq!(heard, [Some(0), Some(1), Some(2), Some(3)]);
    }

    #[test]
    fn a_packet_that_came_twice_plays_once() {
        let mut stream = Stream::default();
        stream.arrive(0, 0);
        assert_eq!(stream.arrive(0, 1_000), Inserted::Duplicate, "while it waits");
        assert_eq!(stream.played(50_000), Some(0));
        assert_eq!(stream.arrive(0, 60_000), Inserted::Duplicate, "after it played");
    }

    #[test]
    fn a_lost_packet_is_recovered_from_the_next_one() {
        let mut stream = Stream::default();
        for sequence in [0, 1, 3, 4] {
            stream.arrive(sequence, 0);
        }
        assert_eq!((stream.played(80_000), stream.played(100_000)), (Some(0), Some(1)));
        assert_eq!(stream.buffer.pull(120_000), Pull::Recover { next: payload(3) });
        assert_eq!(stream.played(140_000), Some(3));
    }

    #[test]
    fn of_a_burst_of_losses_all_but_the_last_are_concealed() {
        let mut stream = Stream::default();
        for sequence in [0, 4] {
            stream.arrive(sequence, 0);
        }
        assert_eq!(stream.played(80_000), Some(0));
        assert_eq!(stream.buffer.pull(100_000), Pull::Conceal);
        assert_eq!(stream.buffer.pull(120_000), Pull::Conceal);
        assert_eq!(stream.buffer.pull(140_000), Pull::Recover { next: payload(4) });
        assert_eq!(stream.played(160_000), Some(4));
    }

    #[test]
    fn a_late_packet_is_waited_for_and_nothing_of_it_is_thrown_away() {
        let mut stream = Stream::default();
        stream.arrive(0, 0);
        assert_eq!(stream.played(40_000), Some(0));
        assert_eq!(stream.buffer.pull(60_000), Pull::Conceal);
        assert_eq!(stream.arrive(1, 45_000), Inserted::Kept);
        assert_eq!(stream.played(80_000), Some(1));
    }

    #[test]
    fn what_was_concealed_while_waiting_counts_for_what_was_lost() {
        let mut stream = Stream::default();
        stream.arrive(0, 0);
        assert_eq!(stream.played(40_000), Some(0));
        assert_eq!(stream.buffer.pull(60_000), Pull::Conceal, "stands for packet 1, which never comes");
        stream.arrive(2, 30_000);
        assert_eq!(stream.played(80_000), Some(2), "no second concealment");
        assert_eq!(stream.arrive(1, 70_000), Inserted::Late);
    }

    #[test]
    fn a_pause_of_the_peer_is_silence_and_not_loss() {
        let mut stream = Stream::default();
        stream.arrive(0, 0);
        assert_eq!(stream.played(40_000), Some(0));
        // The sequence goes on, the clock has jumped by a second.
        stream.buffer.insert(1, 960 + 48_000, 960, payload(1), 1_060_000);
        assert_eq!(stream.buffer.pull(1_061_000), Pull::Silence);
        assert_eq!(stream.played(1_100_000), Some(1));
    }

    #[test]
    fn nothing_for_longer_than_200_ms_ends_in_silence() {
        let mut stream = Stream::default();
        stream.arrive(0, 0);
        assert_eq!(stream.played(40_000), Some(0));
        for n in 0..10 {
            assert_eq!(stream.buffer.pull(60_000 + n * FRAME_US), Pull::Conceal, "frame {n}");
        }
        assert_eq!(stream.buffer.pull(260_000), Pull::Silence);
        assert_eq!(stream.buffer.pull(280_000), Pull::Silence);
    }

    #[test]
    fn the_rtp_clock_may_wrap() {
        let mut buffer = JitterBuffer::default();
        let start = u32::MAX - 1_000;
        for n in 0u16..4 {
            let sequence = (u16::MAX - 1).wrapping_add(n);
            buffer.insert(sequence, start.wrapping_add(u32::from(n) * 960), 960, payload(n), i64::from(n) * FRAME_US);
        }
        let pulls: Vec<Pull> = (0..4).map(|n| buffer.pull(60_000 + n * FRAME_US)).collect();
        assert_eq!(sequences(&pulls), [0, 1, 2, 3]);
    }

    #[test]
    fn a_stream_that_jumps_by_seconds_starts_anew() {
        let mut stream = Stream::default();
        stream.arrive(0, 0);
        assert_eq!(stream.played(40_000), Some(0));
        assert_eq!(stream.buffer.insert(900, 3_000_000_000, 960, payload(900), 70_000), Inserted::Kept);
        assert_eq!(stream.buffer.pull(80_000), Pull::Silence);
        assert_eq!(stream.played(110_000), Some(900));
    }

    #[test]
    fn a_flood_is_bounded() {
        let mut stream = Stream::default();
        let kept = (0..500).filter(|&n| stream.arrive(n, 0) == Inserted::Kept).count();
        assert_eq!(kept, MOST_PACKETS);
        assert_eq!(stream.buffer.packets.len(), MOST_PACKETS);
    }

    #[test]
    fn packets_of_60_ms_play_and_are_recovered_whole() {
        let mut buffer = JitterBuffer::default();
        for n in [0u16, 1, 3] {
            buffer.insert(n, u32::from(n) * 2880, 2880, payload(n), i64::from(n) * 60_000);
        }
        let at = |n: i64| 200_000 + n * 60_000;
        assert_eq!(buffer.pull(at(0)), Pull::Packet(payload(0)));
        assert_eq!(buffer.pull(at(1)), Pull::Packet(payload(1)));
        assert_eq!(buffer.pull(at(2)), Pull::Recover { next: payload(3) });
        assert_eq!(buffer.pull(at(3)), Pull::Packet(payload(3)));
    }

    /// Delays of a walk through a building over Wi-Fi, in milliseconds above the fastest packet: quiet, then a scan of
    /// the neighbourhood that holds everything back for 140 ms, then quiet.
    const WIFI_SCAN_MS: [i64; 60] = [
        0, 1, 0, 2, 1, 0, 3, 1, 0, 0, 2, 1, 4, 0, 1, 2, 0, 0, 1, 3, 140, 120, 100, 81, 60, 41, 20, 2, 1, 0, 0, 1, 2, 0,
        1, 0, 5, 1, 0, 0, 2, 1, 0, 1, 0, 0, 3, 0, 1, 0, 0, 2, 0, 1, 0, 1, 0, 0, 1, 0,
    ];

    #[test]
    fn a_wifi_scan_loses_no_sound() {
        let trace = (0u16..60).zip(WIFI_SCAN_MS).map(|(n, ms)| (n, i64::from(n) * FRAME_US + ms * 1000)).collect();
        let (pulls, _) = Stream::play_trace(trace, 70 * FRAME_US);
        assert_eq!(sequences(&pulls), (0..60).collect::<Vec<_>>());
        let concealed = pulls.iter().filter(|pull| **pull == Pull::Conceal).count();
        assert!(concealed <= 7 + 6, "{concealed}: no more than the scan held back, and the end");
    }

    #[test]
    fn the_target_follows_the_jitter_up_and_down() {
        let jittery = |n: u16| if n.is_multiple_of(7) { 90_000 } else { i64::from(n % 5) * 3_000 };
        let trace: Vec<_> = (0u16..600).map(|n| (n, i64::from(n) * FRAME_US + jittery(n))).collect();
        let (_, mut buffer) = Stream::play_trace(trace, 600 * FRAME_US);
        assert!((100_000..=120_000).contains(&buffer.target_us()), "{}", buffer.target_us());
        for n in 600u16..1_200 {
            buffer.insert(n, u32::from(n) * 960, 960, payload(n), i64::from(n) * FRAME_US);
        }
        assert_eq!(buffer.target_us(), TARGET_RANGE_US.0);
    }

    #[test]
    fn a_steady_link_asks_for_no_stretching() {
        let mut buffer = JitterBuffer::default();
        for n in 0u16..2_000 {
            let now = i64::from(n) * FRAME_US;
            buffer.insert(n, u32::from(n) * 960, 960, payload(n), now);
            assert_ne!(buffer.pull(now + 7_000), Pull::Conceal, "at {n}");
            assert!(!buffer.may_shrink() && !buffer.may_grow(), "at {n}");
        }
    }

    #[test]
    fn after_a_hold_up_the_delay_is_given_back_one_quiet_frame_at_a_time() {
        let mut buffer = JitterBuffer::default();
        let mut given_back = 0;
        for n in 0u16..3_000 {
            let now = i64::from(n) * FRAME_US;
            let held_up = if (100..107).contains(&n) { 140_000 - i64::from(n - 100) * FRAME_US } else { 0 };
            buffer.insert(n, u32::from(n) * 960, 960, payload(n), now + held_up);
            if held_up == 0 || n == 106 {
                if n == 106 {
                    for late in 0..7 {
                        buffer.pull(now - 120_000 + late * FRAME_US);
                    }
                } else {
                    buffer.pull(now + 7_000);
                }
            }
            if buffer.may_shrink() {
                buffer.pull(now + 7_000);
                buffer.stretched();
                given_back += 1;
            }
        }
        assert!(buffer.level_us() <= 60_000, "{}", buffer.level_us());
        assert!(given_back < 20, "{given_back}");
    }

    proptest! {
        #[test]
        fn whatever_comes_nothing_plays_twice_or_out_of_order(
            arrivals in proptest::collection::vec((0u16..200, -50_000i64..300_000), 0..400),
        ) {
            let trace: Vec<_> = arrivals.into_iter().map(|(n, late)| (n, i64::from(n) * FRAME_US + late.max(0))).collect();
            let (pulls, buffer) = Stream::play_trace(trace, 250 * FRAME_US);
            let heard = sequences(&pulls);
            prop_assert!(heard.windows(2).all(|pair| pair[0] < pair[1]));
            prop_assert!(buffer.packets.len() <= MOST_PACKETS);
        }
    }
}
