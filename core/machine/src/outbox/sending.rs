//! Handing texts to the server, in order and within a window, and hearing what became of them.

use super::draft::Asked;
use super::flow::Flow;
use super::{OpenText, Outbox};
use crate::backoff;
use crate::ctx::{Ctx, SessionFacts, World};
use crate::lines::Lines;
use crate::text_envelope;
use crate::view::{Choice, PromptAbout};
use std::time::Duration;
use tandem_model::rows::StandingChoice;
use tandem_model::{
    Line, MarkState, Mono, Msisdn, SealedBody, SealingKey, ServerMillis, TerminalState, TextId, TextStatus, Ticket,
    WhyNotData,
};
use tandem_wire::ClientFrame;
use tandem_wire::frame::{RefuseReason, SendText};

/// Bytes handed to the server and not yet acknowledged, per line: what a slow path passes before its answer is overdue.
const BYTES_AHEAD_MAX: usize = 256 * 1024;

/// The slowest path texts are not given up on, in bytes a millisecond: 16 kbit/s.
const SLOWEST_BYTES_PER_MS: usize = 2;

/// How soon a refused text is handed over again at the earliest, whatever the server says.
const AGAIN_MIN: Duration = Duration::from_secs(1);

/// What the next text of a lane needs before it can go.
pub(super) enum Next {
    Send(SealedBody),
    /// Its recipient is not marked any more.
    NotAvailable,
    /// The number has another owner by now.
    Changed,
}

impl Outbox {
    /// Hands over what may go now.
    pub(super) fn pump(&mut self, line: Line, lines: &mut Lines, ctx: &mut Ctx<'_>) {
        self.pump_direct(line, lines, ctx);
        let Some(session) = lines.session(line) else {
            return;
        };
        let (mut ahead, mut bytes_ahead) = self.ahead(line);
        let heads: Vec<TextId> = self
            .lanes
            .range((line, SMALLEST)..)
            .take_while(|((of, _), _)| *of == line)
            .filter_map(|(_, lane)| lane.first().copied())
            .collect();
        for id in heads {
            if ahead >= ctx.config.text_window || (ahead > 0 && bytes_ahead >= BYTES_AHEAD_MAX) {
                return;
            }
            let Some(text) = self.texts.get(&id) else {
                continue;
            };
            let Flow::Queued { not_before } = text.flow else {
                continue;
            };
            if self.has_direct_way(id, lines, ctx) || not_before > ctx.now.mono {
                continue;
            }
            let Some(text) = self.texts.get(&id) else {
                continue;
            };
            match seal(text, session.number, lines, ctx) {
                Next::Send(sealed) => {
                    ahead += 1;
                    bytes_ahead += sealed.0.len();
                    self.hand_over(id, sealed, bytes_ahead, &session, ctx);
                }
                Next::NotAvailable => self.not_available(id, lines, ctx),
                Next::Changed => self.recipient_changed(id, lines, ctx),
            }
        }
    }

    fn ahead(&self, line: Line) -> (usize, usize) {
        self.lanes
            .range((line, SMALLEST)..)
            .take_while(|((of, _), _)| *of == line)
            .filter_map(|(_, lane)| self.texts.get(lane.first()?))
            .fold((0, 0), |(count, sum), text| match text.flow {
                Flow::Sent { bytes, .. } => (count + 1, sum + bytes),
                Flow::Queued { .. }
                | Flow::Direct { .. }
                | Flow::Stored
                | Flow::AskingUser { .. }
                | Flow::Swapping(_)
                | Flow::SmsOut { .. }
                | Flow::SmsFailed
                | Flow::Ending
                | Flow::EndLater { .. }
                | Flow::Leaving => (count, sum),
            })
    }

    fn hand_over(
        &mut self,
        id: TextId,
        sealed: SealedBody,
        bytes_ahead: usize,
        session: &SessionFacts,
        ctx: &mut Ctx<'_>,
    ) {
        let Some(text) = self.texts.get_mut(&id) else {
            return;
        };
        let (Some(to_epoch), Some(seq)) = (text.row.to_epoch, text.row.seq) else {
            return;
        };
        text.attempted = true;
        let ticket = ctx.ticket();
        let bytes = sealed.0.len();
        ctx.send(session, ClientFrame::SendText(SendText { ticket, id, to: text.row.to, to_epoch, seq, sealed }));
        let slack = u64::try_from(bytes_ahead / SLOWEST_BYTES_PER_MS).unwrap_or(u64::MAX);
        let until = ctx.now.mono.after(ctx.config.request + Duration::from_millis(slack));
        self.set_flow(id, Flow::Sent { ticket, bytes, sent: ctx.now.mono, until });
    }

    /// The server holds it durably.
    pub(crate) fn stored(
        &mut self,
        line: Line,
        ticket: Ticket,
        id: TextId,
        stored_at: ServerMillis,
        lines: &mut Lines,
        ctx: &mut Ctx<'_>,
    ) -> bool {
        let Some(text) = self.texts.get_mut(&id) else {
            return false;
        };
        let Flow::Sent { ticket: asked, sent, .. } = text.flow else {
            return false;
        };
        if asked != ticket || text.row.line != line {
            return false;
        }
        text.row.stored_at = Some(stored_at);
        self.leave_lane(id);
        self.set_flow(id, Flow::Stored);
        self.commit_status(id, TextStatus::Stored, Some(stored_at), ctx);
        if let Some(unit) = lines.get_mut(line) {
            unit.session.note_round_trip(sent, ctx);
        }
        self.round_trip(line, lines, ctx);
        self.pump(line, lines, ctx);
        true
    }

    /// The server refuses a request about a text. False when nobody here waits for the ticket.
    pub(crate) fn refused(
        &mut self,
        ticket: Ticket,
        reason: RefuseReason,
        retry_after_ms: u32,
        lines: &mut Lines,
        ctx: &mut Ctx<'_>,
    ) -> bool {
        let found = self.texts.iter().find(|(_, text)| match text.flow {
            Flow::Sent { ticket: asked, .. } => asked == ticket,
            Flow::Swapping(swap) => swap.ticket == ticket,
            Flow::Queued { .. }
            | Flow::Direct { .. }
            | Flow::Stored
            | Flow::AskingUser { .. }
            | Flow::SmsOut { .. }
            | Flow::SmsFailed
            | Flow::Ending
            | Flow::EndLater { .. }
            | Flow::Leaving => false,
        });
        let Some((id, text)) = found else {
            return false;
        };
        let (id, line) = (*id, text.row.line);
        if matches!(text.flow, Flow::Swapping(_)) {
            self.unanswered(id, WhyNotData::NoAnswerInTime, ctx);
            self.hold_back(id, backoff::told(retry_after_ms, AGAIN_MIN), ctx);
            return true;
        }
        match reason {
            RefuseReason::Budget | RefuseReason::Storage | RefuseReason::MailboxFull | RefuseReason::ShuttingDown => {
                let wait = backoff::told(retry_after_ms, AGAIN_MIN);
                self.set_flow(id, Flow::Queued { not_before: ctx.now.mono.after(wait) });
            }
            RefuseReason::RecipientChanged => self.end(id, TerminalState::RecipientChanged, false, ctx),
            RefuseReason::NotAvailable => self.not_available(id, lines, ctx),
            RefuseReason::Invalid | RefuseReason::NoSuchCall | RefuseReason::BadSignature => self.refuse(id, ctx),
        }
        self.pump(line, lines, ctx);
        true
    }

    /// The recipient is not available to us: the user decides, unless they have decided for good.
    fn not_available(&mut self, id: TextId, lines: &mut Lines, ctx: &mut Ctx<'_>) {
        let Some(text) = self.texts.get(&id) else {
            return;
        };
        if lines.settings().standing_choice == StandingChoice::Carrier {
            self.set_flow(id, Flow::Queued { not_before: Mono::ZERO });
            self.swap_or_end(id, TerminalState::HandedToSms, TerminalState::HandedToSms, lines, ctx);
            return;
        }
        let about = PromptAbout::Text { to: text.row.to, why: WhyNotData::PeerNotAvailable, may_double: false };
        let asked = self.prompts.ask(about, vec![Choice::Carrier, Choice::Quit], Asked::Refused(id), ctx);
        match asked {
            Ok(prompt) => self.set_flow(id, Flow::AskingUser { prompt }),
            // Too much is asked already: it is tried again, and the user asked then.
            Err(_) => self.set_flow(id, Flow::Queued { not_before: ctx.now.mono.after(ctx.config.reconnect_max) }),
        }
    }

    /// The number has another owner than the one this was written to. Whether the former one still got it only the server
    /// knows.
    fn recipient_changed(&mut self, id: TextId, lines: &mut Lines, ctx: &mut Ctx<'_>) {
        self.swap_or_end(id, TerminalState::Cancelled, TerminalState::RecipientChanged, lines, ctx);
    }

    /// No answer will come: what was on its way is at the server or not, and is asked about again under its id.
    pub(super) fn unanswered(&mut self, id: TextId, why: WhyNotData, ctx: &mut Ctx<'_>) {
        let Some(text) = self.texts.get_mut(&id) else {
            return;
        };
        let back = match text.row.status {
            TextStatus::Stored => Flow::Stored,
            TextStatus::SmsFailed => Flow::SmsFailed,
            TextStatus::Pending
            | TextStatus::Ended { .. }
            | TextStatus::CarrierSms
            | TextStatus::Refused
            | TextStatus::LeftBehind => {
                // Stored, but the row does not say so yet: the server would say so again.
                Flow::Queued { not_before: Mono::ZERO }
            }
        };
        let wanted = text.wanted.take();
        self.set_flow(id, back);
        match wanted {
            Some((ticket, TerminalState::HandedToSms)) => self.ask_unreachable(id, why, ticket, ctx),
            Some((ticket, _)) => ctx.reply(ticket, Err(crate::effect::Refusal::Offline)),
            None => {}
        }
    }

    /// What the server refused is not handed over again at once.
    fn hold_back(&mut self, id: TextId, wait: Duration, ctx: &mut Ctx<'_>) {
        if let Some(Flow::Queued { .. }) = self.texts.get(&id).map(|text| &text.flow) {
            self.set_flow(id, Flow::Queued { not_before: ctx.now.mono.after(wait) });
        }
    }

    pub(super) fn text_due(&mut self, id: TextId, lines: &mut Lines, ctx: &mut Ctx<'_>) {
        let Some(text) = self.texts.get(&id) else {
            return;
        };
        let line = text.row.line;
        match text.flow {
            Flow::Queued { .. } => {
                self.set_flow(id, Flow::Queued { not_before: Mono::ZERO });
                self.pump(line, lines, ctx);
            }
            // The connection is dead; losing it takes back whatever was on its way.
            Flow::Sent { .. } | Flow::Swapping(_) => {
                self.unanswered(id, WhyNotData::NoAnswerInTime, ctx);
                if let Some(unit) = lines.get_mut(line) {
                    unit.session.give_up_link(ctx);
                }
            }
            Flow::Direct { .. } => self.direct_is_late(id, lines, ctx),
            Flow::SmsOut { order, .. } => {
                self.sms_answered(order, false, lines, ctx);
            }
            Flow::EndLater { state, tell, .. } => self.end(id, state, tell, ctx),
            Flow::Stored | Flow::AskingUser { .. } | Flow::SmsFailed | Flow::Ending | Flow::Leaving => {}
        }
    }
}

/// Below every number: where a line's lanes begin.
pub(super) const SMALLEST: Msisdn = Msisdn::SMALLEST;

pub(super) fn seal(text: &OpenText, from: Msisdn, lines: &Lines, ctx: &mut Ctx<'_>) -> Next {
    let row = &text.row;
    let (Some(to_epoch), Some(seq)) = (row.to_epoch, row.seq) else {
        return Next::NotAvailable;
    };
    let key: &SealingKey = match lines.mark(row.line, row.to).map(|mark| &mark.state) {
        Some(MarkState::Marked { epoch, sealing_key, .. }) if *epoch == to_epoch => sealing_key,
        Some(MarkState::Marked { .. }) => return Next::Changed,
        Some(MarkState::Unmarked) | None => return Next::NotAvailable,
    };
    let context = text_envelope::context(from, row.to, row.id, seq);
    ctx.vault.seal(key, &context, &text_envelope::wrap(&row.body)).map_or(Next::NotAvailable, Next::Send)
}
