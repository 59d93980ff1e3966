//! Where the phone's sound device meets the call: two bounded rings of 48 kHz mono i16 samples.
//!
//! The device side (`push_capture`, `pop_playout`) never blocks for longer than a copy of a few frames, so it may be
//! called from an audio callback through the C ABI. When a ring is full its oldest samples give way, and are counted.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// Samples a second at the port.
pub const SAMPLE_RATE_HZ: u32 = 48_000;
/// Samples of one 20 ms frame.
pub const FRAME_SAMPLES: usize = 960;
/// The most either ring holds: 500 ms.
pub const RING_SAMPLES: usize = 25 * FRAME_SAMPLES;

/// A handle to the two rings; clones share them.
#[derive(Clone, Debug, Default)]
pub struct AudioPort {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    capture: Mutex<VecDeque<i16>>,
    playout: Mutex<VecDeque<i16>>,
    listening: AtomicBool,
    largest_pop: AtomicUsize,
    captured: Notify,
    played: Notify,
    capture_dropped: AtomicU64,
    playout_dropped: AtomicU64,
    playout_missing: AtomicU64,
}

/// What the rings had to give up, in samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AudioCounters {
    /// Captured samples pushed out by newer ones before they were encoded.
    pub capture_dropped: u64,
    /// Decoded samples pushed out by newer ones before they were played.
    pub playout_dropped: u64,
    /// Samples the device asked for and got as silence.
    pub playout_missing: u64,
}

impl AudioPort {
    /// Two empty rings.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The device hands over captured samples, any number at a time, at the rate it captures. Returns how many were
    /// taken: all of them while the call is sending, none while it is not (before the answer, on hold, after close).
    pub fn push_capture(&self, samples: &[i16]) -> usize {
        if !self.shared.listening.load(Ordering::Acquire) {
            return 0;
        }
        let dropped = push_bounded(&mut lock(&self.shared.capture), samples);
        self.shared.capture_dropped.fetch_add(dropped, Ordering::Relaxed);
        self.shared.captured.notify_one();
        samples.len()
    }

    /// The device asks for samples to play. Fills all of `out`, with silence where the call has none, and returns how
    /// many were the call's.
    pub fn pop_playout(&self, out: &mut [i16]) -> usize {
        self.shared.largest_pop.fetch_max(out.len().min(RING_SAMPLES / 2), Ordering::Relaxed);
        let taken = pop_into(&mut lock(&self.shared.playout), out);
        if let Some(rest) = out.get_mut(taken..) {
            rest.fill(0);
            self.shared.playout_missing.fetch_add(rest.len() as u64, Ordering::Relaxed);
        }
        self.shared.played.notify_one();
        taken
    }

    /// What has been given up so far.
    #[must_use]
    pub fn counters(&self) -> AudioCounters {
        AudioCounters {
            capture_dropped: self.shared.capture_dropped.load(Ordering::Relaxed),
            playout_dropped: self.shared.playout_dropped.load(Ordering::Relaxed),
            playout_missing: self.shared.playout_missing.load(Ordering::Relaxed),
        }
    }

    /// The call starts or stops listening to the microphone; what was captured and not yet sent is forgotten.
    pub(crate) fn listen(&self, on: bool) {
        if self.shared.listening.swap(on, Ordering::AcqRel) != on {
            lock(&self.shared.capture).clear();
        }
    }

    /// Takes exactly `frame.len()` captured samples, or none.
    pub(crate) fn take_capture(&self, frame: &mut [i16]) -> bool {
        let mut ring = lock(&self.shared.capture);
        ring.len() >= frame.len() && pop_into(&mut ring, frame) == frame.len()
    }

    /// Captured samples waiting to be encoded.
    pub(crate) fn capture_waiting(&self) -> usize {
        lock(&self.shared.capture).len()
    }

    /// Hands decoded samples to the device.
    pub(crate) fn push_playout(&self, samples: &[i16]) {
        let dropped = push_bounded(&mut lock(&self.shared.playout), samples);
        self.shared.playout_dropped.fetch_add(dropped, Ordering::Relaxed);
    }

    /// Whether the ring holds less than the device may ask for next.
    pub(crate) fn wants_playout(&self) -> bool {
        let ask = self.shared.largest_pop.load(Ordering::Relaxed).max(FRAME_SAMPLES);
        lock(&self.shared.playout).len() < ask
    }

    /// Forgets decoded samples that wait to be played.
    pub(crate) fn clear_playout(&self) {
        lock(&self.shared.playout).clear();
    }

    /// Resolves when the device has pushed since the last time.
    pub(crate) async fn captured(&self) {
        self.shared.captured.notified().await;
    }

    /// Resolves when the device has popped since the last time.
    pub(crate) async fn played(&self) {
        self.shared.played.notified().await;
    }
}

/// A panic while a ring was held leaves samples, which are always valid.
fn lock(ring: &Mutex<VecDeque<i16>>) -> MutexGuard<'_, VecDeque<i16>> {
    ring.lock().unwrap_or_else(PoisonError::into_inner)
}

fn push_bounded(ring: &mut VecDeque<i16>, samples: &[i16]) -> u64 {
    ring.extend(samples);
    let excess = ring.len().saturating_sub(RING_SAMPLES);
    ring.drain(..excess);
    excess as u64
}

fn pop_into(ring: &mut VecDeque<i16>, out: &mut [i16]) -> usize {
    let count = ring.len().min(out.len());
    for (slot, sample) in out.iter_mut().zip(ring.drain(..count)) {
        *slot = sample;
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capture_is_refused_until_the_call_listens() {
        let port = AudioPort::new();
        assert_eq!(port.push_capture(&[1; 10]), 0);
        port.listen(true);
        assert_eq!(port.push_capture(&[2; 10]), 10);
        let mut frame = [0; 10];
        assert!(port.take_capture(&mut frame));
        assert_eq!(frame, [2; 10]);
    }

    #[test]
    fn what_was_captured_before_a_hold_is_not_sent_after_it() {
        let port = AudioPort::new();
        port.listen(true);
        port.push_capture(&[7; 5]);
        port.listen(false);
        port.listen(true);
        assert_eq!(port.capture_waiting(), 0);
    }

    #[test]
    fn a_frame_is_taken_whole_or_not_at_all() {
        let port = AudioPort::new();
        port.listen(true);
        port.push_capture(&[3; FRAME_SAMPLES - 1]);
        let mut frame = [0; FRAME_SAMPLES];
        assert!(!port.take_capture(&mut frame));
        port.push_capture(&[4]);
        assert!(port.take_capture(&mut frame));
        assert_eq!((frame[0], frame[FRAME_SAMPLES - 1]), (3, 4));
    }

    #[test]
    fn a_full_ring_gives_up_its_oldest_samples_and_counts_them() {
        let port = AudioPort::new();
        port.push_playout(&vec![1; RING_SAMPLES]);
        assert_eq!(port.counters().playout_dropped, 0);
        port.push_playout(&[2; 3]);
        assert_eq!(port.counters().playout_dropped, 3);
        let mut all = vec![0; RING_SAMPLES];
        assert_eq!(port.pop_playout(&mut all), RING_SAMPLES);
        assert_eq!(&all[RING_SAMPLES - 4..], &[1, 2, 2, 2]);
    }

    #[test]
    fn the_ring_is_kept_as_full_as_the_device_asks_and_no_fuller() {
        let port = AudioPort::new();
        assert!(port.wants_playout());
        port.push_playout(&[0; FRAME_SAMPLES]);
        assert!(!port.wants_playout());
        port.pop_playout(&mut [0; 1024]);
        port.push_playout(&[0; FRAME_SAMPLES]);
        assert!(port.wants_playout(), "the device takes 1024 at a time");
        port.push_playout(&[0; FRAME_SAMPLES]);
        assert!(!port.wants_playout());
    }

    #[test]
    fn the_device_always_gets_a_full_buffer() {
        let port = AudioPort::new();
        port.push_playout(&[9; 4]);
        let mut out = [5; 6];
        assert_eq!(port.pop_playout(&mut out), 4);
        assert_eq!(out, [9, 9, 9, 9, 0, 0]);
        assert_eq!(port.counters().playout_missing, 2);
    }
}
