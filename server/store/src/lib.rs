//! What the server keeps: one trait of use cases, two stores behind it, and one suite that both must pass.
//!
//! Each method of [`Store`] is one atomic decision with its fencing value. Time and ids are arguments; what is not there is
//! an `Option`, never an error. [`serve_batch`] makes many of them durable in one sync (group commit), and one that fails
//! takes none of the others with it.
//!
//! [`MemoryStore`] is for tests and the simulation: it can lose what was not committed. [`SqliteStore`] is the server's, with
//! [`FeedLog`] beside it for what an access network reports, which is many small changes a second.

mod budget;
pub mod conformance;
pub mod feed_log;
pub mod memory;
pub mod private;
pub mod serve;
pub mod sqlite;
mod store;

pub use feed_log::{FeedLog, FeedLogError, Restored};
pub use memory::MemoryStore;
pub use serve::{BATCH_MAX, keep_attached, serve, serve_batch};
pub use sqlite::{OpenError, SqliteConfig, SqliteStore};
pub use store::{Attached, Consents, Matching, Page, Refusal, Store};
