//! What direct connections tell, and who hears it.

use super::Phone;
use crate::ctx::Ctx;
use crate::direct::{DirectInput, Turn, datagram_came};
use crate::effect::Refusal;
use tandem_model::{Line, Msisdn, Secret, Ticket};
use tandem_wire::ServerFrame;

impl Phone {
    pub(super) fn direct(&mut self, input: DirectInput, ctx: &mut Ctx<'_>) {
        let turns = self.lines.with_direct(ctx, |direct, lines, ctx| direct.on(input, lines, ctx));
        self.take_turns(turns, ctx);
    }

    pub(super) fn direct_due(&mut self, ctx: &mut Ctx<'_>) {
        let turns = self.lines.with_direct(ctx, |direct, _, ctx| direct.handle_timeout(ctx));
        self.take_turns(turns, ctx);
        self.files.handle_timeout(&mut self.lines, ctx);
    }

    pub(super) fn direct_line_over(&mut self, line: Line, ctx: &mut Ctx<'_>) {
        let turns = self.lines.with_direct(ctx, |direct, _, ctx| direct.line_over(line, ctx));
        self.take_turns(turns, ctx);
    }

    /// The server's word on where somebody is. False when nobody waits for it.
    #[expect(clippy::wildcard_enum_match_arm, reason = "what is none of ours is refused, never acted on")]
    pub(super) fn direct_frame(&mut self, frame: &ServerFrame, ctx: &mut Ctx<'_>) -> bool {
        let turns = self.lines.with_direct(ctx, |direct, lines, ctx| match frame {
            ServerFrame::Capability(granted) => direct.granted(granted, lines, ctx),
            ServerFrame::Resolved(resolved) => direct.resolved(resolved, ctx),
            ServerFrame::Refused { ticket, .. } => direct.refused(*ticket, ctx),
            ServerFrame::Done { ticket } => direct.done(*ticket, ctx).then(Vec::new),
            _ => None,
        });
        match turns {
            Some(turns) => {
                self.take_turns(turns, ctx);
                true
            }
            None => false,
        }
    }

    pub(super) fn set_consent(
        &mut self,
        ticket: Ticket,
        line: Option<Line>,
        consent: (Msisdn, bool),
        ctx: &mut Ctx<'_>,
    ) {
        let line = line.or_else(|| self.lines.default_line());
        self.lines.with_direct(ctx, |direct, lines, ctx| direct.set_consent(ticket, line, consent, lines, ctx));
    }

    pub(super) fn send_datagram(
        &mut self,
        ticket: Ticket,
        (line, to): (Option<Line>, Msisdn),
        application: u32,
        body: &Secret<Vec<u8>>,
        ctx: &mut Ctx<'_>,
    ) {
        let Some(line) = line.or_else(|| self.lines.default_line()) else {
            return ctx.reply(ticket, Err(Refusal::NoSuchLine));
        };
        let result = self
            .lines
            .with_direct(ctx, |direct, lines, ctx| direct.datagram((line, to), application, body, lines, ctx));
        ctx.reply(ticket, result);
    }

    pub(super) fn send_file(
        &mut self,
        ticket: Ticket,
        (line, to): (Option<Line>, Msisdn),
        (path, name): (Secret<String>, String),
        ctx: &mut Ctx<'_>,
    ) {
        let result = match line.or_else(|| self.lines.default_line()) {
            Some(line) => self.files.send((line, to), path, name, &self.lines, ctx),
            None => Err(Refusal::NoSuchLine),
        };
        ctx.reply(ticket, result);
    }

    fn take_turns(&mut self, turns: Vec<Turn>, ctx: &mut Ctx<'_>) {
        for turn in turns {
            match turn {
                Turn::Known(pair) => {
                    self.outbox.way_changed(pair, false, &mut self.lines, ctx);
                    self.files.way_known(pair, &mut self.lines, ctx);
                }
                Turn::Lost(pair) => {
                    self.outbox.way_changed(pair, true, &mut self.lines, ctx);
                    self.files.way_lost(pair, &mut self.lines, ctx);
                }
                Turn::File(pair, conn, frame) => self.files.frame(pair, conn, frame, &self.lines, ctx),
                Turn::Text(pair, conn, text) => self.inbox.came_directly(pair, conn, text, &self.lines, ctx),
                Turn::Kept(pair, ids) => self.outbox.kept_directly(pair, &ids, &mut self.lines, ctx),
                Turn::Datagram(pair, datagram) => datagram_came(pair, &datagram, &self.lines, ctx),
                Turn::Late => self.late += 1,
            }
        }
    }
}
