//! The line's next sealing key: made every week, durable before it exists, published until the server has it.

use crate::backoff;
use crate::ctx::{Ctx, SessionFacts};
use std::time::Duration;
use tandem_model::rows::Change;
use tandem_model::vault::KeyHandle;
use tandem_model::{Mono, SealingKey, SealingKeyId, Ticket};
use tandem_wire::ClientFrame;

use crate::registration::Registration;

/// How far the rotation is.
#[derive(Debug, Default)]
pub(crate) enum SealingRotation {
    /// Not registered.
    #[default]
    Off,
    /// Until the next key.
    Due(Mono),
    /// The next key's id is being made durable.
    Keeping { commit: Ticket, key: KeyHandle, id: SealingKeyId, until: Mono },
    /// The key is made and waits for a session.
    Made(SealingKey),
    /// The key is on its way.
    Published { ticket: Ticket, key: SealingKey, until: Mono },
}

impl SealingRotation {
    /// A line is registered from now on.
    pub(crate) fn start(&mut self, ctx: &mut Ctx<'_>) {
        *self = SealingRotation::Due(next(ctx));
    }

    /// A registered line was found at boot. When it last rotated is unknown, so it rotates within a random part of the
    /// period: a phone that boots daily still rotates weekly in the mean.
    pub(crate) fn resume(&mut self, ctx: &mut Ctx<'_>) {
        let period = backoff::millis(ctx.config.sealing_rotation);
        let wait = Duration::from_millis(1 + ctx.random.below(period));
        *self = SealingRotation::Due(ctx.now.mono.after(wait));
    }

    /// The registration is over.
    pub(crate) fn stop(&mut self) {
        *self = SealingRotation::Off;
    }

    /// A session stands: publishes what waits.
    pub(crate) fn session_up(&mut self, session: &SessionFacts, ctx: &mut Ctx<'_>) {
        match self {
            SealingRotation::Made(key) | SealingRotation::Published { key, .. } => {
                *self = publish(*key, session, ctx);
            }
            SealingRotation::Off | SealingRotation::Due(_) | SealingRotation::Keeping { .. } => {}
        }
    }

    /// The session stands no more: what was on its way is told again.
    pub(crate) fn session_down(&mut self) {
        match self {
            SealingRotation::Published { key, .. } => *self = SealingRotation::Made(*key),
            SealingRotation::Off
            | SealingRotation::Due(_)
            | SealingRotation::Keeping { .. }
            | SealingRotation::Made(_) => {}
        }
    }

    /// The store answered. False when the ticket is none of ours.
    pub(crate) fn committed(
        &mut self,
        ticket: Ticket,
        durable: bool,
        session: Option<&SessionFacts>,
        ctx: &mut Ctx<'_>,
    ) -> bool {
        let SealingRotation::Keeping { commit, key, id, .. } = *self else {
            return false;
        };
        if commit != ticket {
            return false;
        }
        let made = if durable { ctx.vault.rotate_sealing(key, id).ok() } else { None };
        *self = match (made, session) {
            (Some(made), Some(session)) => publish(made, session, ctx),
            (Some(made), None) => SealingRotation::Made(made),
            (None, _) => SealingRotation::Due(next(ctx)),
        };
        true
    }

    /// The server has the key, or refuses it. False when the ticket is none of ours.
    pub(crate) fn answered(&mut self, answered: Ticket, ctx: &mut Ctx<'_>) -> bool {
        let SealingRotation::Published { ticket, .. } = self else {
            return false;
        };
        if *ticket != answered {
            return false;
        }
        *self = SealingRotation::Due(next(ctx));
        true
    }

    /// When [`SealingRotation::handle_timeout`] is due.
    pub(crate) fn poll_timeout(&self) -> Option<(Mono, &'static str)> {
        match self {
            SealingRotation::Off | SealingRotation::Made(_) => None,
            SealingRotation::Due(at) => Some((*at, "sealing key rotation")),
            SealingRotation::Keeping { until, .. } => Some((*until, "sealing key commit")),
            SealingRotation::Published { until, .. } => Some((*until, "sealing key answer")),
        }
    }

    /// Acts on the deadline that has come. True when the server left a key unanswered: the connection is dead.
    pub(crate) fn handle_timeout(&mut self, registration: &mut Registration, ctx: &mut Ctx<'_>) -> bool {
        if self.poll_timeout().is_none_or(|(due, _)| due > ctx.now.mono) {
            return false;
        }
        match self {
            SealingRotation::Off | SealingRotation::Made(_) => false,
            SealingRotation::Due(_) => {
                let key = registration.registered().map(|identity| identity.key);
                *self = match (key, registration.next_sealing_key()) {
                    (Some(key), Some((id, change))) => keeping(key, id, change, ctx),
                    (None, _) | (_, None) => SealingRotation::Off,
                };
                false
            }
            SealingRotation::Keeping { .. } => {
                *self = SealingRotation::Due(next(ctx));
                false
            }
            SealingRotation::Published { key, .. } => {
                *self = SealingRotation::Made(*key);
                true
            }
        }
    }
}

fn next(ctx: &mut Ctx<'_>) -> Mono {
    let wait = backoff::jittered(ctx.config.sealing_rotation, ctx);
    ctx.now.mono.after(wait)
}

fn keeping(key: KeyHandle, id: SealingKeyId, change: Change, ctx: &mut Ctx<'_>) -> SealingRotation {
    SealingRotation::Keeping {
        commit: ctx.commit(vec![change]),
        key,
        id,
        until: ctx.now.mono.after(ctx.config.commit_budget),
    }
}

fn publish(key: SealingKey, session: &SessionFacts, ctx: &mut Ctx<'_>) -> SealingRotation {
    let ticket = ctx.ticket();
    ctx.send(session, ClientFrame::PublishSealingKey { ticket, key });
    SealingRotation::Published { ticket, key, until: ctx.now.mono.after(ctx.config.request) }
}
