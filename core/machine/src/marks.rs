//! What one line sees of its contacts' numbers: leased marks, kept in step with the server.
//!
//! A mark is believed only when its sealing key is signed by its device key, and only while it is no older than what is
//! held. Marks that are gone stay as "unmarked", so that old news about them stays old.

use crate::backoff;
use crate::ctx::{Ctx, SessionFacts};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tandem_model::rows::Change;
use tandem_model::vault::signed;
use tandem_model::{Line, Mark, MarkGeneration, MarkState, Mono, Msisdn, Now, ServerOffset, Ticket};
use tandem_wire::{ClientFrame, frame};

use crate::view::MarkShown;

/// Marks held per line; a server that says more is not believed.
pub const MARKS_MAX: usize = 100_000;

/// Marks of one line.
#[derive(Debug)]
pub(crate) struct Marks {
    line: Line,
    generation: MarkGeneration,
    held: BTreeMap<Msisdn, Mark>,
    sync: Sync,
    /// When the first lease that is still good ends; lowered by every change, set right by every look.
    next_lease: Option<Mono>,
}

#[derive(Clone, Copy, Debug)]
enum Sync {
    /// No session.
    Off,
    /// Until the next one.
    Due(Mono),
    /// Asked.
    Asked { ticket: Ticket, until: Mono },
}

impl Marks {
    pub(crate) fn new(line: Line) -> Self {
        Self { line, generation: MarkGeneration(0), held: BTreeMap::new(), sync: Sync::Off, next_lease: None }
    }

    /// Goes on with what was held when the process ended.
    pub(crate) fn restore(&mut self, generation: MarkGeneration, marks: Vec<Mark>) {
        self.generation = generation;
        self.held = marks.into_iter().map(|mark| (mark.number, mark)).collect();
    }

    /// The newest generation held.
    pub(crate) fn generation(&self) -> MarkGeneration {
        self.generation
    }

    /// The mark of a number, however old its lease; `None` when it is unmarked.
    pub(crate) fn get(&self, number: Msisdn) -> Option<&Mark> {
        self.held.get(&number).filter(|mark| matches!(mark.state, MarkState::Marked { .. }))
    }

    /// Every number with a mark.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = Msisdn> {
        self.held.values().filter(|mark| matches!(mark.state, MarkState::Marked { .. })).map(|mark| mark.number)
    }

    /// What is shown beside a number. Before the first session of a boot the server's clock is unknown, and the wall clock
    /// decides what is *shown*; whether a text may go is decided in a session.
    pub(crate) fn shown(&self, number: Msisdn, offset: Option<ServerOffset>, now: Now) -> MarkShown {
        match self.held.get(&number).map(|mark| &mark.state) {
            Some(MarkState::Marked { lease_until, .. }) => {
                let good = match offset {
                    Some(offset) => offset.to_mono(*lease_until) > now.mono,
                    None => lease_until.0 > now.wall.0,
                };
                if good { MarkShown::Marked } else { MarkShown::NotSeenLately }
            }
            Some(MarkState::Unmarked) | None => MarkShown::Unmarked,
        }
    }

    /// The registration is over: nothing is marked any more. Returns what was.
    pub(crate) fn clear(&mut self) -> Vec<Msisdn> {
        let gone = self.numbers().collect();
        self.held.clear();
        self.generation = MarkGeneration(0);
        self.sync = Sync::Off;
        self.next_lease = None;
        gone
    }

    /// A session stands: leases can be told now, and whatever changed meanwhile is asked for.
    pub(crate) fn session_up(&mut self, session: &SessionFacts, ctx: &mut Ctx<'_>) {
        self.ask(session, ctx);
        self.look(Some(session.offset), ctx.now);
    }

    /// The session stands no more; leases go on running out.
    pub(crate) fn session_down(&mut self) {
        self.sync = Sync::Off;
    }

    /// Asks for every mark that changed.
    pub(crate) fn ask(&mut self, session: &SessionFacts, ctx: &mut Ctx<'_>) {
        let ticket = ctx.ticket();
        ctx.send(session, ClientFrame::MarksAsk { ticket, since: self.generation });
        self.sync = Sync::Asked { ticket, until: ctx.now.mono.after(ctx.config.request) };
    }

    /// Marks came, asked or unasked. Older than what is held, they are old news. Returns the numbers whose mark changed.
    pub(crate) fn heard(
        &mut self,
        marks: frame::Marks,
        offset: Option<ServerOffset>,
        interval: Duration,
        ctx: &mut Ctx<'_>,
    ) -> Vec<Msisdn> {
        if let Sync::Asked { ticket, .. } = self.sync
            && ticket == marks.ticket
        {
            self.sync = if marks.more {
                Sync::Asked { ticket, until: ctx.now.mono.after(ctx.config.request) }
            } else {
                Sync::Due(ctx.now.mono.after(backoff::jittered(interval, ctx)))
            };
        }
        if marks.generation < self.generation {
            return Vec::new();
        }
        let news: Vec<Mark> = marks.marks.into_iter().filter(|mark| self.is_news(mark, ctx)).collect();
        let changed = news.iter().map(|mark| mark.number).collect();
        for mark in &news {
            self.held.insert(mark.number, mark.clone());
        }
        if !news.is_empty() || marks.generation != self.generation {
            self.generation = marks.generation;
            ctx.commit(vec![Change::PutMarks { line: self.line, generation: marks.generation, marks: news }]);
            self.look(offset, ctx.now);
        }
        changed
    }

    fn is_news(&self, mark: &Mark, ctx: &Ctx<'_>) -> bool {
        let held = self.held.get(&mark.number);
        if held.is_some_and(|held| held.generation > mark.generation || held == mark) {
            return false;
        }
        match &mark.state {
            MarkState::Unmarked => held.is_some(),
            MarkState::Marked { device_key, sealing_key, .. } => {
                if held.is_none() && self.held.len() >= MARKS_MAX {
                    return false;
                }
                let same_keys = held.is_some_and(|held| {
                    matches!(
                        &held.state,
                        MarkState::Marked { device_key: key, sealing_key: seal, .. }
                            if key == device_key && seal == sealing_key
                    )
                });
                let message = signed::sealing_key(sealing_key.id, &sealing_key.public);
                same_keys || ctx.vault.verify(device_key, &message, &sealing_key.signature)
            }
        }
    }

    /// The server refuses to tell now.
    pub(crate) fn refused(&mut self, ticket: Ticket, retry_after_ms: u32, ctx: &Ctx<'_>) -> bool {
        let Sync::Asked { ticket: asked, .. } = self.sync else {
            return false;
        };
        if asked != ticket {
            return false;
        }
        let wait = backoff::told(retry_after_ms, ctx.config.request);
        self.sync = Sync::Due(ctx.now.mono.after(wait));
        true
    }

    /// When [`Marks::handle_timeout`] is due.
    pub(crate) fn poll_timeout(&self) -> Option<(Mono, &'static str)> {
        let sync = match self.sync {
            Sync::Off => None,
            Sync::Due(at) => Some((at, "marks sync")),
            Sync::Asked { until, .. } => Some((until, "marks answer")),
        };
        let lease = self.next_lease.map(|at| (at, "lease"));
        sync.into_iter().chain(lease).min()
    }

    /// Acts on the deadlines that have come. True when the server left a question unanswered: the connection is dead.
    pub(crate) fn handle_timeout(
        &mut self,
        session: Option<&SessionFacts>,
        offset: Option<ServerOffset>,
        ctx: &mut Ctx<'_>,
    ) -> (Vec<Msisdn>, bool) {
        let mut silent = false;
        match (self.sync, session) {
            (Sync::Due(at), Some(session)) if at <= ctx.now.mono => self.ask(session, ctx),
            (Sync::Due(at), None) if at <= ctx.now.mono => self.sync = Sync::Off,
            (Sync::Asked { until, .. }, _) if until <= ctx.now.mono => {
                self.sync = Sync::Off;
                silent = true;
            }
            (Sync::Off | Sync::Due(_) | Sync::Asked { .. }, _) => {}
        }
        let mut ended = Vec::new();
        if self.next_lease.is_some_and(|at| at <= ctx.now.mono) {
            if let Some(offset) = offset {
                ended =
                    self.leases(offset).filter(|(_, until)| *until <= ctx.now.mono).map(|(number, _)| number).collect();
            }
            self.look(offset, ctx.now);
        }
        (ended, silent)
    }

    /// Finds the next lease to end.
    pub(crate) fn look(&mut self, offset: Option<ServerOffset>, now: Now) {
        self.next_lease = offset
            .and_then(|offset| self.leases(offset).map(|(_, until)| until).filter(|until| *until > now.mono).min());
    }

    fn leases(&self, offset: ServerOffset) -> impl Iterator<Item = (Msisdn, Mono)> {
        self.held.values().filter_map(move |mark| match &mark.state {
            MarkState::Marked { lease_until, .. } => Some((mark.number, offset.to_mono(*lease_until))),
            MarkState::Unmarked => None,
        })
    }
}

/// Numbers of a contact that are marked on any of these lines, in the contact's own order, each once.
pub(crate) fn marked_of<'a>(numbers: &[Msisdn], lines: impl Iterator<Item = &'a Marks> + Clone) -> Vec<Msisdn> {
    let mut seen = BTreeSet::new();
    numbers
        .iter()
        .copied()
        .filter(|number| lines.clone().any(|marks| marks.get(*number).is_some()))
        .filter(|number| seen.insert(*number))
        .collect()
}

#[cfg(test)]
mod tests;
