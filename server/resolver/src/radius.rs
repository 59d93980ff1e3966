//! RADIUS accounting on the wire (RFC 2865, 2866, 2869, 3162, 3579, 4818, 6911, and 3GPP's TS 29.061): reading what a
//! stranger may have written, and answering it.
//!
//! A codec of its own because it stands on a hot path and reads hostile bytes: no allocation to read, no state, and
//! nothing in it can panic.

pub mod attribute;
pub mod authenticator;
pub mod packet;
pub mod request;

#[cfg(test)]
mod tests;

pub use attribute::{Type, VendorType};
pub use authenticator::Vouched;
pub use packet::{Code, Malformed, PACKET_MAX, Packet};
pub use request::Request;
