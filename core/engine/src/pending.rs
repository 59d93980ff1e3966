//! Commands that wait for the machine's answer, and what becomes of a call if the machine never gives one.
//!
//! ```text
//! begin ──> waits ──answer──> over
//!             │ ──hand_over──> waits, served by a carrier call ──answer──> over
//!             └ ──break_down, expire, past──> dialed past the machine, which has no say in it any more
//! ```
//!
//! All of it is under one lock, so that a wish goes to the carrier on one of these ways and never on two.

mod commands;

use self::commands::Commands;
use crate::dials::{Asker, Dial, DialId, Told, Wish};
use crate::errors::CommandError;
use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tandem_machine::{Refusal, Reply};
use tandem_model::{CallId, Mono, PromptId, Ticket};
use tokio::sync::oneshot;

/// Commands that may wait at once.
pub(crate) const COMMANDS_MAX: usize = 256;

/// What a command comes to.
pub(crate) type Answer = Result<Reply, CommandError>;

/// What became of a command at its beginning.
pub(crate) enum Begun {
    /// It waits; to be said to the machine under this ticket.
    New(Ticket, oneshot::Receiver<Answer>),
    /// The same is asked for already, or done: one answer for both.
    Joined(oneshot::Receiver<Answer>),
    /// Too many wait, or there is no machine any more.
    Refused,
}

/// What the machine began in a step in which its command was dialed past it: to be taken back, or it would go on beside the
/// carrier call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unwanted {
    /// A call over data.
    Call(CallId),
    /// A question which number is meant.
    Question(PromptId),
}

/// What is to be done about wishes the machine does not serve, once nothing is locked.
#[derive(Default)]
#[must_use]
pub(crate) struct Past {
    /// To be dialed.
    pub(crate) dials: Vec<(DialId, Dial)>,
    /// To be answered.
    pub(crate) told: Told,
}

/// All of them.
#[derive(Default)]
pub(crate) struct Pending(Mutex<Commands>);

impl Pending {
    /// Lets a command wait.
    pub(crate) fn begin(&self, wish: Wish, give_up_at: Mono) -> Begun {
        self.lock().begin(wish, give_up_at)
    }

    /// The machine takes a command in; false when it was dialed past it meanwhile.
    pub(crate) fn is_wanted(&self, ticket: Ticket) -> bool {
        self.lock().is_wanted(ticket)
    }

    /// The machine orders a carrier call, in answer to a command or for a call it decides on. From here on it serves whoever
    /// wanted it. `None` when it was dialed past the machine already.
    pub(crate) fn hand_over(&self, serving: Option<Ticket>, call: Option<CallId>, dial: Dial) -> Option<DialId> {
        self.lock().hand_over(serving, call, dial)
    }

    /// The host took a carrier call, or did not.
    pub(crate) fn dialed(&self, id: DialId, ok: bool) -> Told {
        self.lock().dialed(id, ok)
    }

    /// The machine answers. An answer nobody waits for is late; to a command that was dialed past the machine it is more than
    /// that.
    #[must_use]
    pub(crate) fn answer(&self, ticket: Ticket, reply: Result<Reply, Refusal>) -> Option<Unwanted> {
        let (told, unwanted) = self.lock().answer(ticket, reply);
        told.send();
        unwanted
    }

    /// A command that could not be said to the machine.
    pub(crate) fn unsaid(&self, ticket: Ticket) -> Past {
        self.lock().unsaid(ticket)
    }

    /// A wish that does not go to the machine, or not any more.
    pub(crate) fn past(&self, wish: &Wish, asker: Asker) -> Past {
        self.lock().past(wish, asker)
    }

    /// The user hangs up: whatever becomes of the machine, this call is not dialed for them any more.
    pub(crate) fn hung_up(&self, call: CallId) {
        self.lock().hung_up(call);
    }

    /// Gives up on commands that waited long enough.
    pub(crate) fn expire(&self, now: Mono) -> Past {
        self.lock().expire(now)
    }

    /// When the oldest command gives up.
    pub(crate) fn next_give_up(&self) -> Option<Mono> {
        self.lock().next_give_up()
    }

    /// Forgets calls that are past the decision, because the user was asked or they go their way, and questions that are not
    /// open any more.
    pub(crate) fn keep(&self, is_undecided: impl Fn(CallId) -> bool, is_open: impl Fn(PromptId) -> bool) {
        self.lock().keep(is_undecided, is_open);
    }

    /// The call a number chosen at a question would be, where the question is which number to call.
    pub(crate) fn chosen_to_call(&self, prompt: PromptId, digits: String) -> Option<Dial> {
        self.lock().chosen_to_call(prompt, digits)
    }

    /// Nobody will answer any more: whoever wanted to call gets the carrier. Also which calls went there.
    pub(crate) fn break_down(&self) -> (Past, BTreeSet<CallId>) {
        self.lock().break_down()
    }

    /// Nobody will answer any more, as was asked for.
    pub(crate) fn end(&self) -> Told {
        self.lock().end()
    }

    fn lock(&self) -> MutexGuard<'_, Commands> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
