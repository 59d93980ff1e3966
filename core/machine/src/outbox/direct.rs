//! Texts that go straight to their recipient, and come back to the server's way when nobody acknowledges them.
//!
//! A text goes directly only when every earlier one to that number has ended or is on the same way before it (P3): what
//! waits at the server is not overtaken. It keeps its id by every way, so that its receiver folds the copies (P2).

use super::flow::Flow;
use super::sending::{Next, SMALLEST, seal};
use super::{OpenText, Outbox};
use crate::ctx::{Ctx, World};
use crate::direct::{DirectConn, DirectOrder, Pair, Way, order};
use crate::lines::Lines;
use tandem_model::{Line, Mono, Msisdn, TerminalState, TextId};
use tandem_wire::frame::{DirectFrame, DirectText};

impl Outbox {
    /// Sends what may go directly now.
    pub(super) fn pump_direct(&mut self, line: Line, lines: &mut Lines, ctx: &mut Ctx<'_>) {
        if !ctx.config.direct {
            return;
        }
        let lanes = self.lanes.range((line, SMALLEST)..).take_while(|((of, _), _)| *of == line);
        let lanes: Vec<Pair> = lanes.map(|(lane, _)| *lane).collect();
        for lane in lanes {
            if let Some(conn) = lines.direct().standing(lane)
                && self.is_clear(lane.1)
            {
                self.send_directly(lane, conn, lines, ctx);
            }
        }
    }

    /// Whether a text waits for, or goes by, a direct way: then the server is not asked.
    pub(super) fn has_direct_way(&mut self, id: TextId, lines: &mut Lines, ctx: &mut Ctx<'_>) -> bool {
        if !ctx.config.direct {
            return false;
        }
        let Some(pair) = self.texts.get(&id).map(|text| (text.row.line, text.row.to)) else {
            return false;
        };
        if !self.is_clear(pair.1) {
            return false;
        }
        match lines.way(pair, ctx) {
            Way::Direct(conn) => {
                self.send_directly(pair, conn, lines, ctx);
                self.texts.get(&id).is_some_and(|text| matches!(text.flow, Flow::Direct { .. }))
            }
            Way::Wait => true,
            Way::Server => false,
        }
    }

    /// Whether nothing to this number is anywhere but on this phone, or on its direct way.
    fn is_clear(&self, to: Msisdn) -> bool {
        !self.elsewhere.contains_key(&to)
    }

    /// Sends texts of a lane in order, up to the first that cannot go.
    fn send_directly(&mut self, lane: Pair, conn: DirectConn, lines: &Lines, ctx: &mut Ctx<'_>) {
        let Some((from, _, _)) = lines.registered(lane.0) else {
            return;
        };
        let waiting: Vec<TextId> =
            self.lanes.get(&lane).into_iter().flatten().take(ctx.config.direct_window).copied().collect();
        for id in waiting {
            let Some(text) = self.texts.get(&id) else {
                return;
            };
            match text.flow {
                Flow::Direct { .. } => continue,
                // A wait that the server asked for is about the server.
                Flow::Queued { .. } => {}
                Flow::Sent { .. }
                | Flow::Stored
                | Flow::AskingUser { .. }
                | Flow::Swapping(_)
                | Flow::SmsOut { .. }
                | Flow::SmsFailed
                | Flow::Ending
                | Flow::EndLater { .. }
                | Flow::Leaving => return,
            }
            // Who is no contact any more, or somebody else by now, is the server's to say.
            let (Some(seq), Next::Send(sealed)) = (text.row.seq, seal(text, from, lines, ctx)) else {
                return;
            };
            if let Some(text) = self.texts.get_mut(&id) {
                text.attempted = true;
            }
            order(ctx, DirectOrder::Send { conn, frame: DirectFrame::Text(DirectText { id, seq, sealed }) });
            self.set_flow(id, Flow::Direct { until: ctx.now.mono.after(ctx.config.direct_ack) });
        }
    }

    /// Texts are durable at their recipient.
    pub(crate) fn kept_directly(&mut self, (line, to): Pair, ids: &[TextId], lines: &mut Lines, ctx: &mut Ctx<'_>) {
        let is_theirs = |text: &OpenText| text.row.line == line && text.row.to == to && text.row.seq.is_some();
        for id in ids {
            let Some(text) = self.texts.get(id).filter(|text| is_theirs(text) && text.attempted) else {
                continue;
            };
            match text.flow {
                Flow::Direct { .. } | Flow::Queued { .. } => {
                    if let Some(waiting) = self.lanes.get_mut(&(line, to)) {
                        waiting.remove(id);
                        if waiting.is_empty() {
                            self.lanes.remove(&(line, to));
                        }
                    }
                    self.end(*id, TerminalState::Delivered, false, ctx);
                }
                // Whoever has it by now says how it ends.
                Flow::Sent { .. }
                | Flow::Stored
                | Flow::AskingUser { .. }
                | Flow::Swapping(_)
                | Flow::SmsOut { .. }
                | Flow::SmsFailed
                | Flow::Ending
                | Flow::EndLater { .. }
                | Flow::Leaving => {}
            }
        }
        self.pump(line, lines, ctx);
    }

    /// The way to a number is known, or was lost: what was on it goes again, by whatever way there is.
    pub(crate) fn way_changed(&mut self, lane: Pair, lost: bool, lines: &mut Lines, ctx: &mut Ctx<'_>) {
        if lost {
            self.take_back(lane);
        }
        self.pump(lane.0, lines, ctx);
    }

    /// Not acknowledged in time: it goes through the server, and so does what was behind it.
    pub(super) fn direct_is_late(&mut self, id: TextId, lines: &mut Lines, ctx: &mut Ctx<'_>) {
        let Some(lane) = self.texts.get(&id).map(|text| (text.row.line, text.row.to)) else {
            return;
        };
        lines.with_direct(ctx, |direct, _, ctx| direct.give_up(lane, ctx));
        self.take_back(lane);
        self.pump(lane.0, lines, ctx);
    }

    fn take_back(&mut self, lane: Pair) {
        let on_its_way = |id: &TextId| self.texts.get(id).is_some_and(|text| matches!(text.flow, Flow::Direct { .. }));
        let ids: Vec<TextId> = self.lanes.get(&lane).into_iter().flatten().copied().filter(on_its_way).collect();
        for id in ids {
            self.set_flow(id, Flow::Queued { not_before: Mono::ZERO });
        }
    }
}
