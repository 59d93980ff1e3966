//! Voice media of a call over data: WebRTC transport, Opus, a jitter buffer, and a fake for tests.
//!
//! The only crate of the core that knows `webrtc`. Callers use [`MediaEngine`] and [`CallMedia`]; the sound device of
//! the phone (or a test) uses [`AudioPort`].

mod fingerprint;
mod gate;
mod media;
mod port;
mod stats;

pub use gate::{LinkGate, Passage, SocketGate, Way};
pub use media::{
    CallMedia, CallMediaConfig, IceServer, MediaEngine, MediaError, MediaEvent, Role, Sdp,
    VoiceMode,
};
pub use port::{AudioCounters, AudioPort, FRAME_SAMPLES, RING_SAMPLES, SAMPLE_RATE_HZ};
pub use stats::MediaStats;
