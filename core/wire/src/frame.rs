//! The messages of wire v1 in model types.
//!
//! A session is one WebSocket per registered line. The server speaks first ([`ServerFrame::Challenge`]), the phone answers
//! with [`ClientFrame::Hello`], the server with [`ServerFrame::Welcome`] or [`ServerFrame::Goodbye`]. After that either side
//! sends what it has. Every request carries a [`Ticket`]; its answer, or [`ServerFrame::Refused`], carries the same one.
//!
//! Registration happens before there is a session, as [`RegisterRequest`] and [`RegisterReply`] over HTTPS.

use crate::roap::Roap;
use tandem_model::{
    CallId, DeviceKey, GateVerdict, ImsiToken, KeyedImsiKey, Mark, MarkGeneration, Msisdn, Nonce, NumberEpoch,
    RegistrationId, SealedBody, SealingKey, SenderSeq, ServerMillis, Signature, SmsToken, TerminalState, TextId,
    Ticket,
};

/// From phone to server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientFrame {
    /// First frame: who I am, proven over the challenge.
    Hello(Hello),
    /// Asks for the server's time; also the acknowledged round trip that "connected" means.
    TimeAsk {
        /// Echoed.
        ticket: Ticket,
    },
    /// Publishes the next sealing key.
    PublishSealingKey {
        /// Echoed in [`ServerFrame::Done`].
        ticket: Ticket,
        /// Signed by the device key.
        key: SealingKey,
    },
    /// Ends the registration of this session's number.
    Unregister {
        /// Echoed in [`ServerFrame::Done`].
        ticket: Ticket,
        /// Over [`tandem_model::vault::signed::unregister`].
        signature: Signature,
    },
    /// Changes what the server knows of my contacts, for matching marks.
    ContactsSync(ContactsSync),
    /// Asks for every mark that changed after a generation; also renews my lease.
    MarksAsk {
        /// Echoed in [`ServerFrame::Marks`].
        ticket: Ticket,
        /// The newest generation I have; zero for all.
        since: MarkGeneration,
    },
    /// Asks the server to measure with me: it reports on my train and sends one of its own.
    ProbeAsk {
        /// Names the probe in its trains and reports.
        ticket: Ticket,
    },
    /// One frame of a packet train.
    Train(Train),
    /// What I saw of the server's train.
    TrainReport(TrainReport),
    /// May I call this number over data now? The server measures the callee.
    GateAsk {
        /// Echoed in [`ServerFrame::GateAnswer`].
        ticket: Ticket,
        /// The call it is about.
        call: CallId,
        /// The callee.
        to: Msisdn,
    },
    /// Signalling of a call, for the peer.
    Call(CallEnvelope),
    /// Asks for STUN and TURN with credentials bound to one call.
    IceAsk {
        /// Echoed in [`ServerFrame::Ice`].
        ticket: Ticket,
        /// The call.
        call: CallId,
    },
    /// Hands over a text.
    SendText(SendText),
    /// These texts are durable here; the server may forget them.
    TextTaken {
        /// Sender and id.
        texts: Vec<(Msisdn, TextId)>,
    },
    /// These ends are durable here; the server may forget them.
    TextStateTaken {
        /// Ids of mine.
        ids: Vec<TextId>,
    },
    /// Compare-and-swap from stored to an end of the sender's choice.
    TextSwap {
        /// Echoed in [`ServerFrame::TextSwapAnswer`].
        ticket: Ticket,
        /// A text of mine.
        id: TextId,
        /// The recipient, for a text the server may not have seen yet.
        to: Msisdn,
        /// Cancelled or HandedToSms; nothing else is accepted.
        end: TerminalState,
    },
    /// The user read these texts. Stored for their sender like an end.
    ReadReceipt {
        /// Echoed in [`ServerFrame::Done`].
        ticket: Ticket,
        /// Sender of the texts.
        from: Msisdn,
        /// Which.
        ids: Vec<TextId>,
    },
    /// These read receipts are durable here; the server may forget them.
    ReadTaken {
        /// Who read.
        by: Msisdn,
        /// Ids of mine.
        ids: Vec<TextId>,
    },
}

/// From server to phone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerFrame {
    /// First frame of a session.
    Challenge {
        /// To be signed.
        nonce: Nonce,
        /// Oldest version spoken.
        version_min: u32,
        /// Newest version spoken.
        version_max: u32,
    },
    /// The session stands.
    Welcome(Welcome),
    /// The session ends, or cannot begin.
    Goodbye(Goodbye),
    /// The server's time.
    Time {
        /// From the question.
        ticket: Ticket,
        /// Now.
        now: ServerMillis,
    },
    /// A request without a richer answer is done and durable.
    Done {
        /// From the request.
        ticket: Ticket,
    },
    /// A request is refused.
    Refused {
        /// From the request.
        ticket: Ticket,
        /// Why, and thereby what to do differently.
        reason: RefuseReason,
        /// Try again no sooner than this many milliseconds from now; zero when trying again is useless.
        retry_after_ms: u32,
    },
    /// Marks that changed; unasked (ticket zero) when something changed.
    Marks(Marks),
    /// One frame of a packet train.
    Train(Train),
    /// What the server saw of my train.
    TrainReport(TrainReport),
    /// The gate's answer: never a rate.
    GateAnswer {
        /// From the question.
        ticket: Ticket,
        /// The call it is about.
        call: CallId,
        /// Ok, use carrier, later, or the answer strangers get.
        verdict: GateVerdict,
    },
    /// Signalling of a call, from the peer.
    Call(CallEnvelope),
    /// STUN and TURN servers for one call.
    Ice(Ice),
    /// The text is durable at the server.
    TextStored {
        /// From the request.
        ticket: Ticket,
        /// Which.
        id: TextId,
        /// When; the same again when it was handed over twice.
        stored_at: ServerMillis,
    },
    /// A text for me.
    DeliverText(DeliverText),
    /// The end of a text of mine, repeated until taken.
    TextState {
        /// Which.
        id: TextId,
        /// The recipient.
        to: Msisdn,
        /// How it ended.
        state: TerminalState,
        /// When.
        at: ServerMillis,
    },
    /// Who won the compare-and-swap.
    TextSwapAnswer {
        /// From the request.
        ticket: Ticket,
        /// Which.
        id: TextId,
        /// The text's one end: the one asked for when the swap was won, else the one that was there first.
        end: TerminalState,
    },
    /// Texts of mine that were read, repeated until taken.
    ReadReceipt {
        /// Who read.
        by: Msisdn,
        /// Which.
        ids: Vec<TextId>,
    },
}

/// Who I am.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// The version chosen from the challenge's range.
    pub version: u32,
    /// My number.
    pub number: Msisdn,
    /// My epoch of it.
    pub epoch: NumberEpoch,
    /// Over [`tandem_model::vault::signed::session`].
    pub signature: Signature,
    /// The newest generation of marks I hold; the server sends what came after.
    pub marks_since: MarkGeneration,
    /// True when this device holds no texts or marks from before (a new database).
    pub fresh: bool,
}

/// The session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Welcome {
    /// The server's time.
    pub now: ServerMillis,
    /// My lease ends then unless I am heard again.
    pub lease_until: ServerMillis,
    /// How often to sync marks, in milliseconds, before jitter.
    pub marks_interval_ms: u32,
    /// How often to let the session be heard when nothing else is sent, in milliseconds.
    pub keepalive_ms: u32,
    /// How long a ring lasts, in milliseconds.
    pub ring_ms: u32,
}

/// The session ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Goodbye {
    /// Why.
    pub reason: GoodbyeReason,
    /// Come back no sooner than this many milliseconds from now.
    pub retry_after_ms: u32,
}

/// Why a session ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GoodbyeReason {
    /// The server stops for a while; come back.
    ShuttingDown,
    /// The signature or the epoch is not the one on record: register again.
    NotRegistered,
    /// The number was registered with another key since: this registration is over, and the user must know.
    RegisteredElsewhere,
    /// A newer session of the same registration took over.
    Displaced,
    /// No common version.
    Version,
    /// The phone broke the protocol or its limits.
    Protocol,
    /// Too many sessions; come back later.
    Busy,
    /// This phone reads too slowly; come back.
    TooSlow,
}

/// Why a request is refused. Each says what to do differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RefuseReason {
    /// Too many requests of this kind: wait as told.
    Budget,
    /// The server cannot store now: wait as told; nothing was stored.
    Storage,
    /// The recipient is not available to the sender: use the carrier.
    NotAvailable,
    /// The recipient's number has another owner since: ask for marks, ask the user.
    RecipientChanged,
    /// The recipient's mailbox is full: wait as told or use the carrier.
    MailboxFull,
    /// The request makes no sense in this state: a defect of the phone.
    Invalid,
    /// The call is unknown, over, or not permitted by the gate.
    NoSuchCall,
    /// The server is going down: send again in the next session.
    ShuttingDown,
    /// The signature does not verify.
    BadSignature,
}

/// Contacts for matching.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContactsSync {
    /// Echoed in [`ServerFrame::Marks`], which carries the marks of the added numbers.
    pub ticket: Ticket,
    /// First page of a full sync: forget what was known.
    pub replace: bool,
    /// Added numbers.
    pub added: Vec<Msisdn>,
    /// Removed numbers.
    pub removed: Vec<Msisdn>,
}

/// Marks that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marks {
    /// From the request; zero when unasked.
    pub ticket: Ticket,
    /// The generation this page brings me to.
    pub generation: MarkGeneration,
    /// What changed.
    pub marks: Vec<Mark>,
    /// More pages follow under the same ticket.
    pub more: bool,
    /// My own lease's end.
    pub lease_until: ServerMillis,
}

/// One frame of a packet train: filling whose arrival is timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Train {
    /// The probe.
    pub probe: Ticket,
    /// Which of the probe's trains: 0 back to back, 1 paced.
    pub round: u32,
    /// This frame's place, from 0.
    pub index: u32,
    /// Frames in the train, at most [`crate::limits::TRAIN_COUNT_MAX`].
    pub count: u32,
    /// Bytes of filling, at most [`crate::limits::TRAIN_FILL_MAX`].
    pub fill: u32,
}

/// What the receiver saw of a train.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrainReport {
    /// The probe.
    pub probe: Ticket,
    /// Which of the probe's trains.
    pub round: u32,
    /// Frames that came.
    pub frames: u32,
    /// Bytes of the frames after the first, whole frames as they stood on the socket.
    pub bytes_after_first: u32,
    /// From the first frame's arrival to the last one's, in microseconds.
    pub spread_us: u64,
}

/// A call's signalling (DESIGN S1): who, which call, until when, and one body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallEnvelope {
    /// The call.
    pub call: CallId,
    /// The sender. The server replaces it by the session's own number, so it cannot be forged.
    pub from: Msisdn,
    /// The receiver.
    pub to: Msisdn,
    /// The one expiry of the ring both sides obey, in server time. Set by the server on the first offer.
    pub ring_until: ServerMillis,
    /// What is said.
    pub body: CallBody,
}

/// What is said in a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallBody {
    /// A ROAP object. OFFER and ANSWER carry the signature over the DTLS fingerprint in their SDP.
    Roap {
        /// The object.
        roap: Roap,
        /// Over [`tandem_model::vault::signed::fingerprint`] by the sender's device key; required with an SDP.
        fingerprint_signature: Option<Signature>,
    },
    /// The callee's phone rings.
    Alerting,
    /// A trickled ICE candidate (the `a=candidate` line's value), or the end of candidates when empty.
    Candidate(String),
    /// The call is over, and how the sender sees it. Always accepted.
    End(CallOver),
    /// On hold, or back from hold.
    Hold {
        /// True on hold.
        on: bool,
    },
}

/// Why a peer ended a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CallOver {
    /// Hung up after the answer.
    HungUp,
    /// The caller gave up before an answer.
    Cancelled,
    /// The callee refused.
    Refused,
    /// The callee is in another call.
    Busy,
    /// The ring expired.
    NoAnswer,
    /// This attempt lost against the one the other way round.
    Superseded,
    /// The sender's media failed.
    MediaFailed,
    /// The server lost the peer's session for too long.
    PeerLost,
    /// The conversation goes on through the carrier.
    ToCarrier,
    /// The server does not let it through (gate not passed, expired, unknown).
    Rejected,
}

/// STUN and TURN for one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ice {
    /// From the question.
    pub ticket: Ticket,
    /// The call the credentials are bound to.
    pub call: CallId,
    /// `stun:` and `turn:` addresses (RFC 7064, RFC 7065).
    pub urls: Vec<String>,
    /// TURN user name.
    pub username: String,
    /// TURN password.
    pub password: tandem_model::Secret<String>,
    /// The credentials end then.
    pub valid_until: ServerMillis,
}

/// A text handed to the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendText {
    /// Echoed in [`ServerFrame::TextStored`].
    pub ticket: Ticket,
    /// Unique with my number; the same again on every retry.
    pub id: TextId,
    /// The recipient.
    pub to: Msisdn,
    /// The owner of the number it is meant for.
    pub to_epoch: NumberEpoch,
    /// Its place among my texts to that number.
    pub seq: SenderSeq,
    /// Only the recipient can open it.
    pub sealed: SealedBody,
}

/// A text for me.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliverText {
    /// The sender.
    pub from: Msisdn,
    /// The owner of the sender's number.
    pub from_epoch: NumberEpoch,
    /// Its id at the sender.
    pub id: TextId,
    /// Its place among the sender's texts to me.
    pub seq: SenderSeq,
    /// Sealed to a key of mine.
    pub sealed: SealedBody,
    /// When the server stored it.
    pub stored_at: ServerMillis,
}

/// Registration, from phone to server over HTTPS (`POST /v1/register`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegisterRequest {
    /// Asks for the verification SMS.
    Start {
        /// The number to prove.
        number: Msisdn,
        /// The registration's key.
        device_key: DeviceKey,
        /// Over [`tandem_model::vault::signed::register_start`] by that key.
        signature: Signature,
        /// How this phone recognises the SMS.
        platform: SmsPlatform,
    },
    /// Proves the number.
    Confirm {
        /// From the start's reply.
        id: RegistrationId,
        /// What the SMS carried.
        proof: ConfirmProof,
        /// Keyed token of the IMSI, where the OS gives it.
        imsi: Option<ImsiToken>,
        /// First sealing key, signed by the device key.
        sealing_key: SealingKey,
        /// Over [`tandem_model::vault::signed::register_confirm`].
        signature: Signature,
    },
    /// Ends whatever this key opened or registered of a number, for a phone that never heard what became of its proof. Again is
    /// fine.
    Withdraw {
        /// The number.
        number: Msisdn,
        /// The registration's key.
        device_key: DeviceKey,
        /// Over [`tandem_model::vault::signed::register_withdraw`] by that key.
        signature: Signature,
    },
}

/// How a phone recognises its verification SMS: each platform wants its own last line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SmsPlatform {
    /// The dialer reads SMS itself: no last line.
    Dialer,
    /// Android's SMS Retriever: the 11-character hash of the app.
    Android {
        /// Exactly 11 characters of base64.
        app_hash: String,
    },
    /// Apple's domain-bound code: `@domain #code`.
    Apple {
        /// The domain, at most 64 bytes.
        domain: String,
    },
}

/// What proves a number.
#[derive(Clone, PartialEq, Eq)]
pub enum ConfirmProof {
    /// The token read from the SMS.
    Token(SmsToken),
    /// The eight digits a person typed.
    Code(String),
}

impl std::fmt::Debug for ConfirmProof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ConfirmProof::Token(_) => f.write_str("Token(..)"),
            ConfirmProof::Code(_) => f.write_str("Code(..)"),
        }
    }
}

/// Registration, from server to phone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegisterReply {
    /// The SMS is on its way. The same for numbers registered elsewhere and not: nobody can list users (P7).
    Started {
        /// Names the attempt.
        id: RegistrationId,
        /// The attempt ends then.
        expires_at: ServerMillis,
        /// The server's time, for showing how long is left.
        now: ServerMillis,
        /// Another SMS may be asked for after this many milliseconds.
        resend_after_ms: u32,
        /// Key for the IMSI token.
        imsi_key: KeyedImsiKey,
    },
    /// Registered.
    Confirmed {
        /// The number's new epoch, or the present one when the same key proved it again.
        epoch: NumberEpoch,
        /// The lease's end.
        lease_until: ServerMillis,
        /// The server's time.
        now: ServerMillis,
    },
    /// Nothing of this key is registered for the number, nor can be by what was asked before.
    Withdrawn,
    /// Refused.
    Refused {
        /// Why.
        reason: RegisterRefusal,
        /// Try again no sooner than this many milliseconds from now; zero when trying again is useless.
        retry_after_ms: u32,
    },
}

/// Why a registration is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RegisterRefusal {
    /// Too many attempts for this number: wait as told.
    NumberBudget,
    /// Too many attempts for numbers like this one: wait as told.
    PrefixBudget,
    /// Too many attempts from this source: wait as told.
    SourceBudget,
    /// The SMS cannot be sent now: wait as told.
    SmsUnavailable,
    /// The number cannot receive SMS, says the carrier: check the number.
    NumberUnreachable,
    /// The operator does not serve this number.
    NumberNotServed,
    /// Wrong code or token; tries are left.
    WrongProof {
        /// How many.
        tries_left: u32,
    },
    /// Tries are used up: start again.
    TriesUsedUp,
    /// The attempt is over or was never made: start again.
    Expired,
    /// The signature does not verify.
    BadSignature,
    /// The server cannot store now: wait as told.
    Storage,
    /// The request is malformed.
    Invalid,
}
