//! Telling the server of one line the tokens of the phone book, page by page, and afterwards only what changed.
//!
//! What the server holds is kept beside the book, by number. At the start of a session the server says how many tokens it
//! holds and their digest: when both are as kept, only the difference to the book is told, which is nothing when nothing
//! changed; else everything is told anew.

mod told;

use crate::backoff;
use crate::ctx::{Ctx, SessionFacts};
use crate::pseudonyms::{Arrived, Pseudonyms};
use std::collections::{BTreeMap, BTreeSet};
use tandem_model::matching::{MatchingChange, ToldKind, ToldToken, ToldTokens};
use tandem_model::rows::Change;
use tandem_model::{Line, MarkKeyId, MarkToken, Mono, Msisdn, Ticket};
use tandem_wire::ClientFrame;
use tandem_wire::frame::{MarkKey, TokensSync};
use told::Told;

/// What a line is to tell, and from what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Desired<'a> {
    /// The line's own number: pairs are of it and another.
    pub own: Msisdn,
    pub book: &'a BTreeSet<Msisdn>,
    pub blocked: &'a BTreeSet<Msisdn>,
    pub pseudonyms: &'a Pseudonyms,
}

impl Desired<'_> {
    /// Whether the server is to hold a token of this kind. A blocked contact is told as blocked and as nothing else.
    fn wants(&self, number: Msisdn, kind: ToldKind, wants_open: bool) -> bool {
        let is_blocked = self.blocked.contains(&number);
        let is_contact = !is_blocked && number != self.own && self.book.contains(&number);
        match kind {
            ToldKind::Pair => is_contact,
            ToldKind::Open => is_contact && wants_open,
            ToldKind::Blocked => is_blocked && number != self.own,
        }
    }

    fn token(&self, key: MarkKeyId, number: Msisdn, kind: ToldKind, ctx: &Ctx<'_>) -> Option<MarkToken> {
        let of = self.pseudonyms.get(key, number)?;
        match kind {
            ToldKind::Open => Some(ctx.vault.open_token(of)),
            ToldKind::Pair | ToldKind::Blocked => Some(ctx.vault.pair_token(self.pseudonyms.get(key, self.own)?, of)),
        }
    }
}

/// What one line has told its server.
#[derive(Debug)]
pub(crate) struct TokenSync {
    line: Line,
    told: BTreeMap<MarkKeyId, Told>,
    /// Whether the server wants open tokens; `None` until it listed its keys in this session.
    wants_open: Option<bool>,
    state: State,
    tries: u32,
}

#[derive(Debug)]
enum State {
    /// Nothing to tell, or no session to tell it in.
    Idle,
    /// The server wants to hear later.
    Resting(Mono),
    /// A page is on its way.
    Sent { ticket: Ticket, until: Mono, page: Page },
}

/// What one frame changes.
#[derive(Debug)]
struct Page {
    key: MarkKeyId,
    replace: bool,
    last: bool,
    told: Vec<ToldToken>,
    untold: Vec<ToldToken>,
}

impl TokenSync {
    pub(crate) const fn new(line: Line) -> Self {
        Self { line, told: BTreeMap::new(), wants_open: None, state: State::Idle, tries: 0 }
    }

    pub(crate) fn restore(&mut self, key: MarkKeyId, held: ToldTokens) {
        self.told.insert(key, Told::new(held));
    }

    /// Whether the server listed its keys in this session.
    pub(crate) const fn is_ready(&self) -> bool {
        self.wants_open.is_some()
    }

    /// The server lists the keys to match under and what it holds of this line.
    pub(crate) fn listed(&mut self, keys: &[MarkKey], wants_open: bool, want: &Desired<'_>, ctx: &mut Ctx<'_>) {
        self.wants_open = Some(wants_open);
        self.told.retain(|id, _| keys.iter().any(|shown| shown.id == *id));
        for shown in keys {
            let told = self.told.entry(shown.id).or_default();
            if !told.is_as_shown(shown) {
                told.begin_anew();
                let (line, key) = (self.line, Some(shown.id));
                ctx.commit(vec![Change::Matching(MatchingChange::DropTold { line, key })]);
            }
        }
        for told in self.told.values_mut() {
            told.look(want, wants_open);
        }
    }

    /// Keys that are used no more.
    pub(crate) fn retired(&mut self, keys: &[MarkKeyId]) {
        self.told.retain(|key, _| !keys.contains(key));
    }

    /// These numbers' tokens may differ from what the server holds.
    pub(crate) fn changed(&mut self, numbers: &BTreeSet<Msisdn>) {
        for told in self.told.values_mut() {
            told.queue.extend(numbers);
        }
    }

    /// There are pseudonyms that were missing.
    pub(crate) fn arrived(&mut self, arrived: &Arrived) {
        if let Some(told) = self.told.get_mut(&arrived.key) {
            told.queue.extend(&arrived.numbers);
        }
    }

    /// The session stands no more. Whether the page on its way was heard is unknown; the server will say.
    pub(crate) fn session_down(&mut self) {
        self.state = State::Idle;
        self.wants_open = None;
        for told in self.told.values_mut() {
            told.checked = false;
        }
    }

    /// The registration is over, and with it what the server holds.
    pub(crate) fn clear(&mut self, ctx: &mut Ctx<'_>) {
        if !self.told.is_empty() {
            ctx.commit(vec![Change::Matching(MatchingChange::DropTold { line: self.line, key: None })]);
        }
        *self = Self::new(self.line);
    }

    /// Tells the next page, if there is one and nothing is on its way.
    pub(crate) fn tell(&mut self, want: &Desired<'_>, session: &SessionFacts, ctx: &mut Ctx<'_>) {
        let (State::Idle, Some(wants_open)) = (&self.state, self.wants_open) else {
            return;
        };
        let next = self.told.iter_mut().find_map(|(key, told)| told.next_page(*key, want, wants_open, ctx));
        let Some(page) = next else { return };
        let ticket = ctx.ticket();
        ctx.send(session, ClientFrame::TokensSync(page.frame(ticket)));
        self.state = State::Sent { ticket, until: ctx.now.mono.after(ctx.config.request), page };
    }

    /// The page was heard and is durable at the server. False when the ticket is none of ours.
    pub(crate) fn done(&mut self, done: Ticket, ctx: &mut Ctx<'_>) -> bool {
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Sent { ticket, page, .. } if ticket == done => {
                self.tries = 0;
                // A key that was retired meanwhile has left nothing to keep it by.
                if let Some(told) = self.told.get_mut(&page.key) {
                    told.take(&page);
                    let (line, key) = (self.line, page.key);
                    let untold = page.untold.iter().map(|token| (token.number, token.kind)).collect();
                    ctx.commit(vec![Change::Matching(MatchingChange::PutTold { line, key, told: page.told, untold })]);
                }
                true
            }
            other @ (State::Idle | State::Resting(_) | State::Sent { .. }) => {
                self.state = other;
                false
            }
        }
    }

    /// The server refuses to hear it now. False when the ticket is none of ours.
    pub(crate) fn refused(&mut self, refused: Ticket, retry_after_ms: u32, ctx: &Ctx<'_>) -> bool {
        match &self.state {
            State::Sent { ticket, .. } if *ticket == refused => {
                let wait = backoff::refused(self.tries, retry_after_ms, ctx);
                self.tries = self.tries.saturating_add(1);
                self.state = State::Resting(ctx.now.mono.after(wait));
                true
            }
            State::Idle | State::Resting(_) | State::Sent { .. } => false,
        }
    }

    /// When [`TokenSync::handle_timeout`] is due.
    pub(crate) const fn poll_timeout(&self) -> Option<(Mono, &'static str)> {
        match &self.state {
            State::Idle => None,
            State::Resting(at) => Some((*at, "tokens rest")),
            State::Sent { until, .. } => Some((*until, "tokens answer")),
        }
    }

    /// Acts on the deadline that has come. True when the server left a page unanswered: the connection is dead.
    pub(crate) fn handle_timeout(&mut self, ctx: &Ctx<'_>) -> bool {
        match &self.state {
            State::Resting(at) if *at <= ctx.now.mono => {
                self.state = State::Idle;
                false
            }
            State::Sent { until, .. } if *until <= ctx.now.mono => {
                self.state = State::Idle;
                true
            }
            State::Idle | State::Resting(_) | State::Sent { .. } => false,
        }
    }
}

impl Page {
    fn frame(&self, ticket: Ticket) -> TokensSync {
        let tokens = |of: &[ToldToken], blocked: bool| {
            of.iter().filter(|t| (t.kind == ToldKind::Blocked) == blocked).map(|t| t.token).collect()
        };
        TokensSync {
            ticket,
            key: self.key,
            replace: self.replace,
            last: self.last,
            added: tokens(&self.told, false),
            removed: tokens(&self.untold, false),
            blocked: tokens(&self.told, true),
            unblocked: tokens(&self.untold, true),
        }
    }
}

#[cfg(test)]
mod tests;
