//! What the server orders its shell to do. Drained to `None` before the next input (law 1).

use crate::input::ConnId;
use crate::key_question::KeyQuestion;
use crate::store_op::StoreOp;
use std::time::Duration;
use tandem_model::{CallId, Msisdn, Secret, ServerMillis, SmsToken, Ticket};
use tandem_wire::frame::{Resolved, SmsPlatform};
use tandem_wire::{RegisterReply, ServerFrame};

/// One order.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Queue a frame on a connection, behind those queued before it. A full queue is told as
    /// [`crate::Input::SendQueueFull`]; a connection that is gone is ignored.
    Send {
        /// On which connection.
        conn: ConnId,
        /// The frame.
        frame: ServerFrame,
    },
    /// Close a connection once what is queued has left, or after a short wait of the shell's. No `SessionClosed` is
    /// needed for it, and one does no harm.
    Close {
        /// Which.
        conn: ConnId,
    },
    /// Answer a registration request.
    RegisterReply {
        /// From the request.
        ticket: Ticket,
        /// The answer.
        reply: RegisterReply,
    },
    /// Do this in the store, in the order of these effects, and answer with [`crate::Input::StoreAnswer`] once it is durable.
    Store {
        /// Echoed in the answer.
        ticket: Ticket,
        /// When, in server time.
        at: ServerMillis,
        /// What.
        op: StoreOp,
    },
    /// Ask whoever holds the keys of marks. Answer with [`crate::Input::KeyAnswer`], in any order; an answer that says nothing was
    /// done is one too.
    KeyAsk {
        /// Echoed in the answer.
        ticket: Ticket,
        /// When, in server time.
        at: ServerMillis,
        /// What.
        question: KeyQuestion,
    },
    /// Send a verification SMS. The attempt behind it is durable.
    SendSms(VerificationSms),
    /// Make TURN credentials bound to one call. Answer with [`crate::Input::TurnGranted`].
    GrantTurn {
        /// Echoed in the answer.
        ticket: Ticket,
        /// The call they are bound to.
        call: CallId,
        /// The party they are for.
        number: Msisdn,
        /// They end then, or with the call.
        valid_until: ServerMillis,
    },
    /// The call is over: its credentials and relays end now. Comes for each call
    /// that had a grant, and may come again.
    RevokeTurn {
        /// Which.
        call: CallId,
    },
    /// Where does the access network say that this number is? Answer at once with [`crate::Input::Located`].
    Locate {
        /// Echoed in the answer.
        lookup: u64,
        /// Which number.
        number: Msisdn,
    },
    /// The answer to [`crate::Input::Redeem`].
    Redeemed {
        /// From the question.
        ticket: Ticket,
        /// Whose address, and where; `None` when the capability opens nothing.
        resolved: Option<(Msisdn, Resolved)>,
    },
    /// Something worth counting happened.
    Count(Metric),
    /// Everything asked for before the shutdown is durable and answered, or its wait is over. The shell may end.
    Stopped,
}

/// The words of a verification SMS, before a template for the phone's platform puts them together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerificationSms {
    /// Names this SMS in [`crate::Input::SmsOutcome`] and receipts. Unique for this process's life.
    pub message_ref: u64,
    /// The number being proven.
    pub to: Msisdn,
    /// For the phone.
    pub token: SmsToken,
    /// For a person: eight digits.
    pub code: Secret<String>,
    /// How the phone recognises it.
    pub platform: SmsPlatform,
    /// No use after this.
    pub validity: Duration,
}

/// What is counted. Never carries a number (law 8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Metric {
    /// A connection was challenged.
    SessionOpened,
    /// A session stands.
    SessionWelcomed,
    /// A connection was refused or ended by the server.
    SessionEnded(tandem_wire::frame::GoodbyeReason),
    /// A session was not heard for too long.
    SessionSilent,
    /// A registration was started: its phone was told to wait for its SMS.
    RegistrationStarted,
    /// A number was proven by a new key.
    RegistrationConfirmed,
    /// A registration request was refused.
    RegistrationRefused,
    /// A registration ended.
    RegistrationEnded,
    /// The SMS network took a text.
    SmsAccepted,
    /// The SMS network did not take a text.
    SmsRefused,
    /// A receipt said an SMS was delivered.
    SmsDelivered,
    /// A receipt said an SMS was not delivered.
    SmsUndelivered,
    /// A phone sent an SMS nobody asked for.
    SmsIncoming,
    /// The gate answered a permitted caller.
    GateAnswered(tandem_model::GateVerdict),
    /// A callee was measured rather than looked up.
    CalleeProbed,
    /// A call was routed for the first time.
    CallStarted,
    /// A call was answered.
    CallAnswered,
    /// A call ended.
    CallEnded,
    /// A text became durable.
    TextStored,
    /// A text came a second time.
    TextDuplicate,
    /// A text was refused.
    TextRefused,
    /// A text ended.
    TextEnded(tandem_model::TerminalState),
    /// Texts, ends or receipts were sent again because nobody took them.
    Resent,
    /// A request was refused.
    Refused(tandem_wire::RefuseReason),
    /// The store failed an operation.
    StoreFailed,
    /// The key holder is there, with keys it was not there with before.
    KeyHolderHere,
    /// The key holder went away.
    KeyHolderAway,
    /// The key holder has a key under a name that another key had: it is not worked with.
    KeyChanged,
    /// The key holder did not answer a question.
    KeyHolderFailed,
    /// Two phones told a token that is not the pair's.
    PairForged,
    /// A lease ended because its phone is known to be out of reach.
    LeaseEnded(crate::input::Unseen),
    /// A result came that nobody waits for (law 3).
    LateResult,
}
