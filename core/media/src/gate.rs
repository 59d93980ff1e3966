//! The hook under the media's UDP sockets: a lab puts its shaped link here, a phone leaves it open.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Which way a datagram goes, seen from this phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From this phone to the network.
    Up,
    /// From the network to this phone.
    Down,
}

/// What becomes of a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passage {
    /// It goes on after this delay; zero is at once.
    After(Duration),
    /// It is lost.
    Lost,
}

/// A link that every UDP socket of the media is put on.
pub trait LinkGate: Send + Sync + fmt::Debug {
    /// Called once for each socket when it is bound, and again for the sockets of an ICE restart.
    fn admit_socket(&self) -> Arc<dyn SocketGate>;
}

/// The link as one socket sees it.
pub trait SocketGate: Send + Sync + fmt::Debug {
    /// Decides over one datagram of `payload_bytes` of UDP payload. Called in the order of sending or arriving.
    fn pass(&self, way: Way, payload_bytes: usize) -> Passage;
}
