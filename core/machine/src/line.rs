//! One SIM and all that is kept in step for it: registration, session, marks, tokens, sealing key.

use crate::ctx::{Ctx, SessionFacts};
use crate::input::LinkId;
use crate::marks::Marks;
use crate::open_mark::OpenMark;
use crate::registration::{Identity, Registration};
use crate::sealing_rotation::SealingRotation;
use crate::session::{HelloFacts, Session};
use crate::token_sync::TokenSync;
use crate::view::RegistrationFailure;
use tandem_model::rows::Change;
use tandem_model::{Line, Mono, Msisdn, SimSlot, Ticket};
use tandem_wire::frame::GoodbyeReason;

/// One SIM.
#[derive(Debug)]
pub(crate) struct LineUnit {
    pub line: Line,
    pub sim: Option<SimSlot>,
    pub registration: Registration,
    pub session: Session,
    pub marks: Marks,
    pub tokens: TokenSync,
    pub open_mark: OpenMark,
    pub rotation: SealingRotation,
    /// As the others were last told.
    was_registered: Option<Identity>,
    was_linked: Option<LinkId>,
}

/// What changed about a line that texts, calls and the app's marks must follow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LineTurn {
    /// The session that stood stands no more.
    pub down: bool,
    /// A session stands from now on.
    pub up: bool,
    /// The registration that was is over.
    pub over: bool,
    /// Its number.
    pub was_mine: Option<Msisdn>,
    /// Numbers whose mark may show differently.
    pub marks: Vec<Msisdn>,
}

impl LineUnit {
    pub(crate) fn new(line: Line) -> Self {
        Self {
            line,
            sim: None,
            registration: Registration::new(line),
            session: Session::new(line),
            marks: Marks::new(line),
            tokens: TokenSync::new(line),
            open_mark: OpenMark::default(),
            rotation: SealingRotation::Off,
            was_registered: None,
            was_linked: None,
        }
    }

    /// Takes what the restored rows say as known: nothing has changed yet.
    pub(crate) fn restored(&mut self, ctx: &mut Ctx<'_>) {
        self.was_registered = self.registration.registered();
        if self.was_registered.is_some() {
            self.rotation.resume(ctx);
        }
        self.session.be(self.registration.identity(), ctx);
    }

    pub(crate) fn hello_facts(&self, fresh: bool) -> HelloFacts {
        HelloFacts { marks_since: self.marks.generation(), fresh }
    }

    /// Brings everything in step with the registration and the session after an input touched either.
    pub(crate) fn settle(&mut self, ctx: &mut Ctx<'_>) -> LineTurn {
        let mut turn = LineTurn::default();
        self.session.be(self.registration.identity(), ctx);
        let facts = self.session.facts();
        let linked = facts.map(|facts| facts.link);
        if linked != self.was_linked {
            turn.down = self.was_linked.is_some();
            turn.up = linked.is_some();
            self.was_linked = linked;
            if turn.down {
                self.marks.session_down();
                self.tokens.session_down();
                self.open_mark.session_down(ctx);
                self.rotation.session_down();
                self.registration.session_down();
            }
        }
        let registered = self.registration.registered();
        if registered != self.was_registered {
            if let Some(was) = self.was_registered {
                turn.over = true;
                turn.was_mine = Some(was.number);
                turn.marks = self.marks.clear();
                if !turn.marks.is_empty() {
                    ctx.commit(vec![Change::DropMarks(self.line)]);
                }
                self.tokens.clear(ctx);
                self.open_mark = OpenMark::default();
                self.rotation.stop();
            }
            if registered.is_some() {
                self.rotation.start(ctx);
            }
            self.was_registered = registered;
        }
        if let (true, Some(facts)) = (turn.up, facts) {
            self.session_up(&facts, ctx);
            turn.marks.extend(self.marks.numbers());
        }
        turn
    }

    fn session_up(&mut self, facts: &SessionFacts, ctx: &mut Ctx<'_>) {
        self.registration.session_up(facts, ctx);
        if self.registration.registered().is_some() {
            self.rotation.session_up(facts, ctx);
            self.marks.session_up(facts, ctx);
        }
    }

    /// The server's last word on this registration.
    pub(crate) fn sent_away(&mut self, reason: GoodbyeReason, ctx: &mut Ctx<'_>) {
        let why = match reason {
            GoodbyeReason::RegisteredElsewhere => RegistrationFailure::RegisteredElsewhere,
            GoodbyeReason::NotRegistered => RegistrationFailure::Expired,
            GoodbyeReason::ShuttingDown
            | GoodbyeReason::Displaced
            | GoodbyeReason::Version
            | GoodbyeReason::Protocol
            | GoodbyeReason::Busy
            | GoodbyeReason::TooSlow => return,
        };
        self.registration.over(why, ctx);
    }

    /// A request of this line is refused. False when the ticket is none of this line's own.
    pub(crate) fn refused(&mut self, ticket: Ticket, retry_after_ms: u32, ctx: &mut Ctx<'_>) -> bool {
        self.marks.refused(ticket, retry_after_ms, ctx)
            || self.tokens.refused(ticket, retry_after_ms, ctx)
            || self.open_mark.refused(ticket, ctx)
            || self.registration.refused(ticket, retry_after_ms, ctx)
            || self.rotation.answered(ticket, ctx)
    }

    /// The store answered. False when the ticket is none of this line's.
    pub(crate) fn committed(&mut self, ticket: Ticket, durable: bool, ctx: &mut Ctx<'_>) -> bool {
        let facts = self.session.facts();
        self.registration.committed(ticket, durable, facts.as_ref(), ctx)
            || self.rotation.committed(ticket, durable, facts.as_ref(), ctx)
    }

    /// The earliest deadline of this line.
    pub(crate) fn poll_timeout(&self, config: &crate::Config) -> Option<(Mono, &'static str)> {
        [
            self.registration.poll_timeout(),
            self.session.poll_timeout(config),
            self.marks.poll_timeout(),
            self.tokens.poll_timeout(),
            self.open_mark.poll_timeout(),
            self.rotation.poll_timeout(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Acts on every deadline that has come; returns the numbers whose lease ran out.
    pub(crate) fn handle_timeout(&mut self, ctx: &mut Ctx<'_>) -> Vec<Msisdn> {
        let facts = self.session.facts();
        self.registration.handle_timeout(facts.as_ref(), ctx);
        self.session.handle_timeout(ctx);
        let facts = self.session.facts();
        let offset = self.session.offset();
        let (ended, marks_silent) = self.marks.handle_timeout(facts.as_ref(), offset, ctx);
        let tokens_silent = self.tokens.handle_timeout(ctx);
        let setting_silent = self.open_mark.handle_timeout(ctx);
        let rotation_silent = self.rotation.handle_timeout(&mut self.registration, ctx);
        if marks_silent || tokens_silent || setting_silent || rotation_silent {
            self.session.give_up_link(ctx);
        }
        ended
    }
}
