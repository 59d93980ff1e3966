//! Everything the machine can order. Orders carry tickets; their results come back as inputs (law 3).

use crate::direct::DirectOrder;
use crate::files::{ArrivedFile, FileOrder, FileView};
use crate::input::LinkId;
use crate::view::{ArrivedText, CallView, MarkView, Notice, Prompt, RegistrationView, TextView};
use tandem_model::rows::{Change, LogRow};
use tandem_model::{
    CallId, Line, MarkPublicKey, Msisdn, OprfElement, OprfProof, PromptId, Secret, TextBody, TextId, Ticket,
};
use tandem_wire::frame::FileId;
use tandem_wire::{ClientFrame, RegisterRequest};

/// One order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The answer to a command.
    Reply {
        /// From the command.
        ticket: Ticket,
        /// What came of it.
        reply: Result<Reply, Refusal>,
    },
    /// Make these rows durable, all or none, and answer with [`crate::StoreInput`].
    Commit {
        /// To answer by.
        ticket: Ticket,
        /// The rows.
        changes: Vec<Change>,
    },
    /// Open a session connection for a line; answer with [`crate::LinkInput`].
    Connect {
        /// The SIM.
        line: Line,
        /// The attempt.
        link: LinkId,
    },
    /// Close it; no answer is expected.
    Disconnect {
        /// The SIM.
        line: Line,
        /// The attempt.
        link: LinkId,
    },
    /// Send a frame. Dropped when the connection is gone: whoever waits has a deadline.
    Send {
        /// The SIM.
        line: Line,
        /// The attempt.
        link: LinkId,
        /// What to say.
        frame: ClientFrame,
    },
    /// Ask the server about a registration; answer with [`crate::LinkInput::Registered`].
    Register {
        /// To answer by.
        ticket: Ticket,
        /// What to ask.
        request: RegisterRequest,
    },
    /// Dial through the carrier. Never waits for anything.
    DialCarrier {
        /// To answer by.
        ticket: Ticket,
        /// The call that goes on through the carrier; absent where nothing was ever tried over data.
        call: Option<CallId>,
        /// The SIM; absent: the OS's default (an emergency call with no SIM).
        line: Option<Line>,
        /// What to dial, as it is.
        digits: Secret<String>,
    },
    /// Send an SMS through the carrier.
    SendSms {
        /// To answer by.
        ticket: Ticket,
        /// The SIM.
        line: Option<Line>,
        /// To whom, as dialed or in E.164.
        to: Secret<String>,
        /// The words.
        body: TextBody,
    },
    /// Blind these numbers, off the machine's thread, and keep what they were blinded with under the ticket, in memory only;
    /// answer with [`crate::OprfInput::Blinded`].
    Blind {
        /// To answer by.
        ticket: Ticket,
        /// From 1 to [`tandem_wire::limits::EVALUATE_MAX`].
        numbers: Vec<Msisdn>,
    },
    /// Verify an evaluation and take the pseudonyms out of it, off the machine's thread; answer with
    /// [`crate::OprfInput::Finished`]. What the numbers were blinded with is forgotten then.
    Finish {
        /// To answer by.
        ticket: Ticket,
        /// The ticket the numbers were blinded under.
        job: Ticket,
        /// The key they are said to be evaluated under.
        key: MarkPublicKey,
        /// The evaluation.
        evaluated: Vec<OprfElement>,
        /// Its proof.
        proof: OprfProof,
    },
    /// Forget what numbers were blinded with, if it is still there; no answer is expected.
    ForgetBlind {
        /// The ticket they were blinded under.
        job: Ticket,
    },
    /// Something for the media engine.
    Media {
        /// Which call.
        call: CallId,
        /// What.
        order: MediaOrder,
    },
    /// Something for direct connections.
    Direct(DirectOrder),
    /// Something for a file on this phone's disk.
    File(FileOrder),
    /// Something for the app.
    Emit(Event),
}

/// Orders to the media engine, per call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MediaOrder {
    /// Make ready. Always the first.
    Open {
        /// STUN and TURN addresses; may be empty.
        urls: Vec<String>,
        /// TURN user name.
        username: String,
        /// TURN password.
        password: Secret<String>,
        /// Low-rate voice.
        low_rate: bool,
    },
    /// Answer with [`crate::MediaInput::Offer`].
    MakeOffer,
    /// Take the offer and answer with [`crate::MediaInput::Answer`].
    MakeAnswer {
        /// The peer's SDP.
        offer: String,
    },
    /// Take the peer's answer.
    TakeAnswer {
        /// The peer's SDP.
        sdp: String,
        /// Another follows.
        provisional: bool,
    },
    /// Forget my offer (glare).
    Rollback,
    /// A candidate of the peer.
    AddCandidate(String),
    /// Let the microphone in and the speaker out: the call was answered.
    StartSound,
    /// Stop or restart sound both ways.
    Hold {
        /// True for hold.
        on: bool,
    },
    /// Release everything. Always the last.
    Close,
}

/// What the app is told. State is latest-wins by its key; occurrences are never dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// State of a line's registration.
    Registration(RegistrationView),
    /// State of a line's connection: true when a session stands.
    Online {
        /// The SIM.
        line: Line,
        /// Whether it stands.
        online: bool,
    },
    /// Marks that changed.
    Marks(Vec<MarkView>),
    /// A question.
    Prompt(Prompt),
    /// A question nobody waits for any more.
    PromptGone(PromptId),
    /// State of a call.
    Call(CallView),
    /// State of a text of mine.
    Text(TextView),
    /// A text for me came.
    TextArrived(ArrivedText),
    /// A log entry changed.
    Log(LogRow),
    /// State of a file of mine.
    File(FileView),
    /// A file came straight from its sender, whole.
    FileArrived(ArrivedFile),
    /// A datagram of an application came straight from its sender.
    DatagramArrived {
        /// To which SIM.
        line: Line,
        /// From whom, proven.
        from: Msisdn,
        /// Which application it is for.
        application: u32,
        /// What it says.
        body: Secret<Vec<u8>>,
    },
    /// Something the user must know.
    Notice(Notice),
}

/// What came of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Taken; what follows comes as events.
    Done,
    /// A call attempt began under this id.
    Call(CallId),
    /// It was dialed through the carrier without ever entering the data path.
    CarrierDialed,
    /// The text is durable here under this id.
    Text(TextId),
    /// The file is on its way, or waits for one, under this id.
    File(FileId),
    /// A prompt asks the user first.
    Asking(PromptId),
}

/// Why a command is refused: each says what to do differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum Refusal {
    /// The prompt, call, text or registration is gone or is in another state by now.
    #[error("what this is about is over")]
    Stale,
    /// The line is not registered: register first, or use the carrier.
    #[error("this line is not registered")]
    NotRegistered,
    /// There is no such SIM.
    #[error("there is no such SIM")]
    NoSuchLine,
    /// What was typed is no number.
    #[error("this is not a telephone number")]
    BadNumber,
    /// The text is empty or too long.
    #[error("the text is empty or too long")]
    BadBody,
    /// Emergency, short, service and MMI numbers take no texts over data and no prompts.
    #[error("this number only works through the carrier")]
    CarrierOnly,
    /// Too many of these at once.
    #[error("too many of these at once")]
    Full,
    /// It may not be asked for again yet: ask when the wait is over.
    #[error("this may not be asked for again yet")]
    TooEarly {
        /// The wait that is left, in milliseconds, from 1.
        wait_ms: u32,
    },
    /// The device cannot store it: nothing was sent.
    #[error("the device cannot store this")]
    StoreFailed,
    /// The server cannot be asked now: try again when online.
    #[error("there is no connection to the server")]
    Offline,
    /// There is no direct connection to them now; one is being looked for: ask again.
    #[error("there is no direct connection to them")]
    NotReachable,
    /// A registration is already under way on this line.
    #[error("this is already under way")]
    Busy,
    /// The choice is none of the prompt's.
    #[error("this is no choice of the prompt")]
    NoSuchChoice,
}
