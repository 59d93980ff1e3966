//! The messages of wire v1 in model types.
//!
//! A session is one WebSocket per registered line. The server speaks first ([`ServerFrame::Challenge`]), the phone answers
//! with [`ClientFrame::Hello`], the server with [`ServerFrame::Welcome`] or [`ServerFrame::Goodbye`]. After that either side
//! sends what it has. Every request carries a [`Ticket`]; its answer, or [`ServerFrame::Refused`], carries the same one.
//!
//! Registration happens before there is a session, as [`RegisterRequest`] and [`RegisterReply`] over HTTPS.

mod call;
mod registration;
mod session;
mod text;
mod tokens;

pub use call::{CallBody, CallEnvelope, CallOver, Ice};
pub use registration::{ConfirmProof, RegisterRefusal, RegisterReply, RegisterRequest, SmsPlatform};
pub use session::{Goodbye, GoodbyeReason, Hello, RefuseReason, Welcome};
use tandem_model::{
    CallId, GateVerdict, Mark, MarkGeneration, Msisdn, Nonce, SealingKey, ServerMillis, Signature, TerminalState,
    TextId, Ticket,
};
pub use text::{DeliverText, SendText};
pub use tokens::{Evaluate, Evaluated, MarkKey, MarkKeys, TokensSync};

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
    /// Asks for every mark that changed after a generation; also renews my lease.
    MarksAsk {
        /// Echoed in [`ServerFrame::Marks`].
        ticket: Ticket,
        /// The newest generation I have; zero for all.
        since: MarkGeneration,
    },
    /// Changes the tokens the server matches my contacts by.
    TokensSync(TokensSync),
    /// Asks for pseudonyms of blinded numbers.
    Evaluate(Evaluate),
    /// Whether whoever has my number may see my mark, unless I block them. Kept by the server until it is changed.
    OpenMark {
        /// Echoed in [`ServerFrame::Done`].
        ticket: Ticket,
        /// Anyone with the number, or only those whose number I have too.
        open: bool,
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
    /// The keys contacts are matched under, and what is held of me.
    MarkKeys(MarkKeys),
    /// Blinded numbers, evaluated.
    Evaluated(Evaluated),
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
