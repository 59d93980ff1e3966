//! Voice media of a call over data: WebRTC transport, Opus, a jitter buffer, and a fake for tests.
//!
//! The only crate of the core that knows `webrtc`. Callers use [`MediaEngine`] and [`CallMedia`]; the sound device of
//! the phone (or a test) uses [`AudioPort`].

mod arrival;
mod bandwidth;
mod call;
mod check_pacer;
mod codec;
mod device;
mod events;
mod fake;
mod fingerprint;
mod gate;
mod gated_socket;
mod jitter;
mod media;
mod playout;
mod port;
mod receiver;
mod repeater;
mod repeating_socket;
mod reports;
mod rtc_call;
mod rtc_media;
mod rtc_setup;
mod runtime;
mod sender;
mod stats;

pub use codec::{Codec, Decoder, Encoder, OpusCodec};
pub use device::{Heard, MockDevice, from_48k, to_48k};
pub use fake::FakeMedia;
pub use gate::{LinkGate, Passage, SocketGate, Way};
pub use jitter::{Inserted, JitterBuffer, Pull};
pub use media::{CallMedia, CallMediaConfig, IceServer, MediaEngine, MediaError, MediaEvent, Role, Sdp, VoiceMode};
pub use playout::{Playout, PlayoutCounts};
pub use port::{AudioCounters, AudioPort, FRAME_SAMPLES, RING_SAMPLES, SAMPLE_RATE_HZ, WeakAudioPort};
pub use rtc_media::RtcMedia;
pub use runtime::MediaResources;
pub use stats::MediaStats;
