//! Tokens of owners' own numbers, which the key holder makes: by them whoever holds an opened number sees its mark.

use crate::io::Io;
use crate::key_question::{KeyAnswer, KeyQuestion};
use crate::keys::{Keys, Why};
use crate::matching::MatchOp;
use crate::question::Question;
use crate::store_answer::{Settled, StoreAnswer};
use crate::store_op::{Owner, StoreOp};
use crate::timers::Timer;
use std::collections::BTreeSet;
use std::time::Duration;
use tandem_model::{MarkKeyId, MarkToken};

/// Owners asked about at once.
const PAGE: u32 = 64;

/// Holders of opened numbers linked in one operation.
const HOLDERS: u32 = 256;

/// What could not be made is looked at again after this.
const AGAIN: Duration = Duration::from_secs(60);

/// What is known of tokens that are to be made.
#[derive(Debug, Default)]
pub(crate) struct Opens {
    state: State,
    /// Something may be due that was not looked at.
    stale: bool,
    asked: BTreeSet<Owner>,
    /// What is due of those asked about.
    wanted: BTreeSet<(Owner, MarkKeyId)>,
    made: Vec<(Owner, MarkKeyId, MarkToken)>,
    failed: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Idle,
    Reading,
    Asking,
    Putting,
    Linking,
}

impl Opens {
    /// Looks at what is due; while some of it is under way, once that is done.
    pub(crate) fn look(&mut self, io: &mut Io, holder_is_here: bool) {
        self.stale = true;
        if holder_is_here && self.state == State::Idle && io.config.marks.showing().wants_open() {
            self.read(io);
        }
    }

    fn read(&mut self, io: &mut Io) {
        self.stale = false;
        self.failed = false;
        self.ask_store(io, State::Reading, MatchOp::OpensDue { limit: PAGE });
    }

    fn ask_store(&mut self, io: &mut Io, state: State, op: MatchOp) {
        if io.ask(Question::Opens, StoreOp::Match(op)) {
            self.state = state;
        } else {
            self.pause(io);
        }
    }

    fn pause(&mut self, io: &mut Io) {
        self.state = State::Idle;
        io.wait(Timer::Opens, AGAIN);
    }

    /// The holder made the tokens of one owner, or did not.
    pub(crate) fn made(&mut self, io: &mut Io, owner: Owner, answer: KeyAnswer) {
        if !self.asked.remove(&owner) {
            return;
        }
        if let KeyAnswer::OpenTokens(tokens) = answer {
            self.made.extend(tokens.into_iter().map(|(key, token)| (owner, key, token)));
        } else {
            self.failed = true;
        }
        if self.state == State::Asking && self.asked.is_empty() {
            self.put(io);
        }
    }

    fn put(&mut self, io: &mut Io) {
        // A key that is due and that the holder does not have is on its way out: asking again at once would go on for ever.
        self.failed |=
            !self.wanted.iter().all(|(of, key)| self.made.iter().any(|made| (made.0, made.1) == (*of, *key)));
        let opens = std::mem::take(&mut self.made);
        self.ask_store(io, State::Putting, MatchOp::PutOpens { opens });
    }
}

impl Keys {
    /// The store answered, whatever it was asked. Whose marks changed by it.
    pub(crate) fn opens_answered(&mut self, io: &mut Io, answer: StoreAnswer) -> Settled {
        match (self.opens.state, answer) {
            (State::Reading, StoreAnswer::OpensDue { due, more }) => self.opens_due(io, &due, more),
            (State::Putting | State::Linking, StoreAnswer::Settled(settled)) => {
                self.opens_settled(io, &settled);
                return settled;
            }
            _ => self.opens.pause(io),
        }
        Settled::default()
    }

    fn opens_due(&mut self, io: &mut Io, due: &[(Owner, MarkKeyId)], more: bool) {
        self.opens.stale |= more;
        if due.is_empty() {
            if more && self.is_here() {
                return self.opens.read(io);
            }
            // Holders may be left to link from before a crash.
            return self.opens.ask_store(io, State::Linking, MatchOp::LinkOpens { limit: HOLDERS });
        }
        self.opens.state = State::Asking;
        self.opens.wanted = due.iter().copied().collect();
        let owners: BTreeSet<Owner> = due.iter().map(|(owner, _)| *owner).collect();
        for owner in owners {
            self.opens.asked.insert(owner);
            if !self.ask(io, Why::Open(owner), KeyQuestion::OpenTokens { number: owner.number }) {
                self.opens.asked.remove(&owner);
                self.opens.failed = true;
            }
        }
        if self.opens.asked.is_empty() {
            self.opens.put(io);
        }
    }

    fn opens_settled(&mut self, io: &mut Io, settled: &Settled) {
        if settled.more {
            return self.opens.ask_store(io, State::Linking, MatchOp::LinkOpens { limit: HOLDERS });
        }
        self.opens.state = State::Idle;
        if self.opens.failed || !self.is_here() {
            self.opens.pause(io);
        } else if self.opens.stale || settled.opens_due {
            self.opens.look(io, true);
        }
    }
}
