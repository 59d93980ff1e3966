//! The name and labels of what became of questions in DNS.

use super::decisions::Labels;
use crate::dns_zone::Outcome;

/// The counter's name and its label.
pub(super) const fn name_of(outcome: Outcome) -> (&'static str, Labels) {
    let word = match outcome {
        Outcome::Told => "told",
        Outcome::NotTold => "not_told",
        Outcome::Other => "other",
        Outcome::Refused => "refused",
        Outcome::OverBudget => "budget",
        Outcome::Malformed => "malformed",
        Outcome::Busy => "busy",
    };
    ("tandem_dns_questions_total", Some(("outcome", word)))
}
