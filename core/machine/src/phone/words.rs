//! What comes over the air: frames of the server, SMS, and changes of the network path.

use super::Phone;
use crate::ctx::Ctx;
use crate::input::{LinkId, NetworkSnapshot};
use crate::session::Heard;
use crate::view::RegistrationFailure;
use tandem_model::{Line, MonoMicros, Secret, SmsToken};
use tandem_wire::ServerFrame;

impl Phone {
    pub(super) fn frame(
        &mut self,
        line: Line,
        link: LinkId,
        frame: ServerFrame,
        _at: MonoMicros,
        _wire_bytes: u32,
        ctx: &mut Ctx<'_>,
    ) {
        let fresh = self.lines.fresh;
        let Some(unit) = self.lines.get_mut(line) else {
            self.late += 1;
            return;
        };
        let facts = unit.hello_facts(fresh);
        match unit.session.frame(link, frame, facts, ctx) {
            Heard::Nothing | Heard::RoundTrip => {}
            Heard::Over(reason) => unit.sent_away(reason, ctx),
            Heard::KeyGone => unit.registration.over(RegistrationFailure::KeyLost, ctx),
            Heard::Pass(frame) => self.passed(line, frame, ctx),
        }
    }

    fn passed(&mut self, line: Line, frame: ServerFrame, ctx: &mut Ctx<'_>) {
        match frame {
            ServerFrame::Marks(marks) => self.marks(line, marks, ctx),
            ServerFrame::Done { ticket } => {
                let taken = self
                    .lines
                    .get_mut(line)
                    .is_some_and(|unit| unit.registration.done(ticket, ctx) || unit.rotation.answered(ticket, ctx));
                self.count_late(taken);
            }
            ServerFrame::Refused { ticket, reason: _, retry_after_ms } => {
                let taken = self.lines.get_mut(line).is_some_and(|unit| unit.refused(ticket, retry_after_ms, ctx));
                self.count_late(taken);
            }
            ServerFrame::Challenge { .. }
            | ServerFrame::Welcome(_)
            | ServerFrame::Goodbye(_)
            | ServerFrame::Time { .. }
            | ServerFrame::Train(_)
            | ServerFrame::TrainReport(_)
            | ServerFrame::GateAnswer { .. }
            | ServerFrame::Call(_)
            | ServerFrame::Ice(_)
            | ServerFrame::TextStored { .. }
            | ServerFrame::DeliverText(_)
            | ServerFrame::TextState { .. }
            | ServerFrame::TextSwapAnswer { .. }
            | ServerFrame::ReadReceipt { .. } => self.late += 1,
        }
    }

    fn marks(&mut self, line: Line, marks: tandem_wire::frame::Marks, ctx: &mut Ctx<'_>) {
        let interval = ctx.config.marks_interval;
        let Some((unit, book)) = self.lines.with_book(line) else {
            return;
        };
        if unit.registration.registered().is_none() {
            return;
        }
        let (ticket, more) = (marks.ticket, marks.more);
        let interval = unit.session.marks_interval().unwrap_or(interval);
        let heard = unit.marks.heard(marks, unit.session.offset(), interval, ctx);
        if !heard.answered
            && let Some(facts) = unit.session.facts()
        {
            unit.contact_sync.answered(ticket, more, book, &facts, ctx);
        }
        self.lines.refresh_shown(heard.changed.into_iter(), ctx);
    }

    /// An SMS came. One that proves a number goes to the registration that waits for it and is never shown as a text.
    pub(super) fn sms(&mut self, line: Line, _from: &Secret<String>, body: &Secret<String>, ctx: &mut Ctx<'_>) {
        if let Some(found) = tandem_wire::sms::parse(body.expose()) {
            self.verification_sms(line, found.token, ctx);
        }
    }

    fn verification_sms(&mut self, line: Line, token: SmsToken, ctx: &mut Ctx<'_>) {
        if let Some(unit) = self.lines.get_mut(line)
            && unit.registration.awaits_sms().is_some()
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
