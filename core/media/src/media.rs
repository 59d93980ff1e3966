//! The seam between a call and whatever carries its sound.
//!
//! The engine drives calls through [`MediaEngine`] and [`CallMedia`] only. [`RtcMedia`](crate::RtcMedia) is
//! WebRTC with Opus; [`FakeMedia`](crate::FakeMedia) has no sockets and no clock; an OEM may plug in its own.

use std::fmt;
use std::net::IpAddr;

use async_trait::async_trait;

use crate::port::AudioPort;
use crate::stats::MediaStats;

/// Makes the media of one call at a time.
#[async_trait]
pub trait MediaEngine: Send + Sync {
    /// Opens media for one call: sockets are bound, nothing is sent yet.
    async fn open(&self, config: CallMediaConfig) -> Result<Box<dyn CallMedia>, MediaError>;
}

/// The media of one call, from the first offer to `close`.
///
/// Connectivity (ICE and DTLS) is completed while the call rings: the callee makes its answer as soon as the offer
/// arrives, both sides trickle candidates, and only sound waits for `set_sending(true)` at the moment of answering.
/// Every method may be called from any task; none waits for the network.
#[async_trait]
pub trait CallMedia: Send + Sync {
    /// Makes and applies the local offer; candidates follow as [`MediaEvent::Candidate`].
    async fn create_offer(&self) -> Result<Sdp, MediaError>;

    /// Makes and applies an offer with fresh ICE credentials and fresh sockets, for a changed network. DTLS and SRTP
    /// keys stay (RFC 8842 section 4), so sound continues on the old path until the new one is checked.
    async fn create_restart_offer(&self) -> Result<Sdp, MediaError>;

    /// Applies the peer's offer, then makes and applies the local answer. Checks start at once.
    async fn create_answer(&self, offer: &Sdp) -> Result<Sdp, MediaError>;

    /// Applies the peer's answer. `provisional` is JSEP's `pranswer` (ROAP `moreComing`): connectivity starts, and
    /// one more answer may follow.
    async fn apply_answer(&self, answer: &Sdp, provisional: bool) -> Result<(), MediaError>;

    /// Takes back the local offer that is out, for the side that lost a glare (RFC 8829 section 4.1.10.2).
    async fn rollback(&self) -> Result<(), MediaError>;

    /// Adds a candidate the peer trickled, in its `candidate:...` form (RFC 8839 section 5.1). Candidates that come
    /// before the peer's description are kept (at most 64) and added with it.
    async fn add_remote_candidate(&self, candidate: &str) -> Result<(), MediaError>;

    /// Starts or stops sending the microphone. Off when a call is opened; what is captured while off is discarded.
    async fn set_sending(&self, on: bool) -> Result<(), MediaError>;

    /// Holds the call on this side: nothing is sent and silence is played. Telling the peer is signalling's part.
    async fn set_hold(&self, on: bool) -> Result<(), MediaError>;

    /// Chooses the codec mode, from the measured rate of the path. May change during the call.
    async fn set_mode(&self, mode: VoiceMode) -> Result<(), MediaError>;

    /// The next thing that happened; `None` after `close`, once everything before it has been taken. One consumer.
    async fn next_event(&self) -> Option<MediaEvent>;

    /// Where the phone's sound device is attached.
    fn audio(&self) -> AudioPort;

    /// What the media has done so far.
    async fn stats(&self) -> MediaStats;

    /// SHA-256 fingerprint of this side's DTLS certificate, in upper-case hex pairs joined by `:`; what the device
    /// signs so that the signalling server cannot take the call's place.
    fn local_fingerprint(&self) -> String;

    /// Ends the media and releases its sockets and tasks before returning. Idempotent.
    async fn close(&self);
}

/// Who called whom: the offerer controls ICE (RFC 8445 section 6.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Makes the first offer.
    Caller,
    /// Answers the first offer.
    Callee,
}

/// How a call's media is to be opened.
#[derive(Debug, Clone)]
pub struct CallMediaConfig {
    /// Caller or callee.
    pub role: Role,
    /// STUN and TURN servers; may be empty.
    pub ice_servers: Vec<IceServer>,
    /// Use only relayed candidates, so the peer learns no address of ours.
    pub relay_only: bool,
    /// Local addresses to gather on. Empty: every interface except loopback. Loopback is used only when named here.
    pub bind: Vec<IpAddr>,
    /// The codec mode to start in.
    pub mode: VoiceMode,
}

impl CallMediaConfig {
    /// A configuration with defaults: no servers, every interface, full mode.
    #[must_use]
    pub fn new(role: Role) -> Self {
        Self { role, ice_servers: Vec::new(), relay_only: false, bind: Vec::new(), mode: VoiceMode::Full }
    }
}

/// One STUN or TURN server (RFC 7064, RFC 7065). Debug shows no credential.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct IceServer {
    /// `stun:host:port`, `turn:host:port?transport=udp`, ...
    pub urls: Vec<String>,
    /// Long-term credential user name; empty for STUN.
    pub username: String,
    /// Long-term credential password; empty for STUN.
    pub credential: String,
}

impl fmt::Debug for IceServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IceServer").field("urls", &self.urls.len()).finish_non_exhaustive()
    }
}

/// What the voice may cost on the wire, each direction, IPv6 and SRTP included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum VoiceMode {
    /// Opus 24 kbit/s in 20 ms packets, about 52 kbit/s on the wire: for links of 64 kbit/s and up.
    #[default]
    Full,
    /// Opus 16 kbit/s in 60 ms packets, about 25 kbit/s on the wire: for links of 32 to 64 kbit/s.
    LowRate,
}

/// What happened to a call's media.
#[derive(Clone, PartialEq)]
pub enum MediaEvent {
    /// A local candidate to trickle to the peer, in its `candidate:...` form.
    Candidate(String),
    /// No more local candidates will come for this description.
    GatheringDone,
    /// ICE and DTLS are complete: sound could flow now.
    Connected,
    /// The path has gone quiet; it may come back by itself or by a restart.
    Disconnected,
    /// The path is lost for good, or never came up within its bound.
    Failed,
    /// The first sound from the peer has arrived.
    RemoteSound,
    /// Once a second while connected; dropped when nobody takes events.
    Stats(MediaStats),
}

impl fmt::Debug for MediaEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Candidate(_) => "Candidate(..)",
            Self::GatheringDone => "GatheringDone",
            Self::Connected => "Connected",
            Self::Disconnected => "Disconnected",
            Self::Failed => "Failed",
            Self::RemoteSound => "RemoteSound",
            Self::Stats(_) => "Stats(..)",
        })
    }
}

/// A session description. Debug shows only its length: it holds addresses and keys.
#[derive(Clone, PartialEq, Eq)]
pub struct Sdp(String);

impl Sdp {
    /// The most a description may weigh, in bytes.
    pub const MAX_BYTES: usize = 32 * 1024;

    /// Takes a description off the wire.
    ///
    /// # Errors
    /// [`MediaError::BadDescription`] when it is empty or heavier than [`Sdp::MAX_BYTES`].
    pub fn new(text: impl Into<String>) -> Result<Self, MediaError> {
        let text = text.into();
        if text.is_empty() || text.len() > Self::MAX_BYTES {
            return Err(MediaError::BadDescription);
        }
        Ok(Self(text))
    }

    /// The description as it goes on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The SHA-256 certificate fingerprint it carries (`a=fingerprint:sha-256`, RFC 8122 section 5), in upper-case
    /// hex pairs joined by `:`. `None` when there is none, when it is malformed, or when two lines disagree.
    #[must_use]
    pub fn fingerprint(&self) -> Option<String> {
        crate::fingerprint::sha256_of(&self.0)
    }
}

impl fmt::Debug for Sdp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sdp({} bytes)", self.0.len())
    }
}

/// What to do differently when media refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MediaError {
    /// The peer's description cannot be used: refuse the offer or answer.
    #[error("the description cannot be used")]
    BadDescription,
    /// The candidate cannot be used: ignore it and go on.
    #[error("the candidate cannot be used")]
    BadCandidate,
    /// Not in this state of the offer and answer exchange: finish or roll back the one under way first.
    #[error("not possible in this state of the exchange")]
    WrongState,
    /// The configuration cannot work (an address that cannot be bound, a malformed server): fix it.
    #[error("the configuration cannot be used")]
    BadConfig,
    /// A bound was reached: drop what was asked.
    #[error("a bound was reached")]
    TooMany,
    /// The media is closed: open a new one.
    #[error("the media is closed")]
    Closed,
    /// The media stack failed: end this leg and fall back to the carrier.
    #[error("the media stack failed")]
    Broken,
}
