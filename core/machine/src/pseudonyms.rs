//! Pseudonyms of the numbers this phone matches by: made once for a number and a key, with the key holder's help, and kept.
//!
//! Numbers go in pages: blinded by the shell, evaluated by the server's key holder, verified and unblinded by the shell, made
//! durable. Two pages are under way at once, so that the phone blinds while the server evaluates; a page that is durable is
//! never asked for again, whatever ends the process. A lying or spent server costs a wait and nothing else.

mod page;

use crate::backoff;
use crate::ctx::{Ctx, SessionFacts};
use crate::effect::{Effect, Event};
use crate::input::OprfInput;
use crate::view::Notice;
use page::{Page, Step};
use std::collections::{BTreeMap, BTreeSet};
use tandem_model::matching::{MatchingChange, MatchingRows};
use tandem_model::rows::Change;
use tandem_model::{Line, MarkKeyId, MarkPublicKey, Mono, Msisdn, OprfFault, Pseudonym, Ticket};
use tandem_wire::frame::{Evaluated, MarkKey};
use tandem_wire::limits::EVALUATE_MAX;

/// Pages under way at once.
const PAGES_MAX: usize = 2;

/// Keys remembered at most, retired ones included. A server that rotates yearly never comes near it, one that lies is not
/// followed beyond it.
const KEYS_MAX: usize = 64;

/// Pseudonyms by key and number.
#[derive(Debug, Default)]
pub(crate) struct Pseudonyms {
    keys: BTreeMap<MarkKeyId, Key>,
    pages: Vec<Page>,
    /// There may be numbers without a pseudonym.
    hungry: bool,
    /// Nothing is asked before then.
    rest: Option<Mono>,
    /// Failures in a row.
    tries: u32,
    /// Evaluations whose proof did not verify, since boot.
    unproven: u64,
}

#[derive(Debug)]
struct Key {
    public: MarkPublicKey,
    /// The server listed it in this boot.
    live: bool,
    held: BTreeMap<Msisdn, Pseudonym>,
}

/// The numbers there is to be a pseudonym of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'a> {
    /// My own: first, because no token is made without them.
    pub own: &'a BTreeSet<Msisdn>,
    /// Blocked ones: next, because the user wants them to take effect.
    pub blocked: &'a BTreeSet<Msisdn>,
    /// The contacts'.
    pub book: &'a BTreeSet<Msisdn>,
}

impl Wanted<'_> {
    fn has(&self, number: &Msisdn) -> bool {
        self.book.contains(number) || self.own.contains(number) || self.blocked.contains(number)
    }

    fn in_order(&self) -> impl Iterator<Item = Msisdn> {
        self.own.iter().chain(self.blocked).chain(self.book).copied()
    }
}

/// What came of the server's list of keys.
#[derive(Debug, Default)]
pub(crate) struct Listed {
    /// The keys to match under.
    pub live: Vec<MarkKey>,
    /// Keys that are used no more.
    pub retired: Vec<MarkKeyId>,
}

/// Pseudonyms that are durable from now on.
#[derive(Debug)]
pub(crate) struct Arrived {
    pub key: MarkKeyId,
    pub numbers: Vec<Msisdn>,
}

impl Pseudonyms {
    pub(crate) fn restore(&mut self, rows: &mut MatchingRows) {
        for (id, public) in std::mem::take(&mut rows.keys) {
            let held = rows.pseudonyms.remove(&id).unwrap_or_default();
            self.keys.insert(id, Key { public, live: false, held });
        }
    }

    /// The pseudonym of a number under a key.
    pub(crate) fn get(&self, key: MarkKeyId, number: Msisdn) -> Option<&Pseudonym> {
        self.keys.get(&key)?.held.get(&number)
    }

    /// Evaluations whose proof did not verify.
    pub(crate) const fn unproven(&self) -> u64 {
        self.unproven
    }

    /// The server lists its keys. One that shows another public half than before is not the key it was: it is not used.
    pub(crate) fn listed(&mut self, keys: &[MarkKey], ctx: &mut Ctx<'_>) -> Listed {
        let mut listed = Listed::default();
        let mut forged = false;
        for shown in keys {
            let is_room = self.keys.len() < KEYS_MAX;
            match self.keys.get_mut(&shown.id) {
                Some(known) if known.public == shown.public => {
                    known.live = true;
                    listed.live.push(*shown);
                }
                None if is_room => {
                    let (key, public) = (shown.id, shown.public);
                    self.keys.insert(key, Key { public, live: true, held: BTreeMap::new() });
                    ctx.commit(vec![Change::Matching(MatchingChange::PutKey { key, public })]);
                    listed.live.push(*shown);
                }
                Some(_) | None => forged = true,
            }
        }
        if forged {
            ctx.emit(Event::Notice(Notice::MarkKeyChanged));
        }
        for (id, known) in &mut self.keys {
            let is_listed = keys.iter().any(|shown| shown.id == *id);
            if !is_listed && (known.live || !known.held.is_empty()) {
                known.live = false;
                known.held.clear();
                ctx.commit(vec![Change::Matching(MatchingChange::RetireKey(*id))]);
                listed.retired.push(*id);
            }
        }
        self.hungry = true;
        listed
    }

    /// Whether these numbers are wanted changed and stays like this for now: what nobody wants any more is forgotten.
    pub(crate) fn wanted_changed(&mut self, changed: &BTreeSet<Msisdn>, wanted: &Wanted<'_>, ctx: &mut Ctx<'_>) {
        self.hungry = true;
        for (id, known) in &mut self.keys {
            let is_gone = |number: &&Msisdn| !wanted.has(number) && known.held.contains_key(number);
            let numbers: Vec<Msisdn> = changed.iter().filter(is_gone).copied().collect();
            if !numbers.is_empty() {
                for number in &numbers {
                    known.held.remove(number);
                }
                ctx.commit(vec![Change::Matching(MatchingChange::DropPseudonyms { key: *id, numbers })]);
            }
        }
    }

    /// Begins as many pages as may be under way, older keys first: what the user just changed goes before the move to a new
    /// key.
    pub(crate) fn pump(&mut self, wanted: &Wanted<'_>, session: Option<&SessionFacts>, ctx: &mut Ctx<'_>) {
        let Some(session) = session else { return };
        while self.hungry && self.rest.is_none() && self.pages.len() < PAGES_MAX {
            let Some((key, mut numbers)) = self.next_numbers(wanted) else {
                self.hungry = false;
                return;
            };
            numbers.sort_unstable();
            let ticket = ctx.ticket();
            ctx.push(Effect::Blind { ticket, numbers: numbers.clone() });
            let until = ctx.now.mono.after(ctx.config.request);
            self.pages.push(Page { key, numbers, session: *session, job: ticket, step: Step::Blinding, until });
        }
    }

    fn next_numbers(&self, wanted: &Wanted<'_>) -> Option<(MarkKeyId, Vec<Msisdn>)> {
        self.keys.iter().filter(|(_, known)| known.live).find_map(|(id, known)| {
            let numbers: Vec<Msisdn> = wanted
                .in_order()
                .filter(|number| !known.held.contains_key(number))
                .filter(|number| !self.pages.iter().any(|page| page.has(*id, *number)))
                .take(EVALUATE_MAX)
                .collect();
            (!numbers.is_empty()).then_some((*id, numbers))
        })
    }

    /// The shell did something with blinded numbers. False when nobody waits for it.
    pub(crate) fn oprf(&mut self, input: OprfInput, ctx: &mut Ctx<'_>) -> bool {
        match input {
            OprfInput::Blinded { ticket, blinded } => {
                let Some(page) = self.pages.iter_mut().find(|page| page.step == Step::Blinding && page.job == ticket)
                else {
                    return false;
                };
                match blinded {
                    Ok(blinded) if blinded.len() == page.numbers.len() => page.ask(blinded, ctx),
                    Ok(_) | Err(_) => self.give_up(ticket, ctx),
                }
                true
            }
            OprfInput::Finished { ticket, outcome } => self.finished(ticket, outcome, ctx),
        }
    }

    /// An evaluation came. False when nobody waits for it.
    pub(crate) fn evaluated(&mut self, answer: Evaluated, ctx: &mut Ctx<'_>) -> bool {
        let Some(page) = self.pages.iter_mut().find(|page| page.step == Step::Evaluating(answer.ticket)) else {
            return false;
        };
        let Some(known) = self.keys.get(&page.key) else {
            return false;
        };
        page.finish(known.public, answer, ctx);
        true
    }

    fn finished(&mut self, ticket: Ticket, outcome: Result<Vec<Pseudonym>, OprfFault>, ctx: &mut Ctx<'_>) -> bool {
        let Some(page) = self.pages.iter_mut().find(|page| page.step == Step::Finishing(ticket)) else {
            return false;
        };
        match outcome {
            Ok(pseudonyms) if pseudonyms.len() == page.numbers.len() => page.keep(pseudonyms, ctx),
            Ok(_) | Err(OprfFault::Forgotten | OprfFault::Invalid | OprfFault::Unproven) => {
                if outcome == Err(OprfFault::Unproven) {
                    self.unproven += 1;
                }
                let job = page.job;
                self.pages.retain(|page| page.job != job);
                self.failed(ctx);
            }
        }
        true
    }

    /// The store answered. `None` when the ticket is none of a page's.
    pub(crate) fn committed(&mut self, ticket: Ticket, durable: bool, ctx: &mut Ctx<'_>) -> Option<Option<Arrived>> {
        let place = self.pages.iter().position(|page| page.is_kept_by(ticket))?;
        let page = self.pages.swap_remove(place);
        let Step::Keeping { pseudonyms, .. } = page.step else {
            return None;
        };
        if !durable {
            self.failed(ctx);
            return Some(None);
        }
        self.tries = 0;
        let known = self.keys.get_mut(&page.key).filter(|known| known.live);
        Some(known.map(|known| {
            known.held.extend(page.numbers.iter().copied().zip(pseudonyms));
            Arrived { key: page.key, numbers: page.numbers }
        }))
    }

    /// The server does not evaluate now. False when nobody waits for it.
    pub(crate) fn refused(&mut self, ticket: Ticket, retry_after_ms: u32, ctx: &mut Ctx<'_>) -> bool {
        let Some(page) = self.pages.iter().find(|page| page.step == Step::Evaluating(ticket)) else {
            return false;
        };
        let job = page.job;
        self.forget(job, ctx);
        let wait = backoff::refused(self.tries, retry_after_ms, ctx);
        self.tries = self.tries.saturating_add(1);
        self.rest = Some(ctx.now.mono.after(wait));
        true
    }

    /// A session stands no more: what was asked in it is asked again in another.
    pub(crate) fn session_down(&mut self, line: Line, ctx: &mut Ctx<'_>) {
        let jobs: Vec<Ticket> =
            self.pages.iter().filter(|page| page.session.line == line && page.needs_session()).map(|p| p.job).collect();
        jobs.into_iter().for_each(|job| self.forget(job, ctx));
    }

    fn forget(&mut self, job: Ticket, ctx: &mut Ctx<'_>) {
        self.pages.retain(|page| page.job != job);
        ctx.push(Effect::ForgetBlind { job });
        self.hungry = true;
    }

    fn give_up(&mut self, job: Ticket, ctx: &mut Ctx<'_>) {
        self.forget(job, ctx);
        self.failed(ctx);
    }

    fn failed(&mut self, ctx: &mut Ctx<'_>) {
        self.hungry = true;
        let wait = backoff::wait(self.tries, ctx);
        self.tries = self.tries.saturating_add(1);
        self.rest = Some(ctx.now.mono.after(wait));
    }

    /// When [`Pseudonyms::handle_timeout`] is due.
    pub(crate) fn poll_timeout(&self) -> Option<(Mono, &'static str)> {
        let pages = self.pages.iter().filter(|page| page.may_expire()).map(|page| (page.until, "evaluation"));
        pages.chain(self.rest.map(|at| (at, "evaluation rest"))).min()
    }

    /// Acts on the deadline that has come; the caller pumps afterwards.
    pub(crate) fn handle_timeout(&mut self, ctx: &mut Ctx<'_>) {
        let now = ctx.now.mono;
        if self.rest.is_some_and(|at| at <= now) {
            self.rest = None;
        }
        let late: Vec<Ticket> =
            self.pages.iter().filter(|page| page.may_expire() && page.until <= now).map(|page| page.job).collect();
        late.into_iter().for_each(|job| self.give_up(job, ctx));
    }
}

#[cfg(test)]
mod tests;
