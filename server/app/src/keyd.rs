//! `tandem-server keyd`: the key holder as a process.
//!
//! As the server's child it speaks on a socket that it is given as its standard input, which nobody else can reach, and ends when
//! that closes, which it does when the server ends, however it ends. On another host it listens, by default under TLS with certificates that both
//! sides know by their fingerprints.

mod arguments;
mod home;
mod run;

pub use arguments::KeydArguments;
pub use home::{Home, HomeError, in_memory};
pub use run::main;
