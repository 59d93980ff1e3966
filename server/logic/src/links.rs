//! Links that wait for the key holder: read from the store a page at a time, asked about, and settled together.

use crate::io::Io;
use crate::key_question::{KeyAnswer, KeyQuestion};
use crate::keys::{Keys, Why};
use crate::matching::{Doubt, LinkId, LinkVerdict, MatchOp, PendingLink};
use crate::question::Question;
use crate::store_answer::{Settled, StoreAnswer};
use crate::store_op::StoreOp;
use crate::timers::Timer;
use std::collections::BTreeMap;
use std::time::Duration;

/// Links asked about at once.
const PAGE: u32 = 64;

/// What could not be asked, or was refused for a budget, is looked at again after this.
const AGAIN: Duration = Duration::from_secs(60);

/// What is known of waiting links.
#[derive(Debug, Default)]
pub(crate) struct Links {
    state: State,
    /// Something may be waiting that was not looked at.
    stale: bool,
    after: LinkId,
    /// Links of the page whose answer is not there, and what each is about.
    asked: BTreeMap<LinkId, bool>,
    verdicts: Vec<(LinkId, LinkVerdict)>,
    /// Some of those looked at still wait.
    left: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Idle,
    Reading,
    Asking,
    Settling,
}

impl Links {
    /// Looks at what waits, from the first on; while a page is under way, once that is done.
    pub(crate) fn look(&mut self, io: &mut Io, holder_is_here: bool) {
        self.stale = true;
        if holder_is_here && self.state == State::Idle {
            self.after = LinkId::default();
            self.left = false;
            self.read(io);
        }
    }

    fn read(&mut self, io: &mut Io) {
        let op = MatchOp::PendingLinks { after: self.after, limit: PAGE };
        if self.after == LinkId::default() {
            self.stale = false;
        }
        if io.ask(Question::Links, StoreOp::Match(op)) {
            self.state = State::Reading;
        } else {
            self.pause(io);
        }
    }

    fn pause(&mut self, io: &mut Io) {
        self.state = State::Idle;
        io.wait(Timer::Links, AGAIN);
    }

    fn judge(&mut self, link: LinkId, answer: &KeyAnswer) {
        let Some(pair) = self.asked.remove(&link) else { return };
        match answer {
            KeyAnswer::Checked(found) => {
                let stands = found.is_some() == pair;
                self.verdicts.push((link, if stands { LinkVerdict::Stands } else { LinkVerdict::Falls }));
            }
            KeyAnswer::Evaluated { .. }
            | KeyAnswer::OpenTokens(_)
            | KeyAnswer::Spent { .. }
            | KeyAnswer::Malformed
            | KeyAnswer::UnknownKey
            | KeyAnswer::Failed => self.left = true,
        }
    }

    /// The holder said something about one link of the page.
    pub(crate) fn judged(&mut self, io: &mut Io, link: LinkId, answer: &KeyAnswer) {
        self.judge(link, answer);
        if self.state == State::Asking && self.asked.is_empty() {
            self.settle(io);
        }
    }

    fn settle(&mut self, io: &mut Io) {
        let verdicts = std::mem::take(&mut self.verdicts);
        if verdicts.is_empty() {
            return self.go_on(io);
        }
        if io.ask(Question::SettleLinks, StoreOp::Match(MatchOp::SettleLinks { verdicts })) {
            self.state = State::Settling;
        } else {
            self.pause(io);
        }
    }

    fn go_on(&mut self, io: &mut Io) {
        self.read(io);
    }

    /// The end of what waits, for now.
    fn ended(&mut self, io: &mut Io) {
        self.state = State::Idle;
        if self.stale {
            self.look(io, true);
        } else if self.left {
            self.pause(io);
        }
    }
}

impl Keys {
    /// The store says what waits.
    pub(crate) fn links_read(&mut self, io: &mut Io, answer: StoreAnswer) {
        let StoreAnswer::Links(page) = answer else { return self.links.pause(io) };
        let Some(last) = page.last().map(|link| link.id) else { return self.links.ended(io) };
        if !self.is_here() {
            return self.links.pause(io);
        }
        self.links.after = last;
        self.links.state = State::Asking;
        for link in page {
            self.ask_link(io, link);
        }
        if self.links.asked.is_empty() {
            self.links.settle(io);
        }
    }

    fn ask_link(&mut self, io: &mut Io, link: PendingLink) {
        let PendingLink { id, viewer, seen, by, doubt } = link;
        let (tokens, pair) = match doubt {
            Doubt::Pair(token) => (vec![token], true),
            Doubt::Blocked(tokens) => (tokens, false),
        };
        if tokens.is_empty() {
            return self.links.verdicts.push((id, LinkVerdict::Stands));
        }
        self.links.asked.insert(id, pair);
        let question = KeyQuestion::Check { account: by, a: viewer, b: seen, tokens };
        if !self.ask(io, Why::Link(id), question) {
            self.links.judge(id, &KeyAnswer::Failed);
        }
    }

    /// The page is settled; whose marks changed by it.
    pub(crate) fn links_settled(&mut self, io: &mut Io, answer: StoreAnswer) -> Settled {
        let StoreAnswer::Settled(settled) = answer else {
            self.links.pause(io);
            return Settled::default();
        };
        for _ in 0..settled.forged {
            io.count(crate::effect::Metric::PairForged);
        }
        if self.is_here() {
            self.links.go_on(io)
        } else {
            self.links.pause(io)
        }
        settled
    }
}
