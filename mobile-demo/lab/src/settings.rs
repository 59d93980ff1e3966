//! The server's settings in a scenario, as its configuration file says them: the same text for both clocks.

use crate::scenario::{Policy, World};
use std::fmt::Write;

/// A budget no scenario spends by accident: all phones of the lab share a prefix, and on the real clock a source.
const UNBOUNDED: u32 = 10_000;

/// The part of the configuration the server decides by.
#[must_use]
pub fn decisions(world: &World) -> String {
    let mut out = String::new();
    let span = |key: &str, value: Option<u64>, unit: &str| value.map(|value| format!("{key} = \"{value}{unit}\""));
    let policy = match world.policy {
        Policy::Reciprocal => "reciprocal",
        Policy::Registered => "registered",
    };
    let mut registration = vec![
        "resend_after = \"1s\"".to_owned(),
        format!("per_prefix = \"{} per 1h\"", world.prefix_budget.unwrap_or(UNBOUNDED)),
        format!("per_source = \"{} per 1h\"", world.source_budget.unwrap_or(UNBOUNDED)),
    ];
    registration.extend(span("attempt_life", world.registration_ttl_s, "s"));
    registration.extend(world.number_budget.map(|limit| format!("per_number = \"{limit} per 24h\"")));
    section(&mut out, "registration", &registration);
    let mut marks = vec![format!("policy = \"{policy}\"")];
    marks.extend(span("lease", world.lease_s, "s"));
    if world.lease_s.is_some() {
        marks.extend(["lease_step = \"10ms\"".to_owned(), "lease_flush = \"10ms\"".to_owned()]);
    }
    section(&mut out, "marks", &marks);
    section(&mut out, "gate", &["per_pair = \"10000 per 24h\"".to_owned()]);
    section(&mut out, "call", &span("ring", world.ring_ms, "ms").into_iter().collect::<Vec<_>>());
    section(&mut out, "text", &span("life", world.text_ttl_s, "s").into_iter().collect::<Vec<_>>());
    section(&mut out, "house", &["sweep_interval = \"500ms\"".to_owned()]);
    out
}

/// One section of the configuration.
pub fn section(out: &mut String, name: &str, keys: &[String]) {
    let _infallible = writeln!(out, "[{name}]\n{}\n", keys.join("\n"));
}
