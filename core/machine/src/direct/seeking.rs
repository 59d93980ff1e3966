//! Looking for a direct way: may we know, where are they, are they who they should be.

use super::hello::{self, KEYING, Role};
use super::peer::{Conn, Pair, Peer};
use super::{Direct, DirectConn, DirectOrder, Turn, marked, order};
use crate::ctx::{Ctx, World};
use crate::lines::Lines;
use tandem_model::Ticket;
use tandem_wire::ClientFrame;
use tandem_wire::frame::{AddressKind, DirectFrame, Granted, Resolved};

/// Who may not know is told so again no sooner than this many times the usual wait.
const STRANGER_WAITS: u32 = 10;

impl Direct {
    /// Asks whether we may know where they are. False without a session or a mark.
    pub(super) fn ask(&mut self, pair: Pair, lines: &Lines, ctx: &mut Ctx<'_>) -> bool {
        let (Some(session), Some(_)) = (lines.session(pair.0), marked(lines, pair)) else {
            return false;
        };
        let ticket = ctx.ticket();
        ctx.send(&session, ClientFrame::ResolveAsk { ticket, to: pair.1 });
        self.peers.insert(pair, Peer::Asking { ticket, until: ctx.now.mono.after(ctx.config.direct_wait) });
        true
    }

    /// We may. `None` when nobody waits for it.
    pub(crate) fn granted(&mut self, granted: &Granted, lines: &Lines, ctx: &mut Ctx<'_>) -> Option<Vec<Turn>> {
        let pair = self.waiting_for(granted.ticket)?;
        let Some(session) = lines.session(pair.0) else {
            self.off(pair, ctx.config.direct_again, ctx);
            return Some(vec![Turn::Known(pair)]);
        };
        let ticket = ctx.ticket();
        ctx.send(&session, ClientFrame::Resolve { ticket, capability: granted.capability });
        self.peers.insert(pair, Peer::Resolving { ticket, until: ctx.now.mono.after(ctx.config.direct_wait) });
        Some(Vec::new())
    }

    /// They are there. Behind a NAT nobody is tried. `None` when nobody waits for it.
    pub(crate) fn resolved(&mut self, resolved: &Resolved, ctx: &mut Ctx<'_>) -> Option<Vec<Turn>> {
        let pair = self.waiting_for(resolved.ticket)?;
        let public = resolved.addresses.iter().filter(|told| told.kind == AddressKind::Public);
        let addresses: Vec<_> = public.map(|told| told.address).collect();
        if addresses.is_empty() {
            self.off(pair, ctx.config.direct_again * STRANGER_WAITS, ctx);
            return Some(vec![Turn::Known(pair)]);
        }
        self.last += 2;
        let conn = DirectConn(self.last);
        self.conns.insert(conn, Conn::Opening { pair, until: ctx.now.mono.after(ctx.config.direct_wait) });
        self.peers.insert(pair, Peer::Connecting);
        order(ctx, DirectOrder::Connect { conn, addresses, port: resolved.port });
        Some(Vec::new())
    }

    /// The server refuses. `None` when nobody waits for it.
    pub(crate) fn refused(&mut self, ticket: Ticket, ctx: &mut Ctx<'_>) -> Option<Vec<Turn>> {
        if self.told.remove(&ticket).is_some() || self.consent_refused(ticket, ctx) {
            return Some(Vec::new());
        }
        let pair = self.waiting_for(ticket)?;
        self.off(pair, ctx.config.direct_again * STRANGER_WAITS, ctx);
        Some(vec![Turn::Known(pair)])
    }

    /// The server heard. False when the ticket is none of ours.
    pub(crate) fn done(&mut self, ticket: Ticket, ctx: &mut Ctx<'_>) -> bool {
        self.told.remove(&ticket).is_some() || self.consent_done(ticket, ctx)
    }

    fn waiting_for(&self, asked: Ticket) -> Option<Pair> {
        let waits = |peer: &Peer| match peer {
            Peer::Asking { ticket, .. } | Peer::Resolving { ticket, .. } => *ticket == asked,
            Peer::Off { .. } | Peer::Connecting | Peer::Up { .. } => false,
        };
        self.peers.iter().find(|(_, peer)| waits(peer)).map(|(pair, _)| *pair)
    }

    /// A connection we ordered stands: we greet whoever we expect there, and only they can read it.
    pub(super) fn opened(
        &mut self,
        conn: DirectConn,
        keying: [u8; KEYING],
        lines: &Lines,
        ctx: &mut Ctx<'_>,
    ) -> Vec<Turn> {
        let Some(Conn::Opening { pair, .. }) = self.conns.get(&conn) else {
            order(ctx, DirectOrder::Close { conn });
            return vec![Turn::Late];
        };
        let pair = *pair;
        let greeting = lines.registered(pair.0).zip(marked(lines, pair)).and_then(|((number, epoch, key), to)| {
            let (who, _, sealing_key) = to;
            hello::make(&keying, Role::Connects, ((number, epoch), key), (who, &sealing_key), ctx.vault)
        });
        let Some(sealed) = greeting else {
            order(ctx, DirectOrder::Close { conn });
            return self.closed(conn, ctx);
        };
        order(ctx, DirectOrder::Send { conn, frame: DirectFrame::Hello(sealed) });
        let until = ctx.now.mono.after(ctx.config.direct_wait);
        self.conns.insert(conn, Conn::Greeted { pair, keying, until });
        Vec::new()
    }
}
