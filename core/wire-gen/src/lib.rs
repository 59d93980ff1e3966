//! Turns `core/wire/proto/tandem_v1.proto` into the Rust of `core/wire/src/schema`, in plain Rust: no protoc.
//!
//! The result is checked in, so that nobody who builds Tandem needs this crate. A test regenerates and compares.

use std::path::{Path, PathBuf};

/// Why nothing was generated.
#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    /// The schema does not compile.
    #[error("the schema does not compile: {0}")]
    Schema(#[from] protox::Error),
    /// The compiled schema cannot be turned into Rust.
    #[error("no Rust from the schema: {0}")]
    Rust(#[from] std::io::Error),
    /// The schema declares another package.
    #[error("the schema is not of package tandem.v1")]
    OtherPackage,
}

/// The folder of the wire crate.
#[must_use]
pub fn wire_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../wire")
}

/// Where the generated file is checked in.
#[must_use]
pub fn checked_in() -> PathBuf {
    wire_folder().join("src/schema/tandem_v1.rs")
}

/// Generates the Rust of the schema.
///
/// # Errors
/// [`GenerateError`] when the schema is wrong.
pub fn generate() -> Result<String, GenerateError> {
    let compiled = protox::compile(["tandem_v1.proto"], [wire_folder().join("proto")])?;
    let mut config = prost_build::Config::new();
    // The messages hold numbers and tokens: without Debug they cannot reach a log.
    config.skip_debug(["."]);
    let package = prost_build::Module::from_protobuf_package_name("tandem.v1");
    let requests = compiled.file.into_iter().map(|file| (package.clone(), file)).collect();
    let mut modules = config.generate(requests)?;
    modules.remove(&package).ok_or(GenerateError::OtherPackage)
}
