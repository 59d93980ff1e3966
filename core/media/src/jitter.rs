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

mod level;
mod rtp_clock;

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use self::level::{GROW_AFTER_PULLS, LevelWatch, SHRINK_AFTER_PULLS};
use self::rtp_clock::TimestampUnwrap;
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

#[cfg(test)]
mod tests;
