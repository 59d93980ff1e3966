//! Everything that can be seen: each `see`, its keys and their words. Scenarios are read against this table, what the lab
//! shows must fit it, and `docs/lab.md` prints it.

use crate::seen::Seen;
use serde_json::{Map, Value};
use std::fmt::Write;

/// One kind of thing seen.
#[derive(Clone, Copy, Debug)]
pub struct Sight {
    /// Its name, under `see`.
    pub see: &'static str,
    /// What else it may say.
    pub keys: &'static [(&'static str, Kind)],
}

/// What stands under a key.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// One of these words.
    Words(&'static [&'static str]),
    /// Some of these words, joined by `+`.
    Joined(&'static [&'static str]),
    /// A list of these words.
    List(&'static [&'static str]),
    /// A number, which `min_` and `max_` may bound.
    Number,
    /// Yes or no.
    Flag,
    /// A device, a placeholder for a number, or a code.
    Party,
    /// Words for people, or of a person.
    Text,
    /// A list of texts.
    Texts,
}

use Kind::{Flag, Joined, List, Number, Party, Text, Texts, Words};

const STATES: &[&str] = &[
    "unregistered",
    "number-needed",
    "asking",
    "awaiting-sms",
    "awaiting-user-confirm",
    "confirming",
    "registered",
    "unregistering",
    "failed",
];
const RESENDS: &[&str] = &[
    "asking",
    "too-many",
    "too-many-of-prefix",
    "too-many-of-source",
    "sms-unavailable",
    "number-unreachable",
    "not-served",
    "offline",
    "refused",
];
const FAILURES: &[&str] = &[
    "no-sim",
    "bad-number",
    "offline",
    "sms-never-came",
    "sms-to-other-sim",
    "wrong-code",
    "tries-used-up",
    "expired",
    "too-many",
    "too-many-of-prefix",
    "too-many-of-source",
    "sms-unavailable",
    "number-unreachable",
    "not-served",
    "registered-elsewhere",
    "sim-changed",
    "key-lost",
    "store-failed",
    "refused",
];
const REASONS: &[&str] = &[
    "own-offline",
    "own-too-slow",
    "own-unmeasured",
    "peer-too-slow",
    "peer-offline",
    "peer-not-seen-lately",
    "peer-not-available",
    "no-answer-in-time",
    "media-failed",
    "not-registered",
    "store-failed",
];
const ENDS: &[&str] = &[
    "hung-up",
    "peer-hung-up",
    "cancelled",
    "refused",
    "busy",
    "no-answer",
    "missed",
    "superseded",
    "quit",
    "carrier",
    "media-lost",
    "peer-lost",
    "rejected",
    "carrier-failed",
];
const CALL_STATES: &[&str] =
    &["checking", "asking", "calling", "ringing", "connecting", "active", "reconnecting", "carrier", "ended"];
const STATUSES: &[&str] = &[
    "pending",
    "stored",
    "delivered",
    "expired",
    "cancelled",
    "handed-to-sms",
    "recipient-changed",
    "carrier-sms",
    "sms-failed",
    "refused",
    "left-behind",
];
const REFUSALS: &[&str] = &[
    "stale",
    "not-registered",
    "no-such-line",
    "bad-number",
    "bad-body",
    "carrier-only",
    "full",
    "too-early",
    "store-failed",
    "offline",
    "busy",
    "no-such-choice",
    "stopped",
    "carrier-failed",
    "no-answer",
    "history-unavailable",
];
const BEARERS: &[&str] = &["data", "carrier"];
const CHOICES: &[&str] = &["carrier", "quit", "wait", "number"];

/// The table.
pub const SIGHTS: &[Sight] = &[
    Sight {
        see: "registration",
        keys: &[
            ("line", Number),
            ("state", Words(STATES)),
            ("why", Words(FAILURES)),
            ("resend", Words(RESENDS)),
            ("says", Text),
        ],
    },
    Sight { see: "online", keys: &[("line", Number), ("online", Flag)] },
    Sight { see: "mark", keys: &[("peer", Party), ("shown", Words(&["marked", "not-seen-lately", "none"]))] },
    Sight {
        see: "prompt",
        keys: &[
            ("about", Words(&["call", "text", "which-number"])),
            ("to", Party),
            ("contact", Text),
            ("why", Words(REASONS)),
            ("side", Words(&["own", "peer", "path"])),
            ("may-double", Flag),
            ("choices", List(CHOICES)),
            ("says", Text),
        ],
    },
    Sight { see: "prompt-gone", keys: &[] },
    Sight { see: "written", keys: &[("id", Text)] },
    Sight {
        see: "call",
        keys: &[
            ("peer", Party),
            ("outgoing", Flag),
            ("state", Words(CALL_STATES)),
            ("end", Words(ENDS)),
            ("bearer", Words(BEARERS)),
            ("held", Flag),
            ("held-by-peer", Flag),
            ("says", Text),
        ],
    },
    Sight { see: "text", keys: &[("to", Party), ("status", Words(STATUSES)), ("read", Flag)] },
    Sight { see: "arrived", keys: &[("from", Party), ("bearer", Words(BEARERS)), ("gap", Number), ("body", Text)] },
    Sight {
        see: "log",
        keys: &[("peer", Party), ("outgoing", Flag), ("legs", Joined(BEARERS)), ("end", Words(ENDS)), ("open", Flag)],
    },
    Sight {
        see: "notice",
        keys: &[
            (
                "notice",
                Words(&[
                    "store-recovered",
                    "mark-key-changed",
                    "storage-full",
                    "store-unavailable",
                    "resync",
                    "stopped",
                ]),
            ),
            ("says", Text),
        ],
    },
    Sight { see: "refused", keys: &[("why", Words(REFUSALS)), ("says", Text)] },
    Sight { see: "heard", keys: &[("seconds", Number), ("similarity", Number), ("kept", Flag)] },
    Sight { see: "history", keys: &[("with", Party), ("texts", Texts)] },
    Sight {
        see: "whereabouts",
        keys: &[("of", Party), ("attached", Flag), ("kind", Words(&["public", "behind-nat"])), ("address", Text)],
    },
    Sight { see: "verification-sms", keys: &[("line", Number)] },
    Sight { see: "carrier-dialed", keys: &[("to", Party), ("ok", Flag)] },
    Sight { see: "carrier-sms", keys: &[("to", Party), ("ok", Flag)] },
    Sight { see: "carrier-ring", keys: &[("from", Party)] },
    Sight { see: "process-ended", keys: &[] },
    Sight { see: "core-ended", keys: &[] },
    Sight { see: "not-taken", keys: &[("why", Words(&["full", "stopped"]))] },
];

/// Whether the lab can show such a thing.
///
/// # Errors
/// The key and the value that cannot be.
pub fn fits(seen: &Seen) -> Result<(), String> {
    let sight = sight(seen)?;
    let mut keys = seen.iter().filter(|(key, _)| *key != "see");
    keys.try_for_each(|(key, value)| sight.kind(key).and_then(|kind| kind.takes(key, value)))
}

/// Whether such a thing can be waited for: as [`fits`], with `min_` and `max_` before numbers.
///
/// # Errors
/// The key and the value that cannot be.
pub fn can_be_seen(want: &Map<String, Value>) -> Result<(), String> {
    let sight = sight(want)?;
    for (key, value) in want.iter().filter(|(key, _)| *key != "see") {
        let bounded = key.strip_prefix("min_").or_else(|| key.strip_prefix("max_"));
        match (bounded, sight.kind(bounded.unwrap_or(key))?) {
            (Some(_), kind) if !matches!(kind, Number) => return Err(format!("`{key}`: only numbers have bounds")),
            (_, kind) => kind.takes(key, value)?,
        }
    }
    Ok(())
}

/// The keys of a thing seen under which somebody stands.
#[must_use]
pub fn parties(see: &str) -> Vec<&'static str> {
    let keys = SIGHTS.iter().filter(|sight| sight.see == see).flat_map(|sight| sight.keys);
    keys.filter(|(_, kind)| matches!(kind, Party)).map(|(key, _)| *key).collect()
}

/// The table as `docs/lab.md` has it.
#[must_use]
pub fn page() -> String {
    let mut out = String::from("| see | keys |\n|---|---|\n");
    for sight in SIGHTS {
        let keys: Vec<String> = sight.keys.iter().map(|(key, kind)| format!("`{key}`{}", kind.words())).collect();
        let _infallible = writeln!(out, "| `{}` | {} |", sight.see, keys.join("; "));
    }
    out
}

fn sight(seen: &Map<String, Value>) -> Result<&'static Sight, String> {
    let see = seen.get("see").cloned().unwrap_or_default();
    let sight = SIGHTS.iter().find(|sight| see.as_str() == Some(sight.see));
    sight.ok_or_else(|| format!("`see`: {see} is nothing that can be seen"))
}

impl Sight {
    fn kind(&self, key: &str) -> Result<Kind, String> {
        let found = self.keys.iter().find(|(known, _)| *known == key).map(|(_, kind)| *kind);
        found.ok_or_else(|| format!("`{key}`: {} has no such key", self.see))
    }
}

impl Kind {
    fn takes(self, key: &str, value: &Value) -> Result<(), String> {
        let is_word = |words: &[&str], word: &Value| word.as_str().is_some_and(|word| words.contains(&word));
        let fits = match self {
            Words(words) => is_word(words, value),
            Joined(words) => {
                value.as_str().is_some_and(|all| all.is_empty() || all.split('+').all(|word| words.contains(&word)))
            }
            List(words) => value.as_array().is_some_and(|list| list.iter().all(|word| is_word(words, word))),
            Number => value.is_number(),
            Flag => value.is_boolean(),
            Party | Text => value.is_string(),
            Texts => value.is_array(),
        };
        if fits { Ok(()) } else { Err(format!("`{key}`: {value} is not{}", self.words())) }
    }

    fn words(self) -> String {
        let all = |words: &[&str]| words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
        match self {
            Words(words) => format!(" {}", all(words)),
            Joined(words) => format!(" {} joined by `+`", all(words)),
            List(words) => format!(" a list of {}", all(words)),
            Number => " a number".to_owned(),
            Flag => " true or false".to_owned(),
            Party => " who".to_owned(),
            Text => " words".to_owned(),
            Texts => " texts".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seen::object;
    use serde_json::json;

    fn error(want: Value) -> String {
        can_be_seen(&object(want)).unwrap_err()
    }

    #[test]
    fn what_is_misspelt_is_named() {
        assert!(error(json!({"see": "regstration"})).contains("regstration"));
        assert!(error(json!({"see": "call", "stat": "ended"})).contains("`stat`"));
        assert!(error(json!({"see": "call", "state": "endet"})).contains("endet"));
        assert!(error(json!({"see": "call", "held": "yes"})).contains("`held`"));
        assert!(error(json!({"see": "log", "legs": "data+carier"})).contains("carier"));
        assert!(error(json!({"see": "prompt", "choices": ["quid"]})).contains("quid"));
        assert!(error(json!({"see": "call", "min_state": 3})).contains("bounds"));
        assert!(error(json!({"see": "heard", "min_seconds": "3"})).contains("min_seconds"));
        assert!(error(json!({"state": "ended"})).contains("`see`"));
    }

    #[test]
    fn what_the_table_has_can_be_waited_for() {
        let want = json!({"see": "heard", "min_similarity": 0.9, "max_seconds": 11, "kept": true});
        assert_eq!(can_be_seen(&object(want)), Ok(()));
        assert_eq!(can_be_seen(&object(json!({"see": "log", "legs": "data+carrier", "open": false}))), Ok(()));
    }

    #[test]
    fn the_page_of_the_lab_has_the_table() {
        let page_file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/lab.md");
        let lab = std::fs::read_to_string(page_file).unwrap();
        assert!(lab.contains(&page()), "docs/lab.md should have this:\n{}", page());
    }
}
