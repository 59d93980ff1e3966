//! What waits, and for what.

use super::{Begun, COMMANDS_MAX, Past, Unwanted};
use crate::dials::{Asker, Dial, DialId, Dials, Told, Wish};
use crate::errors::CommandError;
use std::collections::{BTreeMap, BTreeSet};
use tandem_machine::{Refusal, Reply};
use tandem_model::{CallId, Line, Mono, PromptId, Secret, Ticket};
use tokio::sync::oneshot;

#[derive(Default)]
pub(super) struct Commands {
    last_ticket: u64,
    waiting: BTreeMap<Ticket, Waiting>,
    /// Commands on their way to the machine that were dialed past it.
    taken_back: BTreeSet<Ticket>,
    /// Calls whose path is still being decided.
    undecided: BTreeMap<CallId, Dial>,
    /// Calls that went to the carrier in a step whose outcome is not shown yet.
    to_carrier: BTreeSet<CallId>,
    /// Open questions which number to call, and the SIM.
    whom_to_call: BTreeMap<PromptId, Option<Line>>,
    dials: Dials,
    /// There is no machine any more.
    over: bool,
}

/// One waiting command, however often it was said.
struct Waiting {
    askers: Vec<Asker>,
    wish: Wish,
    give_up_at: Mono,
    /// The carrier call the machine ordered for it.
    served_by: Option<DialId>,
}

impl Commands {
    pub(super) fn begin(&mut self, wish: Wish, give_up_at: Mono) -> Begun {
        let askers: usize = self.waiting.values().map(|waiting| waiting.askers.len()).sum();
        if self.over || askers >= COMMANDS_MAX {
            return Begun::Refused;
        }
        let (asker, answered) = oneshot::channel();
        let Err(asker) = self.join(&wish, asker) else {
            return Begun::Joined(answered);
        };
        self.last_ticket += 1;
        let ticket = Ticket(self.last_ticket);
        self.waiting.insert(ticket, Waiting { askers: vec![asker], wish, give_up_at, served_by: None });
        Begun::New(ticket, answered)
    }

    /// Lets somebody who says the same again wait for the same answer.
    fn join(&mut self, wish: &Wish, asker: Asker) -> Result<(), Asker> {
        let Some(dial) = wish.dial() else {
            return Err(asker);
        };
        if let Some(same) = self.waiting.values_mut().find(|waiting| waiting.wish == *wish) {
            same.askers.push(asker);
            return Ok(());
        }
        if wish.prompt().is_some_and(|prompt| self.dials.is_answered(prompt)) {
            let _gone = asker.send(Ok(Reply::CarrierDialed));
            return Ok(());
        }
        // Dialed past the machine a moment ago, and not answered yet.
        let same = self.dials.same(dial, wish.prompt()).filter(|id| self.dials.is_awaited(*id));
        let mut told = Told::default();
        match self.dials.join(same, vec![asker], &mut told) {
            Ok(()) => {
                told.send();
                Ok(())
            }
            Err(mut askers) => askers.pop().map_or(Ok(()), Err),
        }
    }

    pub(super) fn is_wanted(&mut self, ticket: Ticket) -> bool {
        !self.taken_back.remove(&ticket)
    }

    pub(super) fn hand_over(&mut self, serving: Option<Ticket>, call: Option<CallId>, dial: Dial) -> Option<DialId> {
        if self.over || serving.is_some_and(|ticket| self.taken_back.contains(&ticket)) {
            return None;
        }
        let served = serving
            .and_then(|ticket| self.waiting.get_mut(&ticket))
            .filter(|waiting| waiting.served_by.is_none() && waiting.wish != Wish::None);
        let prompt = served.as_ref().and_then(|waiting| waiting.wish.prompt());
        let id = self.dials.begin(dial, prompt, Vec::new());
        if let Some(waiting) = served {
            waiting.served_by = Some(id);
        }
        if let Some(call) = call {
            self.undecided.remove(&call);
            self.to_carrier.insert(call);
        }
        Some(id)
    }

    pub(super) fn dialed(&mut self, id: DialId, ok: bool) -> Told {
        let mut served = self.waiting.values_mut().filter(|waiting| waiting.served_by == Some(id)).peekable();
        let serves = served.peek().is_some();
        if !ok {
            // A call that was not taken serves nobody.
            served.for_each(|waiting| waiting.served_by = None);
        }
        let mut told = Told::default();
        self.dials.finish(id, ok, serves, &mut told);
        told
    }

    pub(super) fn answer(&mut self, ticket: Ticket, reply: Result<Reply, Refusal>) -> (Told, Option<Unwanted>) {
        let mut told = Told::default();
        let taken_back = self.taken_back.remove(&ticket);
        let Some(waiting) = self.waiting.remove(&ticket) else {
            return (told, reply.ok().filter(|_| taken_back).and_then(unwanted));
        };
        if let Some(id) = waiting.served_by {
            self.dials.answered(id);
        }
        match (&reply, waiting.wish) {
            (Ok(Reply::Call(call)), Wish::Call(dial, _) | Wish::Choice(_, dial)) => {
                self.undecided.insert(*call, dial);
            }
            (Ok(Reply::Asking(prompt)), Wish::Call(dial, _)) => {
                self.whom_to_call.insert(*prompt, dial.line);
            }
            (Ok(Reply::Call(_) | Reply::Asking(_)), Wish::None | Wish::Choice(..))
            | (Ok(Reply::Done | Reply::CarrierDialed | Reply::Text(_) | Reply::File(_)) | Err(_), _) => {}
        }
        told.all(waiting.askers, &reply.map_err(CommandError::Refused));
        (told, None)
    }

    pub(super) fn unsaid(&mut self, ticket: Ticket) -> Past {
        self.taken_back.remove(&ticket);
        let unsaid = self.waiting.remove(&ticket).into_iter().collect();
        self.without_the_machine(unsaid, CommandError::Full)
    }

    pub(super) fn past(&mut self, wish: &Wish, asker: Asker) -> Past {
        let mut past = Past::default();
        let Some(dial) = wish.dial() else {
            past.told.all(vec![asker], &Err(CommandError::Stopped));
            return past;
        };
        if wish.prompt().is_some_and(|prompt| self.dials.is_answered(prompt)) {
            past.told.all(vec![asker], &Ok(Reply::CarrierDialed));
            return past;
        }
        // Whoever waits for the same at the machine is served by this one too.
        let mut askers = vec![asker];
        let same: Vec<Ticket> = self
            .waiting
            .iter()
            .filter(|(_, waiting)| waiting.served_by.is_none() && waiting.wish.dial() == Some(dial))
            .map(|(ticket, _)| *ticket)
            .collect();
        for ticket in same {
            self.taken_back.insert(ticket);
            askers.extend(self.waiting.remove(&ticket).into_iter().flat_map(|waiting| waiting.askers));
        }
        // What the machine still decides on to the same has its carrier call by this one.
        let served: Vec<CallId> =
            self.undecided.iter().filter(|(_, undecided)| *undecided == dial).map(|(call, _)| *call).collect();
        for call in served {
            self.undecided.remove(&call);
            self.to_carrier.insert(call);
        }
        self.dial_once(dial.clone(), wish.prompt(), askers, &mut past);
        past
    }

    pub(super) fn hung_up(&mut self, call: CallId) {
        self.undecided.remove(&call);
    }

    pub(super) fn expire(&mut self, now: Mono) -> Past {
        let over: Vec<Ticket> =
            self.waiting.iter().filter(|(_, waiting)| waiting.give_up_at <= now).map(|(ticket, _)| *ticket).collect();
        let mut waited = Vec::new();
        for ticket in over {
            if let Some(waiting) = self.waiting.remove(&ticket) {
                // What is dialed past the machine must not be dialed by it afterwards.
                if waiting.wish != Wish::None && waiting.served_by.is_none() {
                    self.taken_back.insert(ticket);
                }
                waited.push(waiting);
            }
        }
        self.without_the_machine(waited, CommandError::NoAnswer)
    }

    pub(super) fn next_give_up(&self) -> Option<Mono> {
        self.waiting.values().map(|waiting| waiting.give_up_at).min()
    }

    pub(super) fn keep(&mut self, is_undecided: impl Fn(CallId) -> bool, is_open: impl Fn(PromptId) -> bool) {
        self.undecided.retain(|call, _| is_undecided(*call));
        self.to_carrier.clear();
        self.whom_to_call.retain(|prompt, _| is_open(*prompt));
        self.dials.keep_answered(is_open);
    }

    pub(super) fn chosen_to_call(&self, prompt: PromptId, digits: String) -> Option<Dial> {
        self.whom_to_call.get(&prompt).map(|line| Dial { line: *line, digits: Secret::new(digits) })
    }

    pub(super) fn break_down(&mut self) -> (Past, BTreeSet<CallId>) {
        self.over = true;
        self.taken_back.clear();
        let waiting = std::mem::take(&mut self.waiting).into_values().collect();
        let mut past = self.without_the_machine(waiting, CommandError::Stopped);
        let mut to_carrier = std::mem::take(&mut self.to_carrier);
        for (call, dial) in std::mem::take(&mut self.undecided) {
            to_carrier.insert(call);
            self.dial_once(dial, None, Vec::new(), &mut past);
        }
        self.dials.forget_dialed();
        (past, to_carrier)
    }

    pub(super) fn end(&mut self) -> Told {
        self.over = true;
        self.undecided.clear();
        let mut told = Told::default();
        for waiting in std::mem::take(&mut self.waiting).into_values() {
            told.all(waiting.askers, &Err(CommandError::Stopped));
        }
        told
    }

    /// What becomes of commands the machine does not answer: a call goes to the carrier, unless the machine has dialed it.
    fn without_the_machine(&mut self, waiting: Vec<Waiting>, last_word: CommandError) -> Past {
        let mut past = Past::default();
        // Those that are served come first: others who want the same join them.
        let (served, unserved): (Vec<Waiting>, Vec<Waiting>) =
            waiting.into_iter().partition(|waiting| waiting.served_by.is_some());
        for Waiting { askers, served_by, .. } in served {
            if let Err(askers) = self.dials.join(served_by, askers, &mut past.told) {
                past.told.all(askers, &Ok(Reply::CarrierDialed));
            }
        }
        for Waiting { askers, wish, .. } in unserved {
            match wish.dial() {
                Some(dial) => self.dial_once(dial.clone(), wish.prompt(), askers, &mut past),
                None => past.told.all(askers, &Err(last_word)),
            }
        }
        past
    }

    /// Joins a call on its way to the same, or begins one.
    fn dial_once(&mut self, dial: Dial, prompt: Option<PromptId>, askers: Vec<Asker>, past: &mut Past) {
        let same = self.dials.same(&dial, prompt);
        if let Err(askers) = self.dials.join(same, askers, &mut past.told) {
            past.dials.push((self.dials.begin(dial.clone(), prompt, askers), dial));
        }
    }
}

/// What an answer began that nobody wants any more.
const fn unwanted(reply: Reply) -> Option<Unwanted> {
    match reply {
        Reply::Call(call) => Some(Unwanted::Call(call)),
        Reply::Asking(prompt) => Some(Unwanted::Question(prompt)),
        Reply::Done | Reply::CarrierDialed | Reply::Text(_) | Reply::File(_) => None,
    }
}
