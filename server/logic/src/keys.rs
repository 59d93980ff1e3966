//! The key holder as the server knows it: whether it is there, what it was asked, and what follows from what it says.
//!
//! Nothing here keeps a secret or computes with one. A holder that is away, or does not answer in time, is a refusal by name for
//! phones that ask it for something, and a wait for everything else; marks that show go on showing.

use crate::effect::{Effect, Metric};
use crate::input::ConnId;
use crate::io::Io;
use crate::key_question::{KeyAnswer, KeyQuestion, LiveKey};
use crate::links::Links;
use crate::matching::MatchOp;
use crate::opens::Opens;
use crate::question::Question;
use crate::sessions::Sessions;
use crate::store_answer::{KeysOutcome, StoreAnswer};
use crate::store_op::{Owner, StoreOp};
use crate::timers::Timer;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tandem_model::{MarkKeyId, Mono, Ticket};
use tandem_wire::frame::{Evaluate, Evaluated};
use tandem_wire::{RefuseReason, ServerFrame};

/// Sessions that are told of changed keys at once; the next after a moment.
const TOLD_AT_ONCE: usize = 256;

/// That moment.
const TELLING_PAUSE: Duration = Duration::from_millis(50);

/// The key holder, and all that is under way with it.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    /// What lives at the holder; empty while it is away, or the store has not taken its keys yet.
    live: Vec<LiveKey>,
    /// The keys being given to the store.
    offered: Vec<LiveKey>,
    open: BTreeMap<Ticket, Open>,
    evaluating: BTreeMap<ConnId, usize>,
    /// Sessions that are to be told of the keys.
    untold: BTreeSet<ConnId>,
    pub(crate) links: Links,
    pub(crate) opens: Opens,
}

#[derive(Debug)]
struct Open {
    why: Why,
    give_up_at: Mono,
}

/// What the holder was asked for.
#[derive(Debug)]
pub(crate) enum Why {
    /// A phone's evaluation.
    Evaluate { conn: ConnId, ticket: Ticket, key: MarkKeyId },
    /// One link of the page under way.
    Link(crate::matching::LinkId),
    /// The tokens of an owner's number.
    Open(Owner),
}

impl Keys {
    /// Whether the holder is there.
    pub(crate) fn is_here(&self) -> bool {
        !self.live.is_empty()
    }

    pub(crate) fn live(&self) -> &[LiveKey] {
        &self.live
    }

    /// The holder came, went, or has other keys.
    pub(crate) fn changed(&mut self, io: &mut Io, keys: Option<Vec<LiveKey>>) {
        let mut keys = keys.unwrap_or_default();
        keys.sort_unstable_by_key(|key| key.id);
        keys.dedup_by_key(|key| key.id);
        // Two live side by side while phones move; a few more is what a frame can say.
        keys.truncate(tandem_wire::limits::MARK_KEYS_MAX);
        if keys.is_empty() {
            io.count(Metric::KeyHolderAway);
            self.live.clear();
            self.offered.clear();
            return self.give_up_all(io);
        }
        if keys == self.live || keys == self.offered {
            return;
        }
        let named = keys.iter().map(|key| (key.id, key.public)).collect();
        self.offered = keys;
        if !io.ask(Question::SetKeys, StoreOp::Match(MatchOp::SetKeys { keys: named })) {
            self.offered.clear();
        }
    }

    /// The store knows the keys: phones are told, and what waited goes on. A key that is known with another public half is a
    /// holder that lost its file, and is not worked with: every token made before would be worth nothing, unseen.
    #[expect(clippy::wildcard_enum_match_arm, reason = "an answer of another kind is refused, never acted on")]
    pub(crate) fn taken(&mut self, io: &mut Io, sessions: &Sessions, answer: &StoreAnswer) {
        let offered = std::mem::take(&mut self.offered);
        match answer {
            StoreAnswer::Keys(KeysOutcome::Set) if !offered.is_empty() => {
                self.live = offered;
                io.count(Metric::KeyHolderHere);
                self.untold = sessions.conns().into_iter().filter(|conn| sessions.line(*conn).is_some()).collect();
                self.tell_some(io, sessions);
                self.links.look(io, true);
                self.opens.look(io, true);
            }
            StoreAnswer::Keys(KeysOutcome::Changed(_)) => io.count(Metric::KeyChanged),
            _ => {}
        }
    }

    /// Tells some sessions of the keys; the store knows what it holds of them.
    pub(crate) fn tell_some(&mut self, io: &mut Io, sessions: &Sessions) {
        for _ in 0..TOLD_AT_ONCE {
            let Some(conn) = self.untold.pop_first() else { return };
            ask_told(io, sessions, conn);
        }
        if !self.untold.is_empty() {
            io.wait(Timer::KeyTelling, TELLING_PAUSE);
        }
    }

    /// A phone asks for evaluations.
    pub(crate) fn evaluate(&mut self, io: &mut Io, sessions: &Sessions, conn: ConnId, asked: Evaluate) {
        let Some(line) = sessions.line(conn) else { return };
        let Evaluate { ticket, key, blinded } = asked;
        if !self.live.iter().any(|live| live.id == key) {
            return io.refuse(conn, ticket, RefuseReason::NotAvailable, io.config.marks.key_retry);
        }
        let open = self.evaluating.get(&conn).copied().unwrap_or(0);
        if open >= io.config.marks.evaluate_open_max {
            return io.refuse(conn, ticket, RefuseReason::Budget, io.config.session.retry_after);
        }
        let question = KeyQuestion::Evaluate { account: line.owner.number, key, blinded };
        if self.ask(io, Why::Evaluate { conn, ticket, key }, question) {
            self.evaluating.insert(conn, open + 1);
        } else {
            io.refuse(conn, ticket, RefuseReason::NotAvailable, io.config.session.retry_after);
        }
    }

    /// Asks the holder. False when it has too much to answer, or is away.
    pub(crate) fn ask(&mut self, io: &mut Io, why: Why, question: KeyQuestion) -> bool {
        if !self.is_here() || self.open.len() >= io.config.marks.key_open_max {
            return false;
        }
        let ticket = io.ticket();
        let give_up_at = io.now.mono.after(io.config.marks.key_wait);
        self.open.insert(ticket, Open { why, give_up_at });
        io.timers.set_if_idle(Timer::KeyHolder, give_up_at);
        io.effect(Effect::KeyAsk { ticket, at: io.now.server, question });
        true
    }

    /// The holder answered.
    pub(crate) fn answered(&mut self, io: &mut Io, ticket: Ticket, answer: KeyAnswer) {
        match self.open.remove(&ticket) {
            Some(open) => self.give(io, open.why, answer),
            None => io.count(Metric::LateResult),
        }
    }

    /// Gives up what was not answered in time. Tickets grow with time, so the first is the oldest.
    pub(crate) fn overdue(&mut self, io: &mut Io) {
        while let Some((ticket, open)) = self.open.first_key_value() {
            let (ticket, give_up_at) = (*ticket, open.give_up_at);
            if give_up_at > io.now.mono {
                return io.timers.set(Timer::KeyHolder, give_up_at);
            }
            self.answered(io, ticket, KeyAnswer::Failed);
        }
    }

    fn give_up_all(&mut self, io: &mut Io) {
        for (_, open) in std::mem::take(&mut self.open) {
            self.give(io, open.why, KeyAnswer::Failed);
        }
    }

    fn give(&mut self, io: &mut Io, why: Why, answer: KeyAnswer) {
        if answer == KeyAnswer::Failed {
            io.count(Metric::KeyHolderFailed);
        }
        match why {
            Why::Evaluate { conn, ticket, key } => {
                if let Some(open) = self.evaluating.get_mut(&conn) {
                    *open = open.saturating_sub(1);
                    if *open == 0 {
                        self.evaluating.remove(&conn);
                    }
                }
                tell_evaluated(io, conn, ticket, key, answer);
            }
            Why::Link(link) => self.links.judged(io, link, &answer),
            Why::Open(owner) => self.opens.made(io, owner, answer),
        }
    }

    /// A connection is gone.
    pub(crate) fn forget(&mut self, conn: ConnId) {
        self.untold.remove(&conn);
    }
}

/// Asks what is held of a session's owner, to be told with the keys.
pub(crate) fn ask_told(io: &mut Io, sessions: &Sessions, conn: ConnId) {
    let Some(line) = sessions.line(conn) else { return };
    let op = StoreOp::Match(MatchOp::Told { owner: line.owner });
    // With too many questions open the phone does without until it comes back.
    let _asked = io.ask(Question::Told { conn }, op);
}

#[expect(clippy::wildcard_enum_match_arm, reason = "an answer of another kind is refused, never acted on")]
fn tell_evaluated(io: &mut Io, conn: ConnId, ticket: Ticket, key: MarkKeyId, answer: KeyAnswer) {
    match answer {
        KeyAnswer::Evaluated { evaluated, proof } => {
            io.send(conn, ServerFrame::Evaluated(Evaluated { ticket, key, evaluated, proof }));
        }
        KeyAnswer::Spent { retry_after } => io.refuse(conn, ticket, RefuseReason::Budget, retry_after),
        KeyAnswer::Malformed => io.refuse(conn, ticket, RefuseReason::Invalid, Duration::ZERO),
        _ => io.refuse(conn, ticket, RefuseReason::NotAvailable, io.config.marks.key_retry),
    }
}
