//! Where the phone's sound device meets the call: two bounded rings of 48 kHz mono i16 samples.
//!
//! The device side (`push_capture`, `pop_playout`) never blocks for longer than a copy of a few frames, so it may be
//! called from an audio callback through the C ABI. When a ring is full its oldest samples give way, and are counted.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

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
    capture: Mutex<Ring>,
    playout: Mutex<Ring>,
    listening: AtomicBool,
    largest_pop: AtomicUsize,
    captured: Notify,
    played: Notify,
    capture_dropped: AtomicU64,
    playout_dropped: AtomicU64,
    playout_missing: AtomicU64,
}

/// Samples on their way, oldest first. Its room is taken at once: nothing is allocated on a sound device's thread.
#[derive(Debug)]
struct Ring(VecDeque<i16>);

impl Default for Ring {
    fn default() -> Ring {
        Ring(VecDeque::with_capacity(RING_SAMPLES))
    }
}

/// A handle that does not keep the rings alive.
#[derive(Clone, Debug)]
pub struct WeakAudioPort {
    shared: Weak<Shared>,
}

impl WeakAudioPort {
    /// The rings, while their call lives.
    #[must_use]
    pub fn upgrade(&self) -> Option<AudioPort> {
        self.shared.upgrade().map(|shared| AudioPort { shared })
    }

    /// Whether these are the rings of that handle.
    #[must_use]
    pub fn is(&self, port: &AudioPort) -> bool {
        std::ptr::eq(self.shared.as_ptr(), Arc::as_ptr(&port.shared))
    }
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

    /// A handle that does not keep the rings alive.
    #[must_use]
    pub fn downgrade(&self) -> WeakAudioPort {
        WeakAudioPort { shared: Arc::downgrade(&self.shared) }
    }

    /// The device hands over captured samples, any number at a time, at the rate it captures. Returns how many were
    /// taken: all of them while the call is sending, none while it is not (before the answer, on hold, after close).
    pub fn push_capture(&self, samples: &[i16]) -> usize {
        if !self.shared.listening.load(Ordering::Acquire) {
            return 0;
        }
        let dropped = lock(&self.shared.capture).push(samples);
        self.shared.capture_dropped.fetch_add(dropped, Ordering::Relaxed);
        self.shared.captured.notify_one();
        samples.len()
    }

    /// The device asks for samples to play. Fills all of `out`, with silence where the call has none, and returns how
    /// many were the call's.
    pub fn pop_playout(&self, out: &mut [i16]) -> usize {
        self.shared.largest_pop.fetch_max(out.len().min(RING_SAMPLES / 2), Ordering::Relaxed);
        let taken = lock(&self.shared.playout).pop(out);
        if let Some(rest) = out.get_mut(taken..) {
            rest.fill(0);
            self.shared.playout_missing.fetch_add(rest.len() as u64, Ordering::Relaxed);
        }
        self.shared.played.notify_one();
        taken
    }

    /// Moves what was captured to what is to be played, and listens from now on: a sound device hears itself, without a call.
    pub fn loop_back(&self) {
        self.listen(true);
        let mut heard = vec![0; self.capture_waiting()];
        if self.take_capture(&mut heard) {
            self.push_playout(&heard);
        }
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
            lock(&self.shared.capture).0.clear();
        }
    }

    /// Takes exactly `frame.len()` captured samples, or none.
    pub(crate) fn take_capture(&self, frame: &mut [i16]) -> bool {
        let mut ring = lock(&self.shared.capture);
        ring.0.len() >= frame.len() && ring.pop(frame) == frame.len()
    }

    /// Captured samples waiting to be encoded.
    pub(crate) fn capture_waiting(&self) -> usize {
        lock(&self.shared.capture).0.len()
    }

    /// Hands decoded samples to the device.
    pub(crate) fn push_playout(&self, samples: &[i16]) {
        let dropped = lock(&self.shared.playout).push(samples);
        self.shared.playout_dropped.fetch_add(dropped, Ordering::Relaxed);
    }

    /// Whether the ring holds less than the device may ask for next.
    pub(crate) fn wants_playout(&self) -> bool {
        let ask = self.shared.largest_pop.load(Ordering::Relaxed).max(FRAME_SAMPLES);
        lock(&self.shared.playout).0.len() < ask
    }

    /// Forgets decoded samples that wait to be played.
    pub(crate) fn clear_playout(&self) {
        lock(&self.shared.playout).0.clear();
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
fn lock(ring: &Mutex<Ring>) -> MutexGuard<'_, Ring> {
    ring.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Ring {
    /// Returns how many samples gave way, of those that were there and of these.
    fn push(&mut self, samples: &[i16]) -> u64 {
        let newest = samples.get(samples.len().saturating_sub(RING_SAMPLES)..).unwrap_or_default();
        let excess = (self.0.len() + newest.len()).saturating_sub(RING_SAMPLES);
        self.0.drain(..excess);
        self.0.extend(newest);
        (excess + samples.len() - newest.len()) as u64
    }

    fn pop(&mut self, out: &mut [i16]) -> usize {
        let count = self.0.len().min(out.len());
        for (slot, sample) in out.iter_mut().zip(self.0.drain(..count)) {
            *slot = sample;
        }
        count
    }
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
    fn more_than_a_ring_holds_leaves_its_newest_and_no_push_makes_a_ring_grow() {
        let port = AudioPort::new();
        port.loop_back();
        let many: Vec<i16> = (0..30_000).collect();
        assert_eq!(port.push_capture(&[-1; 10]), 10);
        assert_eq!(port.push_capture(&many), many.len());
        assert_eq!(port.counters().capture_dropped, (10 + many.len() - RING_SAMPLES) as u64);
        assert_eq!(lock(&port.shared.capture).0.capacity(), RING_SAMPLES);
        port.loop_back();
        let mut all = vec![0; RING_SAMPLES + 1];
        assert_eq!(port.pop_playout(&mut all), RING_SAMPLES);
        assert_eq!((all[0], all[RING_SAMPLES - 1], all[RING_SAMPLES]), (6_000, 29_999, 0));
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
