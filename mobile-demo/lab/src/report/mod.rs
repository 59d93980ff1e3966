//! What comes out: a story on the terminal, JSON lines, JUnit and a sequence diagram. Numbers never appear, names do.

mod diagram;
mod junit;
mod story;

pub use junit::junit;

use crate::scenario::Verb;
use crate::seen::object;
use crate::stage::Sighting;
use serde_json::json;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

/// Collects what happens and writes it out as it happens.
pub struct Report {
    story: bool,
    lines: Vec<String>,
    diagram: diagram::Diagram,
    jsonl: Option<std::fs::File>,
    folder: Option<PathBuf>,
}

impl Report {
    /// Writes into `folder` when there is one; tells the story on standard output when `story`.
    #[must_use]
    pub fn new(folder: Option<PathBuf>, story: bool) -> Self {
        let jsonl = folder.as_ref().and_then(|folder| {
            std::fs::create_dir_all(folder).ok()?;
            std::fs::File::create(folder.join("events.jsonl")).ok()
        });
        Self { story, lines: Vec::new(), diagram: diagram::Diagram::default(), jsonl, folder }
    }

    /// A line of progress for whoever watches.
    pub fn say(&mut self, line: &str) {
        if self.story {
            let mut out = std::io::stdout().lock();
            let _closed_pipe = writeln!(out, "{line}").and_then(|()| out.flush());
        }
        self.lines.push(line.to_owned());
    }

    pub(crate) fn flow(&mut self, name: &str, about: &str) {
        self.say(&format!("\n== {name}{}{about}", if about.is_empty() { "" } else { ": " }));
        self.diagram.note(name);
        self.json(&json!({"flow": name}));
    }

    pub(crate) fn flow_end(&mut self, name: &str, why: Option<&str>, ms: u64) {
        match why {
            None => self.say(&format!("   ok    {name} ({ms} ms)")),
            Some(why) => self.say(&format!("   FAILED {name} ({ms} ms): {why}")),
        }
        self.json(&json!({"flow": name, "ok": why.is_none(), "ms": ms, "why": why}));
    }

    pub(crate) fn failure(&mut self, why: &str) {
        self.say(&format!("   FAILED {why}"));
    }

    pub(crate) fn act(&mut self, at: Duration, device: Option<&str>, verb: &Verb) {
        let who = device.unwrap_or("world");
        if let Some(line) = story::act(who, verb) {
            self.say(&format!("   {:>6} ms  {line}", at.as_millis()));
        }
        self.diagram.act(who, verb);
        let mut value = serde_json::to_value(verb).map(object).unwrap_or_default();
        for private in ["body", "code", "typed"] {
            if value.contains_key(private) {
                value.insert(private.to_owned(), json!("<redacted>"));
            }
        }
        self.json(&json!({"at_ms": millis(at), "device": who, "act": value}));
    }

    pub(crate) fn sighting(&mut self, sighting: &Sighting) {
        if let Some(line) = story::sighting(&sighting.device, &sighting.seen) {
            self.say(&format!("   {:>6} ms  {line}", sighting.at.as_millis()));
        }
        self.diagram.sighting(&sighting.device, &sighting.seen);
        let mut seen = sighting.seen.clone();
        for private in ["body", "texts"] {
            if seen.contains_key(private) {
                seen.insert(private.to_owned(), json!("<redacted>"));
            }
        }
        self.json(&json!({"at_ms": millis(sighting.at), "device": sighting.device, "seen": seen}));
    }

    fn json(&mut self, value: &serde_json::Value) {
        if let Some(file) = &mut self.jsonl {
            let _full_disk = writeln!(file, "{value}");
        }
    }

    /// Writes the diagram and the JUnit file.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn finish(&mut self, scenario: &str, outcome: &crate::runner::Outcome) -> std::io::Result<()> {
        let Some(folder) = &self.folder else { return Ok(()) };
        std::fs::write(folder.join("sequence.mmd"), self.diagram.text())?;
        std::fs::write(folder.join("junit.xml"), junit(scenario, outcome))
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
