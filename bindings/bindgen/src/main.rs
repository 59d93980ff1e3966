//! Writes the bindings of a built library: Kotlin, Python and Swift sources, and the surface of its API as text.
//!
//! ```text
//! tandem-bindgen target/release/libtandem.so target/bindings
//! ```
//!
//! Pinned to the very UniFFI the library is built with: one of another version would not fit. Reads the symbols of the
//! library, so it must not be stripped yet.

mod api;

use anyhow::{Context, Result, bail};
use camino::{Utf8Path, Utf8PathBuf};
use std::fs;
use uniffi_bindgen::bindings::{GenerateOptions, TargetLanguage, generate_with_bindgen_paths};
use uniffi_bindgen::{BindgenLoader, BindgenPaths, BindgenPathsLayer, GlobalConfig};

/// Where each crate's `uniffi.toml` lies, from the workspace's root.
const CRATES: &[(&str, &str)] = &[("tandem", "bindings/ffi"), ("tandem_testkit", "bindings/testkit")];

struct Workspace;

impl BindgenPathsLayer for Workspace {
    fn get_crate_root(&self, crate_name: &str) -> Option<Utf8PathBuf> {
        let (_, room) = CRATES.iter().find(|(name, _)| *name == crate_name)?;
        Some(Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(room))
    }
}

fn paths() -> BindgenPaths {
    let mut paths = BindgenPaths::default();
    paths.add_layer(Workspace);
    paths
}

fn main() -> Result<()> {
    let arguments: Vec<Utf8PathBuf> = std::env::args().skip(1).map(Utf8PathBuf::from).collect();
    let [library, out] = &arguments[..] else {
        bail!("usage: tandem-bindgen LIBRARY OUT");
    };
    let languages =
        [("kotlin", TargetLanguage::Kotlin), ("python", TargetLanguage::Python), ("swift", TargetLanguage::Swift)];
    for (folder, language) in languages {
        let out_dir = out.join(folder);
        fs::create_dir_all(&out_dir)?;
        let options = GenerateOptions {
            languages: vec![language],
            source: library.clone(),
            out_dir,
            ..GenerateOptions::default()
        };
        generate_with_bindgen_paths(options, paths()).with_context(|| format!("the {folder} bindings"))?;
    }
    let loader = BindgenLoader::new(paths(), GlobalConfig::default());
    for group in loader.load_metadata(library)?.into_values() {
        let file = out.join(format!("{}.api.txt", group.namespace.name));
        fs::write(&file, api::surface(&group)).with_context(|| file.to_string())?;
    }
    Ok(())
}
