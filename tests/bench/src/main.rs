//! `bench NAME [--peer PEER] [--json] [--short]`: figures, each held against its target.

mod built;
mod check;
mod exchange;
mod ffi;
mod http;
mod marks;
mod ports;
mod program;
mod redis;
mod resolve;
mod resolve_update;
mod spread;

use clap::{Parser, ValueEnum};
use std::path::Path;
use std::process::ExitCode;

/// Measures, and says whether the figures hold.
#[derive(Parser)]
struct Asked {
    /// What to measure.
    name: Name,
    /// Whom to measure beside; a benchmark that has a peer needs it.
    #[arg(long)]
    peer: Option<Peer>,
    /// One JSON object on the last line.
    #[arg(long)]
    json: bool,
    /// A tenth of the work or less: whether it works, not what it costs.
    #[arg(long)]
    short: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Name {
    /// The border to an app, in Kotlin and Python.
    Ffi,
    /// Private marks of a phone's contacts.
    Marks,
    /// Answers to where a number is.
    Resolve,
    /// Durable events of the access network.
    ResolveUpdate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Peer {
    /// Knot DNS.
    Knot,
    /// Redis.
    Redis,
}

fn main() -> ExitCode {
    let asked = Asked::parse();
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let measured = match (asked.name, asked.peer) {
        (Name::Ffi, None) => ffi::run(root, if asked.short { ffi::SHORT } else { ffi::WHOLE })
            .map(|(ours, checks)| (serde_json::json!({ "ours": ours }), checks)),
        (Name::Marks, None) => marks::run(root, if asked.short { marks::SHORT } else { marks::WHOLE }),
        (Name::Marks, Some(_)) => Err("marks are measured without a peer".to_owned()),
        (Name::Resolve, Some(Peer::Knot)) => {
            resolve::run(root, if asked.short { resolve::SHORT } else { resolve::WHOLE })
        }
        (Name::ResolveUpdate, Some(Peer::Redis)) => {
            resolve_update::run(root, if asked.short { resolve_update::SHORT } else { resolve_update::WHOLE })
        }
        (Name::Ffi, Some(_)) => Err("ffi is measured without a peer".to_owned()),
        (Name::Resolve, _) => Err("resolve is measured beside Knot DNS: --peer knot".to_owned()),
        (Name::ResolveUpdate, _) => Err("resolve-update is measured beside Redis: --peer redis".to_owned()),
    };
    let (mut told, checks) = match measured {
        Ok(measured) => measured,
        Err(why) => {
            eprintln!("{why}");
            return ExitCode::FAILURE;
        }
    };
    if asked.json {
        if let Some(told) = told.as_object_mut() {
            told.insert(
                "name".to_owned(),
                asked.name.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default().into(),
            );
            told.insert("checks".to_owned(), serde_json::json!(checks));
        }
        println!("{told}");
    } else {
        println!("{told:#}");
        checks.iter().for_each(|check| println!("{check}"));
    }
    if checks.iter().all(|check| check.ok) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
