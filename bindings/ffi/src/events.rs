//! What the app is told, and what it can look at.

use crate::calls::CallView;
use crate::direct::{FileState, hex};
use crate::history::LogEntry;
use crate::prompts::Prompt;
use crate::registration::RegistrationView;
use crate::settings::UserSettings;
use crate::texts::{ArrivedText, TextView};
use tandem_engine::{Views, view};
use tandem_model::{Line, Msisdn, PromptId};

/// One thing the app is told. State (registration, online, marks, call, text) is the latest of its kind; the rest are
/// occurrences, each told once.
#[derive(Clone, uniffi::Enum)]
pub enum Event {
    /// State of a line's registration.
    Registration {
        /// As of now.
        view: RegistrationView,
    },
    /// State of a line's connection to the server.
    Online {
        /// The SIM.
        line: Line,
        /// Whether it stands.
        online: bool,
    },
    /// Marks that changed.
    Marks {
        /// Each number once.
        changed: Vec<MarkView>,
    },
    /// A question to the user.
    Prompt {
        /// The question.
        prompt: Prompt,
    },
    /// A question nobody waits for any more.
    PromptGone {
        /// Which.
        id: PromptId,
    },
    /// State of a call.
    Call {
        /// As of now.
        view: CallView,
    },
    /// State of a text of mine.
    Text {
        /// As of now.
        view: TextView,
    },
    /// A text for me came; it is kept already.
    TextArrived {
        /// The text.
        text: ArrivedText,
    },
    /// State of a file of mine.
    File {
        /// The transfer.
        id: String,
        /// To whom.
        to: Msisdn,
        /// As of now.
        state: FileState,
    },
    /// A file came straight from its sender, whole; it lies at `path` and is the app's to move or delete.
    FileArrived {
        /// To which SIM.
        line: Line,
        /// From whom, proven.
        from: Msisdn,
        /// As its sender calls it. It is no path.
        name: String,
        /// Where it lies.
        path: String,
        /// In bytes.
        size: u64,
    },
    /// A datagram of an application came straight from its sender. It is kept nowhere.
    DatagramArrived {
        /// To which SIM.
        line: Line,
        /// From whom, proven.
        from: Msisdn,
        /// Which application it is for.
        application: u32,
        /// What it says.
        body: Vec<u8>,
    },
    /// An entry of the call log is new or changed.
    Log {
        /// As of now.
        entry: LogEntry,
    },
    /// Something the user must know.
    Notice {
        /// What.
        notice: Notice,
        /// The same for the user, in English: a sentence to translate from.
        text: String,
    },
    /// The core met a fault it cannot go on from, and this is the last event. The carrier still works: `dial` and the prompts
    /// that are open go there.
    Stopped {
        /// Which.
        fault: Fault,
        /// The same for the user, in English: a sentence to translate from.
        text: String,
    },
}

/// Something the user must know that is no state of one call, text or registration.
#[derive(Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum Notice {
    /// The database could not be read and was set aside; history is gone, the phone goes on.
    StoreRecovered,
    /// The server showed another key for matching contacts than before under the same name, which no honest one does: nothing is matched
    /// under it.
    MarkKeyChanged,
    /// Storage is full: texts cannot be kept.
    StorageFull,
    /// The database cannot be opened or written: texts cannot be kept, history cannot be read, and calls go on.
    StoreUnavailable,
    /// Events were dropped because too many waited: read threads, log and state again.
    Resync,
}

pub use view::Fault;

/// What a core cannot go on from.
#[uniffi::remote(Enum)]
pub enum Fault {
    /// It panicked.
    Panic,
    /// It made no progress for longer than it may.
    Hang,
}

/// An event and its number.
#[derive(Clone, uniffi::Record)]
pub struct NumberedEvent {
    /// To be named as seen in the next call of `next_events`.
    pub number: u64,
    /// The event.
    pub event: Event,
}

/// The mark of one number, as shown.
#[derive(Clone, Copy, uniffi::Record)]
pub struct MarkView {
    /// Whose.
    pub number: Msisdn,
    /// What is shown.
    pub shown: MarkShown,
}

pub use view::MarkShown;

/// What is shown beside a contact's number.
#[uniffi::remote(Enum)]
pub enum MarkShown {
    /// Reachable over data.
    Marked,
    /// Was reachable, but not seen lately.
    NotSeenLately,
    /// Nothing.
    Unmarked,
}

/// Everything an app shows, as one snapshot.
#[derive(Clone, uniffi::Record)]
pub struct CoreState {
    /// Every line's registration.
    pub registrations: Vec<RegistrationView>,
    /// Lines whose connection to the server stands.
    pub online: Vec<Line>,
    /// Calls that are not over.
    pub calls: Vec<CallView>,
    /// Open questions, oldest first.
    pub prompts: Vec<Prompt>,
    /// Numbers that show a mark, each with it.
    pub marks: Vec<MarkView>,
    /// The user's settings; without a database what they are at first.
    pub settings: UserSettings,
}

impl From<(u64, tandem_engine::Event)> for NumberedEvent {
    fn from((number, event): (u64, tandem_engine::Event)) -> NumberedEvent {
        NumberedEvent { number, event: event.into() }
    }
}

impl From<tandem_engine::Event> for Event {
    fn from(event: tandem_engine::Event) -> Event {
        use tandem_engine::Event as From;
        match event {
            From::Registration(view) => Event::Registration { view: view.into() },
            From::Online { line, online } => Event::Online { line, online },
            From::Marks(marks) => Event::Marks { changed: marks.into_iter().map(MarkView::from).collect() },
            From::Prompt(prompt) => Event::Prompt { prompt: prompt.into() },
            From::PromptGone(id) => Event::PromptGone { id },
            From::Call(view) => Event::Call { view: view.into() },
            From::Text(view) => Event::Text { view: view.into() },
            From::TextArrived(text) => Event::TextArrived { text: text.into() },
            From::File(view) => Event::File { id: hex(&view.id.0), to: view.to, state: view.state.into() },
            From::FileArrived(file) => Event::FileArrived {
                line: file.from.line,
                from: file.from.number,
                name: file.name.into_inner(),
                path: file.path.into_inner(),
                size: file.size,
            },
            From::DatagramArrived { line, from, application, body } => {
                Event::DatagramArrived { line, from, application, body: body.into_inner() }
            }
            From::Log(row) => Event::Log { entry: row.into() },
            From::Notice(notice) => noticed(notice),
        }
    }
}

fn noticed(from: view::Notice) -> Event {
    let text = from.user_text().to_owned();
    let notice = match from {
        view::Notice::StoreRecovered => Notice::StoreRecovered,
        view::Notice::MarkKeyChanged => Notice::MarkKeyChanged,
        view::Notice::StorageFull => Notice::StorageFull,
        view::Notice::StoreUnavailable => Notice::StoreUnavailable,
        view::Notice::Resync => Notice::Resync,
        view::Notice::Stopped { fault } => return Event::Stopped { fault, text },
    };
    Event::Notice { notice, text }
}

impl From<view::MarkView> for MarkView {
    fn from(from: view::MarkView) -> MarkView {
        MarkView { number: from.number, shown: from.shown }
    }
}

impl From<Views> for CoreState {
    fn from(from: Views) -> CoreState {
        CoreState {
            registrations: from.registrations.into_iter().map(RegistrationView::from).collect(),
            online: from.online,
            calls: from.calls.into_iter().map(CallView::from).collect(),
            prompts: from.prompts.into_iter().map(Prompt::from).collect(),
            marks: from.marks.into_iter().map(|(number, shown)| MarkView { number, shown }).collect(),
            settings: from.settings.into(),
        }
    }
}
