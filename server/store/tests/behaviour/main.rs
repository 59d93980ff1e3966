//! How the server behaves, told in phones: its logic on the store in memory, in virtual time.

mod calls;
mod determinism;
mod gate;
mod marks;
mod registration;
mod rig;
mod sessions;
mod shutdown;
mod texts;
