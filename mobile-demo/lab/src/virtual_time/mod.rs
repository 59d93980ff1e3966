//! The virtual clock: the real machines of phones and server in one thread, in the simulation's world, which the scenario
//! directs. Nothing waits: time jumps to the next thing that is due. The same file and seed give the same events, byte for byte.
//!
//! The engine's shell, its sockets and its media are not here; what they do to time is: streams on shaped links, media that
//! connects and falls silent, an SMSC that loses and throttles.

mod access;
mod acts;
mod handset;
mod link;
mod smsc;
mod stage;
mod talk;

pub use stage::VirtualStage;
