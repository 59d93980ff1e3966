//! What comes on direct connections, from strangers first.

use super::hello::{self, Hello, KEYING, Role};
use super::peer::{Conn, Pair, Peer};
use super::{Direct, DirectConn, DirectOrder, Turn, marked, order};
use crate::ctx::{Ctx, World};
use crate::lines::Lines;
use tandem_model::SealedBody;
use tandem_wire::frame::DirectFrame;

/// Connections that nobody has proven to be anybody's, at once.
const STRANGERS_MAX: usize = 32;

/// Connections at once.
const CONNS_MAX: usize = 256;

impl Direct {
    /// Somebody connected. We say nothing.
    pub(super) fn came(&mut self, conn: DirectConn, keying: [u8; KEYING], ctx: &mut Ctx<'_>) -> Vec<Turn> {
        let strangers = self.conns.values().filter(|conn| matches!(conn, Conn::Strange { .. })).count();
        if !ctx.config.direct || strangers >= STRANGERS_MAX || self.conns.len() >= CONNS_MAX {
            order(ctx, DirectOrder::Close { conn });
            return Vec::new();
        }
        self.conns.insert(conn, Conn::Strange { keying, until: ctx.now.mono.after(ctx.config.direct_wait) });
        Vec::new()
    }

    /// A frame came. Before both ends are proven nothing but a greeting is heard.
    pub(super) fn frame(
        &mut self,
        conn: DirectConn,
        frame: DirectFrame,
        lines: &Lines,
        ctx: &mut Ctx<'_>,
    ) -> Vec<Turn> {
        match (self.conns.get(&conn), frame) {
            (None, _) => vec![Turn::Late],
            (Some(Conn::Up { pair, .. }), frame) => {
                let pair = *pair;
                self.heard(conn, pair, frame, ctx)
            }
            (Some(Conn::Greeted { pair, keying, .. }), DirectFrame::Hello(sealed)) => {
                let (pair, keying) = (*pair, *keying);
                if answered(pair, &keying, &sealed, lines, ctx) {
                    return self.up(conn, pair, ctx);
                }
                self.shut(conn, ctx)
            }
            (Some(Conn::Strange { keying, .. }), DirectFrame::Hello(sealed)) => {
                let keying = *keying;
                match greeted(&keying, &sealed, lines, ctx) {
                    Some((pair, answer)) => {
                        order(ctx, DirectOrder::Send { conn, frame: DirectFrame::Hello(answer) });
                        self.up(conn, pair, ctx)
                    }
                    None => self.shut(conn, ctx),
                }
            }
            (Some(Conn::Opening { .. } | Conn::Greeted { .. } | Conn::Strange { .. }), _) => self.shut(conn, ctx),
        }
    }

    fn heard(&mut self, conn: DirectConn, pair: Pair, frame: DirectFrame, ctx: &mut Ctx<'_>) -> Vec<Turn> {
        match frame {
            // Both are proven already.
            DirectFrame::Hello(_) => self.shut(conn, ctx),
            DirectFrame::Text(text) => vec![Turn::Text(pair, conn, text)],
            DirectFrame::TextKept { ids } => vec![Turn::Kept(pair, ids)],
            // Not spoken yet.
            DirectFrame::TextRead { .. } => Vec::new(),
            DirectFrame::FileOffer { .. }
            | DirectFrame::FileWanted { .. }
            | DirectFrame::FileChunk(_)
            | DirectFrame::FileOver { .. } => vec![Turn::File(pair, conn, frame)],
        }
    }

    /// Both ends are proven. The first connection to somebody is the one that is used.
    fn up(&mut self, conn: DirectConn, pair: Pair, ctx: &Ctx<'_>) -> Vec<Turn> {
        self.conns.insert(conn, Conn::Up { pair, since: ctx.now.mono });
        if self.standing(pair).is_some() {
            return Vec::new();
        }
        self.peers.insert(pair, Peer::Up { conn });
        vec![Turn::Known(pair)]
    }

    /// Closes without a word.
    fn shut(&mut self, conn: DirectConn, ctx: &mut Ctx<'_>) -> Vec<Turn> {
        order(ctx, DirectOrder::Close { conn });
        self.closed(conn, ctx)
    }
}

/// Whether whoever answers is whom we meant.
fn answered(pair: Pair, keying: &[u8; KEYING], sealed: &SealedBody, lines: &Lines, ctx: &Ctx<'_>) -> bool {
    let (Some((number, epoch, key)), Some((who, device_key, _))) = (lines.registered(pair.0), marked(lines, pair))
    else {
        return false;
    };
    let Some(hello) = hello::open(keying, Role::Answers, key, sealed, ctx.vault) else {
        return false;
    };
    hello.from == who && hello.to == (number, epoch) && hello.is_by(&device_key, keying, Role::Answers, ctx.vault)
}

/// Who greets us, on which SIM, and our answer; `None` for whoever is no contact of ours, or not who they say.
fn greeted(keying: &[u8; KEYING], sealed: &SealedBody, lines: &Lines, ctx: &mut Ctx<'_>) -> Option<(Pair, SealedBody)> {
    for line in lines.lines() {
        let Some((number, epoch, key)) = lines.registered(line) else {
            continue;
        };
        let Some(hello) = hello::open(keying, Role::Connects, key, sealed, ctx.vault) else {
            continue;
        };
        let Hello { from, to, .. } = hello;
        let pair = (line, from.0);
        let (who, device_key, sealing_key) = marked(lines, pair)?;
        let theirs = who == from && to == (number, epoch);
        if !theirs || !hello.is_by(&device_key, keying, Role::Connects, ctx.vault) {
            return None;
        }
        let mine = ((number, epoch), key);
        let answer = hello::make(keying, Role::Answers, mine, (who, &sealing_key), ctx.vault)?;
        return Some((pair, answer));
    }
    None
}
