//! A figure held against its target.

use serde::Serialize;

/// How a value stands to its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Op {
    /// At most.
    #[serde(rename = "<=")]
    AtMost,
    /// At least.
    #[serde(rename = ">=")]
    AtLeast,
}

/// One figure an issue asks for, by its name there.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Check {
    /// As the issue names it.
    pub name: &'static str,
    /// What was measured.
    pub value: f64,
    /// How it is to stand to the target.
    pub op: Op,
    /// The target.
    pub target: f64,
    /// Whether it does.
    pub ok: bool,
}

impl Check {
    /// A figure that is to be at most its target. What is not a number is over every target.
    #[must_use]
    pub fn at_most(name: &'static str, value: f64, target: f64) -> Check {
        Check { name, value, op: Op::AtMost, target, ok: value <= target }
    }

    /// A figure that is to be at least its target. What is not a number is under every target.
    #[must_use]
    pub fn at_least(name: &'static str, value: f64, target: f64) -> Check {
        Check { name, value, op: Op::AtLeast, target, ok: value >= target }
    }
}

impl std::fmt::Display for Check {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ok = if self.ok { "ok    " } else { "FAILED" };
        let op = match self.op {
            Op::AtMost => "<=",
            Op::AtLeast => ">=",
        };
        write!(f, "{ok} {} {} {op} {}", self.name, self.value, self.target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_at_its_target_passes_one_above_it_and_one_that_is_no_number_do_not() {
        assert!(Check::at_most("figure", 1.5, 1.5).ok);
        assert!(!Check::at_most("figure", 1.500_001, 1.5).ok);
        assert!(!Check::at_most("figure", f64::NAN, 1.5).ok);
        assert!(Check::at_least("figure", 1.5, 1.5).ok && !Check::at_least("figure", 1.499_999, 1.5).ok);
        assert!(!Check::at_least("figure", f64::NAN, 1.5).ok);
    }

    #[test]
    fn a_check_is_written_as_the_contract_says() {
        let written = serde_json::to_string(&Check::at_most("call_ratio", 1.25, 1.5)).unwrap();
        assert_eq!(written, r#"{"name":"call_ratio","value":1.25,"op":"<=","target":1.5,"ok":true}"#);
    }
}
