//! What phone and server say to each other: wire version 1.
//!
//! [`frame`] holds the messages in model types, which is what every other room uses. `proto/tandem_v1.proto` is the format
//! itself; [`decode`] is the one place where bytes from outside become model types, and where everything is checked.

pub mod frame;
pub mod limits;
pub mod roap;

pub use frame::{ClientFrame, RefuseReason, RegisterReply, RegisterRequest, ServerFrame};
