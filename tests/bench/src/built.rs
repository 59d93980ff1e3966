//! What is measured is what the sources say now.

use std::path::Path;
use std::process::Command;

/// Builds the libraries and programs; what is built already is left alone.
///
/// # Errors
/// A sentence on what went wrong.
pub fn build(root: &Path) -> Result<(), String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--release", "--quiet", "--workspace", "--lib", "--bins"])
        .current_dir(root)
        .status()
        .map_err(|error| format!("cargo cannot be run: {error}"))?;
    if built.success() { Ok(()) } else { Err("the workspace cannot be built".to_owned()) }
}
