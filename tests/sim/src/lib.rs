//! The deterministic simulation: phones, server and carrier in one thread, in virtual time, from one seed.
//!
//! The real machines run here: [`tandem_machine::Device`] on every phone and [`tandem_logic::Server`] behind them. What is
//! simulated is everything they order: stores that drop what was not synced, connections that break, frames that are lost,
//! doubled and late, SMS that never come, clocks that jump, SIMs that are swapped, processes that are killed.
//!
//! ```text
//!  plan (seed) ──> world ──> phones: Device + MemoryRows   <── faults (seed)
//!                    │        server: Server + MemoryStore
//!                    └──> history (plain words and numbers) ──> checker (knows no type of what it checks)
//! ```

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the world and the checker look for a few things among many and decide nothing"
)]
#![expect(clippy::type_complexity, reason = "two tables that are read once, where they stand")]

pub mod acts;
pub mod carrier;
pub mod checker;
pub mod crawler;
pub mod faults;
pub mod history;
pub mod key_holder;
pub mod media;
pub mod net;
pub mod orders;
pub mod person;
pub mod phone;
pub mod plan;
pub mod planted;
pub mod run;
pub mod server;
pub mod shape;
pub mod tally;
pub mod tap;
pub mod thief;
pub mod world;
