//! Greeting the server, being welcomed, and being sent away.

use super::{Heard, HelloFacts, KEEPALIVE_MAX, KEEPALIVE_MIN, Session, State, Up};
use crate::backoff;
use crate::ctx::Ctx;
use crate::effect::{Effect, Event};
use crate::input::LinkId;
use std::time::Duration;
use tandem_model::vault::signed;
use tandem_model::{Mono, Nonce, ServerMillis, VaultError};
use tandem_wire::ClientFrame;
use tandem_wire::frame::{Goodbye, GoodbyeReason, Hello, Welcome};
use tandem_wire::limits::VERSION;

impl Session {
    pub(super) fn greet(&mut self, link: LinkId, nonce: &Nonce, facts: HelloFacts, ctx: &mut Ctx<'_>) -> Heard {
        let Some(identity) = self.identity else {
            return Heard::Nothing;
        };
        let message = signed::session(nonce, identity.number, identity.epoch);
        let signature = match ctx.vault.sign(identity.key, &message) {
            Ok(signature) => signature,
            Err(VaultError::Locked) => return self.fall_back(Duration::ZERO, ctx),
            Err(VaultError::KeyGone | VaultError::DoesNotOpen | VaultError::BadPeerKey) => {
                self.fall_back(Duration::ZERO, ctx);
                return Heard::KeyGone;
            }
        };
        ctx.push(Effect::Send {
            line: self.line,
            link,
            frame: ClientFrame::Hello(Hello {
                version: VERSION,
                number: identity.number,
                epoch: identity.epoch,
                signature,
                marks_since: facts.marks_since,
                fresh: facts.fresh,
            }),
        });
        self.state = State::Greeting { link, sent: ctx.now.mono, until: ctx.now.mono.after(ctx.config.handshake) };
        Heard::Nothing
    }

    pub(super) fn welcomed(&mut self, link: LinkId, sent: Mono, welcome: Welcome, ctx: &mut Ctx<'_>) -> Heard {
        self.clock.learn(sent, ctx.now.mono, welcome.now);
        let marks_interval = match welcome.marks_interval_ms {
            0 => ctx.config.marks_interval,
            told => Duration::from_millis(u64::from(told)),
        };
        self.state = State::Up(Up {
            link,
            ring_ms: welcome.ring_ms,
            keepalive: Duration::from_millis(u64::from(welcome.keepalive_ms)).clamp(KEEPALIVE_MIN, KEEPALIVE_MAX),
            marks_interval,
            round_trip: ctx.now.mono,
            since: ctx.now.mono,
            last_ask: ctx.now.mono,
            asks: Vec::new(),
        });
        ctx.emit(Event::Online { line: self.line, online: true });
        Heard::Nothing
    }

    pub(super) fn told_time(&mut self, sent: Mono, now: ServerMillis, ctx: &mut Ctx<'_>) -> Heard {
        self.clock.learn(sent, ctx.now.mono, now);
        self.note_round_trip(sent, ctx);
        Heard::RoundTrip
    }

    pub(super) fn sent_away(&mut self, goodbye: Goodbye, ctx: &mut Ctx<'_>) -> Heard {
        let told = backoff::told(goodbye.retry_after_ms, Duration::ZERO);
        match goodbye.reason {
            GoodbyeReason::NotRegistered | GoodbyeReason::RegisteredElsewhere => {
                self.fall_back(told, ctx);
                Heard::Over(goodbye.reason)
            }
            GoodbyeReason::Version => self.fall_back(backoff::TOLD_MAX, ctx),
            GoodbyeReason::ShuttingDown
            | GoodbyeReason::Displaced
            | GoodbyeReason::Protocol
            | GoodbyeReason::Busy
            | GoodbyeReason::TooSlow => self.fall_back(told, ctx),
        }
    }
}
