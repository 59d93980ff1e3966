//! Datagrams of applications: sealed like everything, sent or dropped.

use super::peer::Pair;
use super::{Direct, DirectOrder, Way, marked, order};
use crate::ctx::{Ctx, World};
use crate::effect::{Event, Refusal, Reply};
use crate::lines::Lines;
use tandem_model::vault::signed::canonical;
use tandem_model::{Msisdn, Secret};
use tandem_wire::frame::DirectDatagram;

/// Longest body of a datagram, in bytes: what is left of 1,200 under the seal and a connection's own headers.
pub const DATAGRAM_BODY_MAX: usize = 1_000;

impl Direct {
    /// Sends one now, or says that there is no way yet.
    pub(crate) fn datagram(
        &mut self,
        pair: Pair,
        application: u32,
        body: &Secret<Vec<u8>>,
        lines: &Lines,
        ctx: &mut Ctx<'_>,
    ) -> Result<Reply, Refusal> {
        if application == 0 || body.expose().is_empty() || body.expose().len() > DATAGRAM_BODY_MAX {
            return Err(Refusal::BadBody);
        }
        let Some((number, _, _)) = lines.registered(pair.0) else {
            return Err(Refusal::NotRegistered);
        };
        let Way::Direct(conn) = self.way(pair, lines, ctx) else {
            return Err(Refusal::NotReachable);
        };
        let (_, _, sealing_key) = marked(lines, pair).ok_or(Refusal::NotReachable)?;
        let context = context(number, pair.1, application);
        let sealed = ctx.vault.seal(&sealing_key, &context, body.expose()).map_err(|_| Refusal::NotReachable)?;
        order(ctx, DirectOrder::Datagram { conn, datagram: DirectDatagram { application, sealed } });
        Ok(Reply::Done)
    }
}

/// One came: told, if it opens.
pub(crate) fn came((line, from): Pair, datagram: &DirectDatagram, lines: &Lines, ctx: &mut Ctx<'_>) {
    let Some((number, _, key)) = lines.registered(line) else {
        return;
    };
    let application = datagram.application;
    if let Ok(body) = ctx.vault.open(key, &context(from, number, application), &datagram.sealed) {
        ctx.emit(Event::DatagramArrived { line, from, application, body: Secret::new(body) });
    }
}

fn context(from: Msisdn, to: Msisdn, application: u32) -> Vec<u8> {
    canonical(
        "tandem/1/datagram",
        &[&from.as_u64().to_be_bytes(), &to.as_u64().to_be_bytes(), &application.to_be_bytes()],
    )
}
