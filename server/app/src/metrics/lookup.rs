//! What becomes of lookups by datagram. Their threads count a batch at a time.

use super::METADATA;
use metrics::{Counter, Gauge, Key, Label, Recorder as _};
use metrics_exporter_prometheus::PrometheusRecorder;
use tandem_resolver::datagram::Dropped;

/// Counters of one server.
pub struct LookupCounters {
    /// Sessions that stand.
    pub sessions: Gauge,
    /// Sessions that were agreed on.
    pub agreed: Counter,
    told: Counter,
    spent: Counter,
    misshapen: Counter,
    unknown: Counter,
    no_ask: Counter,
    over: Counter,
    replayed: Counter,
    forged: Counter,
    unsent: Counter,
}

/// What became of one datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Answered with what may be told.
    Told,
    /// Answered: its budget is spent.
    Spent,
    /// Answered: it asks nothing.
    Misshapen,
    /// Of no session that stands.
    UnknownSession,
    /// Of one, and not to be answered.
    Dropped(Dropped),
    /// Its answer could not be sent.
    Unsent,
}

impl LookupCounters {
    pub(super) fn new(recorder: &PrometheusRecorder) -> LookupCounters {
        let labelled = |name, label, value| {
            let labels = vec![Label::from_static_parts(label, value)];
            recorder.register_counter(&Key::from_parts(name, labels), &METADATA)
        };
        let answered = |verdict| labelled("tandem_lookup_answered_total", "verdict", verdict);
        let dropped = |why| labelled("tandem_lookup_dropped_total", "why", why);
        LookupCounters {
            sessions: recorder.register_gauge(&Key::from_static_name("tandem_lookup_sessions"), &METADATA),
            agreed: recorder.register_counter(&Key::from_static_name("tandem_lookup_sessions_agreed_total"), &METADATA),
            told: answered("told"),
            spent: answered("budget"),
            misshapen: answered("misshapen"),
            unknown: dropped("unknown_session"),
            no_ask: dropped("malformed"),
            over: dropped("expired"),
            replayed: dropped("replayed"),
            forged: dropped("forged"),
            unsent: dropped("unsent"),
        }
    }

    /// Counts so many of one fate.
    pub fn count(&self, fate: Fate, many: u64) {
        let counter = match fate {
            Fate::Told => &self.told,
            Fate::Spent => &self.spent,
            Fate::Misshapen => &self.misshapen,
            Fate::UnknownSession => &self.unknown,
            Fate::Dropped(Dropped::NoAsk) => &self.no_ask,
            Fate::Dropped(Dropped::Over) => &self.over,
            Fate::Dropped(Dropped::Replayed) => &self.replayed,
            Fate::Dropped(Dropped::Forged) => &self.forged,
            Fate::Unsent => &self.unsent,
        };
        counter.increment(many);
    }
}
