//! The door phones come through: bounded in number, in all and from each source, with TLS when it is configured.

use crate::metrics::Metrics;
use crate::source::{TrustedProxies, source_of};
use axum_server::accept::Accept;
use std::collections::BTreeMap;
use std::future::{Ready, ready};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use tandem_logic::Source;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 1_024;

/// Listens on an address; port 0 takes a free one.
///
/// # Errors
/// What the system says: in use, not permitted, not ours.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A server that restarts finds its port again although old connections linger.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Counts the connections that stand.
#[derive(Debug)]
pub struct Door {
    connections_max: usize,
    per_source_max: usize,
    proxies: TrustedProxies,
    metrics: Arc<Metrics>,
    standing: Mutex<Standing>,
}

#[derive(Debug, Default)]
struct Standing {
    all: usize,
    by_source: BTreeMap<Source, usize>,
}

impl Door {
    /// With its limits.
    #[must_use]
    pub fn new(connections_max: usize, per_source_max: usize, proxies: TrustedProxies, metrics: Arc<Metrics>) -> Door {
        Door { connections_max, per_source_max, proxies, metrics, standing: Mutex::default() }
    }

    /// Lets one more connection in, or says there are too many. A trusted proxy counts in all, and not as a source: it
    /// stands for many phones.
    fn admit(self: &Arc<Self>, peer: SocketAddr) -> Option<Ticket> {
        let proxied = self.proxies.networks.contains(peer.ip());
        let source = (!proxied).then(|| source_of(peer.ip()));
        let mut standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        if standing.all >= self.connections_max {
            return None;
        }
        if let Some(source) = source {
            let own = standing.by_source.entry(source).or_default();
            if *own >= self.per_source_max {
                return None;
            }
            *own += 1;
        }
        standing.all += 1;
        self.metrics.connections.increment(1.0);
        Some(Ticket { door: Arc::clone(self), source })
    }

    fn leave(&self, source: Option<Source>) {
        let mut standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        standing.all = standing.all.saturating_sub(1);
        self.metrics.connections.decrement(1.0);
        let Some(source) = source else { return };
        if let Some(own) = standing.by_source.get_mut(&source) {
            *own = own.saturating_sub(1);
            if *own == 0 {
                standing.by_source.remove(&source);
            }
        }
    }
}

/// One connection's place, given back when it is dropped.
#[derive(Debug)]
struct Ticket {
    door: Arc<Door>,
    source: Option<Source>,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.door.leave(self.source);
    }
}

/// Lets connections in, each with its place.
#[derive(Clone, Debug)]
pub struct Doorkeeper(pub Arc<Door>);

impl<S> Accept<TcpStream, S> for Doorkeeper {
    type Stream = Admitted;
    type Service = S;
    type Future = Ready<io::Result<(Admitted, S)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        ready(self.let_in(stream).map(|admitted| (admitted, service)))
    }
}

impl Doorkeeper {
    fn let_in(&self, stream: TcpStream) -> io::Result<Admitted> {
        let peer = stream.peer_addr()?;
        let Some(ticket) = self.0.admit(peer) else {
            self.0.metrics.connections_refused.increment(1);
            return Err(io::Error::other("too many connections"));
        };
        // A frame leaves when it is written: trains are timed, and a ring must not wait for more to say.
        stream.set_nodelay(true)?;
        Ok(Admitted { stream, _ticket: ticket })
    }
}

/// A TCP connection that holds its place.
#[derive(Debug)]
pub struct Admitted {
    stream: TcpStream,
    _ticket: Ticket,
}

impl AsyncRead for Admitted {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Admitted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::values::Networks;
    use axum::http::HeaderName;

    fn door(all: usize, per_source: usize, trusted: &[&str]) -> Arc<Door> {
        let proxies = TrustedProxies {
            networks: Networks(trusted.iter().map(|network| network.parse().unwrap()).collect()),
            header: HeaderName::from_static("x-forwarded-for"),
        };
        Arc::new(Door::new(all, per_source, proxies, Arc::default()))
    }

    fn peer(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn one_source_cannot_take_every_place_and_a_place_is_given_back() {
        let door = door(10, 2, &[]);
        let first = door.admit(peer("192.0.2.1:1")).unwrap();
        let _second = door.admit(peer("192.0.2.1:2")).unwrap();
        assert!(door.admit(peer("192.0.2.1:3")).is_none());
        let _other = door.admit(peer("192.0.2.2:3")).unwrap();
        drop(first);
        assert!(door.admit(peer("192.0.2.1:4")).is_some());
        assert_eq!(door.standing.lock().unwrap().all, 2);
    }

    #[test]
    fn the_total_holds_for_everybody() {
        let door = door(1, 5, &["10.0.0.0/8"]);
        let _only = door.admit(peer("192.0.2.1:1")).unwrap();
        assert!(door.admit(peer("192.0.2.2:1")).is_none());
        assert!(door.admit(peer("10.0.0.1:1")).is_none());
    }

    #[test]
    fn a_trusted_proxy_stands_for_many_phones() {
        let door = door(10, 1, &["10.0.0.0/8"]);
        let _first = door.admit(peer("10.0.0.1:1")).unwrap();
        assert!(door.admit(peer("10.0.0.1:2")).is_some());
    }
}
