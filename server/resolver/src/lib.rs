//! Who is where, straight from the access network: a RADIUS accounting feed becomes bindings of numbers to addresses.
//!
//! Pure: no sockets, no clock, no randomness but the seed it is given. The shell feeds [`Input`] to [`Intake::handle`] and
//! drains [`Intake::poll_effect`] until it gets `None`, before it feeds the next; when [`Intake::poll_timeout`] is due it calls
//! [`Intake::handle_timeout`] and drains again.
//!
//! ```text
//!   datagram -> radius (is it genuine?) -> accounting (what happened?) -> bindings (who is where?) -> whereabouts -> lookup
//!                  nas (who may report?)                                     rows -> store             datagram (asked how?)
//! ```
//!
//! Numbers, IMSIs and addresses name a person: their types redact, and nothing here writes a line anywhere.

pub mod accounting;
pub mod address;
pub mod bindings;
pub mod datagram;
pub mod domain;
mod due;
mod hot;
mod index;
pub mod intake;
pub mod lookup;
pub mod nas;
pub mod push;
pub mod radius;
mod seen;
pub mod session;
mod sessions;
pub mod table;
pub mod whereabouts;

pub use accounting::{Change, NasKey, Reboot, Report, Said, SessionKey, Unusable};
pub use address::{Addresses, Held, Kind, Pool, Prefix};
pub use bindings::{Binding, Bindings, BindingsConfig, Changes, Taken};
pub use intake::{Effect, Input, Intake, IntakeConfig, Metric, Now, Origin};
pub use lookup::{Asker, Policy};
pub use nas::{Client, Clients, Fingerprint, NumberFrom};
pub use push::{Pushed, PushedEvent};
pub use session::{Epoch, Generation, Id, Moment, Session};
pub use whereabouts::Whereabouts;
