//! Answers the server when it measures this phone as a callee: one train back at once, and a report on its own.

use super::arrival::Arrival;
use super::probe::send_train;
use crate::ctx::{Ctx, SessionFacts};
use std::time::Duration;
use tandem_model::{Mono, MonoMicros, Ticket};
use tandem_wire::ClientFrame;
use tandem_wire::frame::Train;

/// A train whose next frame does not come for this long is over.
pub const SILENCE: Duration = Duration::from_millis(400);

/// Probes answered in a row; the server's cache asks far less, and each costs 2.7 KB and an awake radio.
const ANSWERS_MAX: u32 = 4;

/// One more answer is allowed after each of these.
const ANSWER_EVERY: Duration = Duration::from_secs(5);

/// What is being answered, and how much may still be.
#[derive(Debug)]
pub struct Answering {
    train: Option<(Arrival, Mono)>,
    /// The last probe that was let in: its paced round needs no allowance of its own.
    allowed: Option<Ticket>,
    left: u32,
    refilled_at: Mono,
}

impl Default for Answering {
    fn default() -> Self {
        Self { train: None, allowed: None, left: ANSWERS_MAX, refilled_at: Mono::ZERO }
    }
}

impl Answering {
    /// A frame of a probe this phone did not ask for.
    pub fn on_train(
        &mut self,
        train: &Train,
        at: MonoMicros,
        wire_bytes: u32,
        session: &SessionFacts,
        ctx: &mut Ctx<'_>,
    ) {
        match &mut self.train {
            Some((arrival, silent_at)) if arrival.is_of(train) => {
                arrival.take(at, wire_bytes);
                *silent_at = ctx.now.mono.after(SILENCE);
            }
            Some(_) | None => {
                // A train is only known from its first frame on; a new one ends the one before.
                if train.index != 0 {
                    return;
                }
                self.finish(session, ctx);
                if !self.allow(train.probe, ctx.now.mono) {
                    return;
                }
                self.train = Some((Arrival::begin(train, at), ctx.now.mono.after(SILENCE)));
                // At once: both directions are measured at the same time.
                if train.round == 0 {
                    send_train(train.probe, session, ctx);
                }
            }
        }
        if self.train.as_ref().is_some_and(|(arrival, _)| arrival.is_whole()) {
            self.finish(session, ctx);
        }
    }

    /// The session is gone, and its trains with it.
    pub fn on_session_down(&mut self) {
        self.train = None;
        self.allowed = None;
    }

    /// Ends a train that went silent.
    pub fn handle_timeout(&mut self, session: &SessionFacts, ctx: &mut Ctx<'_>) {
        if self.poll_timeout().is_some_and(|at| at <= ctx.now.mono) {
            self.finish(session, ctx);
        }
    }

    /// When a train is over for lack of frames.
    pub fn poll_timeout(&self) -> Option<Mono> {
        self.train.as_ref().map(|(_, silent_at)| *silent_at)
    }

    fn finish(&mut self, session: &SessionFacts, ctx: &mut Ctx<'_>) {
        let Some((arrival, _)) = self.train.take() else {
            return;
        };
        ctx.send(session, ClientFrame::TrainReport(arrival.report()));
    }

    fn allow(&mut self, probe: Ticket, now: Mono) -> bool {
        if self.allowed == Some(probe) {
            return true;
        }
        let refills = now.since(self.refilled_at).as_millis() / ANSWER_EVERY.as_millis();
        if refills > 0 {
            self.left = u32::try_from(refills).unwrap_or(u32::MAX).saturating_add(self.left).min(ANSWERS_MAX);
            self.refilled_at = now;
        }
        if self.left == 0 {
            return false;
        }
        self.left -= 1;
        self.allowed = Some(probe);
        true
    }
}
