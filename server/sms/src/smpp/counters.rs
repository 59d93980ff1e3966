//! What is counted, because nobody is told about it one by one.

/// Oddities of a session, for metrics. Each only ever grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Submits put on the wire.
    pub submits_sent: u64,
    /// Submits the SMSC throttled.
    pub throttled: u64,
    /// Submits whose answer was never seen.
    pub unknown_outcomes: u64,
    /// Answers that came after the submit was given back as unknown.
    pub late_answers: u64,
    /// Answers to nothing that was asked.
    pub stray_answers: u64,
    /// Receipts that told nothing new.
    pub repeated_receipts: u64,
    /// Receipts for a text this session does not know.
    pub unknown_receipts: u64,
    /// Receipts without a readable id or state.
    pub unreadable_receipts: u64,
    /// Texts from phones that repeat an earlier one.
    pub repeated_incoming: u64,
    /// Texts from phones in an alphabet or from a sender that cannot be read.
    pub unreadable_incoming: u64,
    /// `deliver_sm` put off because the events were not read.
    pub deferred_deliveries: u64,
    /// PDUs that could not be decoded.
    pub undecodable_pdus: u64,
    /// Requests an SMSC has no business sending.
    pub unexpected_requests: u64,
    /// `generic_nack` received.
    pub generic_nacks: u64,
    /// Connections cut because what came was not SMPP.
    pub not_smpp: u64,
    /// Binds the SMSC refused.
    pub refused_binds: u64,
}
