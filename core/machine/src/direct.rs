//! Direct data: connections between phones with no server in the path, as ways for texts and whatever else.
//!
//! ```text
//!          want            capability          address            both proven
//!   Off ─────────> Asking ────────────> Resolving ──────> Connecting ─────────> Up
//!    ^               │ refused, silent     │ refused, NAT     │ closed, silent    │ closed
//!    └───────────────┴─────────────────────┴──────────────────┴──────────────────┘   (not again for a while)
//! ```
//!
//! Whoever is connected to says nothing before the other's greeting is verified: a stranger's connection closes without one
//! byte that tells who is here. A connection that stands is used both ways, whoever opened it.

mod consent;
mod datagram;
mod hello;
mod incoming;
mod peer;
mod seeking;

pub use datagram::DATAGRAM_BODY_MAX;
pub(crate) use datagram::came as datagram_came;
pub use hello::KEYING;
pub(crate) use peer::Pair;

use crate::ctx::{Ctx, World};
use crate::effect::Effect;
use crate::lines::Lines;
use peer::{Conn, Peer};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;
use tandem_model::{Line, Mono, Msisdn, TextId, Ticket};
use tandem_wire::ClientFrame;
use tandem_wire::frame::{DirectDatagram, DirectFrame, DirectText};

/// Names a direct connection. The machine names those it orders, evenly; the shell those that come, oddly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct DirectConn(pub u64);

/// Orders about direct connections.
#[derive(Clone, PartialEq, Eq)]
pub enum DirectOrder {
    /// Connect to one of these addresses, in this order; answer with [`DirectInput::Opened`] or [`DirectInput::Closed`].
    Connect {
        /// The new connection.
        conn: DirectConn,
        /// One or two.
        addresses: Vec<IpAddr>,
        /// UDP.
        port: u16,
    },
    /// Send a frame. Dropped when the connection is gone: whoever waits has a deadline.
    Send {
        /// On which.
        conn: DirectConn,
        /// What to say.
        frame: DirectFrame,
    },
    /// Send a datagram, or drop it.
    Datagram {
        /// On which.
        conn: DirectConn,
        /// What to say.
        datagram: DirectDatagram,
    },
    /// Close it; no answer is expected.
    Close {
        /// Which.
        conn: DirectConn,
    },
}

impl std::fmt::Debug for DirectOrder {
    /// Without addresses: they tell where a person is.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            DirectOrder::Connect { conn, addresses, .. } => {
                write!(f, "Connect({conn:?}, {} addresses)", addresses.len())
            }
            DirectOrder::Send { conn, frame } => f.debug_tuple("Send").field(conn).field(frame).finish(),
            DirectOrder::Datagram { conn, datagram } => f.debug_tuple("Datagram").field(conn).field(datagram).finish(),
            DirectOrder::Close { conn } => f.debug_tuple("Close").field(conn).finish(),
        }
    }
}

/// What direct connections tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DirectInput {
    /// The shell listens for direct connections, or does not any more.
    Listening {
        /// UDP.
        port: Option<u16>,
    },
    /// A connection that was ordered stands; nobody is proven yet.
    Opened {
        /// Which.
        conn: DirectConn,
        /// Keying material that only its two ends have.
        keying: [u8; KEYING],
    },
    /// Somebody connected; nobody is proven yet.
    Came {
        /// The new connection.
        conn: DirectConn,
        /// Keying material that only its two ends have.
        keying: [u8; KEYING],
    },
    /// A frame came.
    Frame {
        /// On which.
        conn: DirectConn,
        /// What it says.
        frame: DirectFrame,
    },
    /// A datagram came.
    Datagram {
        /// On which.
        conn: DirectConn,
        /// What it says.
        datagram: DirectDatagram,
    },
    /// It is gone, or never came.
    Closed {
        /// Which.
        conn: DirectConn,
    },
}

/// How what is for a number travels now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Straight to them.
    Direct(DirectConn),
    /// A direct way is being looked for; it is known soon.
    Wait,
    /// Through the server.
    Server,
}

/// What came of something that direct connections told, for the others.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// A way that was looked for is known now, whatever it is; what waited for it goes.
    Known(Pair),
    /// A connection that stood is gone: what was on its way is not acknowledged.
    Lost(Pair),
    /// A text came.
    Text(Pair, DirectConn, DirectText),
    /// Texts of mine are durable there.
    Kept(Pair, Vec<TextId>),
    /// A frame about a file came.
    File(Pair, DirectConn, DirectFrame),
    /// A datagram came.
    Datagram(Pair, DirectDatagram),
    /// The frame is about a connection that is nobody's any more.
    Late,
}

/// Every direct connection and every way that is looked for.
#[derive(Debug, Default)]
pub(crate) struct Direct {
    port: Option<u16>,
    peers: BTreeMap<Pair, Peer>,
    conns: BTreeMap<DirectConn, Conn>,
    /// Requests whose answer only says that they were heard.
    told: BTreeMap<Ticket, Mono>,
    consents: BTreeMap<Ticket, consent::Asked>,
    last: u64,
}

impl Direct {
    /// How what is for a number travels now. Looks for a direct way where none is known.
    pub(crate) fn way(&mut self, pair: Pair, lines: &Lines, ctx: &mut Ctx<'_>) -> Way {
        if self.port.is_none() || !ctx.config.direct {
            return Way::Server;
        }
        match self.peers.get(&pair) {
            Some(Peer::Up { conn }) => Way::Direct(*conn),
            Some(Peer::Asking { .. } | Peer::Resolving { .. } | Peer::Connecting) => Way::Wait,
            Some(Peer::Off { again, .. }) if *again > ctx.now.mono => {
                let again = *again;
                self.peers.insert(pair, Peer::Off { again, wanted: true });
                Way::Server
            }
            Some(Peer::Off { .. }) | None => {
                if self.ask(pair, lines, ctx) {
                    Way::Wait
                } else {
                    Way::Server
                }
            }
        }
    }

    /// The connection to a number, when one stands.
    pub(crate) fn standing(&self, pair: Pair) -> Option<DirectConn> {
        match self.peers.get(&pair) {
            Some(Peer::Up { conn }) => Some(*conn),
            Some(Peer::Off { .. } | Peer::Asking { .. } | Peer::Resolving { .. } | Peer::Connecting) | None => None,
        }
    }

    /// What was sent was not acknowledged in time: that way is given up for a while.
    pub(crate) fn give_up(&mut self, pair: Pair, ctx: &mut Ctx<'_>) {
        if let Some(conn) = self.standing(pair) {
            self.conns.remove(&conn);
            order(ctx, DirectOrder::Close { conn });
        }
        self.off(pair, ctx.config.direct_again, ctx);
    }

    /// Something about direct connections happened.
    pub(crate) fn on(&mut self, input: DirectInput, lines: &Lines, ctx: &mut Ctx<'_>) -> Vec<Turn> {
        match input {
            DirectInput::Listening { port } => {
                self.port = port;
                for line in lines.lines() {
                    self.session_up(line, lines, ctx);
                }
                Vec::new()
            }
            DirectInput::Opened { conn, keying } => self.opened(conn, keying, lines, ctx),
            DirectInput::Came { conn, keying } => self.came(conn, keying, ctx),
            DirectInput::Frame { conn, frame } => self.frame(conn, frame, lines, ctx),
            DirectInput::Datagram { conn, datagram } => match self.conns.get(&conn) {
                Some(Conn::Up { pair, .. }) => vec![Turn::Datagram(*pair, datagram)],
                Some(Conn::Opening { .. } | Conn::Greeted { .. } | Conn::Strange { .. }) | None => vec![Turn::Late],
            },
            DirectInput::Closed { conn } => self.closed(conn, ctx),
        }
    }

    /// A session stands: the server learns where we listen.
    pub(crate) fn session_up(&mut self, line: Line, lines: &Lines, ctx: &mut Ctx<'_>) {
        let Some(session) = lines.session(line).filter(|_| ctx.config.direct) else {
            return;
        };
        let ticket = ctx.ticket();
        ctx.send(&session, ClientFrame::DirectPort { ticket, port: self.port });
        self.told.insert(ticket, ctx.now.mono.after(ctx.config.request));
    }

    /// A registration is over: nobody is anybody on its connections any more.
    pub(crate) fn line_over(&mut self, line: Line, ctx: &mut Ctx<'_>) -> Vec<Turn> {
        let pairs: Vec<Pair> = self.peers.keys().filter(|(of, _)| *of == line).copied().collect();
        let conns = self.conns.iter().filter(|(_, conn)| conn.pair().is_some_and(|(of, _)| of == line));
        let conns: Vec<DirectConn> = conns.map(|(conn, _)| *conn).collect();
        for conn in conns {
            self.conns.remove(&conn);
            order(ctx, DirectOrder::Close { conn });
        }
        for pair in &pairs {
            self.peers.remove(pair);
        }
        pairs.into_iter().map(Turn::Lost).collect()
    }

    fn closed(&mut self, conn: DirectConn, ctx: &Ctx<'_>) -> Vec<Turn> {
        match self.conns.remove(&conn) {
            None => vec![Turn::Late],
            Some(Conn::Strange { .. }) => Vec::new(),
            Some(Conn::Opening { pair, .. } | Conn::Greeted { pair, .. }) => {
                self.off(pair, ctx.config.direct_again, ctx);
                vec![Turn::Known(pair)]
            }
            Some(Conn::Up { pair, since }) => {
                if self.standing(pair) == Some(conn) {
                    // One that stood for long is worth another try at once: an address may have changed.
                    let steady = ctx.now.mono.since(since) >= STEADY;
                    self.off(pair, if steady { Duration::ZERO } else { ctx.config.direct_again }, ctx);
                    // Another connection to them may stand.
                    let other = self.conns.iter().find(|(_, other)| is_up(other, pair)).map(|(conn, _)| *conn);
                    if let Some(conn) = other {
                        self.peers.insert(pair, Peer::Up { conn });
                    }
                }
                vec![Turn::Lost(pair)]
            }
        }
    }

    fn off(&mut self, pair: Pair, wait: Duration, ctx: &Ctx<'_>) {
        let again = ctx.now.mono.after(wait);
        if self.peers.len() >= PEERS_MAX && !self.peers.contains_key(&pair) {
            // Forgetting one means that it is asked about again.
            let idle = self.peers.iter().find(|(_, peer)| matches!(peer, Peer::Off { .. })).map(|(pair, _)| *pair);
            if let Some(idle) = idle {
                self.peers.remove(&idle);
            }
        }
        self.peers.insert(pair, Peer::Off { again, wanted: false });
    }

    /// When [`Direct::handle_timeout`] is due.
    pub(crate) fn poll_timeout(&self) -> Option<(Mono, &'static str)> {
        let peers = self.peers.values().filter_map(|peer| match peer {
            Peer::Asking { until, .. } | Peer::Resolving { until, .. } => Some(*until),
            Peer::Off { again, wanted: true } => Some(*again),
            Peer::Off { .. } | Peer::Connecting | Peer::Up { .. } => None,
        });
        let conns = self.conns.values().filter_map(Conn::due);
        let told = self.told.values().copied();
        peers
            .chain(conns)
            .chain(told)
            .chain(self.consents.values().map(|asked| asked.until))
            .min()
            .map(|at| (at, "direct connection"))
    }

    /// Acts on every deadline that has come.
    pub(crate) fn handle_timeout(&mut self, ctx: &mut Ctx<'_>) -> Vec<Turn> {
        let now = ctx.now.mono;
        self.told.retain(|_, until| *until > now);
        self.consents_due(ctx);
        let late = self.conns.iter().filter(|(_, conn)| conn.due().is_some_and(|at| at <= now));
        let late: Vec<DirectConn> = late.map(|(conn, _)| *conn).collect();
        let mut turns = Vec::new();
        for conn in late {
            order(ctx, DirectOrder::Close { conn });
            turns.extend(self.closed(conn, ctx));
        }
        let silent = self.peers.iter().filter(|(_, peer)| match peer {
            Peer::Asking { until, .. } | Peer::Resolving { until, .. } => *until <= now,
            Peer::Off { .. } | Peer::Connecting | Peer::Up { .. } => false,
        });
        let silent: Vec<Pair> = silent.map(|(pair, _)| *pair).collect();
        for pair in silent {
            self.off(pair, ctx.config.direct_again, ctx);
            turns.push(Turn::Known(pair));
        }
        for (pair, peer) in &mut self.peers {
            if let Peer::Off { again, wanted: wanted @ true } = peer
                && *again <= now
            {
                *wanted = false;
                turns.push(Turn::Known(*pair));
            }
        }
        turns
    }
}

/// Numbers a direct way to which is remembered.
const PEERS_MAX: usize = 4_096;

/// A connection that stood this long was a good one.
const STEADY: Duration = Duration::from_secs(5);

fn is_up(conn: &Conn, pair: Pair) -> bool {
    matches!(conn, Conn::Up { pair: its, .. } if *its == pair)
}

pub(crate) fn order(ctx: &mut Ctx<'_>, order: DirectOrder) {
    ctx.push(Effect::Direct(order));
}

/// Whoever is meant, with the keys a mark says are theirs.
fn marked(
    lines: &Lines,
    (line, to): Pair,
) -> Option<((Msisdn, tandem_model::NumberEpoch), tandem_model::DeviceKey, tandem_model::SealingKey)> {
    match &lines.mark(line, to)?.state {
        tandem_model::MarkState::Marked { epoch, device_key, sealing_key, .. } => {
            Some(((to, *epoch), *device_key, *sealing_key))
        }
        tandem_model::MarkState::Unmarked => None,
    }
}

#[cfg(test)]
mod tests;

/// What phone 2 says to phone 1 when it connects, for tests of what travels on the connection.
#[cfg(test)]
pub(crate) fn greeting_of_phone_2(keying: &[u8; KEYING]) -> tandem_model::SealedBody {
    tests::greeting(2, hello::Role::Connects, keying)
}
