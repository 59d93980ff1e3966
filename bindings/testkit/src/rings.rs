//! The sound of a call without a call: what the device writes comes back to it.

use std::sync::{Mutex, PoisonError};
use tandem::audio_abi;
use tandem_engine::AudioPort;

/// The one ring there is.
static RING: Mutex<Option<AudioPort>> = Mutex::new(None);

/// Opens a ring that hears itself, in place of the one before, and gives its handle for the C ABI.
#[uniffi::export]
pub fn open_ring() -> u64 {
    let port = AudioPort::new();
    port.loop_back();
    let handle = audio_abi::open(&port);
    *RING.lock().unwrap_or_else(PoisonError::into_inner) = Some(port);
    handle
}

/// Lets the ring hear what was written since the last time.
#[uniffi::export]
pub fn loop_ring() {
    if let Some(port) = &*RING.lock().unwrap_or_else(PoisonError::into_inner) {
        port.loop_back();
    }
}

/// Ends the ring, as the end of a call does: its handle is dead.
#[uniffi::export]
pub fn close_ring() {
    *RING.lock().unwrap_or_else(PoisonError::into_inner) = None;
}
