//! The key holder of private marks (N10): it evaluates blinded numbers, confirms pairs of registered numbers, and counts.
//!
//! ```text
//!   server --frames--> connection --> ledger thread (budgets, one sync a group) --> workers --> connection --> server
//! ```
//!
//! It runs as a process of its own with its own directory, so that whoever reads the server's memory or files finds no key, and
//! whoever has the key sees no book. Everything is counted before it is answered, durably, and what cannot be counted is not
//! answered: a budget that fails open is none.
//!
//! [`Desk`] decides and is the same with stand-ins for keys and ledger; [`Engine`] gives it threads, [`serve`] and [`Link`] are both
//! ends of a connection. There is no socket here: the program that runs it brings one.

mod account;
mod connection;
mod desk;
mod engine;
mod key_file;
mod ledger;
mod limits;
mod link;
mod oprf;
pub mod protocol;
mod sqlite_ledger;

pub use account::{Account, Salt};
pub use connection::serve;
pub use desk::{Admitted, Desk, Keyring};
pub use engine::{Counts, Engine};
pub use key_file::{KeyFile, KeyFileError};
pub use ledger::{Charge, Ledger, LedgerFault, MemoryLedger, Spending};
pub use limits::Limits;
pub use link::{Link, LinkError};
pub use oprf::Oprf;
pub use protocol::{Answer, LiveKey, Question};
pub use sqlite_ledger::{LedgerError, SqliteLedger};
