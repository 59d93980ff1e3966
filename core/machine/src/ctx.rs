//! What a child machine may touch while it handles one input: the time, the keys, the seed and the queue of effects.

use crate::config::Config;
use crate::effect::{Effect, Event, Refusal, Reply};
use crate::input::LinkId;
use std::collections::VecDeque;
use tandem_model::rows::{Change, MetaRow};
use tandem_model::vault::KeyHandle;
use tandem_model::{
    DeviceEpoch, Line, Mark, Msisdn, Now, NumberEpoch, PromptId, Random, ServerOffset, TextId, Ticket, Vault,
};
use tandem_wire::ClientFrame;

/// Effects waiting to be drained, and the counters of what they are tied by.
#[derive(Debug)]
pub struct Out {
    effects: VecDeque<Effect>,
    last_ticket: u64,
    last_prompt: u64,
    meta: MetaRow,
}

impl Default for Out {
    fn default() -> Self {
        Out::new(MetaRow { device_epoch: DeviceEpoch::default(), next_text: 1, next_log: 1 })
    }
}

impl Out {
    /// With the counters as restored, or as made for a new database.
    #[must_use]
    pub fn new(meta: MetaRow) -> Self {
        Self { effects: VecDeque::new(), last_ticket: 0, last_prompt: 0, meta }
    }

    /// The counters as they stand: to be committed with whatever took one.
    #[must_use]
    pub fn meta(&self) -> MetaRow {
        self.meta
    }

    /// The next effect, oldest first.
    pub fn pop(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }
}

/// Handed down the tree with every input.
pub struct Ctx<'a> {
    /// Both clocks, read once per input.
    pub now: Now,
    /// Settings of the build.
    pub config: &'a Config,
    /// Keys.
    pub vault: &'a mut dyn Vault,
    /// The seed's stream.
    pub random: &'a mut dyn Random,
    /// Where effects go.
    pub out: &'a mut Out,
}

impl Ctx<'_> {
    /// A ticket nobody has used since boot. Tickets of the machine and of the shell's commands never meet.
    pub fn ticket(&mut self) -> Ticket {
        self.out.last_ticket += 1;
        Ticket(self.out.last_ticket)
    }

    /// A prompt id nobody has used since boot.
    pub fn prompt_id(&mut self) -> PromptId {
        self.out.last_prompt += 1;
        PromptId(self.out.last_prompt)
    }

    /// The id of the next text of mine. Commit [`Out::meta`] in the same transaction as the text.
    pub fn next_text_id(&mut self) -> TextId {
        let counter = self.out.meta.next_text;
        self.out.meta.next_text = counter.saturating_add(1);
        TextId { device_epoch: self.out.meta.device_epoch, counter }
    }

    /// The id of the next log entry. Commit [`Out::meta`] in the same transaction as the entry.
    pub fn next_log_id(&mut self) -> u64 {
        let id = self.out.meta.next_log;
        self.out.meta.next_log = id.saturating_add(1);
        id
    }

    /// Queues an effect.
    pub fn push(&mut self, effect: Effect) {
        self.out.effects.push_back(effect);
    }

    /// Tells the app.
    pub fn emit(&mut self, event: Event) {
        self.push(Effect::Emit(event));
    }

    /// Answers a command.
    pub fn reply(&mut self, ticket: Ticket, reply: Result<Reply, Refusal>) {
        self.push(Effect::Reply { ticket, reply });
    }

    /// Orders a commit and returns the ticket its answer carries.
    pub fn commit(&mut self, changes: Vec<Change>) -> Ticket {
        let ticket = self.ticket();
        self.push(Effect::Commit { ticket, changes });
        ticket
    }

    /// Sends a frame on a session that stands.
    pub fn send(&mut self, session: &SessionFacts, frame: ClientFrame) {
        self.push(Effect::Send { line: session.line, link: session.link, frame });
    }
}

/// What the other children may know of a line whose session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionFacts {
    /// The SIM.
    pub line: Line,
    /// The connection.
    pub link: LinkId,
    /// My number.
    pub number: Msisdn,
    /// My epoch of it.
    pub epoch: NumberEpoch,
    /// My device key.
    pub key: KeyHandle,
    /// The server's clock, as measured on this boot.
    pub offset: ServerOffset,
    /// How long a ring lasts.
    pub ring_ms: u32,
}

/// What calls and texts ask about lines and marks, without knowing how these are kept.
pub trait World {
    /// The session of a line, when it stands.
    fn session(&self, line: Line) -> Option<SessionFacts>;

    /// The registration's number and key of a line, whether or not its session stands.
    fn registered(&self, line: Line) -> Option<(Msisdn, NumberEpoch, KeyHandle)>;

    /// The mark of a number as seen by a line. `None` when there is none; a lease that ran out is still returned.
    fn mark(&self, line: Line, number: Msisdn) -> Option<&Mark>;

    /// The lines in the phone, in slot order.
    fn lines(&self) -> Vec<Line>;

    /// The country numbers typed on a line are read in.
    fn country(&self, line: Line) -> Option<tandem_model::Country>;

    /// The standing settings.
    fn settings(&self) -> tandem_model::rows::SettingsRow;
}
