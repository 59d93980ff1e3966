//! The real clock: every phone is a process of its own with the real engine, the server is a process, the carrier is here.

mod access;
pub mod audio;
mod carrier;
pub mod lines;
pub mod phone;
mod phone_ports;
pub mod process;
pub mod server;
mod stage;

pub use phone_ports::FileKeys;
pub use stage::RealStage;
