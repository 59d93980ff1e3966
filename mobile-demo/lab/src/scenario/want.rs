//! What must be seen: a pattern over one thing seen.

use serde_json::{Map, Value};

/// Matches a thing seen when every key of the pattern matches. Keys beginning with `min_` or `max_` bound the number under
/// the rest of their name; all others must be equal.
#[derive(Clone, Debug, PartialEq)]
pub struct Want(pub Map<String, Value>);

impl Want {
    /// Whether `seen` is what is wanted.
    #[must_use]
    pub fn matches(&self, seen: &Map<String, Value>) -> bool {
        self.0.iter().all(|(key, wanted)| {
            if let Some(bounded) = key.strip_prefix("min_") {
                return number(seen.get(bounded)) >= number(Some(wanted));
            }
            if let Some(bounded) = key.strip_prefix("max_") {
                let value = number(seen.get(bounded));
                return value.is_some() && value <= number(Some(wanted));
            }
            seen.get(key) == Some(wanted)
        })
    }
}

impl Want {
    /// In a few words, for whoever watches.
    #[must_use]
    pub fn words(&self) -> String {
        let see = self.0.get("see").and_then(Value::as_str);
        let rest = ["about", "state", "status", "shown", "end"];
        let said = rest.iter().filter_map(|key| self.0.get(*key).and_then(Value::as_str));
        see.into_iter().chain(said).collect::<Vec<_>>().join(" ")
    }
}

fn number(value: Option<&Value>) -> Option<f64> {
    value.and_then(Value::as_f64)
}

impl std::fmt::Display for Want {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let part = |(key, value): (&String, &Value)| match key.as_str() {
            "body" | "texts" | "says" | "contact" => format!("{key}=<redacted>"),
            _ => format!("{key}={value}"),
        };
        f.write_str(&self.0.iter().map(part).collect::<Vec<_>>().join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap()
    }

    #[test]
    fn every_key_must_match_and_others_do_not_matter() {
        let want = Want(object(json!({"see": "call", "state": "ringing"})));
        assert!(want.matches(&object(json!({"see": "call", "state": "ringing", "peer": "bob"}))));
        assert!(!want.matches(&object(json!({"see": "call", "state": "active"}))));
        assert!(!want.matches(&object(json!({"see": "call"}))));
    }

    #[test]
    fn the_words_of_a_person_are_not_told() {
        let want = Want(object(json!({"see": "arrived", "body": "secret"})));
        assert_eq!(want.to_string(), "body=<redacted> see=\"arrived\"");
        let want = Want(object(json!({"see": "history", "texts": ["secret"], "says": "secret"})));
        assert!(!want.to_string().contains("secret"));
    }

    #[test]
    fn bounds_need_a_number_to_bound() {
        let want = Want(object(json!({"min_similarity": 0.8})));
        assert!(want.matches(&object(json!({"similarity": 0.8}))));
        assert!(!want.matches(&object(json!({"similarity": 0.79}))));
        assert!(!want.matches(&object(json!({}))));
        let want = Want(object(json!({"max_ms": 10})));
        assert!(want.matches(&object(json!({"ms": 10}))));
        assert!(!want.matches(&object(json!({}))));
    }
}
