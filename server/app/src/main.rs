//! The `tandem-server` command.
fn main() {}
