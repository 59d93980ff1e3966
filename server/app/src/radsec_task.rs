//! RADIUS over TLS (RFC 6614): connections of clients that prove the certificates named in the configuration.

use crate::config::resolver::Radsec;
use crate::config::values::AddressOrOff;
use crate::house::size;
use crate::listener;
use crate::resolver_task::StreamWord;
use crate::start_error::StartError;
use rustls::ServerConfig;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tandem_resolver::radius::PACKET_MAX;
use tandem_resolver::{Fingerprint, Origin};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tracing::{debug, warn};

/// How long a handshake may take, and an answer may take to leave.
const STALL: Duration = Duration::from_secs(10);

/// A connection that says nothing for this long is closed. Its client opens another when it has something to say.
const IDLE: Duration = Duration::from_secs(2 * 3_600);

/// Answers that may wait for one connection; the next is asked for again.
const ANSWERS: usize = 256;

/// Octets of a packet's header (RFC 2865, 3).
const HEADER: usize = 20;

/// A listener and who may come in.
pub struct Opened {
    listener: TcpListener,
    tls: Arc<ServerConfig>,
    connections_max: usize,
}

/// The task that takes connections.
#[derive(Debug)]
pub struct RunningRadsec {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Opened {
    /// Listens, when the section says so.
    ///
    /// # Errors
    /// [`StartError::Listen`].
    pub fn new(section: &Radsec, tls: Option<Arc<ServerConfig>>) -> Result<Option<Opened>, StartError> {
        let (AddressOrOff::At(address), Some(tls)) = (section.listen, tls) else { return Ok(None) };
        let listener =
            listener::bind(address).map_err(|why| StartError::Listen { key: "radsec.listen", address, why })?;
        Ok(Some(Opened { listener, tls, connections_max: size(section.connections_max) }))
    }

    /// Where.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.listener.local_addr().ok()
    }

    /// Takes connections from now on.
    pub fn start(self, words: mpsc::Sender<StreamWord>) -> RunningRadsec {
        let (stop, stopped) = watch::channel(false);
        RunningRadsec { stop, task: tokio::spawn(self.run(words, stopped)) }
    }

    async fn run(self, words: mpsc::Sender<StreamWord>, mut stop: watch::Receiver<bool>) {
        let acceptor = TlsAcceptor::from(self.tls);
        let slots = Arc::new(Semaphore::new(self.connections_max));
        let mut next = 0;
        loop {
            let (stream, peer) = tokio::select! {
                _ = stop.changed() => return,
                came = self.listener.accept() => match came {
                    Ok(came) => came,
                    Err(error) => {
                        warn!(kind = ?error.kind(), "a RadSec connection was not taken");
                        tokio::time::sleep(Duration::from_millis(100)).await;
                        continue;
                    }
                },
            };
            let Ok(slot) = Arc::clone(&slots).try_acquire_owned() else {
                warn!("a RadSec connection was closed: radsec.connections_max stand");
                continue;
            };
            next += 1;
            let (connection, acceptor, words, mut stop) = (next, acceptor.clone(), words.clone(), stop.clone());
            tokio::spawn(async move {
                tokio::select! {
                    _ = stop.changed() => {}
                    ended = serve(&acceptor, stream, peer.ip(), connection, &words) => {
                        debug!(connection, kind = ?ended.err().map(|error| error.kind()), "a RadSec connection ended");
                    }
                }
                // The task that owns the bindings is gone: nobody remembers the connection.
                let _forgotten = words.send(StreamWord::Closed { connection }).await;
                drop(slot);
            });
        }
    }
}

impl RunningRadsec {
    /// Ends it with all its connections. What was not answered is sent again, to whoever comes after.
    pub async fn end(self) {
        let _nobody_left = self.stop.send(true);
        let _ended = self.task.await;
    }
}

async fn serve(
    acceptor: &TlsAcceptor,
    stream: TcpStream,
    peer: IpAddr,
    connection: u64,
    words: &mpsc::Sender<StreamWord>,
) -> io::Result<()> {
    let stream = timeout(STALL, acceptor.accept(stream)).await??;
    let presented = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
    let certificate = Fingerprint::of(presented.ok_or(io::ErrorKind::PermissionDenied)?);
    let origin = Origin::Stream { connection, peer, certificate };
    let (answers, queued) = mpsc::channel(ANSWERS);
    let gone = |_| io::Error::from(io::ErrorKind::BrokenPipe);
    words.send(StreamWord::Opened { connection, answers }).await.map_err(gone)?;
    let (reader, writer) = tokio::io::split(stream);
    tokio::select! {
        read = read(reader, origin, words) => read,
        written = write(writer, queued) => written,
    }
}

/// One packet after the other. Its own length is the only frame there is: after one that is wrong nothing can be read.
async fn read(
    mut reader: ReadHalf<TlsStream<TcpStream>>,
    origin: Origin,
    words: &mpsc::Sender<StreamWord>,
) -> io::Result<()> {
    loop {
        let mut head = [0; 4];
        timeout(IDLE, reader.read_exact(&mut head)).await??;
        let [.., high, low] = head;
        let length = usize::from(u16::from_be_bytes([high, low]));
        if !(HEADER..=PACKET_MAX).contains(&length) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut bytes = head.to_vec();
        bytes.resize(length, 0);
        let rest = bytes.get_mut(head.len()..).unwrap_or_default();
        timeout(STALL, reader.read_exact(rest)).await??;
        let came = StreamWord::Came { origin, bytes };
        words.send(came).await.map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
    }
}

async fn write(mut writer: WriteHalf<TlsStream<TcpStream>>, mut queued: mpsc::Receiver<Vec<u8>>) -> io::Result<()> {
    while let Some(answer) = queued.recv().await {
        timeout(STALL, writer.write_all(&answer)).await??;
        timeout(STALL, writer.flush()).await??;
    }
    Ok(())
}
