//! Sections that are the server's decisions in numbers. [`super::logic`] hands them to the logic.

use super::schema::section;
use super::values::{Budget, Span};
use serde::{Deserialize, Serialize};

section! {
    /// Proving numbers by SMS.
    pub struct Registration {
        /// An attempt is over after this.
        attempt_life: Span = Span::secs(600) => [Span::secs(10), Span::hours(24)];
        /// Wrong proofs an attempt survives.
        tries: u32 = 5 => [1, 10];
        /// Another SMS for the same attempt no sooner than this.
        resend_after: Span = Span::secs(30) => [Span::secs(1), Span::hours(1)];
        /// SMS to one number.
        per_number: Budget = Budget::new(5, Span::days(1));
        /// SMS to numbers that share their first digits.
        per_prefix: Budget = Budget::new(100, Span::hours(1));
        /// How many first digits make a prefix.
        prefix_digits: u32 = 6 => [1, 15];
        /// SMS asked for from one source: an IPv4 address or an IPv6 /64.
        per_source: Budget = Budget::new(20, Span::hours(1));
        /// How long the reply waits for the SMS driver before it says the SMS is on its way.
        sms_wait: Span = Span::secs(5) => [Span::ms(10), Span::secs(60)];
        /// Registrations being started or confirmed at once.
        open_requests_max: u32 = 4_096 => [1, 65_536];
        /// A registration not heard of for this long ends.
        silent_end: Span = Span::days(90) => [Span::days(1), Span::days(3_650)];
    }
}

section! {
    /// Sessions of registered phones.
    pub struct Session {
        /// A connection must say who it is within this.
        hello_wait: Span = Span::secs(10) => [Span::ms(100), Span::secs(120)];
        /// How often phones are told to be heard.
        keepalive: Span = Span::secs(45) => [Span::ms(100), Span::hours(1)];
        /// A session not heard for this long is closed.
        silence_max: Span = Span::secs(100) => [Span::ms(200), Span::hours(2)];
        /// Sessions at once, proven or not.
        sessions_max: u32 = 100_000 => [1, 1_000_000];
        /// Requests of one session whose answers are still being made.
        requests_max: u32 = 256 => [1, 4_096];
        /// What a refused or closed phone is told to wait before it comes back.
        retry_after: Span = Span::secs(2) => [Span::ms(10), Span::secs(600)];
    }
}

/// Who sees a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MarkPolicy {
    /// Only if each holds the other's number.
    #[default]
    Reciprocal,
    /// Whoever holds the number of a registered phone.
    Registered,
}

section! {
    /// Marks on contacts that are registered.
    pub struct Marks {
        /// `reciprocal`: shown only if each holds the other's number. `registered`: to whoever holds the number, which
        /// lets a stranger with a list of numbers learn which are registered, up to the budgets of the key holder.
        policy: MarkPolicy = MarkPolicy::Reciprocal;
        /// How long a mark holds after its phone was heard.
        lease: Span = Span::days(1) => [Span::secs(1), Span::days(90)];
        /// A lease is written again only when it would move by at least this.
        lease_step: Span = Span::hours(1) => [Span::ms(1), Span::days(1)];
        /// Renewals are gathered for this long and written together.
        lease_flush: Span = Span::secs(20) => [Span::ms(1), Span::secs(600)];
        /// How often phones are told to sync marks, before their jitter.
        sync_interval: Span = Span::hours(6) => [Span::ms(100), Span::days(7)];
        /// With `reciprocal`: whether a phone may open its mark to whoever holds its number.
        opening: bool = true;
        /// Contacts of one registration.
        contacts_max: u32 = 50_000 => [1, 1_000_000];
        /// Blocked numbers of one registration.
        blocked_max: u32 = 1_000 => [0, 1_000];
        /// A mark reads "not seen lately" once the access network has reported its phone detached for this long; needs a resolver.
        detach_after: Span = Span::hours(1) => [Span::secs(1), Span::days(30)];
        /// How long the key holder may take to answer.
        key_wait: Span = Span::secs(10) => [Span::ms(100), Span::secs(120)];
        /// What a phone is told to wait when the key holder is away.
        key_retry: Span = Span::secs(30) => [Span::ms(10), Span::hours(1)];
        /// Contacts one registration may tell of for the first time.
        new_numbers: Budget = Budget::new(20_000, Span::days(1));
    }
}

section! {
    /// Measuring the path to a phone.
    pub struct Measure {
        /// Frames of a back-to-back train.
        train_frames: u32 = 8 => [2, tandem_wire::limits::TRAIN_COUNT_MAX];
        /// Filling of each frame of a train, in bytes.
        train_fill_bytes: u32 = 300 => [1, 1_200];
        /// Frames of a paced burst.
        burst_frames: u32 = 11 => [2, tandem_wire::limits::TRAIN_COUNT_MAX];
        /// The rate a burst is paced at, in kbit/s.
        burst_kbps: u32 = 64 => [8, 10_000];
        /// A train whose frames all come within this says nothing: the path is far faster than any threshold.
        spread_floor: Span = Span::ms(2) => [Span::ms(0), Span::ms(100)];
        /// A probe ends after this, with whatever it has.
        probe_wait: Span = Span::ms(900) => [Span::ms(10), Span::secs(10)];
        /// A train of a phone's is judged by what came, after this.
        train_wait: Span = Span::ms(1_500) => [Span::ms(10), Span::secs(30)];
        /// A pass is believed for this long.
        pass_age: Span = Span::secs(30) => [Span::ms(0), Span::secs(600)];
        /// A fail is believed for this long.
        fail_age: Span = Span::secs(10) => [Span::ms(0), Span::secs(600)];
        /// Probes one phone may ask for at once.
        probes_max: u32 = 2 => [1, 16];
    }
}

section! {
    /// The callee's gate: threshold 2, and what its answers may reveal.
    pub struct Gate {
        /// Threshold 2, in kbit/s each way: from here on, full voice.
        full_from_kbps: u32 = 64 => [8, 100_000];
        /// In kbit/s: from here on low-rate voice; below, the carrier.
        low_from_kbps: u32 = 32 => [8, 100_000];
        /// Questions of one caller about one callee.
        per_pair: Budget = Budget::new(20, Span::days(1));
        /// Questions of one caller about anybody.
        per_caller: Budget = Budget::new(500, Span::days(1));
        /// Strangers get their one answer exactly this long after they asked.
        stranger_delay: Span = Span::ms(600) => [Span::ms(0), Span::secs(10)];
        /// A verdict opens a call for this long.
        verdict_life: Span = Span::secs(30) => [Span::secs(1), Span::secs(600)];
        /// Questions and verdicts open at once.
        open_max: u32 = 65_536 => [16, 1_048_576];
    }
}

section! {
    /// Calls.
    pub struct Call {
        /// How long a call rings: one expiry that both sides obey.
        ring: Span = Span::secs(45) => [Span::secs(1), Span(tandem_wire::limits::RING_MAX)];
        /// A party without a session may come back within this while the call rings.
        ringing_grace: Span = Span::secs(10) => [Span::ms(0), Span::secs(120)];
        /// The same once the call is answered.
        answered_grace: Span = Span::secs(30) => [Span::ms(0), Span::secs(600)];
        /// Calls at once.
        calls_max: u32 = 20_000 => [1, 1_000_000];
        /// Calls one number may be part of at once.
        calls_per_number: u32 = 4 => [1, 64];
        /// Signalling kept for a party that is away, in envelopes.
        held_max: u32 = 64 => [1, 1_024];
        /// TURN credentials one party may ask for in one call.
        turn_grants_max: u32 = 4 => [1, 64];
        /// TURN credentials end with the call, and no later than this.
        turn_life: Span = Span::hours(4) => [Span::secs(10), Span::days(1)];
        /// How long the TURN server may take to answer.
        turn_wait: Span = Span::secs(2) => [Span::ms(10), Span::secs(60)];
    }
}

section! {
    /// Texts.
    pub struct Text {
        /// A text waits for its recipient this long; then its sender is told.
        life: Span = Span::days(30) => [Span::secs(1), Span::days(3_650)];
        /// The id of a text is remembered this long after it was stored: longer than any retry.
        remember: Span = Span::days(90) => [Span::secs(1), Span::days(3_650)];
        /// Texts waiting in one mailbox.
        mailbox_texts: u32 = 2_000 => [1, 1_000_000];
        /// Bytes waiting in one mailbox, in KiB.
        mailbox_kib: u32 = 32 * 1024 => [128, 1_048_576];
        /// Texts of one sender.
        per_sender: Budget = Budget::new(2_000, Span::hours(1));
        /// Swaps, of one sender, of texts the server has never seen.
        unseen_swaps: Budget = Budget::new(500, Span::hours(1));
        /// Texts, ends or receipts sent to a phone and not yet taken.
        window: u32 = 64 => [1, 1_024];
        /// Bytes of texts read from the store at once, in KiB.
        window_kib: u32 = 512 => [128, 16_384];
        /// What was sent and not taken for this long is sent again.
        resend_after: Span = Span::secs(30) => [Span::ms(100), Span::secs(3_600)];
    }
}
