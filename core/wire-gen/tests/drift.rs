//! The checked-in Rust is what the schema gives.

#[test]
fn the_checked_in_rust_is_what_the_schema_gives() {
    let fresh = tandem_wire_gen::generate().unwrap();
    let checked_in = std::fs::read_to_string(tandem_wire_gen::checked_in()).unwrap();
    assert!(fresh == checked_in, "the schema and its Rust differ: run `cargo run --release -p tandem-wire-gen`");
}
