//! Direct connections: QUIC between phones (RFC 9000), bytes in both directions, deciding nothing.
//!
//! Every process makes a certificate of its own up and takes any: what proves an end is the greeting that the machine signs over
//! the connection's keying material. One bidirectional stream, opened by whoever connects, carries all frames.

mod stream;
mod trust;

use crate::latch::Running;
use crate::runner::Word;
use quinn::{Connection, Endpoint, EndpointConfig, Incoming, TokioRuntime};
use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tandem_machine::direct::KEYING;
use tandem_machine::{DirectConn, DirectInput, DirectOrder, Input};
use tandem_wire::{encode_datagram, encode_direct};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tracing::debug;

/// Orders that may wait for the task.
const ORDERS_MAX: usize = 4_096;

/// Handshakes of strangers at once; beyond half of it, who connects must first show that its address is its own (Retry, RFC 9000
/// section 8.1.2).
const HANDSHAKES_MAX: usize = 64;

/// Handshakes of one address at once.
const HANDSHAKES_PER_SOURCE_MAX: usize = 4;

/// How long a handshake may take.
const HANDSHAKE_WAIT: Duration = Duration::from_secs(5);

/// How long the end of all connections may take.
const FAREWELL: Duration = Duration::from_millis(500);

/// What both ends export keying material under.
const LABEL: &[u8] = b"EXPORTER-tandem-direct-1";

/// The runner's end. Dropping it closes every connection.
pub(crate) struct Direct {
    orders: mpsc::Sender<DirectOrder>,
}

impl Direct {
    /// Carries an order out, soon. What cannot wait is dropped: whoever waits for it has a deadline.
    pub(crate) fn order(&self, order: DirectOrder) {
        let _too_many = self.orders.try_send(order);
    }
}

/// Listens at a port, on both families where there are both, and tells so.
///
/// # Errors
/// Those of the socket.
pub(crate) fn open(port: u16, words: mpsc::Sender<Word>, running: Running) -> io::Result<Direct> {
    let socket = UdpSocket::bind(SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)))
        .or_else(|_no_v6| UdpSocket::bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))))?;
    let port = socket.local_addr()?.port();
    let trust = trust::Trust::new().ok_or(io::ErrorKind::Other)?;
    let (server, client) = (trust.server, trust.client);
    let mut endpoint = Endpoint::new(EndpointConfig::default(), Some(server), socket, Arc::new(TokioRuntime))?;
    endpoint.set_default_client_config(client);
    let (orders, ordered) = mpsc::channel(ORDERS_MAX);
    let task = Task { endpoint, words, conns: BTreeMap::new(), last: 1, handshakes: Handshakes::default() };
    tokio::spawn(async move {
        task.run(port, ordered).await;
        drop(running);
    });
    Ok(Direct { orders })
}

/// Handshakes of strangers that are under way, by address.
#[derive(Clone, Default)]
struct Handshakes(Arc<Mutex<BTreeMap<IpAddr, usize>>>);

/// One of them, until it ends.
struct Handshake(Handshakes, IpAddr);

enum Admitted {
    Yes(Handshake),
    /// Only once its address is shown to be its own.
    Retry,
    No,
}

impl Handshakes {
    fn admit(&self, source: IpAddr, is_shown: bool) -> Admitted {
        let mut under_way = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = under_way.values().sum();
        let its = under_way.get(&source).copied().unwrap_or_default();
        if all >= HANDSHAKES_MAX || its >= HANDSHAKES_PER_SOURCE_MAX {
            return Admitted::No;
        }
        if all >= HANDSHAKES_MAX / 2 && !is_shown {
            return Admitted::Retry;
        }
        under_way.insert(source, its.saturating_add(1));
        Admitted::Yes(Handshake(self.clone(), source))
    }
}

impl Drop for Handshake {
    fn drop(&mut self) {
        let mut under_way = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(its) = under_way.get_mut(&self.1) {
            *its = its.saturating_sub(1);
            if *its == 0 {
                under_way.remove(&self.1);
            }
        }
    }
}

/// One connection, as the task holds it.
struct Held {
    frames: mpsc::Sender<Vec<u8>>,
    datagrams: mpsc::Sender<Vec<u8>>,
}

struct Task {
    endpoint: Endpoint,
    words: mpsc::Sender<Word>,
    conns: BTreeMap<DirectConn, Held>,
    last: u64,
    handshakes: Handshakes,
}

impl Task {
    async fn run(mut self, port: u16, mut ordered: mpsc::Receiver<DirectOrder>) {
        tell(&self.words, DirectInput::Listening { port: Some(port) }).await;
        loop {
            tokio::select! {
                order = ordered.recv() => match order {
                    Some(order) => self.order(order),
                    None => break,
                },
                incoming = self.endpoint.accept() => match incoming {
                    Some(incoming) => self.admit(incoming),
                    None => break,
                },
            }
        }
        self.conns.clear();
        self.endpoint.close(0_u32.into(), b"");
        let _late = timeout(FAREWELL, self.endpoint.wait_idle()).await;
    }

    fn order(&mut self, order: DirectOrder) {
        match order {
            DirectOrder::Connect { conn, addresses, port } => {
                let (held, queued) = queues();
                self.conns.insert(conn, held);
                let (endpoint, words) = (self.endpoint.clone(), self.words.clone());
                tokio::spawn(async move {
                    if let Some(connection) = connect(&endpoint, addresses, port).await {
                        stream::serve(connection, conn, true, queued, &words).await;
                    }
                    tell(&words, DirectInput::Closed { conn }).await;
                });
            }
            DirectOrder::Send { conn, frame } => {
                let full =
                    self.conns.get(&conn).is_some_and(|held| held.frames.try_send(encode_direct(&frame)).is_err());
                if full {
                    debug!("a direct connection is too slow, or gone: closing it");
                    self.conns.remove(&conn);
                }
            }
            DirectOrder::Datagram { conn, datagram } => {
                if let Some(held) = self.conns.get(&conn) {
                    let _dropped = held.datagrams.try_send(encode_datagram(&datagram));
                }
            }
            DirectOrder::Close { conn } => drop(self.conns.remove(&conn)),
        }
    }

    fn admit(&mut self, incoming: Incoming) {
        let source = incoming.remote_address().ip().to_canonical();
        match self.handshakes.admit(source, incoming.remote_address_validated()) {
            Admitted::No => incoming.ignore(),
            Admitted::Retry => drop(incoming.retry()),
            Admitted::Yes(handshake) => {
                self.last = self.last.saturating_add(2);
                let conn = DirectConn(self.last);
                let (held, queued) = queues();
                // Gone ones are forgotten here, where there is always a next one to make room for.
                self.conns.retain(|_, held| !held.frames.is_closed());
                self.conns.insert(conn, held);
                let words = self.words.clone();
                tokio::spawn(async move {
                    let accepted = timeout(HANDSHAKE_WAIT, async { incoming.accept().ok()?.await.ok() }).await;
                    drop(handshake);
                    if let Ok(Some(connection)) = accepted {
                        stream::serve(connection, conn, false, queued, &words).await;
                        tell(&words, DirectInput::Closed { conn }).await;
                    }
                });
            }
        }
    }
}

/// Where what is sent waits, from the task's end and from the connection's.
fn queues() -> (Held, stream::Queued) {
    let (frames, frames_queued) = mpsc::channel(stream::FRAMES_MAX);
    let (datagrams, datagrams_queued) = mpsc::channel(stream::DATAGRAMS_MAX);
    (Held { frames, datagrams }, stream::Queued { frames: frames_queued, datagrams: datagrams_queued })
}

async fn connect(endpoint: &Endpoint, addresses: Vec<IpAddr>, port: u16) -> Option<Connection> {
    for address in addresses {
        // The name is nobody's: certificates are made up, and none is believed.
        let Ok(connecting) = endpoint.connect(SocketAddr::new(address, port), "tandem.invalid") else {
            continue;
        };
        if let Ok(Ok(connection)) = timeout(HANDSHAKE_WAIT / 2, connecting).await {
            return Some(connection);
        }
    }
    None
}

fn keying(connection: &Connection) -> Option<[u8; KEYING]> {
    let mut keying = [0; KEYING];
    connection.export_keying_material(&mut keying, LABEL, b"").ok()?;
    Some(keying)
}

/// The runner may be gone: nobody asks any more.
async fn tell(words: &mpsc::Sender<Word>, input: DirectInput) {
    drop(words.send(Word::Input(Input::Direct(input))).await);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([203, 0, 113, last])
    }

    #[test]
    fn one_address_cannot_take_every_handshake_and_many_must_show_theirs() {
        let handshakes = Handshakes::default();
        let mut held = Vec::new();
        for _ in 0..HANDSHAKES_PER_SOURCE_MAX {
            let Admitted::Yes(handshake) = handshakes.admit(address(0), false) else { panic!("refused") };
            held.push(handshake);
        }
        assert!(matches!(handshakes.admit(address(0), true), Admitted::No));
        held.pop();
        assert!(matches!(handshakes.admit(address(0), true), Admitted::Yes(_)), "one that ended makes room");
        for source in 1..=u8::try_from(HANDSHAKES_MAX).unwrap() {
            if let Admitted::Yes(handshake) = handshakes.admit(address(source), true) {
                held.push(handshake);
            }
        }
        assert_eq!(held.len(), HANDSHAKES_MAX);
        assert!(matches!(handshakes.admit(address(200), true), Admitted::No));
        held.truncate(HANDSHAKES_MAX / 2);
        assert!(matches!(handshakes.admit(address(200), false), Admitted::Retry));
        assert!(matches!(handshakes.admit(address(200), true), Admitted::Yes(_)));
    }
}
