//! Commands that wait for the machine's answer, and what becomes of a call if the machine never gives one.

use crate::errors::CommandError;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tandem_machine::{Refusal, Reply};
use tandem_model::{CallId, Line, Mono, PromptId, Secret, Ticket};
use tokio::sync::oneshot;

/// Commands that may wait at once.
pub(crate) const COMMANDS_MAX: usize = 256;

/// What a command comes to.
pub(crate) type Answer = Result<Reply, CommandError>;

/// A call somebody wants, in the terms of the carrier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dial {
    pub(crate) line: Option<Line>,
    pub(crate) digits: Secret<String>,
}

/// Why a command would end in a carrier call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// Nobody wants to call.
    None,
    /// To call; until the machine has decided how, the carrier stands behind it.
    Call(Dial),
    /// The user chose the carrier at a prompt, perhaps more than once.
    Carrier(PromptId, Dial),
}

/// One waiting command.
pub(crate) struct Waiting {
    pub(crate) answer: oneshot::Sender<Answer>,
    pub(crate) wish: Wish,
    give_up_at: Mono,
}

/// All of them.
#[derive(Default)]
pub(crate) struct Pending(Mutex<Commands>);

#[derive(Default)]
struct Commands {
    last_ticket: u64,
    waiting: BTreeMap<Ticket, Waiting>,
    /// Calls whose path is still being decided.
    undecided: BTreeMap<CallId, Dial>,
}

impl Pending {
    /// Lets a command wait; `None` when too many do.
    pub(crate) fn begin(&self, wish: Wish, give_up_at: Mono) -> Option<(Ticket, oneshot::Receiver<Answer>)> {
        let mut commands = self.lock();
        if commands.waiting.len() >= COMMANDS_MAX {
            return None;
        }
        commands.last_ticket += 1;
        let ticket = Ticket(commands.last_ticket);
        let (answer, answered) = oneshot::channel();
        commands.waiting.insert(ticket, Waiting { answer, wish, give_up_at });
        Some((ticket, answered))
    }

    /// Takes a command back.
    pub(crate) fn take(&self, ticket: Ticket) -> Option<Waiting> {
        self.lock().waiting.remove(&ticket)
    }

    /// The machine answers. An answer nobody waits for is late.
    pub(crate) fn answer(&self, ticket: Ticket, reply: Result<Reply, Refusal>) {
        let mut commands = self.lock();
        let Some(waiting) = commands.waiting.remove(&ticket) else {
            return;
        };
        if let (Ok(Reply::Call(call)), Wish::Call(dial)) = (&reply, waiting.wish) {
            commands.undecided.insert(*call, dial);
        }
        drop(commands);
        // A host that no longer waits dropped its future, which is its right.
        let _gone = waiting.answer.send(reply.map_err(CommandError::Refused));
    }

    /// Forgets calls that are past the decision: the user was asked, or it goes its way.
    pub(crate) fn keep_undecided(&self, is_undecided: impl Fn(CallId) -> bool) {
        self.lock().undecided.retain(|call, _| is_undecided(*call));
    }

    /// Whether a call waits for a decision.
    #[cfg(test)]
    fn has_undecided(&self) -> bool {
        !self.lock().undecided.is_empty()
    }

    /// When the oldest command gives up.
    pub(crate) fn next_give_up(&self) -> Option<Mono> {
        self.lock().waiting.values().map(|waiting| waiting.give_up_at).min()
    }

    /// Gives up on commands that waited long enough.
    pub(crate) fn expire(&self, now: Mono) {
        let mut commands = self.lock();
        let over: Vec<_> = commands
            .waiting
            .extract_if(.., |_, waiting| waiting.give_up_at <= now)
            .map(|(_, waiting)| waiting)
            .collect();
        drop(commands);
        for waiting in over {
            let _gone = waiting.answer.send(Err(CommandError::NoAnswer));
        }
    }

    /// Everything that waits, when nobody will answer any more.
    pub(crate) fn drain(&self) -> (Vec<Waiting>, BTreeMap<CallId, Dial>) {
        let mut commands = self.lock();
        let waiting = std::mem::take(&mut commands.waiting).into_values().collect();
        let undecided = std::mem::take(&mut commands.undecided);
        (waiting, undecided)
    }

    fn lock(&self) -> MutexGuard<'_, Commands> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dial() -> Dial {
        Dial { line: None, digits: Secret::new("0151".to_owned()) }
    }

    #[test]
    fn an_answer_goes_to_its_command_once() {
        let pending = Pending::default();
        let (ticket, mut answered) = pending.begin(Wish::None, Mono(10)).unwrap();
        pending.answer(Ticket(99), Ok(Reply::Done));
        pending.answer(ticket, Ok(Reply::Done));
        pending.answer(ticket, Err(Refusal::Stale));
        assert_eq!(answered.try_recv().unwrap(), Ok(Reply::Done));
    }

    #[test]
    fn a_command_gives_up_at_its_deadline_and_not_before() {
        let pending = Pending::default();
        let (_, mut answered) = pending.begin(Wish::None, Mono(10)).unwrap();
        assert_eq!(pending.next_give_up(), Some(Mono(10)));
        pending.expire(Mono(9));
        assert!(answered.try_recv().is_err());
        pending.expire(Mono(10));
        assert_eq!(answered.try_recv().unwrap(), Err(CommandError::NoAnswer));
        assert_eq!(pending.next_give_up(), None);
    }

    #[test]
    fn a_call_is_undecided_until_it_is_decided_whether_or_not_its_host_still_waits() {
        let pending = Pending::default();
        let (ticket, answered) = pending.begin(Wish::Call(dial()), Mono(10)).unwrap();
        drop(answered);
        pending.answer(ticket, Ok(Reply::Call(CallId([1; 16]))));
        pending.keep_undecided(|call| call == CallId([1; 16]));
        assert!(pending.has_undecided());
        pending.keep_undecided(|_| false);
        assert!(!pending.has_undecided());
    }

    #[test]
    fn too_many_commands_are_refused_and_none_is_forgotten() {
        let pending = Pending::default();
        let waiting: Vec<_> = (0..COMMANDS_MAX).map(|_| pending.begin(Wish::None, Mono(1)).unwrap()).collect();
        assert!(pending.begin(Wish::None, Mono(1)).is_none());
        assert_eq!(pending.drain().0.len(), waiting.len());
        assert!(pending.begin(Wish::None, Mono(1)).is_some());
    }
}
