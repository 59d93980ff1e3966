//! Everything that can happen to a phone, by origin.

use crate::direct::DirectInput;
use crate::files::FileInput;
use tandem_model::rows::SettingsRow;
use tandem_model::{
    CallId, Line, MonoMicros, Msisdn, OprfElement, OprfFault, PromptId, Pseudonym, Secret, SimSlot, TextId, Ticket,
};
use tandem_wire::{RegisterReply, ServerFrame};

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// The app asks for something. Answered once by [`crate::Effect::Reply`] under the same ticket.
    Command {
        /// From the shell's own count; the machine only echoes it.
        ticket: Ticket,
        /// What is asked.
        command: Command,
    },
    /// The phone's OS tells something.
    Host(HostInput),
    /// The connection to the server.
    Link(LinkInput),
    /// The store answers a commit.
    Store(StoreInput),
    /// The shell did something with blinded numbers.
    Oprf(OprfInput),
    /// Direct connections tell something.
    Direct(DirectInput),
    /// The disk answers about a file.
    File(FileInput),
    /// The media engine tells something about a call.
    Media {
        /// Which call.
        call: CallId,
        /// What.
        event: MediaInput,
    },
}

/// What an app can ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Register the number of a SIM. `typed` where the SIM does not hold it.
    Register {
        /// The SIM.
        line: Line,
        /// As the user typed it.
        typed: Option<Secret<String>>,
    },
    /// The user confirms the registration whose SMS was read.
    ConfirmRegistration {
        /// The SIM.
        line: Line,
    },
    /// The user typed the code of the SMS, which confirms as well.
    EnterCode {
        /// The SIM.
        line: Line,
        /// Eight digits.
        code: Secret<String>,
    },
    /// Ask for the SMS again.
    ResendSms {
        /// The SIM.
        line: Line,
    },
    /// Give up a registration that is under way.
    CancelRegistration {
        /// The SIM.
        line: Line,
    },
    /// End a registration; the mark clears everywhere.
    Unregister {
        /// The SIM.
        line: Line,
    },
    /// Block a number: its owner never sees this phone's mark. Blocking twice is fine.
    Block {
        /// As typed, or as a contact holds it.
        number: Secret<String>,
    },
    /// Block a number no more.
    Unblock {
        /// As typed, or as a contact holds it.
        number: Secret<String>,
    },
    /// Let whoever has a line's number see its mark, or only those whose number this phone has too. The server keeps it.
    SetOpenMark {
        /// The SIM.
        line: Line,
        /// True for whoever has the number.
        open: bool,
    },
    /// Sync marks now.
    SyncMarks,
    /// Call.
    Dial {
        /// Whom.
        target: Target,
        /// As which SIM; absent: the first registered one, else the first.
        line: Option<Line>,
        /// Over what.
        mode: Mode,
    },
    /// Pick up a ringing data call.
    Accept {
        /// Which.
        call: CallId,
    },
    /// Refuse a ringing data call.
    Refuse {
        /// Which.
        call: CallId,
    },
    /// End a call, in any state.
    HangUp {
        /// Which.
        call: CallId,
    },
    /// Put a call on hold, or take it back.
    Hold {
        /// Which.
        call: CallId,
        /// True for hold.
        on: bool,
    },
    /// Write a text.
    SendText {
        /// To whom.
        target: Target,
        /// As which SIM.
        line: Option<Line>,
        /// The words, 1 to 64 KiB of UTF-8.
        body: Secret<String>,
        /// Over what.
        mode: Mode,
    },
    /// Turn a waiting text into an SMS.
    TextToSms {
        /// Which.
        id: TextId,
    },
    /// Take back a waiting text.
    CancelText {
        /// Which.
        id: TextId,
    },
    /// The user read these texts.
    MarkRead {
        /// Their sender.
        from: Msisdn,
        /// Which.
        ids: Vec<TextId>,
    },
    /// Let a number learn where this phone is, so that its data comes straight here, or no longer.
    SetConsent {
        /// Whom.
        number: Msisdn,
        /// As which SIM; absent: the first registered one.
        line: Option<Line>,
        /// Whether.
        allow: bool,
    },
    /// Send a file straight to a number; answered with [`crate::Reply::File`]. What follows comes as events.
    SendFile {
        /// To whom.
        to: Msisdn,
        /// As which SIM; absent: the first registered one.
        line: Option<Line>,
        /// Where it lies on this phone.
        path: Secret<String>,
        /// What its receiver is told as its name, 1 to [`crate::files::NAME_MAX`] bytes.
        name: String,
    },
    /// Send a datagram of an application straight to a number, or not at all.
    SendDatagram {
        /// To whom.
        to: Msisdn,
        /// As which SIM; absent: the first registered one.
        line: Option<Line>,
        /// Which application it is for, from 1.
        application: u32,
        /// What it says, 1 to [`crate::direct::DATAGRAM_BODY_MAX`] bytes.
        body: Secret<Vec<u8>>,
    },
    /// Answer a prompt.
    Answer {
        /// Which.
        prompt: PromptId,
        /// One of its choices.
        choice: crate::view::Choice,
    },
    /// Change the settings.
    Settings(SettingsRow),
}

/// Whom to reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Digits as dialed or as a contact holds them.
    Number(Secret<String>),
    /// A contact with its numbers; when several are marked the user is asked once.
    Contact {
        /// The host's stable id.
        contact: String,
        /// Its numbers.
        numbers: Vec<Secret<String>>,
    },
}

/// Over what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mode {
    /// Over data, asking when data will not do.
    Data,
    /// Through the carrier, asking nothing.
    Carrier,
}

/// What the OS tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostInput {
    /// The SIMs that are in the phone now.
    Sims(Vec<SimSlot>),
    /// The network path changed; measurements of the old one are void.
    Network(NetworkSnapshot),
    /// The phone book. Raw numbers; read in the first SIM's country.
    Contacts {
        /// True for the first page of the whole book.
        replace: bool,
        /// Added.
        added: Vec<Secret<String>>,
        /// Removed.
        removed: Vec<Secret<String>>,
    },
    /// A page of the whole phone book. Numbers that no page named are removed at the last one; a reading that stops
    /// before it removes nothing.
    BookPage {
        /// True for the first page.
        first: bool,
        /// True for the last page.
        last: bool,
        /// Raw numbers.
        numbers: Vec<Secret<String>>,
    },
    /// Something waits at the server, says a push or the OS.
    Woken,
    /// The OS's own list of emergency numbers, for where the phone is now.
    EmergencyNumbers(Vec<String>),
    /// An SMS came.
    SmsReceived {
        /// To which SIM.
        line: Line,
        /// From whom, as the network shows it (may be alphanumeric).
        from: Secret<String>,
        /// The words.
        body: Secret<String>,
    },
    /// The answer to [`crate::Effect::SendSms`].
    SmsSent {
        /// From the order.
        ticket: Ticket,
        /// False when the carrier or the OS refused it.
        ok: bool,
    },
    /// The answer to [`crate::Effect::DialCarrier`]: the OS took the call, or could not.
    CarrierDialed {
        /// From the order.
        ticket: Ticket,
        /// False when the OS refused it.
        ok: bool,
    },
    /// What a carrier call does, whoever placed it.
    CarrierCall {
        /// The ticket of the order that placed it; absent for calls the machine did not order.
        ticket: Option<Ticket>,
        /// What it does.
        state: CarrierCallState,
    },
}

/// What a carrier call does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CarrierCallState {
    /// Rings here.
    Ringing,
    /// Both can talk.
    Active,
    /// Over.
    Ended,
}

/// The network path as the OS sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct NetworkSnapshot {
    /// Counts changes of interface, address or radio: another value is another path.
    pub path: u64,
    /// Whether there is any data path.
    pub connected: bool,
    /// Wi-Fi or wired rather than a moving radio.
    pub wifi: bool,
    /// What the OS believes of the rate in bit/s: may refuse a call (2G), never allow one.
    pub hint_bps: Option<u64>,
}

/// One connection attempt to the server; a late word about an older one is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct LinkId(pub u64);

/// What the connection tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkInput {
    /// The WebSocket stands; the server speaks first.
    Opened {
        /// The SIM.
        line: Line,
        /// The attempt.
        link: LinkId,
    },
    /// A frame came.
    Frame {
        /// The SIM.
        line: Line,
        /// The attempt.
        link: LinkId,
        /// What it says.
        frame: ServerFrame,
        /// When it came off the socket, for packet trains.
        at: MonoMicros,
        /// Its size on the socket.
        wire_bytes: u32,
    },
    /// The connection is gone, or never came.
    Closed {
        /// The SIM.
        line: Line,
        /// The attempt.
        link: LinkId,
    },
    /// The answer to [`crate::Effect::Register`].
    Registered {
        /// From the order.
        ticket: Ticket,
        /// `None` when no answer came: the outcome is unknown, ask again with the same request (law 6).
        reply: Option<RegisterReply>,
    },
}

/// What the store tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreInput {
    /// Durable.
    Committed {
        /// From the order.
        ticket: Ticket,
        /// Positions of the changes that were there already, by the order of the changes.
        duplicates: Vec<usize>,
    },
    /// Not durable, nothing of it.
    Failed {
        /// From the order.
        ticket: Ticket,
        /// Why.
        why: StoreFailure,
    },
}

/// Why a commit failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StoreFailure {
    /// No space; try again when there is.
    Full,
    /// The database is broken or gone.
    Broken,
}

/// What the shell tells of blinded numbers. Blinding and unblinding take a tenth of a millisecond a number and more, which is
/// too long for the machine's thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OprfInput {
    /// The answer to [`crate::Effect::Blind`].
    Blinded {
        /// From the order.
        ticket: Ticket,
        /// One element a number, in their order.
        blinded: Result<Vec<OprfElement>, OprfFault>,
    },
    /// The answer to [`crate::Effect::Finish`].
    Finished {
        /// From the order.
        ticket: Ticket,
        /// One pseudonym a number, in their order.
        outcome: Result<Vec<Pseudonym>, OprfFault>,
    },
}

/// What the media engine tells of one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MediaInput {
    /// The offer asked for.
    Offer {
        /// Full SDP so far; more candidates may trickle.
        sdp: String,
        /// Its DTLS fingerprint ("sha-256 AB:CD:..").
        fingerprint: String,
    },
    /// The answer asked for.
    Answer {
        /// Full SDP so far.
        sdp: String,
        /// Its DTLS fingerprint.
        fingerprint: String,
    },
    /// A local candidate to trickle.
    Candidate(String),
    /// Media can flow both ways.
    Connected,
    /// Media stopped flowing; it may come back by itself.
    Disconnected,
    /// Media cannot be set up or will not come back.
    Failed,
    /// The first sound of the peer was played.
    FirstSound,
}
