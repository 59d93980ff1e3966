//! Every decision of the companion server: who is registered, who sees whom, what may ring, which text ends how.
//!
//! Pure: no sockets, no clock, no thread, no randomness but the seed it is given. The shell feeds [`Input`] to
//! [`Server::handle`] and drains [`Server::poll_effect`] until it gets `None`, before it feeds the next input; when
//! [`Server::poll_timeout`] is due it calls [`Server::handle_timeout`] and drains again.
//!
//! What must hold across a crash lives in the store ([`StoreOp`]), which answers in the order it is asked and when the
//! change is durable. What lives here may be lost: sessions, calls, measurements. The frames of one connection arrive in
//! order or the connection is lost.

mod call;
mod calls;
pub mod config;
mod delivery;
pub mod effect;
mod gate;
pub mod input;
mod io;
pub mod key_question;
mod keys;
mod links;
pub mod lookup_op;
mod lookups;
mod mailbox;
mod marks;
pub mod matching;
mod measured;
mod opens;
mod outbox;
mod probe;
mod question;
mod registration;
mod server;
mod session;
mod sessions;
pub mod store_answer;
pub mod store_op;
mod timers;
mod turn;
pub mod wake;

pub use config::Config;
pub use effect::{Effect, Metric, VerificationSms};
pub use input::{ConnId, Input, ServerNow, SmsOutcome, Source, TurnGrant, Unseen};
pub use key_question::{KeyAnswer, KeyQuestion, LiveKey};
pub use lookup_op::LookupOp;
pub use lookups::Place;
pub use matching::MatchOp;
pub use server::Server;
pub use store_answer::{StoreAnswer, StoreFault};
pub use store_op::{Owner, StoreOp};
