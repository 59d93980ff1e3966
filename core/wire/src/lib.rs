//! What phone and server say to each other: wire version 1.
//!
//! [`frame`] holds the messages in model types, which is what every other room uses. `proto/tandem_v1.proto` is the format
//! itself; [`decode`] is the one place where bytes from outside become model types, and where everything is checked.

pub mod decode;
pub mod encode;
mod error;
pub mod frame;
mod guard;
pub mod limits;
pub mod ring_push;
pub mod roap;
pub mod schema;
pub mod sms;

pub use decode::{
    decode_client, decode_datagram, decode_direct, decode_register_reply, decode_register_request, decode_server,
};
pub use encode::{
    encode_client, encode_datagram, encode_direct, encode_register_reply, encode_register_request, encode_server,
};
pub use error::WireError;
pub use frame::{ClientFrame, RefuseReason, RegisterReply, RegisterRequest, ServerFrame};
pub use ring_push::{RingPush, RingRefusal};
pub use roap::RoapFault;
