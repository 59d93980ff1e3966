//! From received packets to 20 ms frames for the sound device: jitter buffer, decoder, and the small stretches between.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::codec::Decoder;
use crate::jitter::{Inserted, JitterBuffer, Pull};
use crate::port::FRAME_SAMPLES;

/// A frame whose level is below this share of the speech level is quiet enough to be left out or drawn out.
const QUIET_SHARE: f32 = 0.05;
/// Decay of the speech level for each frame: halves in about 7 s.
const LEVEL_DECAY: f32 = 0.998;

/// The receiving half of a call's sound. Pure: told packets and the time.
pub struct Playout {
    jitter: JitterBuffer,
    decoder: Box<dyn Decoder>,
    ready: VecDeque<i16>,
    decoded: Vec<i16>,
    speech_level: f32,
    counts: PlayoutCounts,
}

/// What the frames were made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PlayoutCounts {
    /// 20 ms frames decoded from their packet.
    pub played: u64,
    /// 20 ms frames restored from redundancy.
    pub recovered: u64,
    /// 20 ms frames concealed.
    pub concealed: u64,
    /// Packets that came too late.
    pub late: u64,
    /// Packets that came twice.
    pub duplicate: u64,
}

impl Playout {
    /// A receiver that has heard nothing.
    #[must_use]
    pub fn new(decoder: Box<dyn Decoder>) -> Self {
        Self {
            jitter: JitterBuffer::default(),
            decoder,
            ready: VecDeque::new(),
            decoded: Vec::new(),
            speech_level: 0.0,
            counts: PlayoutCounts::default(),
        }
    }

    /// Takes a packet that arrived at `now_us`; `false` when it is malformed and was refused.
    pub fn insert(&mut self, sequence: u16, timestamp: u32, payload: Bytes, now_us: i64) -> bool {
        let Some(samples) = self.decoder.packet_samples(&payload) else { return false };
        match self.jitter.insert(sequence, timestamp, samples, payload, now_us) {
            Inserted::Kept => {}
            Inserted::Late | Inserted::Overflow => self.counts.late += 1,
            Inserted::Duplicate => self.counts.duplicate += 1,
        }
        true
    }

    /// Fills the next 20 ms; `false` when there is nothing to play, and `frame` is silent.
    pub fn next_frame(&mut self, now_us: i64, frame: &mut [i16; FRAME_SAMPLES]) -> bool {
        // Every pull yields at least one frame, and at most one of them is left out.
        for _ in 0..2 {
            while self.ready.len() < FRAME_SAMPLES {
                if !self.decode_more(now_us) {
                    frame.fill(0);
                    return false;
                }
            }
            for (slot, sample) in frame.iter_mut().zip(self.ready.drain(..FRAME_SAMPLES)) {
                *slot = sample;
            }
            if !(self.is_quiet(frame) && self.jitter.may_shrink()) {
                break;
            }
            self.jitter.stretched();
        }
        if self.is_quiet(frame) && self.jitter.may_grow() {
            self.jitter.stretched();
            self.decoded.clear();
            self.decoder.conceal(FRAME_SAMPLES, &mut self.decoded);
            self.decoded.drain(..).rev().for_each(|sample| self.ready.push_front(sample));
        }
        true
    }

    /// What the frames were made of so far.
    #[must_use]
    pub fn counts(&self) -> PlayoutCounts {
        self.counts
    }

    /// Sound in hand, in microseconds.
    #[must_use]
    pub fn level_us(&self) -> i64 {
        self.jitter.level_us() + self.ready.len() as i64 * 1000 / 48
    }

    /// Delay the buffer wants to hold, in microseconds.
    #[must_use]
    pub fn target_us(&self) -> i64 {
        self.jitter.target_us()
    }

    fn decode_more(&mut self, now_us: i64) -> bool {
        self.decoded.clear();
        let count = match self.jitter.pull(now_us) {
            Pull::Silence => return false,
            Pull::Packet(packet) => {
                if self.decoder.decode(&packet, &mut self.decoded).is_ok() {
                    &mut self.counts.played
                } else {
                    let samples = self.decoder.packet_samples(&packet).unwrap_or(FRAME_SAMPLES);
                    self.decoder.conceal(samples, &mut self.decoded);
                    &mut self.counts.concealed
                }
            }
            Pull::Recover { next } => {
                self.decoder.recover(&next, &mut self.decoded);
                &mut self.counts.recovered
            }
            Pull::Conceal => {
                self.decoder.conceal(FRAME_SAMPLES, &mut self.decoded);
                &mut self.counts.concealed
            }
        };
        *count += self.decoded.len().div_ceil(FRAME_SAMPLES) as u64;
        self.ready.extend(self.decoded.iter());
        !self.decoded.is_empty()
    }

    /// Follows the level of the speech and says whether `frame` is far below it.
    fn is_quiet(&mut self, frame: &[i16; FRAME_SAMPLES]) -> bool {
        let energy: f32 = frame.iter().map(|&sample| f32::from(sample) * f32::from(sample)).sum();
        let level = (energy / FRAME_SAMPLES as f32).sqrt();
        self.speech_level = (self.speech_level * LEVEL_DECAY).max(level);
        level <= self.speech_level * QUIET_SHARE
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{Codec, Encoder, OpusCodec};
    use crate::media::VoiceMode;

    fn receiver() -> (Playout, Box<dyn Encoder>) {
        (Playout::new(OpusCodec.decoder().unwrap()), OpusCodec.encoder(VoiceMode::Full).unwrap())
    }

    fn tone(frame: usize) -> Vec<i16> {
        (0..FRAME_SAMPLES).map(|n| (((frame * FRAME_SAMPLES + n) as f32 * 0.03).sin() * 6000.0) as i16).collect()
    }

    #[test]
    fn a_clean_stream_plays_without_a_gap_from_its_first_frame() {
        let (mut playout, mut encoder) = receiver();
        let mut frame = [0; FRAME_SAMPLES];
        let mut began = None;
        for n in 0..100 {
            let now = n as i64 * 20_000;
            let packet = encoder.encode(&tone(n)).unwrap();
            assert!(playout.insert(n as u16, n as u32 * 960, packet.into(), now));
            let playing = playout.next_frame(now + 5_000, &mut frame);
            assert!(playing || began.is_none(), "a gap at {n}");
            began = began.or(playing.then_some(n));
        }
        assert_eq!(began, Some(2), "after 40 ms");
        let counts = playout.counts();
        assert_eq!((counts.played, counts.concealed, counts.recovered), (98, 0, 0));
    }

    #[test]
    fn nothing_received_is_silence_and_no_concealment() {
        let (mut playout, _) = receiver();
        let mut frame = [7; FRAME_SAMPLES];
        assert!(!playout.next_frame(0, &mut frame));
        assert_eq!(frame, [0; FRAME_SAMPLES]);
        assert_eq!(playout.counts(), PlayoutCounts::default());
    }

    #[test]
    fn malformed_packets_are_refused() {
        let (mut playout, _) = receiver();
        assert!(!playout.insert(0, 0, Bytes::new(), 0));
        assert!(!playout.insert(0, 0, Bytes::from_static(&[0xff, 0x3f]), 0));
    }

    #[test]
    fn a_lost_packet_counts_as_recovered_and_a_missing_tail_as_concealed() {
        let (mut playout, mut encoder) = receiver();
        for n in (0..6).filter(|n| *n != 3) {
            let packet = encoder.encode(&tone(n)).unwrap();
            playout.insert(n as u16, n as u32 * 960, packet.into(), n as i64 * 20_000);
        }
        let mut frame = [0; FRAME_SAMPLES];
        for n in 0..8 {
            assert!(playout.next_frame(200_000 + n * 20_000, &mut frame));
        }
        let counts = playout.counts();
        assert_eq!((counts.played, counts.recovered, counts.concealed), (5, 1, 2));
    }
}
