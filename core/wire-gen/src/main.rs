//! Writes the generated Rust of the wire schema: `cargo run --release -p tandem-wire-gen`.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    std::fs::write(tandem_wire_gen::checked_in(), tandem_wire_gen::generate()?)?;
    Ok(())
}
