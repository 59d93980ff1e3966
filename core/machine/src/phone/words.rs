//! What comes over the air: frames of the server, SMS, and changes of the network path.

use super::Phone;
use crate::ctx::Ctx;
use crate::input::{LinkId, NetworkSnapshot};
use crate::session::Heard;
use crate::view::RegistrationFailure;
use std::time::Duration;
use tandem_model::{Line, MonoMicros, Secret, SmsToken, Ticket};
use tandem_wire::ServerFrame;
use tandem_wire::frame::RefuseReason;

impl Phone {
    pub(super) fn frame(
        &mut self,
        line: Line,
        link: LinkId,
        frame: ServerFrame,
        at: MonoMicros,
        wire_bytes: u32,
        ctx: &mut Ctx<'_>,
    ) {
        let fresh = self.lines.fresh;
        let Some(unit) = self.lines.get_mut(line) else {
            self.late += 1;
            return;
        };
        let facts = unit.hello_facts(fresh);
        match unit.session.frame(link, frame, facts, ctx) {
            Heard::Nothing => {}
            Heard::RoundTrip => self.outbox.round_trip(line, &mut self.lines, ctx),
            Heard::Over(reason) => unit.sent_away(reason, ctx),
            Heard::KeyGone => unit.registration.over(RegistrationFailure::KeyLost, ctx),
            Heard::Pass(frame) => self.passed(line, frame, at, wire_bytes, ctx),
        }
    }

    fn passed(&mut self, line: Line, frame: ServerFrame, at: MonoMicros, wire_bytes: u32, ctx: &mut Ctx<'_>) {
        match frame {
            ServerFrame::Marks(marks) => self.marks(line, marks, ctx),
            ServerFrame::MarkKeys(keys) => self.lines.mark_keys(line, &keys, ctx),
            ServerFrame::Evaluated(answer) => {
                let taken = self.lines.evaluated(answer, ctx);
                self.count_late(taken);
            }
            ServerFrame::Done { ticket } => {
                let taken = self
                    .lines
                    .get_mut(line)
                    .is_some_and(|unit| unit.registration.done(ticket, ctx) || unit.rotation.answered(ticket, ctx))
                    || self.lines.tokens_done(line, ticket, ctx)
                    || self.receipts.answered(ticket, ctx)
                    || self.direct_frame(&frame, ctx);
                self.count_late(taken);
            }
            ServerFrame::Refused { ticket, reason, retry_after_ms } => {
                let taken = self.calls.on_frame(line, &frame, at, wire_bytes, &self.lines, ctx)
                    || self.lines.get_mut(line).is_some_and(|unit| unit.refused(ticket, retry_after_ms, ctx))
                    || self.lines.evaluation_refused(ticket, retry_after_ms, ctx)
                    || self.outbox.refused(ticket, reason, retry_after_ms, &mut self.lines, ctx)
                    || self.receipt_refused(ticket, reason, retry_after_ms, ctx)
                    || self.direct_frame(&frame, ctx);
                self.count_late(taken);
            }
            ServerFrame::TextStored { ticket, id, stored_at } => {
                let taken = self.outbox.stored(line, ticket, id, stored_at, &mut self.lines, ctx);
                self.count_late(taken);
            }
            ServerFrame::TextState { id, to, state, .. } => {
                self.outbox.told_end(line, id, to, state, &mut self.lines, ctx);
            }
            ServerFrame::TextSwapAnswer { ticket, id, end } => {
                let taken = self.outbox.swapped(ticket, id, end, ctx);
                self.count_late(taken);
            }
            ServerFrame::DeliverText(text) => self.inbox.delivered(line, &text, &self.lines, ctx),
            ServerFrame::ReadReceipt { by, ids } => self.outbox.were_read(line, by, &ids, ctx),
            ServerFrame::Time { .. }
            | ServerFrame::Train(_)
            | ServerFrame::TrainReport(_)
            | ServerFrame::GateAnswer { .. }
            | ServerFrame::Call(_)
            | ServerFrame::Ice(_) => {
                let taken = self.calls.on_frame(line, &frame, at, wire_bytes, &self.lines, ctx);
                self.count_late(taken);
            }
            ServerFrame::Capability(_) | ServerFrame::Resolved(_) => {
                let taken = self.direct_frame(&frame, ctx);
                self.count_late(taken);
            }
            ServerFrame::Challenge { .. } | ServerFrame::Welcome(_) | ServerFrame::Goodbye(_) => self.late += 1,
        }
    }

    fn receipt_refused(
        &mut self,
        ticket: Ticket,
        reason: RefuseReason,
        retry_after_ms: u32,
        ctx: &mut Ctx<'_>,
    ) -> bool {
        match reason {
            RefuseReason::Budget | RefuseReason::Storage | RefuseReason::ShuttingDown | RefuseReason::MailboxFull => {
                self.receipts.later(ticket, Duration::from_millis(u64::from(retry_after_ms)), ctx)
            }
            RefuseReason::NotAvailable
            | RefuseReason::RecipientChanged
            | RefuseReason::Invalid
            | RefuseReason::NoSuchCall
            | RefuseReason::BadSignature => self.receipts.answered(ticket, ctx),
        }
    }

    fn marks(&mut self, line: Line, marks: tandem_wire::frame::Marks, ctx: &mut Ctx<'_>) {
        let interval = ctx.config.marks_interval;
        let Some(unit) = self.lines.get_mut(line) else {
            return;
        };
        if unit.registration.registered().is_none() {
            return;
        }
        let interval = unit.session.marks_interval().unwrap_or(interval);
        let heard = unit.marks.heard(marks, unit.session.offset(), interval, ctx);
        self.lines.refresh_shown(heard.into_iter(), ctx);
    }

    /// An SMS came. One that proves a number goes to the registration that waits for it and is never shown as a text.
    pub(super) fn sms(&mut self, line: Line, from: &Secret<String>, body: &Secret<String>, ctx: &mut Ctx<'_>) {
        if let Some(found) = tandem_wire::sms::parse(body.expose()) {
            self.verification_sms(line, found.token, ctx);
            return;
        }
        self.inbox.sms(line, from, body, &self.lines, ctx);
    }

    /// To the line it came to while that one waits, else to whichever does. One that was read for an attempt that is over,
    /// on any line, says nothing to anybody.
    fn verification_sms(&mut self, line: Line, token: SmsToken, ctx: &mut Ctx<'_>) {
        if self.lines.iter().any(|unit| unit.registration.is_done_with(&token)) {
            return;
        }
        let is_waited_for = self.lines.iter().any(|unit| unit.registration.awaits_sms().is_some());
        if let Some(unit) = self.lines.get_mut(line)
            && (unit.registration.takes_sms() || !is_waited_for)
        {
            unit.registration.sms_read(token, ctx);
            return;
        }
        for unit in self.lines.iter_mut() {
            match unit.registration.awaits_sms() {
                Some(true) => unit.registration.sms_read(token, ctx),
                Some(false) => unit.registration.sms_at_other_sim(ctx),
                None => {}
            }
        }
    }

    pub(super) fn network(&mut self, snapshot: NetworkSnapshot, ctx: &mut Ctx<'_>) {
        self.calls.on_network(snapshot, &self.lines, ctx);
        let before = self.network.replace(snapshot);
        let same = before.is_some_and(|before| before.path == snapshot.path && before.connected == snapshot.connected);
        // The first word of a boot that there is a network changes nothing for connections that are being opened on it.
        let first_good_word = before.is_none() && snapshot.connected;
        if same || first_good_word {
            return;
        }
        for unit in self.lines.iter_mut() {
            unit.session.network(snapshot.connected, ctx);
            if snapshot.connected {
                unit.registration.network_came(ctx);
            }
        }
    }
}
