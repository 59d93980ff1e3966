//! The C ABI of the sound: two functions on a call's ring buffers, for a sound device's own thread. `tandem_audio.h` is its
//! header.
//!
//! Handles are numbers and never pointers: one that is dead, made up or used from another thread is safe. Sound is 48 kHz,
//! mono, signed 16 bit in the machine's byte order; any number of samples at a time.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};
use tandem_engine::{AudioPort, WeakAudioPort};

/// The rings of calls by their handles. Written when a call's sound opens, else only read.
static OPEN: RwLock<BTreeMap<u64, WeakAudioPort>> = RwLock::new(BTreeMap::new());

/// The newest handle. None is ever given twice in the life of a process.
static NEWEST: AtomicU64 = AtomicU64::new(0);

/// The handle of a call's sound, the same for as long as the call lives.
#[must_use]
pub fn open(port: &AudioPort) -> u64 {
    let mut rings = OPEN.write().unwrap_or_else(PoisonError::into_inner);
    rings.retain(|_, ring| ring.upgrade().is_some());
    if let Some((handle, _)) = rings.iter().find(|(_, ring)| ring.is(port)) {
        return *handle;
    }
    let handle = NEWEST.fetch_add(1, Ordering::Relaxed) + 1;
    rings.insert(handle, port.downgrade());
    handle
}

fn ring(handle: u64) -> Option<AudioPort> {
    OPEN.read().unwrap_or_else(PoisonError::into_inner).get(&handle).and_then(WeakAudioPort::upgrade)
}

/// Fills `samples` with what is to be played next, with silence where the call has nothing, and returns how many samples
/// were the call's. A dead handle gives silence.
///
/// # Safety
/// `samples` is null or points to `count` samples that nothing else touches meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tandem_audio_read(handle: u64, samples: *mut i16, count: usize) -> usize {
    if samples.is_null() || count > isize::MAX as usize / size_of::<i16>() {
        return 0;
    }
    // SAFETY: not null, and by the caller's promise `count` samples that are ours for this call. They may hold anything:
    // every bit pattern is a sample.
    let samples = unsafe { std::slice::from_raw_parts_mut(samples, count) };
    match ring(handle) {
        Some(port) => port.pop_playout(samples),
        None => {
            samples.fill(0);
            0
        }
    }
}

/// Hands over samples that were captured, and returns how many were taken: all of them while the call sends, none before
/// the answer, on hold, and with a dead handle.
///
/// # Safety
/// `samples` is null or points to `count` samples that nothing writes meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tandem_audio_write(handle: u64, samples: *const i16, count: usize) -> usize {
    if samples.is_null() || count > isize::MAX as usize / size_of::<i16>() {
        return 0;
    }
    // SAFETY: not null, and by the caller's promise `count` samples that stay as they are for this call.
    let samples = unsafe { std::slice::from_raw_parts(samples, count) };
    ring(handle).map_or(0, |port| port.push_capture(samples))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(handle: u64, samples: &mut [i16]) -> usize {
        // SAFETY: a slice is as long as it says.
        unsafe { tandem_audio_read(handle, samples.as_mut_ptr(), samples.len()) }
    }

    fn write(handle: u64, samples: &[i16]) -> usize {
        // SAFETY: a slice is as long as it says.
        unsafe { tandem_audio_write(handle, samples.as_ptr(), samples.len()) }
    }

    #[test]
    fn a_handle_lives_with_its_call_and_is_never_given_again() {
        let port = AudioPort::new();
        let handle = open(&port);
        assert_eq!(open(&port), handle, "asked for again");
        assert_eq!(read(handle, &mut [7; 480]), 0);
        assert_eq!(port.counters().playout_missing, 480, "it reached the call");
        drop(port);
        let mut samples = [7; 480];
        assert_eq!(read(handle, &mut samples), 0);
        assert_eq!(samples, [0; 480], "silence, not what lay there");
        assert_eq!(write(handle, &samples), 0);
        assert_ne!(open(&AudioPort::new()), handle);
    }

    #[test]
    fn handles_that_never_were_and_pointers_to_nothing_are_safe() {
        assert_eq!(read(0, &mut [1]), 0);
        assert_eq!(write(u64::MAX, &[1]), 0);
        // SAFETY: null and impossible lengths are refused before anything is touched.
        unsafe {
            assert_eq!(tandem_audio_read(0, std::ptr::null_mut(), 480), 0);
            assert_eq!(tandem_audio_write(0, std::ptr::null(), 480), 0);
            assert_eq!(tandem_audio_read(0, std::ptr::dangling_mut(), usize::MAX), 0);
            assert_eq!(tandem_audio_write(0, std::ptr::dangling(), usize::MAX), 0);
        }
    }
}
