//! What Prometheus is told. No label ever carries a number, an address or a key; every label value is from a closed list.

mod decisions;
mod dns;
mod lookup;
mod reference;
mod resolver;

pub use lookup::{Fate, LookupCounters};
pub use reference::{MetricDoc, MetricKind, REFERENCE};

use crate::dns_zone::Outcome;
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Label, Level, Metadata, Recorder};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use std::collections::BTreeMap;
use std::sync::Mutex;
use tandem_logic::Metric;

/// Batches of the store, in operations.
const BATCH_BUCKETS: [f64; 8] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0];

/// Times, in seconds.
const TIME_BUCKETS: [f64; 12] = [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

const LOOKUPS: &str = "tandem_resolver_lookups_total";
const LOOKUPS_REFUSED: &str = "tandem_resolver_lookups_refused_total";

const METADATA: Metadata<'static> = Metadata::new("tandem_server", Level::INFO, None);

/// Every measure of one server. Nothing of it is global, so that several servers live in one process.
pub struct Metrics {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
    decisions: Mutex<BTreeMap<Metric, Counter>>,
    resolver: Mutex<BTreeMap<tandem_resolver::Metric, Counter>>,
    dns: Mutex<BTreeMap<Outcome, Counter>>,
    /// Connections that stand.
    pub connections: Gauge,
    /// Connections closed before a byte was read, because there were too many.
    pub connections_refused: Counter,
    /// Sessions that stand, welcomed or not.
    pub sessions: Gauge,
    /// Frames read from phones.
    pub frames_in: Counter,
    /// Frames queued for phones.
    pub frames_out: Counter,
    /// Frames a later version may understand, skipped.
    pub frames_unknown: Counter,
    /// Frames that are no frames.
    pub frames_bad: Counter,
    /// Phones that read too slowly.
    pub send_queue_full: Counter,
    /// Registration requests that are no requests.
    pub register_bad: Counter,
    /// Registration requests refused because too many were open.
    pub register_busy: Counter,
    /// Operations waiting for the store.
    pub store_queue: Gauge,
    /// Operations refused because the store's queue was full.
    pub store_refused: Counter,
    /// Operations made durable by one sync.
    pub store_batch: Histogram,
    /// How long a batch and its sync took, in seconds.
    pub store_seconds: Histogram,
    /// 1 while verification texts can be sent.
    pub sms_link: Gauge,
    /// Texts refused before they reached the driver, because too many were under way.
    pub sms_busy: Counter,
    /// Numbers that are bound.
    pub resolver_bound: Gauge,
    /// Sessions that are remembered.
    pub resolver_sessions: Gauge,
    /// Bytes of the table that lookups read.
    pub resolver_table: Gauge,
    /// Numbers asked about whose address was told.
    pub lookups_told: Counter,
    /// Numbers asked about of which nothing was told.
    pub lookups_untold: Counter,
    /// Lookups without a key that is known.
    pub lookups_unknown: Counter,
    /// Lookups over their key's budget.
    pub lookups_spent: Counter,
    /// Lookups that are none.
    pub lookups_bad: Counter,
    /// Lookups by datagram.
    pub lookup: LookupCounters,
    /// 1 while the key holder is there.
    pub key_holder_up: Gauge,
    /// TURN grants made.
    pub turn_grants: Counter,
    /// TURN grants refused.
    pub turn_refused: Counter,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Metrics(..)")
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Metrics::new()
    }
}

impl Metrics {
    /// A fresh set, all at zero.
    #[must_use]
    pub fn new() -> Metrics {
        let recorder = recorder();
        for doc in REFERENCE {
            let (name, help) = (KeyName::from_const_str(doc.name), doc.help.into());
            match doc.kind {
                MetricKind::Counter => recorder.describe_counter(name, None, help),
                MetricKind::Gauge => recorder.describe_gauge(name, None, help),
                MetricKind::Histogram => recorder.describe_histogram(name, None, help),
            }
        }
        let counter = |name| recorder.register_counter(&Key::from_static_name(name), &METADATA);
        let gauge = |name| recorder.register_gauge(&Key::from_static_name(name), &METADATA);
        let histogram = |name| recorder.register_histogram(&Key::from_static_name(name), &METADATA);
        let lookups = |name, label| {
            let labels = vec![Label::from_static_parts(if name == LOOKUPS { "outcome" } else { "why" }, label)];
            recorder.register_counter(&Key::from_parts(name, labels), &METADATA)
        };
        Metrics {
            resolver_bound: gauge("tandem_resolver_bound"),
            resolver_sessions: gauge("tandem_resolver_sessions"),
            resolver_table: gauge("tandem_resolver_table_bytes"),
            lookups_told: lookups(LOOKUPS, "told"),
            lookups_untold: lookups(LOOKUPS, "not_told"),
            lookups_unknown: lookups(LOOKUPS_REFUSED, "unknown_key"),
            lookups_spent: lookups(LOOKUPS_REFUSED, "budget"),
            lookups_bad: lookups(LOOKUPS_REFUSED, "malformed"),
            lookup: LookupCounters::new(&recorder),
            resolver: Mutex::new(BTreeMap::new()),
            dns: Mutex::new(BTreeMap::new()),
            connections: gauge("tandem_connections"),
            connections_refused: counter("tandem_connections_refused_total"),
            sessions: gauge("tandem_sessions"),
            frames_in: counter("tandem_frames_received_total"),
            frames_out: counter("tandem_frames_sent_total"),
            frames_unknown: counter("tandem_frames_unknown_total"),
            frames_bad: counter("tandem_frames_malformed_total"),
            send_queue_full: counter("tandem_send_queue_full_total"),
            register_bad: counter("tandem_register_malformed_total"),
            register_busy: counter("tandem_register_busy_total"),
            store_queue: gauge("tandem_store_queue"),
            store_refused: counter("tandem_store_refused_total"),
            store_batch: histogram("tandem_store_batch_operations"),
            store_seconds: histogram("tandem_store_batch_seconds"),
            sms_link: gauge("tandem_sms_link_up"),
            sms_busy: counter("tandem_sms_busy_total"),
            key_holder_up: gauge("tandem_key_holder_up"),
            turn_grants: counter("tandem_turn_grants_total"),
            turn_refused: counter("tandem_turn_refused_total"),
            decisions: Mutex::new(BTreeMap::new()),
            handle: recorder.handle(),
            recorder,
        }
    }

    /// Counts what the logic said is worth counting.
    pub fn count(&self, metric: Metric) {
        self.count_one(&self.decisions, metric, decisions::name_of(metric));
    }

    /// Counts what the resolver said is worth counting.
    pub fn count_resolver(&self, metric: tandem_resolver::Metric, many: u64) {
        self.count_some(&self.resolver, metric, resolver::name_of(metric), many);
    }

    /// Counts what became of a question in DNS.
    pub fn count_dns(&self, outcome: Outcome) {
        self.count_one(&self.dns, outcome, dns::name_of(outcome));
    }

    fn count_one<M: Ord>(
        &self,
        counters: &Mutex<BTreeMap<M, Counter>>,
        metric: M,
        named: (&'static str, decisions::Labels),
    ) {
        self.count_some(counters, metric, named, 1);
    }

    fn count_some<M: Ord>(
        &self,
        counters: &Mutex<BTreeMap<M, Counter>>,
        metric: M,
        (name, labels): (&'static str, decisions::Labels),
        many: u64,
    ) {
        let mut counters = counters.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let counter = counters.entry(metric).or_insert_with(|| {
            let labels: Vec<Label> =
                labels.into_iter().map(|(key, value)| Label::from_static_parts(key, value)).collect();
            self.recorder.register_counter(&Key::from_parts(name, labels), &METADATA)
        });
        counter.increment(many);
    }

    /// The text a scrape gets.
    #[must_use]
    pub fn render(&self) -> String {
        self.handle.render()
    }

    /// Folds what histograms gathered, which grows until then.
    pub fn upkeep(&self) {
        self.handle.run_upkeep();
    }
}

fn recorder() -> PrometheusRecorder {
    use metrics_exporter_prometheus::Matcher;
    let buckets = |builder: PrometheusBuilder, name: &str, buckets: &[f64]| {
        // Fails only for an empty list of buckets; then the histogram shows as a summary.
        builder.set_buckets_for_metric(Matcher::Full(name.to_owned()), buckets).unwrap_or_default()
    };
    let builder = buckets(PrometheusBuilder::new(), "tandem_store_batch_operations", &BATCH_BUCKETS);
    buckets(builder, "tandem_store_batch_seconds", &TIME_BUCKETS).build_recorder()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tandem_logic::Metric as Seen;
    use tandem_model::TerminalState;
    use tandem_wire::frame::GoodbyeReason;

    #[test]
    fn a_scrape_shows_what_was_counted_under_its_documented_name() {
        let metrics = Metrics::new();
        metrics.count(Seen::TextStored);
        metrics.count(Seen::TextStored);
        metrics.count(Seen::TextEnded(TerminalState::Delivered));
        metrics.count(Seen::SessionEnded(GoodbyeReason::TooSlow));
        metrics.store_batch.record(3.0);
        let text = metrics.render();
        assert!(text.contains("tandem_texts_stored_total 2"), "{text}");
        assert!(text.contains("tandem_texts_ended_total{state=\"delivered\"} 1"), "{text}");
        assert!(text.contains("tandem_sessions_ended_total{reason=\"too_slow\"} 1"), "{text}");
        assert!(text.contains("tandem_store_batch_operations_bucket{le=\"4\"} 1"), "{text}");
    }

    #[test]
    fn every_series_of_a_scrape_is_documented() {
        let metrics = Metrics::new();
        for metric in decisions::ALL {
            metrics.count(*metric);
        }
        for metric in resolver::ALL {
            metrics.count_resolver(*metric, 1);
        }
        metrics.store_batch.record(1.0);
        metrics.store_seconds.record(0.1);
        for line in metrics.render().lines().filter(|line| line.starts_with("# TYPE ")) {
            let name = line.split(' ').nth(2).unwrap();
            assert!(REFERENCE.iter().any(|doc| doc.name == name), "{name} has no documentation");
        }
    }

    #[test]
    fn two_servers_in_one_process_count_apart() {
        let (one, other) = (Metrics::new(), Metrics::new());
        one.count(Seen::TextStored);
        assert!(!other.render().contains("tandem_texts_stored_total"));
    }
}
