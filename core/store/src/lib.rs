//! What a phone keeps, durably: the only SQL in the core.
//!
//! [`PhoneStore`] is one SQLite file, written by one thread of the shell. A transaction is a `Vec<Change>` of the machine;
//! [`PhoneStore::apply`] puts several of them under one sync and says of each whether it is durable, and what in it was
//! there already. [`PhoneReader`] pages through history on a connection of its own. [`MemoryRows`] means the same without
//! a disk, for the simulation; one conformance suite runs on both.
//!
//! Nothing here decides anything: what a row means is the machine's. What is decided is only how rows survive: power
//! cuts, a full disk, a damaged file, a foreign one, one of a newer build.

mod ballast;
mod codes;
mod lock;
mod matching;
mod memory;
mod open;
mod outcome;
mod phone;
mod pragmas;
mod private;
mod read;
mod restore;
mod schema;
mod write;

pub use memory::{MemoryRows, MemoryText};
pub use open::{Opened, StoreSettings};
pub use outcome::{Failure, Outcome, RowStore, StoreError};
pub use phone::{GROUP_BYTES_MAX, GROUP_MAX, PhoneStore};
pub use read::{Conversation, PAGE_MAX, PhoneReader, ThreadItem, ThreadText};
