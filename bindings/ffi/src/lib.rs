//! How a phone OS links Tandem: the core as a UniFFI object, its ports as foreign traits, its sound as a C ABI.
//!
//! There is no logic here: every decision is the machine's or the engine's. What is done here is only how a value crosses
//! the border.
//!
//! ```text
//!  app ── Start(config, ports) ─────────────>  Core ──> engine ──> machine
//!  app ── core.dial(..), core.answer(..) ───>   │
//!  app <─ core.next_events(seen) ────────────   │
//!  OS  ── core.notify(..), core.host_reply ─>   │
//!  OS  <─ SimPort, SmsPort, TelephonyPort .. ───┘   from one thread, after the drain, under no lock
//!  sound device <── tandem_audio_read / tandem_audio_write ──> call          (C, no UniFFI)
//! ```
//!
//! Rules of the border, for every language:
//! - Commands are futures that await channels only; they may be dropped at any time, on any executor. A dropped command is
//!   not taken back.
//! - Everything else returns at once.
//! - A port may throw whatever it likes, call the core back in the same stack, answer late, twice or never. What it throws
//!   is never looked at: a host's exception text may hold a number.
//! - [`Core::shutdown`](core::Core::shutdown) ends it; after that no port is called and none is held.

#![expect(unsafe_code, reason = "UniFFI's scaffolding, and the C ABI of the sound in audio_abi.rs")]

pub mod audio;
pub mod audio_abi;
pub mod calls;
pub mod config;
pub mod core;
pub mod direct;
pub mod errors;
pub mod events;
pub mod history;
pub mod host;
mod ids;
pub mod matching;
mod port_adapters;
pub mod ports;
pub mod prompts;
pub mod registration;
pub mod settings;
mod slot;
pub mod start;
pub mod texts;

uniffi::setup_scaffolding!("tandem");
