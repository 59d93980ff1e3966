//! A sequence diagram in Mermaid's text form: who did what, and what the others saw.

use crate::scenario::Verb;
use crate::seen::Seen;
use serde_json::Value;
use std::fmt::Write;

/// Grows as things happen.
#[derive(Debug, Default)]
pub struct Diagram {
    body: String,
    who: Vec<String>,
}

impl Diagram {
    pub(super) fn note(&mut self, flow: &str) {
        let (Some(first), Some(last)) = (self.who.first(), self.who.last()) else {
            let _infallible = writeln!(self.body, "    %% {flow}");
            return;
        };
        let _infallible = writeln!(self.body, "    Note over {first},{last}: {flow}");
    }

    pub(super) fn act(&mut self, who: &str, verb: &Verb) {
        let peer = match verb {
            Verb::Call { to, .. } | Verb::Text { to, .. } => self.who.iter().find(|name| *name == to).cloned(),
            _ => None,
        };
        let peer = peer.unwrap_or_else(|| who.to_owned());
        self.arrow(who, "->>", &peer, &verb.word());
    }

    pub(super) fn sighting(&mut self, who: &str, seen: &Seen) {
        let text = |key: &str| seen.get(key).and_then(Value::as_str);
        let peer = text("peer").or(text("from")).or(text("to")).unwrap_or(who).to_owned();
        let word = text("see").unwrap_or("seen").to_owned();
        let detail = text("state").or(text("status")).or(text("shown")).or(text("why")).unwrap_or("").to_owned();
        self.arrow(&peer, "-->>", who, format!("{word} {detail}").trim_end());
    }

    fn arrow(&mut self, from: &str, arrow: &str, to: &str, words: &str) {
        for name in [from, to] {
            if !self.who.iter().any(|known| known == name) {
                self.who.push(name.to_owned());
            }
        }
        let _infallible = writeln!(self.body, "    {from}{arrow}{to}: {words}");
    }

    pub(super) fn text(&self) -> String {
        let mut out = String::from("sequenceDiagram\n");
        for name in &self.who {
            let _infallible = writeln!(out, "    participant {name}");
        }
        out.push_str(&self.body);
        out
    }
}
