//! Every decision the phone makes, and none of its I/O.
//!
//! Pure: no sockets, no clock, no randomness of its own. The shell feeds [`Device::handle`] one [`Input`], drains
//! [`Device::poll_effect`] until it gets `None`, and only then feeds the next (law 1). Between inputs it sleeps until
//! [`Device::poll_timeout`] and then calls [`Device::handle_timeout`].
//!
//! ```text
//!  app commands ─┐                                  ┌─> commit rows ──> store ──┐
//!  host events  ─┤   Device ── registration (line)  ├─> frames ──> server       │
//!  frames       ─┼─>        ├─ session      (line)  ├─> orders ──> media        │ answers are inputs,
//!  committed    ─┤          ├─ marks        (line)  ├─> dial, SMS ──> carrier   │ tied by tickets
//!  media events ─┘          ├─ texts                ├─> events, prompts ──> app  │
//!       ^                   ├─ calls, meter, log    └───────────────────────────┤
//!       └───────────────────────────────────────────────────────────────────────┘
//! ```

mod backoff;
#[cfg(test)]
mod bench;
mod blocked;
pub mod call;
mod call_log;
mod choosing;
pub mod config;
mod contacts;
pub mod ctx;
mod device;
pub mod dialing;
pub mod direct;
pub mod effect;
pub mod files;
mod fold;
mod inbox;
pub mod input;
mod line;
mod lines;
mod marks;
pub mod meter;
mod open_mark;
mod outbox;
mod phone;
pub mod prompt;
mod pseudonyms;
mod receipts;
mod registration;
#[cfg(test)]
mod rig;
mod sealing_rotation;
mod server_clock;
mod session;
mod text_envelope;
mod texts_for_people;
mod token_sync;
pub mod view;

pub use config::Config;
pub use device::Device;
pub use direct::{DirectConn, DirectInput, DirectOrder};
pub use effect::{Effect, Event, MediaOrder, Refusal, Reply};
pub use files::{FileInput, FileOrder};
pub use input::{Command, HostInput, Input, LinkId, LinkInput, MediaInput, OprfInput, StoreInput};
pub use texts_for_people::{end_text, status_text, why_text};
