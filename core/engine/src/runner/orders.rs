//! Orders of the machine, executed; and the answers of those who were asked.

use super::{Runner, not_dialed, not_sent};
use crate::dials::Dial;
use crate::fault_points::StoreStrike;
use crate::host::{HostAnswer, HostCall, refused};
use crate::host_facts::learn;
use crate::runner::Word;
use crate::store_thread::Commit;
use crate::{call_media, journal, link};
use std::sync::Arc;
use tandem_machine::input::StoreFailure;
use tandem_machine::{
    DirectOrder, Effect, Event, HostInput, Input, LinkId, LinkInput, MediaInput, MediaOrder, StoreInput,
};
use tandem_model::{CallId, Line, Ticket};
use tandem_wire::{ClientFrame, encode_client};
use tracing::{debug, warn};

impl Runner {
    pub(super) fn execute(&mut self, effect: Effect) {
        match effect {
            Effect::Reply { ticket, reply } => self.answers.push((ticket, reply)),
            Effect::Commit { ticket, changes } => self.commit(Commit { ticket, changes }),
            Effect::Connect { line, link } => {
                let running = self.parts.latch.enter();
                let opened =
                    link::open(Arc::clone(&self.parts.wiring), line, link, self.parts.own_words.clone(), running);
                self.links.insert((line, link), opened);
            }
            Effect::Disconnect { line, link } => {
                self.links.remove(&(line, link));
            }
            Effect::Send { line, link, frame } => self.send(line, link, &frame),
            Effect::Register { ticket, request } => {
                let (registrar, words) = (self.parts.registrar.clone(), self.parts.own_words.clone());
                tokio::spawn(async move {
                    let reply = registrar.ask(&request).await;
                    drop(words.send(Word::Input(Input::Link(LinkInput::Registered { ticket, reply }))).await);
                });
            }
            Effect::DialCarrier { ticket, call, line, digits } => self.dial(ticket, call, Dial { line, digits }),
            Effect::SendSms { ticket, line, to, body } => self.ask_host(HostCall::Sms { ticket, line, to, body }),
            Effect::Media { call, order } => self.media(call, order),
            Effect::Direct(order) => self.direct(order),
            // One that does not fit in is answered by nobody: whoever waits has a deadline.
            Effect::File(order) => drop(self.parts.files.as_ref().map(|files| files.try_send(order))),
            Effect::Emit(event) => self.emit(event),
        }
    }

    /// Whoever wanted this call is served by it from here on, whatever becomes of the machine.
    fn dial(&mut self, ticket: Ticket, call: Option<CallId>, dial: Dial) {
        match self.parts.shared.pending.hand_over(self.serving, call, dial.clone()) {
            Some(id) => self.ask_host(HostCall::Dial { ticket, id, dial }),
            // It was dialed past the machine.
            None => self.backlog.push_back(Input::Host(HostInput::CarrierDialed { ticket, ok: true })),
        }
    }

    pub(super) fn commit(&mut self, commit: Commit) {
        let ticket = commit.ticket;
        let why = match (self.parts.faults.store(), &self.parts.commits) {
            (Some(strike), _) => match struck(strike) {
                Some(why) => why,
                None => return,
            },
            (None, None) => StoreFailure::Broken,
            (None, Some(commits)) => match commits.try_send(commit) {
                Ok(()) => return,
                Err(std::sync::mpsc::TrySendError::Full(_)) => StoreFailure::Full,
                Err(std::sync::mpsc::TrySendError::Disconnected(_)) => StoreFailure::Broken,
            },
        };
        self.backlog.push_back(Input::Store(StoreInput::Failed { ticket, why }));
    }

    pub(super) fn send(&mut self, line: Line, link: LinkId, frame: &ClientFrame) {
        let Some(open) = self.links.get(&(line, link)) else {
            return;
        };
        if open.frames.try_send(encode_client(frame)).is_err() {
            warn!(line = line.0, "the socket is too slow, or gone: closing it");
            self.links.remove(&(line, link));
        }
    }

    pub(super) fn media(&mut self, call: CallId, order: MediaOrder) {
        if matches!(order, MediaOrder::Open { .. }) && !self.calls.contains_key(&call) {
            let begun = call_media::begin(Arc::clone(&self.parts.studio), call, self.parts.latch.enter());
            self.calls.insert(call, begun);
        }
        let Some(orders) = self.calls.get(&call) else {
            debug!("an order for media that is not open");
            return;
        };
        let closes = order == MediaOrder::Close;
        let spare = matches!(order, MediaOrder::AddCandidate(_));
        if orders.try_send(order).is_err() && !closes && !spare {
            self.backlog.push_back(Input::Media { call, event: MediaInput::Failed });
        }
        if closes {
            // Dropping the sender closes it too, should the order not have fitted in.
            self.calls.remove(&call);
        }
    }

    pub(super) fn direct(&self, order: DirectOrder) {
        if let Some(direct) = &self.direct {
            direct.order(order);
        }
    }

    pub(super) fn emit(&mut self, event: Event) {
        journal::write(&event);
        self.parts.shared.views().follow(&event, &mut self.touched);
        self.told.push(event);
    }

    pub(super) fn ask_host(&mut self, call: HostCall) {
        self.parts.shared.guard.watch();
        let Err(call) = self.parts.shared.host.push(call) else {
            return;
        };
        if let HostCall::Dial { id, .. } = &call {
            self.parts.shared.dialed(*id, false);
        }
        if let Some(answer) = refused(&call) {
            self.heed_answer(answer);
        }
    }

    /// A port answers. What rested on the key store goes out, or does not.
    pub(super) fn heed_answer(&mut self, answer: HostAnswer) {
        let now = self.parts.clock.now().mono;
        let answer = match learn(&mut self.parts.facts, answer, now) {
            Ok(learned) => return self.take_in(learned),
            Err(answer) => answer,
        };
        match answer {
            HostAnswer::Dial { ticket } => self.backlog.push_back(not_dialed(ticket)),
            HostAnswer::Sms { ticket } => self.backlog.push_back(not_sent(ticket)),
            HostAnswer::KeysKept(kept) => {
                self.keeping = self.keeping.saturating_sub(1);
                if !kept {
                    self.parts.keys.still_unsaved();
                }
                if self.keeping == 0 {
                    for effect in std::mem::take(&mut self.held) {
                        self.let_go(effect, kept);
                    }
                }
            }
            HostAnswer::KeysRead(read) => {
                if self.parts.keys.unlock(read) {
                    self.unlock_at = None;
                }
            }
            HostAnswer::Sims(_) | HostAnswer::Network(_) | HostAnswer::NoPage(..) => {}
        }
    }

    pub(super) fn let_go(&mut self, effect: Effect, kept: bool) {
        // The server must not learn of a key that would be gone after a restart.
        if let (Effect::Register { ticket, .. }, false) = (&effect, kept) {
            self.backlog.push_back(Input::Link(LinkInput::Registered { ticket: *ticket, reply: None }));
        } else if kept || !matches!(&effect, Effect::Send { frame: ClientFrame::PublishSealingKey { .. }, .. }) {
            self.execute(effect);
        }
    }
}

/// Whether an order may speak of a key that is not kept yet.
pub(super) fn rests_on_keys(effect: &Effect) -> bool {
    match effect {
        Effect::Commit { .. } | Effect::Send { .. } | Effect::Register { .. } => true,
        Effect::Reply { .. }
        | Effect::Connect { .. }
        | Effect::Disconnect { .. }
        | Effect::DialCarrier { .. }
        | Effect::SendSms { .. }
        | Effect::Media { .. }
        | Effect::Direct(_)
        | Effect::File(_)
        | Effect::Emit(_) => false,
    }
}

/// What the store is to say; `None` for nothing.
fn struck(strike: StoreStrike) -> Option<StoreFailure> {
    #[cfg(feature = "faults")]
    match strike {
        crate::faults::StoreFault::Unopenable | crate::faults::StoreFault::Broken => Some(StoreFailure::Broken),
        crate::faults::StoreFault::Full => Some(StoreFailure::Full),
        crate::faults::StoreFault::Silent => None,
    }
    #[cfg(not(feature = "faults"))]
    match strike {}
}
