//! Every number the server decides by, with its default (DESIGN 7). The shell fills it from the operator's file.

use std::collections::BTreeSet;
use std::time::Duration;
use tandem_model::{DataRate, Msisdn};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

/// All of them. `Config::default()` is the embedded configuration.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    /// Proving numbers.
    pub registration: RegistrationConfig,
    /// Connections.
    pub session: SessionConfig,
    /// Marks and contacts.
    pub marks: MarksConfig,
    /// Measuring paths.
    pub measure: MeasureConfig,
    /// The callee's gate.
    pub gate: GateConfig,
    /// Calls.
    pub call: CallConfig,
    /// Texts.
    pub text: TextConfig,
    /// The store and the process.
    pub house: HouseConfig,
    /// Lookups by phones.
    pub lookup: LookupConfig,
}

/// How often something may be done: `limit` at once, refilled evenly over `window`. Kept in the durable store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// How many at once; zero refuses everything.
    pub limit: u32,
    /// Over how long as many come back.
    pub window: Duration,
}

/// Proving numbers (DESIGN 6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistrationConfig {
    /// An attempt is over after this. Default 10 min.
    pub attempt_life: Duration,
    /// Wrong proofs an attempt survives. Default 5.
    pub tries: u32,
    /// Another SMS for the same attempt no sooner than this. Default 30 s.
    pub resend_after: Duration,
    /// SMS to one number. Default 5 a day.
    pub per_number: Allowance,
    /// SMS to numbers that share their first [`RegistrationConfig::prefix_digits`] digits. Default 100 an hour.
    pub per_prefix: Allowance,
    /// Digits of a prefix. Default 6: country and network.
    pub prefix_digits: usize,
    /// SMS asked for from one source. Default 20 an hour.
    pub per_source: Allowance,
    /// How long the reply waits for the SMS driver before it says the SMS is on its way. Default 5 s.
    pub sms_wait: Duration,
    /// Registrations being started or confirmed at once. Default 4,096.
    pub open_requests_max: usize,
    /// A registration not heard of for this long ends. Default 90 days.
    pub silent_end: Duration,
}

impl Default for RegistrationConfig {
    fn default() -> Self {
        Self {
            attempt_life: 10 * MINUTE,
            tries: 5,
            resend_after: 30 * SECOND,
            per_number: Allowance { limit: 5, window: DAY },
            per_prefix: Allowance { limit: 100, window: HOUR },
            prefix_digits: 6,
            per_source: Allowance { limit: 20, window: HOUR },
            sms_wait: 5 * SECOND,
            open_requests_max: 4_096,
            silent_end: 90 * DAY,
        }
    }
}

/// Connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionConfig {
    /// A connection must say who it is within this. Default 10 s.
    pub hello_wait: Duration,
    /// What phones are told to be heard in. Default 45 s.
    pub keepalive: Duration,
    /// A session not heard for this long is closed. Default 100 s.
    pub silence_max: Duration,
    /// Connections at once, proven or not. Default 100,000.
    pub sessions_max: usize,
    /// Requests of one session whose answers are still being made. Default 256.
    pub requests_max: usize,
    /// What a closed or refused phone is told to wait before coming back. Default 2 s.
    pub retry_after: Duration,
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self {
            hello_wait: 10 * SECOND,
            keepalive: 45 * SECOND,
            silence_max: 100 * SECOND,
            sessions_max: 100_000,
            requests_max: 256,
            retry_after: 2 * SECOND,
        }
    }
}

/// Who sees a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum MarkPolicy {
    /// Only if each holds the other's number.
    #[default]
    Reciprocal,
    /// Whoever holds the number of a registered phone.
    Registered,
}

/// Marks and contacts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarksConfig {
    /// Who sees a mark. Default reciprocal.
    pub policy: MarkPolicy,
    /// How long a mark holds after its phone was heard. Default 24 h.
    pub lease: Duration,
    /// A lease is written again only when it would move by at least this. Default 1 h.
    pub lease_step: Duration,
    /// Renewals are gathered for this long and written together. Default 20 s.
    pub lease_flush: Duration,
    /// What phones are told to sync marks in, before their jitter. Default 6 h.
    pub sync_interval: Duration,
    /// Whether a phone may open its mark to whoever holds its number, with the reciprocal policy. Default yes.
    pub opening: bool,
    /// Contacts of one registration. Default 50,000.
    pub contacts_max: u32,
    /// Blocked numbers of one registration. Default 1,000: one question to the key holder carries them all.
    pub blocked_max: u32,
    /// New tokens one registration may tell. Default 20,000 a day.
    pub new_numbers: Allowance,
    /// The key holder may take this long to answer. Default 10 s.
    pub key_wait: Duration,
    /// What a phone is told to wait when the key holder is away. Default 30 s.
    pub key_retry: Duration,
    /// Questions to the key holder without an answer. Default 1,024; the next is refused.
    pub key_open_max: usize,
    /// Evaluations of one session without an answer. Default 2.
    pub evaluate_open_max: usize,
}

impl MarksConfig {
    /// Who may be seen.
    #[must_use]
    pub const fn showing(&self) -> crate::matching::Showing {
        crate::matching::Showing { policy: self.policy, opening: self.opening }
    }
}

impl Default for MarksConfig {
    fn default() -> Self {
        Self {
            policy: MarkPolicy::Reciprocal,
            lease: DAY,
            lease_step: HOUR,
            lease_flush: 20 * SECOND,
            sync_interval: 6 * HOUR,
            opening: true,
            contacts_max: 50_000,
            blocked_max: 1_000,
            new_numbers: Allowance { limit: 20_000, window: DAY },
            key_wait: 10 * SECOND,
            key_retry: 30 * SECOND,
            key_open_max: 1_024,
            evaluate_open_max: 2,
        }
    }
}

/// Measuring paths (DESIGN 7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeasureConfig {
    /// Frames of a back-to-back train. Default 8.
    pub train_frames: u32,
    /// Filling of each frame of a train, in bytes. Default 300.
    pub train_fill: u32,
    /// Frames of a paced burst. Default 11.
    pub burst_frames: u32,
    /// The rate the burst is paced at. Default 64 kbit/s.
    pub burst_rate: DataRate,
    /// The train's frames after the first are worth nothing when they all come within this. Default 2 ms: then the path
    /// is far faster than any threshold.
    pub spread_floor: Duration,
    /// A probe ends after this, with whatever it has. Default 900 ms, so that the caller decides within a second.
    pub probe_wait: Duration,
    /// A train of the phone's is complete, or judged by what came, after this. Default 1,500 ms.
    pub train_wait: Duration,
    /// A pass is believed for this long. Default 30 s; the server does not know who is on Wi-Fi.
    pub pass_age: Duration,
    /// A fail is believed for this long. Default 10 s.
    pub fail_age: Duration,
    /// Probes one phone may ask for at once. Default 2.
    pub probes_max: usize,
}

impl Default for MeasureConfig {
    fn default() -> Self {
        Self {
            train_frames: 8,
            train_fill: 300,
            burst_frames: 11,
            burst_rate: DataRate::kbps(64),
            spread_floor: Duration::from_millis(2),
            probe_wait: Duration::from_millis(900),
            train_wait: Duration::from_millis(1_500),
            pass_age: 30 * SECOND,
            fail_age: 10 * SECOND,
            probes_max: 2,
        }
    }
}

/// The callee's gate: threshold 2 and what it may reveal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GateConfig {
    /// Threshold 2: from here on, full voice. Default 64 kbit/s.
    pub full_from: DataRate,
    /// From here on, low-rate voice; below, the carrier. Default 32 kbit/s.
    pub low_from: DataRate,
    /// Questions of one caller about one callee. Default 20 a day.
    pub per_pair: Allowance,
    /// Questions of one caller about anybody. Default 500 a day.
    pub per_caller: Allowance,
    /// Strangers get their one answer exactly this long after they asked. Default 600 ms.
    pub stranger_delay: Duration,
    /// A verdict opens a call for this long. Default 30 s.
    pub verdict_life: Duration,
    /// Questions being answered and verdicts remembered at once. Default 65,536.
    pub open_max: usize,
}

impl Default for GateConfig {
    fn default() -> Self {
        Self {
            full_from: DataRate::kbps(64),
            low_from: DataRate::kbps(32),
            per_pair: Allowance { limit: 20, window: DAY },
            per_caller: Allowance { limit: 500, window: DAY },
            stranger_delay: Duration::from_millis(600),
            verdict_life: 30 * SECOND,
            open_max: 65_536,
        }
    }
}

/// Calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallConfig {
    /// How long a call rings. Default 45 s.
    pub ring: Duration,
    /// A party without a session may come back within this while the call rings. Default 10 s.
    pub ringing_grace: Duration,
    /// The same once it is answered: media may well go on meanwhile. Default 30 s.
    pub answered_grace: Duration,
    /// Calls at once. Default 20,000.
    pub calls_max: usize,
    /// Calls one number may be part of at once. Default 4.
    pub calls_per_number: usize,
    /// Signalling kept for a party that is away. Default 64 envelopes.
    pub held_max: usize,
    /// TURN credentials one party may ask for in one call. Default 4.
    pub turn_grants_max: u32,
    /// TURN credentials end with the call, and no later than this. Default 4 h.
    pub turn_life: Duration,
    /// How long the TURN server may take to answer. Default 2 s.
    pub turn_wait: Duration,
}

impl Default for CallConfig {
    fn default() -> Self {
        Self {
            ring: 45 * SECOND,
            ringing_grace: 10 * SECOND,
            answered_grace: 30 * SECOND,
            calls_max: 20_000,
            calls_per_number: 4,
            held_max: 64,
            turn_grants_max: 4,
            turn_life: 4 * HOUR,
            turn_wait: 2 * SECOND,
        }
    }
}

/// Texts (DESIGN 8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextConfig {
    /// A text waits for its recipient this long. Default 30 days.
    pub life: Duration,
    /// The id of a text is remembered this long after it ended: longer than any retry. Default 90 days.
    pub remember: Duration,
    /// Texts waiting in one mailbox. Default 2,000.
    pub mailbox_texts: u32,
    /// Bytes waiting in one mailbox. Default 32 MiB.
    pub mailbox_bytes: u64,
    /// Texts of one sender. Default 2,000 an hour.
    pub per_sender: Allowance,
    /// Swaps of texts the server has never seen, of one sender. Default 500 an hour.
    pub unseen_swaps: Allowance,
    /// Texts, ends or receipts sent to a phone and not yet taken. Default 64.
    pub window: usize,
    /// Bytes of texts read from the store at once. Default 512 KiB.
    pub window_bytes: usize,
    /// What was sent and not taken for this long is sent again. Default 30 s.
    pub resend_after: Duration,
}

impl Default for TextConfig {
    fn default() -> Self {
        Self {
            life: 30 * DAY,
            remember: 90 * DAY,
            mailbox_texts: 2_000,
            mailbox_bytes: 32 * 1024 * 1024,
            per_sender: Allowance { limit: 2_000, window: HOUR },
            unseen_swaps: Allowance { limit: 500, window: HOUR },
            window: 64,
            window_bytes: 512 * 1024,
            resend_after: 30 * SECOND,
        }
    }
}

/// The store and the process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HouseConfig {
    /// What has run out is looked for this often. Default 30 s.
    pub sweep_interval: Duration,
    /// Rows one sweep ends at most; a full sweep is followed by the next at once. Default 256.
    pub sweep_max: u32,
    /// Questions to the store without an answer. Default 65,536; the next is refused.
    pub store_open_max: usize,
    /// A question to the store without an answer for this long counts as failed. Default 30 s.
    pub store_wait: Duration,
    /// What a phone is told to wait when the store cannot take more. Default 10 s.
    pub storage_retry: Duration,
    /// Shutting down waits this long for the store. Default 5 s.
    pub drain_wait: Duration,
}

impl Default for HouseConfig {
    fn default() -> Self {
        Self {
            sweep_interval: 30 * SECOND,
            sweep_max: 256,
            store_open_max: 65_536,
            store_wait: 30 * SECOND,
            storage_retry: 10 * SECOND,
            drain_wait: 5 * SECOND,
        }
    }
}

/// Which phones may learn where a number is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum LookupPolicy {
    /// Any registered phone.
    Open,
    /// Those whose numbers are named.
    Role,
    /// Those the number's owner lets.
    #[default]
    Consent,
}

/// Lookups by phones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookupConfig {
    /// Who may learn it. Default by consent.
    pub policy: LookupPolicy,
    /// The phones that may under [`LookupPolicy::Role`]. Default none.
    pub phones: BTreeSet<Msisdn>,
    /// A capability is no use after this. Default 30 s.
    pub capability_life: Duration,
    /// Capabilities of one phone that wait to be used; one more ends the oldest. Default 8.
    pub capabilities_max: usize,
    /// Numbers one phone may let learn where it is. Default 1,000.
    pub consents_max: u32,
    /// Questions of one phone about one number. Default 200 a day.
    pub per_pair: Allowance,
    /// Questions of one phone. Default 2,000 a day.
    pub per_asker: Allowance,
    /// Questions open at once. Default 65,536.
    pub open_max: usize,
}

impl Default for LookupConfig {
    fn default() -> Self {
        Self {
            policy: LookupPolicy::Consent,
            phones: BTreeSet::new(),
            capability_life: 30 * SECOND,
            capabilities_max: 8,
            consents_max: 1_000,
            per_pair: Allowance { limit: 200, window: DAY },
            per_asker: Allowance { limit: 2_000, window: DAY },
            open_max: 65_536,
        }
    }
}
