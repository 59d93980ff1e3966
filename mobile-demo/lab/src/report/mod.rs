//! What comes out: a story on the terminal, JSON lines, JUnit and a sequence diagram. Numbers never appear, names do.

mod diagram;
mod junit;
mod story;

pub use junit::junit;

use crate::scenario::Verb;
use crate::stage::Sighting;
use serde_json::json;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

/// To whom the story is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Teller {
    /// To whoever reads standard output.
    Output,
    /// To whoever reads standard error: standard output is for a program.
    Error,
    /// To nobody.
    Silent,
}

impl Teller {
    /// With a JSON object on standard output, the story is told on standard error.
    #[must_use]
    pub fn beside(json: bool) -> Teller {
        if json { Teller::Error } else { Teller::Output }
    }

    /// One line, at once. A reader who is gone misses it.
    pub fn say(self, line: &str) {
        let _closed_pipe = match self {
            Teller::Output => write_line(&mut std::io::stdout().lock(), line),
            Teller::Error => write_line(&mut std::io::stderr().lock(), line),
            Teller::Silent => Ok(()),
        };
    }
}

fn write_line(out: &mut impl Write, line: &str) -> std::io::Result<()> {
    writeln!(out, "{line}")?;
    out.flush()
}

/// Collects what happens and writes it out as it happens.
pub struct Report {
    teller: Teller,
    diagram: diagram::Diagram,
    jsonl: Option<std::fs::File>,
    folder: Option<PathBuf>,
}

impl Report {
    /// Writes into `folder` when there is one; tells the story by `teller`.
    #[must_use]
    pub fn new(folder: Option<PathBuf>, teller: Teller) -> Self {
        let jsonl = folder.as_ref().and_then(|folder| {
            std::fs::create_dir_all(folder).ok()?;
            std::fs::File::create(folder.join("events.jsonl")).ok()
        });
        Self { teller, diagram: diagram::Diagram::default(), jsonl, folder }
    }

    /// A line of the story for whoever watches.
    pub fn say(&self, line: &str) {
        self.teller.say(line);
    }

    pub(crate) fn progress(&self, at: Duration, words: &str) {
        self.say(&format!("   {:>6} ms  … {words}", at.as_millis()));
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

    pub(crate) fn failure(&self, why: &str) {
        self.say(&format!("   FAILED {why}"));
    }

    /// Tells of a verb in the form in which it may be ([`Verb::told`]).
    pub(crate) fn act(&mut self, at: Duration, device: Option<&str>, verb: &Verb) {
        let who = device.unwrap_or("world");
        if let Some(line) = story::act(who, verb) {
            self.say(&format!("   {:>6} ms  {line}", at.as_millis()));
        }
        self.diagram.act(who, verb);
        self.json(&json!({"at_ms": millis(at), "device": who, "act": verb}));
    }

    pub(crate) fn sighting(&mut self, sighting: &Sighting) {
        for line in story::sighting(&sighting.device, &sighting.seen) {
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
