//! Keeping the server's tokens in step with the phone book, over all lines.
//!
//! The book may be handed over page by page: nothing is asked or told before it is quiet, so that what one page seems to
//! remove and the next one names again is neither evaluated twice nor told twice.

use super::Lines;
use crate::blocked::Blocked;
use crate::ctx::Ctx;
use crate::effect::Refusal;
use crate::input::OprfInput;
use crate::pseudonyms::{Pseudonyms, Wanted};
use crate::token_sync::Desired;
use std::collections::BTreeSet;
use std::time::Duration;
use tandem_model::matching::MatchingRows;
use tandem_model::{Line, Mono, Msisdn, Secret, Ticket};
use tandem_wire::frame::{Evaluated, MarkKeys};

/// How long the book must be quiet before anything is made of it.
const SETTLE: Duration = Duration::from_secs(2);

/// What all lines match by.
#[derive(Debug, Default)]
pub(crate) struct Matching {
    pub pseudonyms: Pseudonyms,
    pub blocked: Blocked,
    /// The book is not quiet yet.
    settles: Option<Mono>,
    /// Numbers that came or went since it last was.
    changed: BTreeSet<Msisdn>,
}

impl Lines {
    pub(crate) fn restore_matching(&mut self, mut rows: MatchingRows) {
        self.matching.pseudonyms.restore(&mut rows);
        self.matching.blocked.restore(rows.blocked);
        for ((line, key), held) in rows.told {
            if let Some(unit) = self.units.get_mut(&line) {
                unit.tokens.restore(key, held);
            }
        }
    }

    /// These numbers came into the book or went from it, or are mine no more.
    pub(super) fn wanted_changed(&mut self, numbers: Vec<Msisdn>, ctx: &Ctx<'_>) {
        if !numbers.is_empty() {
            self.matching.changed.extend(numbers);
            self.matching.settles = Some(ctx.now.mono.after(SETTLE));
        }
    }

    /// The server of a line lists its keys.
    pub(crate) fn mark_keys(&mut self, line: Line, keys: &MarkKeys, ctx: &mut Ctx<'_>) {
        let listed = self.matching.pseudonyms.listed(&keys.keys, ctx);
        let (book, matching) = (self.book.numbers(), &self.matching);
        for unit in self.units.values_mut() {
            let Some(identity) = unit.registration.registered() else { continue };
            let want = desired(identity.number, book, matching);
            if unit.line == line {
                unit.open_mark.told(keys.open);
                unit.tokens.listed(&listed.live, keys.wants_open, &want, ctx);
            } else {
                unit.tokens.retired(&listed.retired);
            }
        }
        self.match_on(ctx);
    }

    /// An evaluation came.
    pub(crate) fn evaluated(&mut self, answer: Evaluated, ctx: &mut Ctx<'_>) -> bool {
        let taken = self.matching.pseudonyms.evaluated(answer, ctx);
        self.match_on(ctx);
        taken
    }

    /// The shell did something with blinded numbers.
    pub(crate) fn oprf(&mut self, input: OprfInput, ctx: &mut Ctx<'_>) -> bool {
        let taken = self.matching.pseudonyms.oprf(input, ctx);
        self.match_on(ctx);
        taken
    }

    /// A request for an evaluation is refused.
    pub(crate) fn evaluation_refused(&mut self, ticket: Ticket, retry_after_ms: u32, ctx: &mut Ctx<'_>) -> bool {
        self.matching.pseudonyms.refused(ticket, retry_after_ms, ctx)
    }

    /// The server holds a page of tokens, or a setting, durably.
    pub(crate) fn tokens_done(&mut self, line: Line, ticket: Ticket, ctx: &mut Ctx<'_>) -> bool {
        let Some(unit) = self.units.get_mut(&line) else { return false };
        let taken = unit.tokens.done(ticket, ctx);
        if taken {
            self.match_on(ctx);
            return true;
        }
        unit.open_mark.done(ticket, ctx)
    }

    /// The store answered. False when the ticket is none of these.
    pub(crate) fn matching_committed(&mut self, ticket: Ticket, durable: bool, ctx: &mut Ctx<'_>) -> bool {
        if let Some(changed) = self.matching.blocked.committed(ticket, durable, ctx) {
            self.look_again(changed.into_iter().collect(), ctx);
            return true;
        }
        let Some(arrived) = self.matching.pseudonyms.committed(ticket, durable, ctx) else {
            return false;
        };
        if let Some(arrived) = arrived {
            self.units.values_mut().for_each(|unit| unit.tokens.arrived(&arrived));
        }
        self.match_on(ctx);
        true
    }

    /// A session of a line stands no more.
    pub(super) fn matching_down(&mut self, line: Line, ctx: &mut Ctx<'_>) {
        self.matching.pseudonyms.session_down(line, ctx);
        self.match_on(ctx);
    }

    /// Blocks a number as typed, or blocks it no more.
    pub(crate) fn block(&mut self, command: Ticket, typed: &Secret<String>, blocked: bool, ctx: &mut Ctx<'_>) {
        let typed = typed.expose();
        let number = match self.home() {
            Some(home) => Msisdn::parse(typed, home).ok(),
            None => Msisdn::from_e164(typed).ok(),
        };
        match number {
            Some(number) => self.matching.blocked.set(command, number, blocked, ctx),
            None => ctx.reply(command, Err(Refusal::BadNumber)),
        }
    }

    /// Opens a line's mark to whoever has its number, or closes it.
    pub(crate) fn set_open_mark(&mut self, command: Ticket, line: Line, open: bool, ctx: &mut Ctx<'_>) {
        let Some(unit) = self.units.get_mut(&line) else {
            return ctx.reply(command, Err(Refusal::NoSuchLine));
        };
        match (unit.registration.registered(), unit.session.facts()) {
            (None, _) => ctx.reply(command, Err(Refusal::NotRegistered)),
            (Some(_), None) => ctx.reply(command, Err(Refusal::Offline)),
            (Some(_), Some(session)) => unit.open_mark.set(command, open, &session, ctx),
        }
    }

    /// Begins what there is to ask and to tell, once the book is quiet.
    fn match_on(&mut self, ctx: &mut Ctx<'_>) {
        if self.matching.settles.is_some() {
            return;
        }
        let own = self.own_numbers();
        let book = self.book.numbers();
        let session = self.units.values().filter(|unit| unit.tokens.is_ready()).find_map(|unit| unit.session.facts());
        let matching = &mut self.matching;
        let wanted = Wanted { own: &own, blocked: matching.blocked.numbers(), book };
        matching.pseudonyms.pump(&wanted, session.as_ref(), ctx);
        let matching = &self.matching;
        for unit in self.units.values_mut() {
            if let (Some(identity), Some(session)) = (unit.registration.registered(), unit.session.facts()) {
                unit.tokens.tell(&desired(identity.number, book, matching), &session, ctx);
            }
        }
    }

    /// Whether these numbers are wanted is as it is to be for now.
    fn look_again(&mut self, changed: BTreeSet<Msisdn>, ctx: &mut Ctx<'_>) {
        let own = self.own_numbers();
        let book = self.book.numbers();
        let matching = &mut self.matching;
        let wanted = Wanted { own: &own, blocked: matching.blocked.numbers(), book };
        matching.pseudonyms.wanted_changed(&changed, &wanted, ctx);
        for unit in self.units.values_mut() {
            unit.tokens.changed(&changed);
        }
        self.match_on(ctx);
    }

    fn own_numbers(&self) -> BTreeSet<Msisdn> {
        self.units.values().filter_map(|unit| unit.registration.registered()).map(|identity| identity.number).collect()
    }

    pub(super) fn matching_timeout(&self) -> Option<(Mono, &'static str)> {
        let settles = self.matching.settles.map(|at| (at, "book settles"));
        settles.into_iter().chain(self.matching.pseudonyms.poll_timeout()).min()
    }

    pub(super) fn handle_matching_timeout(&mut self, ctx: &mut Ctx<'_>) {
        self.matching.pseudonyms.handle_timeout(ctx);
        if self.matching.settles.is_some_and(|at| at <= ctx.now.mono) {
            self.matching.settles = None;
            let changed = std::mem::take(&mut self.matching.changed);
            self.look_again(changed, ctx);
        } else {
            self.match_on(ctx);
        }
    }
}

fn desired<'a>(own: Msisdn, book: &'a BTreeSet<Msisdn>, matching: &'a Matching) -> Desired<'a> {
    Desired { own, book, blocked: matching.blocked.numbers(), pseudonyms: &matching.pseudonyms }
}
