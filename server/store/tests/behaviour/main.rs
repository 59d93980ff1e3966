//! How the server behaves, told in phones: its logic on the store in memory, in virtual time.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "a test's helpers stop it as it stops itself"
)]

mod calls;
mod determinism;
mod gate;
mod keys;
mod lookups;
mod marks;
mod registration;
mod rig;
mod sessions;
mod shutdown;
mod texts;
