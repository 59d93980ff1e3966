//! Calls that never were data: emergencies, codes, services, and what the user wants through the carrier. Followed only for
//! the log and for holding a data call meanwhile.

use super::carrier::{CarrierLeg, LegTurn};
use crate::call_log::{CallLog, LogEntry};
use crate::ctx::Ctx;
use crate::effect::Effect;
use crate::input::CarrierCallState;
use std::collections::BTreeMap;
use tandem_model::rows::LogPeer;
use tandem_model::{Bearer, CallEnd, Line, Mono, Secret, Ticket};

/// Carrier calls followed at once; the oldest is followed no further. Dialing is never refused.
const FOLLOWED_MAX: usize = 16;

/// Carrier calls without a data call.
#[derive(Debug, Default)]
pub(crate) struct CarrierDials {
    by_ticket: BTreeMap<Ticket, CarrierDial>,
}

#[derive(Debug)]
struct CarrierDial {
    leg: CarrierLeg,
    entry: LogEntry,
}

impl CarrierDials {
    /// Dials first, and writes the log then: nothing stands between a person and help.
    pub(crate) fn dial(
        &mut self,
        line: Option<Line>,
        digits: Secret<String>,
        peer: LogPeer,
        log: &mut CallLog,
        ctx: &mut Ctx<'_>,
    ) {
        let ticket = ctx.ticket();
        ctx.push(Effect::DialCarrier { ticket, call: None, line, digits });
        if self.by_ticket.len() >= FOLLOWED_MAX
            && let Some((_, mut oldest)) = self.by_ticket.pop_first()
        {
            oldest.entry.end(CallEnd::Carrier, log, ctx);
        }
        let entry = LogEntry::begin(None, line.unwrap_or_default(), peer, true, Bearer::Carrier, log, ctx);
        let leg = CarrierLeg::ordered(ticket, ctx.now.mono);
        self.by_ticket.insert(ticket, CarrierDial { leg, entry });
    }

    pub(crate) fn dialed(&mut self, ticket: Ticket, ok: bool, log: &mut CallLog, ctx: &mut Ctx<'_>) -> bool {
        let now = ctx.now.mono;
        self.turn(ticket, log, ctx, |leg| leg.dialed(ok, now))
    }

    pub(crate) fn told(
        &mut self,
        ticket: Ticket,
        told: CarrierCallState,
        log: &mut CallLog,
        ctx: &mut Ctx<'_>,
    ) -> bool {
        let now = ctx.now.mono;
        self.turn(ticket, log, ctx, |leg| leg.told(told, now))
    }

    pub(crate) fn handle_timeout(&mut self, log: &mut CallLog, ctx: &mut Ctx<'_>) {
        let now = ctx.now.mono;
        let tickets: Vec<Ticket> = self.by_ticket.keys().copied().collect();
        for ticket in tickets {
            self.turn(ticket, log, ctx, |leg| leg.handle_timeout(now));
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<Mono> {
        self.by_ticket.values().filter_map(|dial| dial.leg.poll_timeout()).min()
    }

    /// Whether any is going on.
    pub(crate) fn any(&self) -> bool {
        !self.by_ticket.is_empty()
    }

    /// Whether any is talked on.
    pub(crate) fn any_active(&self) -> bool {
        self.by_ticket.values().any(|dial| dial.leg.is_active())
    }

    fn turn(
        &mut self,
        ticket: Ticket,
        log: &mut CallLog,
        ctx: &mut Ctx<'_>,
        act: impl FnOnce(&mut CarrierLeg) -> LegTurn,
    ) -> bool {
        let Some(dial) = self.by_ticket.get_mut(&ticket) else { return false };
        let end = match act(&mut dial.leg) {
            LegTurn::Nothing => return true,
            LegTurn::Active => {
                dial.entry.talk(ctx.now.mono);
                return true;
            }
            LegTurn::Over => CallEnd::Carrier,
            LegTurn::Failed => CallEnd::CarrierFailed,
        };
        dial.entry.end(end, log, ctx);
        self.by_ticket.remove(&ticket);
        true
    }
}
