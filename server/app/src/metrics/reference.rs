//! Every metric's name and meaning: the source of the help lines of a scrape and of the table in `docs/operator.md`.

/// How a metric behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts by size.
    Histogram,
}

/// One metric.
#[derive(Clone, Copy, Debug)]
pub struct MetricDoc {
    /// Its name in a scrape.
    pub name: &'static str,
    /// How it behaves.
    pub kind: MetricKind,
    /// What it means.
    pub help: &'static str,
}

const fn counter(name: &'static str, help: &'static str) -> MetricDoc {
    MetricDoc { name, kind: MetricKind::Counter, help }
}

const fn gauge(name: &'static str, help: &'static str) -> MetricDoc {
    MetricDoc { name, kind: MetricKind::Gauge, help }
}

const fn histogram(name: &'static str, help: &'static str) -> MetricDoc {
    MetricDoc { name, kind: MetricKind::Histogram, help }
}

/// All of them.
pub const REFERENCE: &[MetricDoc] = &[
    gauge("tandem_connections", "TCP connections that stand"),
    counter("tandem_connections_refused_total", "TCP connections closed at once because there were too many"),
    gauge("tandem_sessions", "WebSocket sessions that stand"),
    counter("tandem_sessions_opened_total", "connections that were challenged"),
    counter("tandem_sessions_welcomed_total", "sessions that stood"),
    counter("tandem_sessions_ended_total", "sessions the server refused or ended, by reason"),
    counter("tandem_sessions_silent_total", "sessions ended because the phone was not heard"),
    counter("tandem_frames_received_total", "frames read from phones"),
    counter("tandem_frames_sent_total", "frames queued for phones"),
    counter("tandem_frames_unknown_total", "frames of a later version, skipped"),
    counter("tandem_frames_malformed_total", "frames that are none; each ends its session"),
    counter("tandem_send_queue_full_total", "sessions ended because the phone read too slowly"),
    counter(
        "tandem_registrations_started_total",
        "registrations whose phone was told to wait for its verification text",
    ),
    counter("tandem_registrations_confirmed_total", "numbers proven"),
    counter("tandem_registrations_refused_total", "registration requests refused"),
    counter("tandem_registrations_ended_total", "registrations that ended"),
    counter("tandem_register_malformed_total", "registration requests that are none"),
    counter("tandem_register_busy_total", "registration requests refused because too many were open"),
    counter(
        "tandem_sms_total",
        "verification texts by what became of them; accepted and then delivered counts in both",
    ),
    counter("tandem_sms_incoming_total", "texts from phones that nobody asked for"),
    counter("tandem_sms_busy_total", "verification texts refused because too many were under way"),
    gauge("tandem_sms_link_up", "1 while verification texts can be sent"),
    counter("tandem_gate_answers_total", "answers to callers that are permitted to ask, by verdict"),
    counter("tandem_gate_probes_total", "callees measured rather than looked up"),
    counter("tandem_calls_started_total", "calls routed for the first time"),
    counter("tandem_calls_answered_total", "calls answered"),
    counter("tandem_calls_ended_total", "calls ended"),
    counter("tandem_texts_stored_total", "texts made durable"),
    counter("tandem_texts_duplicate_total", "texts that came a second time"),
    counter("tandem_texts_refused_total", "texts refused"),
    counter("tandem_texts_ended_total", "texts ended, by how"),
    counter("tandem_resent_total", "texts, ends and receipts sent again because nobody took them"),
    counter("tandem_requests_refused_total", "requests of sessions refused, by reason"),
    gauge("tandem_store_queue", "operations waiting for the store"),
    counter("tandem_store_refused_total", "operations refused because the store's queue was full"),
    counter("tandem_store_failures_total", "operations the store failed"),
    histogram("tandem_store_batch_operations", "operations made durable by one sync"),
    histogram("tandem_store_batch_seconds", "how long a batch and its sync took"),
    gauge("tandem_key_holder_up", "1 while the key holder is there"),
    counter("tandem_key_holder_total", "turns of the key holder: here, away, or with a key under another's name"),
    counter("tandem_key_holder_failures_total", "questions to the key holder that it did not answer"),
    counter("tandem_pairs_forged_total", "tokens that two phones told and that are not their pair's"),
    counter("tandem_leases_ended_total", "leases of marks ended because the phone is known to be out of reach, by why"),
    counter("tandem_turn_grants_total", "TURN credentials made"),
    counter("tandem_turn_refused_total", "TURN credentials that could not be made"),
    gauge("tandem_resolver_bound", "numbers that are bound to an address"),
    gauge("tandem_resolver_sessions", "sessions of subscribers that are remembered, ended ones among them"),
    gauge("tandem_resolver_table_bytes", "memory of the table that lookups read"),
    counter("tandem_resolver_reports_total", "accounting requests that were believed, by what became of them"),
    counter("tandem_resolver_dropped_total", "accounting datagrams that were not answered, by why"),
    counter("tandem_resolver_repeated_total", "accounting requests that came a second time within moments"),
    counter("tandem_resolver_status_total", "times a client asked whether anybody is there (Status-Server)"),
    counter(
        "tandem_resolver_answered_total",
        "accounting requests answered for the first time, each after it was durable",
    ),
    counter("tandem_resolver_out_of_pool_total", "reports of an address outside its client's pools; never bound"),
    counter("tandem_resolver_silent_total", "bindings that ended because nothing was heard of them"),
    counter("tandem_resolver_store_failures_total", "batches of reports the store failed; they are tried again"),
    counter("tandem_resolver_lookups_total", "numbers asked about, by whether an address was told"),
    counter("tandem_resolver_lookups_refused_total", "lookups refused, by why"),
    gauge("tandem_lookup_sessions", "sessions of lookups by datagram that stand"),
    counter("tandem_lookup_sessions_agreed_total", "sessions of lookups by datagram that were agreed on"),
    counter("tandem_lookup_answered_total", "lookups by datagram that were answered, by the verdict"),
    counter("tandem_lookup_dropped_total", "datagrams of lookups that got no answer, by why"),
    counter("tandem_dns_questions_total", "questions in DNS, by what became of them"),
    counter("tandem_late_results_total", "results that nobody waited for any more"),
];
