//! `bench NAME [--json]`: figures, each held against its target.

mod check;
mod ffi;

use clap::{Parser, ValueEnum};
use std::path::Path;
use std::process::ExitCode;

/// Measures, and says whether the figures hold.
#[derive(Parser)]
struct Asked {
    /// What to measure.
    name: Name,
    /// One JSON object on the last line.
    #[arg(long)]
    json: bool,
    /// A tenth of the work or less: whether it works, not what it costs.
    #[arg(long)]
    short: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Name {
    /// The border to an app, in Kotlin and Python.
    Ffi,
}

fn main() -> ExitCode {
    let asked = Asked::parse();
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let measured = match asked.name {
        Name::Ffi => ffi::run(root, if asked.short { ffi::SHORT } else { ffi::WHOLE }),
    };
    let (ours, checks) = match measured {
        Ok(measured) => measured,
        Err(why) => {
            eprintln!("{why}");
            return ExitCode::FAILURE;
        }
    };
    if asked.json {
        println!("{}", serde_json::json!({ "name": "ffi", "ours": ours, "checks": checks }));
    } else {
        println!("{ours:#}");
        checks.iter().for_each(|check| println!("{check}"));
    }
    if checks.iter().all(|check| check.ok) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
