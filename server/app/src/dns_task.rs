//! The sockets questions in DNS come by, UDP and TCP (RFC 7766), bounded in what is under way.

use crate::config::dns::Dns;
use crate::config::values::AddressOrOff;
use crate::dns_zone::{Outcome, Step, Zone, busy, encode};
use crate::metrics::Metrics;
use crate::resolver_task::Lookup;
use crate::start_error::StartError;
use crate::{house, listener};
use hickory_proto::op::Message;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tandem_model::Msisdn;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tracing::warn;

/// Questions over UDP that may wait for the bindings.
const UNDER_WAY: usize = 1_024;

/// A question is never longer; one that is shows as cut.
const DATAGRAM_MAX: usize = 4_096;

/// How long the bindings may take.
const ANSWER_WAIT: Duration = Duration::from_secs(2);

/// How long a connection may say nothing (RFC 7766, 6.2.3), and an answer may take to leave.
const IDLE: Duration = Duration::from_secs(10);

/// Tries to get one port for both, where any will do.
const PORT_TRIES: usize = 16;

/// Both sockets, on one port.
#[derive(Debug)]
pub struct Sockets {
    udp: UdpSocket,
    tcp: TcpListener,
}

/// Everything an answer needs.
struct Desk {
    zone: Zone,
    lookups: mpsc::Sender<Lookup>,
    metrics: Arc<Metrics>,
}

/// The tasks that answer.
#[derive(Debug)]
pub struct RunningDns {
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Sockets {
    /// Listens, when the section says so.
    ///
    /// # Errors
    /// [`StartError::Listen`].
    pub async fn open(section: &Dns) -> Result<Option<Sockets>, StartError> {
        let AddressOrOff::At(address) = section.listen else { return Ok(None) };
        let mut last = io::Error::from(io::ErrorKind::AddrInUse);
        for _ in 0..if address.port() == 0 { PORT_TRIES } else { 1 } {
            match both(address).await {
                Ok(sockets) => return Ok(Some(sockets)),
                Err(why) => last = why,
            }
        }
        Err(StartError::Listen { key: "dns.listen", address, why: last })
    }

    /// Where.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.udp.local_addr().ok()
    }

    /// Answers from now on.
    pub fn start(self, zone: Zone, section: &Dns, lookups: mpsc::Sender<Lookup>, metrics: Arc<Metrics>) -> RunningDns {
        let (stop, stopped) = watch::channel(false);
        let desk = Arc::new(Desk { zone, lookups, metrics });
        let slots = Arc::new(Semaphore::new(house::size(section.connections_max)));
        let tasks = vec![
            tokio::spawn(datagrams(Arc::new(self.udp), Arc::clone(&desk), stopped.clone())),
            tokio::spawn(connections(self.tcp, desk, slots, stopped)),
        ];
        RunningDns { stop, tasks }
    }
}

impl RunningDns {
    /// Ends it. Whoever asked and was not answered asks again.
    pub async fn end(self) {
        let _nobody_left = self.stop.send(true);
        for task in self.tasks {
            let _ended = task.await;
        }
    }
}

async fn both(address: SocketAddr) -> io::Result<Sockets> {
    let tcp = listener::bind(address)?;
    let udp = UdpSocket::bind(tcp.local_addr()?).await?;
    Ok(Sockets { udp, tcp })
}

impl Desk {
    fn read(&self, bytes: &[u8], source: IpAddr) -> Step {
        self.zone.read(bytes, source, Instant::now())
    }

    fn say(&self, answer: &Message, outcome: Outcome, datagram: bool) -> Option<Vec<u8>> {
        self.metrics.count_dns(outcome);
        encode(answer, datagram)
    }

    async fn find(&self, answer: Message, number: Msisdn, datagram: bool) -> Option<Vec<u8>> {
        let (answer, outcome) = match self.is_attached(number).await {
            Some(attached) => {
                let outcome = if attached { Outcome::Told } else { Outcome::NotTold };
                (self.zone.tell(answer, number, attached), outcome)
            }
            None => (busy(answer), Outcome::Busy),
        };
        self.say(&answer, outcome, datagram)
    }

    /// `None` when nobody finds out in time.
    async fn is_attached(&self, number: Msisdn) -> Option<bool> {
        let (reply, answered) = oneshot::channel();
        self.lookups.try_send(Lookup { numbers: vec![number], reply }).ok()?;
        let found = timeout(ANSWER_WAIT, answered).await.ok()?.ok()?;
        Some(found.first().is_some_and(Option::is_some))
    }
}

async fn datagrams(socket: Arc<UdpSocket>, desk: Arc<Desk>, mut stop: watch::Receiver<bool>) {
    let under_way = Arc::new(Semaphore::new(UNDER_WAY));
    let mut buffer = vec![0; DATAGRAM_MAX];
    loop {
        let (length, source) = tokio::select! {
            _ = stop.changed() => return,
            came = socket.recv_from(&mut buffer) => match came {
                Ok(came) => came,
                // It is about an answer that reached nobody.
                Err(_) => continue,
            },
        };
        match desk.read(buffer.get(..length).unwrap_or_default(), source.ip()) {
            Step::Ignore => {}
            Step::Say(answer, outcome) => send(&socket, desk.say(&answer, outcome, true), source),
            Step::Find(answer, number) => {
                let Ok(slot) = Arc::clone(&under_way).try_acquire_owned() else {
                    send(&socket, desk.say(&busy(*answer), Outcome::Busy, true), source);
                    continue;
                };
                let (socket, desk) = (Arc::clone(&socket), Arc::clone(&desk));
                tokio::spawn(async move {
                    send(&socket, desk.find(*answer, number, true).await, source);
                    drop(slot);
                });
            }
        }
    }
}

/// An answer that cannot leave now is asked for again.
fn send(socket: &UdpSocket, bytes: Option<Vec<u8>>, to: SocketAddr) {
    if let Some(bytes) = bytes {
        let _left = socket.try_send_to(&bytes, to);
    }
}

async fn connections(listener: TcpListener, desk: Arc<Desk>, slots: Arc<Semaphore>, mut stop: watch::Receiver<bool>) {
    loop {
        let (stream, source) = tokio::select! {
            _ = stop.changed() => return,
            came = listener.accept() => match came {
                Ok(came) => came,
                Err(error) => {
                    warn!(kind = ?error.kind(), "a DNS connection was not taken");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            },
        };
        if !desk.zone.is_client(source.ip()) {
            desk.metrics.count_dns(Outcome::Refused);
            continue;
        }
        let Ok(slot) = Arc::clone(&slots).try_acquire_owned() else {
            desk.metrics.count_dns(Outcome::Busy);
            continue;
        };
        let (desk, mut stop) = (Arc::clone(&desk), stop.clone());
        tokio::spawn(async move {
            tokio::select! {
                _ = stop.changed() => {}
                _ended = questions(stream, source.ip(), &desk) => {}
            }
            drop(slot);
        });
    }
}

/// One question after the other, until the client says nothing more or something that is none.
async fn questions(mut stream: TcpStream, source: IpAddr, desk: &Desk) -> io::Result<()> {
    let mut bytes = Vec::new();
    loop {
        let length = timeout(IDLE, stream.read_u16()).await??;
        bytes.resize(usize::from(length), 0);
        timeout(IDLE, stream.read_exact(&mut bytes)).await??;
        let answer = match desk.read(&bytes, source) {
            Step::Ignore => return Ok(()),
            Step::Say(answer, outcome) => desk.say(&answer, outcome, false),
            Step::Find(answer, number) => desk.find(*answer, number, false).await,
        };
        let Some(answer) = answer else { return Ok(()) };
        let length = u16::try_from(answer.len()).map_err(io::Error::other)?;
        let framed = [&length.to_be_bytes()[..], &answer].concat();
        timeout(IDLE, stream.write_all(&framed)).await??;
    }
}
