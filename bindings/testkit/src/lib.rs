//! What tests and benchmarks need beside the core: faults on purpose, and the empty calls that costs are measured against.
//!
//! `libtandem_testkit.so` exports everything `libtandem.so` does, so that a test runs the generated bindings of the product
//! on it.

mod empty;
mod faults;
mod rings;

uniffi::setup_scaffolding!("tandem_testkit");
tandem::uniffi_reexport_scaffolding!();
