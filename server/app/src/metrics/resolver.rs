//! The names and labels of what the resolver counts.

use super::decisions::Labels;
use tandem_resolver::{Metric, Unusable};

/// A counter's name and its one label, where it has one.
pub(super) const fn name_of(metric: Metric) -> (&'static str, Labels) {
    match metric {
        Metric::Stranger => dropped("stranger"),
        Metric::Malformed => dropped("malformed"),
        Metric::Forged => dropped("forged"),
        Metric::NoRoom => dropped("no_room"),
        Metric::Again => ("tandem_resolver_repeated_total", None),
        Metric::Status => ("tandem_resolver_status_total", None),
        Metric::Taken => outcome("taken"),
        Metric::Known => outcome("known"),
        Metric::Unused(why) => outcome(unused(why)),
        Metric::TooOld => outcome("too_old"),
        Metric::TooEarly => outcome("too_early"),
        Metric::OutOfPool => ("tandem_resolver_out_of_pool_total", None),
        Metric::Answered => ("tandem_resolver_answered_total", None),
        Metric::Silent => ("tandem_resolver_silent_total", None),
        Metric::NotCommitted => ("tandem_resolver_store_failures_total", None),
    }
}

const fn dropped(why: &'static str) -> (&'static str, Labels) {
    ("tandem_resolver_dropped_total", Some(("why", why)))
}

const fn outcome(outcome: &'static str) -> (&'static str, Labels) {
    ("tandem_resolver_reports_total", Some(("outcome", outcome)))
}

const fn unused(why: Unusable) -> &'static str {
    match why {
        Unusable::Status => "other_status",
        Unusable::NoSession => "no_session",
        Unusable::NoNumber => "no_number",
        Unusable::Apn => "other_apn",
        Unusable::Unstamped => "unstamped",
    }
}

/// One of each kind, for the test that every series is documented.
#[cfg(test)]
pub(super) const ALL: &[Metric] = &[
    Metric::Stranger,
    Metric::Again,
    Metric::Status,
    Metric::Taken,
    Metric::OutOfPool,
    Metric::Answered,
    Metric::Silent,
    Metric::NotCommitted,
];
