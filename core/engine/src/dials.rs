//! Carrier calls on their way to the host: who waits for which, so that what a person wants once is dialed once.

use crate::errors::CommandError;
use crate::pending::Answer;
use std::collections::{BTreeMap, BTreeSet};
use tandem_machine::Reply;
use tandem_machine::input::Mode;
use tandem_model::{Line, PromptId, Secret};
use tokio::sync::oneshot;

/// Commands that may wait for one carrier call.
const ASKERS_MAX: usize = 64;

/// Where a command's answer goes.
pub(crate) type Asker = oneshot::Sender<Answer>;

/// A call somebody wants, in the terms of the carrier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dial {
    pub(crate) line: Option<Line>,
    pub(crate) digits: Secret<String>,
}

/// Why a command would end in a carrier call. Two that are equal are one wish, said twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// Nobody wants to call.
    None,
    /// To call; until the machine has decided how, the carrier stands behind it.
    Call(Dial, Mode),
    /// What the user chose at a question ends at the carrier.
    Choice(PromptId, Dial),
}

impl Wish {
    pub(crate) const fn dial(&self) -> Option<&Dial> {
        match self {
            Wish::None => None,
            Wish::Call(dial, _) | Wish::Choice(_, dial) => Some(dial),
        }
    }

    pub(crate) const fn prompt(&self) -> Option<PromptId> {
        match self {
            Wish::None | Wish::Call(..) => None,
            Wish::Choice(prompt, _) => Some(*prompt),
        }
    }
}

/// Names one carrier call on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct DialId(u64);

/// Answers to be given once nothing is locked: whoever waits may run code of the host's.
#[derive(Default)]
#[must_use]
pub(crate) struct Told(Vec<(Asker, Answer)>);

impl Told {
    pub(crate) fn all(&mut self, askers: Vec<Asker>, answer: &Answer) {
        self.0.extend(askers.into_iter().map(|asker| (asker, answer.clone())));
    }

    pub(crate) fn send(self) {
        for (asker, answer) in self.0 {
            // A host that no longer waits dropped its future, which is its right.
            let _gone = asker.send(answer);
        }
    }
}

/// Every carrier call on its way.
#[derive(Default)]
pub(crate) struct Dials {
    last: u64,
    on_the_way: BTreeMap<DialId, OnTheWay>,
    /// Open questions whose answer was dialed.
    answered: BTreeSet<PromptId>,
}

struct OnTheWay {
    dial: Dial,
    prompt: Option<PromptId>,
    askers: Vec<Asker>,
    /// The host took it, and a command it serves is still to be answered.
    dialed: bool,
}

impl Dials {
    /// A call that goes to the host now.
    pub(crate) fn begin(&mut self, dial: Dial, prompt: Option<PromptId>, askers: Vec<Asker>) -> DialId {
        self.last += 1;
        let id = DialId(self.last);
        self.on_the_way.insert(id, OnTheWay { dial, prompt, askers, dialed: false });
        id
    }

    /// Lets askers wait for a call that is on its way already; gives them back when it is not.
    pub(crate) fn join(&mut self, id: Option<DialId>, askers: Vec<Asker>, told: &mut Told) -> Result<(), Vec<Asker>> {
        let Some(call) = id.and_then(|id| self.on_the_way.get_mut(&id)) else {
            return Err(askers);
        };
        for asker in askers {
            if call.dialed {
                told.all(vec![asker], &Ok(Reply::CarrierDialed));
            } else if call.askers.len() < ASKERS_MAX {
                call.askers.push(asker);
            } else {
                told.all(vec![asker], &Err(CommandError::Full));
            }
        }
        Ok(())
    }

    /// The call on its way that is what a wish wants.
    pub(crate) fn same(&self, dial: &Dial, prompt: Option<PromptId>) -> Option<DialId> {
        let same = |call: &OnTheWay| call.dial == *dial || (prompt.is_some() && call.prompt == prompt);
        self.on_the_way.iter().find(|(_, call)| same(call)).map(|(id, _)| *id)
    }

    /// Whether somebody waits for a call on its way.
    pub(crate) fn is_awaited(&self, id: DialId) -> bool {
        self.on_the_way.get(&id).is_some_and(|call| !call.askers.is_empty())
    }

    /// The host took a call, or did not. One that `serves` a command is remembered until that command is answered.
    pub(crate) fn finish(&mut self, id: DialId, ok: bool, serves: bool, told: &mut Told) {
        let Some(mut call) = self.on_the_way.remove(&id) else {
            return;
        };
        let answer = if ok { Ok(Reply::CarrierDialed) } else { Err(CommandError::Stopped) };
        told.all(std::mem::take(&mut call.askers), &answer);
        if !ok {
            return;
        }
        self.answered.extend(call.prompt);
        if serves {
            call.dialed = true;
            self.on_the_way.insert(id, call);
        }
    }

    /// The command a call serves is answered.
    pub(crate) fn answered(&mut self, id: DialId) {
        if self.on_the_way.get(&id).is_some_and(|call| call.dialed) {
            self.on_the_way.remove(&id);
        }
    }

    /// No command waits for the machine any more.
    pub(crate) fn forget_dialed(&mut self) {
        self.on_the_way.retain(|_, call| !call.dialed);
    }

    /// Whether a question's answer was dialed.
    pub(crate) fn is_answered(&self, prompt: PromptId) -> bool {
        self.answered.contains(&prompt)
    }

    /// Forgets questions that are not open any more.
    pub(crate) fn keep_answered(&mut self, is_open: impl Fn(PromptId) -> bool) {
        self.answered.retain(|prompt| is_open(*prompt));
    }
}
