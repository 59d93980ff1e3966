//! Caps. A frame over any of them is refused in [`crate::decode`], before anything else sees it.

use std::time::Duration;

/// The one version this build speaks. Hello carries a range, so that the next can be negotiated.
pub const VERSION: u32 = 1;

/// Longest frame in bytes: one sealed body and its envelope.
pub const FRAME_MAX: usize = 128 * 1024;

/// Longest ROAP object in bytes: an SDP with all its candidates.
pub const ROAP_MAX: usize = 32 * 1024;

/// Longest trickled candidate line in bytes.
pub const CANDIDATE_MAX: usize = 512;

/// Longest DTLS fingerprint in bytes ("sha-256 " and 32 octets in hex with colons is 103).
pub const FINGERPRINT_MAX: usize = 256;

/// Tokens in one page of a sync, of all its lists together.
pub const TOKENS_PAGE_MAX: usize = 1_000;

/// Blinded numbers in one evaluation.
pub const EVALUATE_MAX: usize = 500;

/// Keys of the pseudorandom function that live side by side.
pub const MARK_KEYS_MAX: usize = 4;

/// Marks in one frame.
pub const MARKS_PAGE_MAX: usize = 500;

/// Ids in one acknowledgement or receipt frame.
pub const IDS_MAX: usize = 256;

/// Bytes of filling in one frame of a packet train.
pub const TRAIN_FILL_MAX: usize = 1_200;

/// Frames in one packet train.
pub const TRAIN_COUNT_MAX: u32 = 32;

/// STUN and TURN addresses in one answer.
pub const ICE_URLS_MAX: usize = 8;

/// Longest STUN or TURN address in bytes.
pub const ICE_URL_MAX: usize = 256;

/// A ring may not be asked to last longer than this; the default is 45 s.
pub const RING_MAX: Duration = Duration::from_secs(120);

/// Longest body of a registration request or reply in bytes.
pub const REGISTER_MAX: usize = 4 * 1024;

/// Longest ROAP session id in bytes.
pub const ROAP_ID_MAX: usize = 256;

/// Longest TURN user name, and longest TURN password, in bytes.
pub const ICE_CREDENTIAL_MAX: usize = 256;

/// Characters of Android's hash of the app.
pub const APP_HASH_LENGTH: usize = 11;

/// Longest domain of Apple's domain-bound code in bytes.
pub const DOMAIN_MAX: usize = 64;

/// Digits of the code a person types.
pub const CODE_DIGITS: usize = 8;

/// Longest spread a train report may tell of.
pub const TRAIN_SPREAD_MAX: Duration = Duration::from_secs(600);

/// Bytes a train report may tell of: every frame of the longest train, each with 256 bytes of envelope.
pub const TRAIN_BYTES_MAX: u32 = TRAIN_COUNT_MAX * (1_200 + 256);

/// The last ticket a phone may choose; those above name what the server asks.
pub const PHONE_TICKET_MAX: u64 = (1 << 63) - 1;
