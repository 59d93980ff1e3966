//! Owns the sockets of a [`Core`]: one task for all clients, a reading task for each relay and each connection.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tandem_model::{CallId, Mono};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};

use crate::config::{TurnConfig, TurnConfigError};
use crate::core::{ClientKey, Core, Counters, Output, Via};
use crate::credentials::{CallSide, Credentials, GrantRefused};
use crate::tcp;

/// The longest datagram there is.
const MAX_DATAGRAM: usize = 65_536;

/// Datagrams and messages on their way to the task. What is more is dropped, as a network would.
const INBOX: usize = 1_024;

/// Messages on their way out on one connection. What is more is dropped.
const OUTBOX: usize = 256;

/// A connection that says nothing for longer than a relay lives without a refresh is over.
const SILENT_CONNECTION: Duration = Duration::from_secs(660);

/// Ports tried where the configuration leaves the choice to the machine.
const ANY_PORT_TRIES: u32 = 16;

/// Ports tried before a relay is refused.
const PORT_TRIES: usize = 64;

/// Why the relay could not start.
#[derive(Debug, thiserror::Error)]
pub enum TurnStartError {
    /// The configuration cannot hold.
    #[error(transparent)]
    Config(#[from] TurnConfigError),
    /// The listening socket could not be opened.
    #[error("the TURN listener could not be opened on {address}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// A running relay. It ends when this is dropped.
#[derive(Debug)]
pub struct TurnServer {
    handle: TurnHandle,
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for TurnServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl TurnServer {
    /// Opens the listeners and starts the task on the current tokio runtime.
    pub async fn start(mut config: TurnConfig) -> Result<Self, TurnStartError> {
        config.check()?;
        let address = config.listen;
        let listen_error = |source| TurnStartError::Listen { address, source };
        let (udp, listener) = listen(address, config.tcp).await.map_err(listen_error)?;
        config.listen = udp.local_addr().map_err(listen_error)?;
        let address = config.listen;
        let shared = Arc::new(Shared {
            core: Mutex::new(Core::new(config.clone())),
            changed: Notify::new(),
            start: Instant::now(),
        });
        let handle = TurnHandle { shared: Arc::clone(&shared) };
        let task = tokio::spawn(Shell::new(config, shared, udp).run(listener));
        Ok(Self { handle, address, task })
    }

    /// Where clients come in, by UDP and, when configured, by TCP.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// For whoever sets up calls.
    pub fn handle(&self) -> TurnHandle {
        self.handle.clone()
    }
}

/// Sockets of one port. Where any port will do, one that is free for UDP may be taken for TCP: then another is tried.
async fn listen(address: SocketAddr, tcp: bool) -> io::Result<(UdpSocket, Option<TcpListener>)> {
    let mut tries = if address.port() == 0 { ANY_PORT_TRIES } else { 1 };
    loop {
        tries -= 1;
        let udp = UdpSocket::bind(address).await?;
        if !tcp {
            return Ok((udp, None));
        }
        match TcpListener::bind(udp.local_addr()?).await {
            Ok(listener) => return Ok((udp, Some(listener))),
            Err(error) if tries == 0 || error.kind() != io::ErrorKind::AddrInUse => return Err(error),
            Err(_) => {}
        }
    }
}

/// Grants and revokes credentials. Cheap to clone; never waits for the network.
#[derive(Clone)]
pub struct TurnHandle {
    shared: Arc<Shared>,
}

impl fmt::Debug for TurnHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TurnHandle")
    }
}

impl TurnHandle {
    /// A credential for one side of one call. It opens relays for `ttl`, at most [`TurnConfig::longest_grant`]; a relay it
    /// opened lives on as long as the client refreshes it and the call is not revoked.
    pub fn grant(&self, call: CallId, side: CallSide, ttl: Duration) -> Result<Credentials, GrantRefused> {
        let unix_seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |passed| passed.as_secs());
        let granted = self.shared.core().grant(call, side, ttl, unix_seconds, self.shared.now());
        self.shared.changed.notify_one();
        granted
    }

    /// The call is over: its credentials end and its relays close at once.
    pub fn revoke(&self, call: CallId) {
        self.shared.core().revoke(call);
        self.shared.changed.notify_one();
    }

    /// What has been counted so far.
    pub fn counters(&self) -> Counters {
        self.shared.core().counters()
    }

    /// Relays open now.
    pub fn open_relays(&self) -> usize {
        self.shared.core().open_relays()
    }
}

struct Shared {
    core: Mutex<Core>,
    changed: Notify,
    start: Instant,
}

impl Shared {
    fn core(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Mono {
        Mono::ZERO.after(self.start.elapsed())
    }
}

enum News {
    FromPeer { relay: SocketAddr, peer: SocketAddr, data: Vec<u8> },
    FromConnection { client: ClientKey, data: Vec<u8> },
    ConnectionClosed { client: ClientKey },
}

struct Relay {
    socket: Arc<UdpSocket>,
    reader: JoinHandle<()>,
}

struct Connection {
    outbox: mpsc::Sender<Vec<u8>>,
    tasks: [JoinHandle<()>; 2],
}

struct Shell {
    config: TurnConfig,
    shared: Arc<Shared>,
    udp: UdpSocket,
    relays: BTreeMap<SocketAddr, Relay>,
    connections: BTreeMap<ClientKey, Connection>,
    next_port: u16,
    news: mpsc::Sender<News>,
    inbox: Option<mpsc::Receiver<News>>,
}

impl Drop for Shell {
    fn drop(&mut self) {
        for relay in self.relays.values() {
            relay.reader.abort();
        }
        for connection in self.connections.values() {
            connection.tasks.iter().for_each(JoinHandle::abort);
        }
    }
}

impl Shell {
    fn new(config: TurnConfig, shared: Arc<Shared>, udp: UdpSocket) -> Self {
        let (news, inbox) = mpsc::channel(INBOX);
        Self {
            next_port: *config.relay_ports.start(),
            config,
            shared,
            udp,
            relays: BTreeMap::new(),
            connections: BTreeMap::new(),
            news,
            inbox: Some(inbox),
        }
    }

    async fn run(mut self, listener: Option<TcpListener>) {
        let Some(mut inbox) = self.inbox.take() else { return };
        let shared = Arc::clone(&self.shared);
        let mut datagram = vec![0; MAX_DATAGRAM];
        loop {
            self.drain();
            let wake = shared.core().poll_timeout();
            tokio::select! {
                received = self.udp.recv_from(&mut datagram) => {
                    // An error is a peer's "port unreachable" and says nothing about this socket.
                    if let Ok((length, from)) = received {
                        self.client_message(ClientKey { via: Via::Udp, address: from }, datagram.get(..length).unwrap_or_default());
                    }
                }
                Some(news) = inbox.recv() => self.news(news),
                accepted = accept(listener.as_ref()) => if let Ok((stream, from)) = accepted {
                    self.connected(stream, from);
                },
                () = shared.changed.notified() => {}
                () = sleep_until(wake.map_or(shared.start, |at| shared.start + at.since(Mono::ZERO))), if wake.is_some() => {
                    shared.core().handle_timeout(shared.now());
                }
            }
        }
    }

    fn client_message(&self, client: ClientKey, data: &[u8]) {
        self.shared.core().client_message(client, data, self.shared.now());
    }

    fn news(&mut self, news: News) {
        let now = self.shared.now();
        match news {
            News::FromPeer { relay, peer, data } => self.shared.core().peer_datagram(relay, peer, &data, now),
            News::FromConnection { client, data } => self.client_message(client, &data),
            News::ConnectionClosed { client } => {
                self.close_connection(client);
                self.shared.core().connection_closed(client);
            }
        }
    }

    fn drain(&mut self) {
        loop {
            let output = self.shared.core().poll_output();
            match output {
                Some(Output::ToClient { client, data }) => self.to_client(client, data),
                Some(Output::ToPeer { relay, peer, data }) => {
                    if let Some(relay) = self.relays.get(&relay) {
                        // A full socket buffer drops the datagram, as the network would.
                        let _sent = relay.socket.try_send_to(&data, peer);
                    }
                }
                Some(Output::OpenRelay { client }) => {
                    let opened = self.open_relay();
                    self.shared.core().relay_opened(client, opened, self.shared.now());
                }
                Some(Output::CloseRelay { relay }) => {
                    if let Some(relay) = self.relays.remove(&relay) {
                        relay.reader.abort();
                    }
                }
                Some(Output::CloseClient { client }) => self.close_connection(client),
                None => return,
            }
        }
    }

    fn to_client(&self, client: ClientKey, data: Vec<u8>) {
        match client.via {
            Via::Udp => {
                // A full socket buffer drops the datagram, as the network would.
                let _sent = self.udp.try_send_to(&data, client.address);
            }
            Via::Tcp => {
                if let Some(connection) = self.connections.get(&client) {
                    // A client that does not read loses what it does not read.
                    let _sent = connection.outbox.try_send(tcp::pad(data));
                }
            }
        }
    }

    fn open_relay(&mut self) -> Option<SocketAddr> {
        for _ in 0..PORT_TRIES {
            let port = self.next_port;
            self.next_port =
                if port >= *self.config.relay_ports.end() { *self.config.relay_ports.start() } else { port + 1 };
            let Ok(socket) = std::net::UdpSocket::bind((self.config.relay_bind, port)) else { continue };
            if socket.set_nonblocking(true).is_err() {
                return None;
            }
            let socket = Arc::new(UdpSocket::from_std(socket).ok()?);
            let announced = SocketAddr::new(self.config.announced(), port);
            let reader = tokio::spawn(read_relay(announced, Arc::clone(&socket), self.news.clone()));
            self.relays.insert(announced, Relay { socket, reader });
            return Some(announced);
        }
        None
    }

    fn connected(&mut self, stream: TcpStream, address: SocketAddr) {
        let client = ClientKey { via: Via::Tcp, address };
        if self.connections.len() >= self.config.clients_without_relay || stream.set_nodelay(true).is_err() {
            return;
        }
        let (reader, writer) = stream.into_split();
        let (outbox, messages) = mpsc::channel(OUTBOX);
        let tasks = [
            tokio::spawn(read_connection(client, reader, self.news.clone())),
            tokio::spawn(write_connection(writer, messages)),
        ];
        self.connections.insert(client, Connection { outbox, tasks });
    }

    fn close_connection(&mut self, client: ClientKey) {
        if let Some(connection) = self.connections.remove(&client) {
            connection.tasks.iter().for_each(JoinHandle::abort);
        }
    }
}

/// The next connection; waits for ever where there is no listener.
async fn accept(listener: Option<&TcpListener>) -> io::Result<(TcpStream, SocketAddr)> {
    match listener {
        Some(listener) => listener.accept().await,
        None => std::future::pending().await,
    }
}

async fn read_relay(relay: SocketAddr, socket: Arc<UdpSocket>, news: mpsc::Sender<News>) {
    let mut datagram = vec![0; MAX_DATAGRAM];
    loop {
        // An error is a peer's "port unreachable" and says nothing about this socket.
        let Ok((length, peer)) = socket.recv_from(&mut datagram).await else { continue };
        let data = datagram.get(..length).unwrap_or_default().to_vec();
        match news.try_send(News::FromPeer { relay, peer, data }) {
            Ok(()) | Err(mpsc::error::TrySendError::Full(_)) => {}
            Err(mpsc::error::TrySendError::Closed(_)) => return,
        }
    }
}

async fn read_connection(client: ClientKey, mut reader: OwnedReadHalf, news: mpsc::Sender<News>) {
    let mut buffer = Vec::new();
    loop {
        match tcp::message_length(&buffer) {
            Ok(Some(length)) if buffer.len() >= length => {
                let rest = buffer.split_off(length);
                let data = std::mem::replace(&mut buffer, rest);
                // A connection is read no faster than the task takes it.
                if news.send(News::FromConnection { client, data }).await.is_err() {
                    return;
                }
                continue;
            }
            Ok(_) => {}
            Err(tcp::NotTurn) => break,
        }
        let read = timeout(SILENT_CONNECTION, reader.read_buf(&mut buffer)).await;
        if !matches!(read, Ok(Ok(1..))) {
            break;
        }
    }
    // The task ended: nobody is left to tell.
    let _told = news.send(News::ConnectionClosed { client }).await;
}

async fn write_connection(mut writer: OwnedWriteHalf, mut messages: mpsc::Receiver<Vec<u8>>) {
    while let Some(message) = messages.recv().await {
        if writer.write_all(&message).await.is_err() {
            // The reading half sees the end and tells.
            return;
        }
    }
}
