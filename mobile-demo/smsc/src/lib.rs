//! A mock SMSC speaking SMPP 3.4 on a socket, for the lab and for tests.
//!
//! Each thing a real network does to a text is a method: refuse a bind, throttle, answer late or never, lose a text, deliver
//! it twice or late, send receipts before the answer, twice or in another base, send a text from a phone, cut the
//! connection. What arrives is handed over as [`Delivered`], for the lab to give to a mock phone.

mod alphabet;
mod connection;
mod controls;
mod listener;

pub use controls::{BindFault, Delivered, IdStyle, ReceiptPolicy, Submission};
pub use listener::{NotBound, Smsc, SmscConfig};
