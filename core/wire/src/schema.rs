//! The generated messages of `proto/tandem_v1.proto`: the format, unchecked.
//!
//! Only [`crate::encode`] and [`crate::decode`] have business here. Nothing has `Debug`, because numbers and tokens are plain
//! fields. `tandem-wire-gen` writes the file, and its test compares.

#[rustfmt::skip]
mod tandem_v1;

pub use tandem_v1::*;
