//! One number, and how far the direct way to it is.

use super::DirectConn;
use super::hello::KEYING;
use tandem_model::{Line, Mono, Msisdn, Ticket};

/// As which SIM, to whom.
pub(crate) type Pair = (Line, Msisdn);

/// How far the direct way to a number is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Peer {
    /// There is none; none is looked for before this. `wanted`: somebody asked meanwhile, and hears when it may be looked for.
    Off { again: Mono, wanted: bool },
    /// The server is asked whether we may know.
    Asking { ticket: Ticket, until: Mono },
    /// The server is asked where they are.
    Resolving { ticket: Ticket, until: Mono },
    /// A connection is made, or greeted on.
    Connecting,
    /// Both ends are proven.
    Up { conn: DirectConn },
}

/// How far a connection is.
#[derive(Clone, Debug)]
pub(super) enum Conn {
    /// We connect.
    Opening { pair: Pair, until: Mono },
    /// We said who we are.
    Greeted { pair: Pair, keying: [u8; KEYING], until: Mono },
    /// Somebody connected and said nothing yet.
    Strange { keying: [u8; KEYING], until: Mono },
    /// Both ends are proven.
    Up { pair: Pair, since: Mono },
}

impl Conn {
    /// Whom it is to, where that is known.
    pub(super) const fn pair(&self) -> Option<Pair> {
        match self {
            Conn::Opening { pair, .. } | Conn::Greeted { pair, .. } | Conn::Up { pair, .. } => Some(*pair),
            Conn::Strange { .. } => None,
        }
    }

    /// When it must be further.
    pub(super) const fn due(&self) -> Option<Mono> {
        match self {
            Conn::Opening { until, .. } | Conn::Greeted { until, .. } | Conn::Strange { until, .. } => Some(*until),
            Conn::Up { .. } => None,
        }
    }
}
