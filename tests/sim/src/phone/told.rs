//! What the history is told of a phone: what became durable on it, and what its app shows.

use crate::history::Word;
use crate::tap::Tapped;
use crate::world::World;
use tandem_machine::effect::Event;
use tandem_machine::view::{CallState, CallView, Prompt, PromptAbout};
use tandem_model::rows::{Change, RegistrationPhase};
use tandem_model::{TerminalState, TextStatus};

impl World {
    /// What became durable on a phone is what its user sees from now on, whatever happens to the process.
    pub(super) fn kept(&mut self, index: usize, change: &Change) {
        match change {
            Change::InsertOutgoing(row) => {
                let id = (row.id.device_epoch.0, row.id.counter);
                let to_epoch = row.to_epoch.map(|epoch| epoch.0);
                let body = row.body.as_str().to_owned();
                self.tell(index, Word::Wrote { id, to: row.to.as_u64(), to_epoch, body });
                if let Some(phone) = self.phones.get_mut(index).filter(|_| to_epoch.is_some()) {
                    phone.open_texts.push(row.id);
                }
            }
            Change::InsertIncoming(row) => {
                let id = (row.id.device_epoch.0, row.id.counter);
                let body = row.body.as_ref().map(|body| body.as_str().to_owned());
                let carrier = row.bearer == tandem_model::Bearer::Carrier;
                self.tell(index, Word::ShownText { from: row.from.as_u64(), id, body, carrier });
            }
            Change::PutRegistration(row) => match &row.phase {
                RegistrationPhase::Registered { epoch, .. } => {
                    self.tell(index, Word::Registered { number: row.number.as_u64(), epoch: epoch.0 });
                }
                RegistrationPhase::Unregistering { .. } => self.tell(index, Word::RegistrationOver),
                RegistrationPhase::Asking | RegistrationPhase::Proving { .. } => {}
            },
            Change::PutLog(row) => {
                let (call, over) = (row.call.map(|call| call.0), row.end.is_some());
                self.tell(index, Word::Logged { entry: row.id, call, over });
            }
            Change::DropRegistration(_) => self.tell(index, Word::RegistrationOver),
            _ => {}
        }
    }

    pub(super) fn shown(&mut self, index: usize, boot: u64, event: Event) {
        let server_ms = self.server_ms();
        match &event {
            Event::Text(view) => {
                let id = (view.id.device_epoch.0, view.id.counter);
                match view.status {
                    TextStatus::Stored => self.tell(index, Word::ShownAsSent { id }),
                    TextStatus::Ended { state, .. } => {
                        self.tell(index, Word::ShownEnd { id, end: end_word(state) });
                        if let Some(phone) = self.phones.get_mut(index) {
                            phone.open_texts.retain(|open| *open != view.id);
                        }
                    }
                    TextStatus::Refused => self.tell(index, Word::ShownEnd { id, end: "refused" }),
                    TextStatus::Pending | TextStatus::CarrierSms | TextStatus::SmsFailed | TextStatus::LeftBehind => {}
                }
            }
            Event::Call(view) => {
                let call = view.call.0;
                if let Some(phone) = self.phones.get_mut(index) {
                    let ring_until = phone.ring_until.get(&call).copied();
                    if matches!(view.state, CallState::Ended(_)) {
                        phone.calls.remove(&call);
                    } else {
                        phone.calls.insert(call, view.state);
                    }
                    self.tell(index, shown_call(view, server_ms, ring_until));
                }
                if let CallState::Ended(end) = view.state {
                    self.tell(index, Word::CallOver { call, end: format!("{end:?}") });
                }
            }
            Event::Prompt(Prompt { about: PromptAbout::Call { call, why, .. }, .. }) => {
                self.tell(index, Word::CallAsked { call: call.0, why: format!("{why:?}") });
            }
            Event::Notice(tandem_machine::view::Notice::Stopped { .. }) => {
                self.tell(index, Word::Fault { what: "the core stopped".to_owned() });
            }
            _ => {}
        }
        if !self.drip(|| Tapped::Shown(index, event.clone())) {
            self.react(index, boot, &event);
        }
    }

    /// Sound goes in or out of a data call.
    pub fn data_sound(&mut self, index: usize, call: [u8; 16], on: bool) {
        let changed = self.phones.get_mut(index).is_some_and(|phone| phone.sound.insert(call, on) != Some(on));
        if changed {
            self.tell(index, Word::DataSound { call, on });
        }
    }
}

fn end_word(state: TerminalState) -> &'static str {
    match state {
        TerminalState::Delivered => "delivered",
        TerminalState::Expired => "expired",
        TerminalState::Cancelled => "cancelled",
        TerminalState::HandedToSms => "handed-to-sms",
        TerminalState::RecipientChanged => "recipient-changed",
    }
}

fn shown_call(view: &CallView, server_ms: i64, ring_until: Option<i64>) -> Word {
    Word::Call {
        call: view.call.0,
        peer: view.peer.as_u64(),
        state: call_word(view.state),
        outgoing: view.outgoing,
        held: view.held,
        server_ms,
        ring_until,
    }
}

fn call_word(state: CallState) -> &'static str {
    match state {
        CallState::Checking => "checking",
        CallState::Asking => "asking",
        CallState::Calling => "calling",
        CallState::Ringing => "ringing",
        CallState::Connecting => "connecting",
        CallState::Active => "active",
        CallState::Reconnecting => "reconnecting",
        CallState::Carrier => "carrier",
        CallState::Ended(_) => "ended",
    }
}
