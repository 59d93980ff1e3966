//! Embedded STUN and TURN for the media of calls (RFC 8489, RFC 8656).
//!
//! The protocol is [`turn_server_proto`]; what is ours is who may use it, for how long, towards whom and how much. A
//! credential belongs to one side of one call and to nothing else: the server grants it when the call is set up and revokes it
//! when the call ends, which closes the call's relays at once.
//!
//! [`core`] decides without I/O. It gives each client address a protocol instance of its own, for three reasons: the
//! library keeps a nonce for every address it ever saw, cannot forget a user, and looks clients up one after the other.
//! [`shell`] owns the sockets.
//!
//! The library logs client and peer addresses at `info` and below under the targets `turn_server_proto` and `stun_proto`; an
//! operator who keeps no addresses sets both to `warn`.

pub mod config;
pub mod core;
pub mod credentials;
pub mod peer_guard;
pub mod shell;

mod client;
mod gate;
mod rate;
mod tcp;

pub use config::{TurnConfig, TurnConfigError};
pub use credentials::{CallSide, Credentials, GrantRefused};
pub use peer_guard::{NetworkRange, PeerGuard};
pub use shell::{TurnHandle, TurnServer};
