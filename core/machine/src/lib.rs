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

#[cfg(test)]
mod bench;
pub mod config;
pub mod ctx;
pub mod dialing;
pub mod effect;
pub mod input;
pub mod meter;
pub mod prompt;
pub mod view;

pub use config::Config;
pub use effect::{Effect, Event, MediaOrder, Refusal, Reply};
pub use input::{Command, HostInput, Input, LinkId, LinkInput, MediaInput, StoreInput};
