//! The threads that answer lookups by datagram, each with a socket and a runtime of its own.
//!
//! They read the bindings beside the task that owns them and ask nobody. Datagrams are taken and answers sent many at a
//! time, where the system can: several datagrams of one length to one asker leave by one call (UDP segmentation and receive
//! offload, through `quinn-udp`).

use crate::clock::Clock;
use crate::config::lookup::Lookup;
use crate::config::values::AddressOrOff;
use crate::house::size;
use crate::lookup_desk::Desk;
use crate::lookup_sessions::Agreeing;
use crate::metrics::{Fate, Metrics};
use crate::resolve::Resolving;
use crate::start_error::StartError;
use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSocketState};
use socket2::{Domain, Protocol, Socket, Type};
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio::runtime::Builder;
use tokio::sync::{oneshot, watch};

/// Bytes of one receive buffer: as many as the system may put into one.
const BUFFER: usize = 64 * 1024;

/// Answers that leave by one call, in bytes: below what one UDP datagram could hold (RFC 768).
const TOGETHER_MAX: usize = 60_000;

/// Receives before the thread looks whether it is to end.
const ROUNDS: usize = 64;

/// Asks that may wait in the socket, in bytes, where the system allows it.
const WAITING_BYTES: usize = 4 * 1024 * 1024;

/// Sockets on one port, and threads that wait for their work.
#[derive(Debug)]
pub struct Sockets {
    address: SocketAddr,
    threads: Vec<(oneshot::Sender<Work>, JoinHandle<()>)>,
}

#[derive(Debug)]
struct Work {
    desk: Desk,
    stop: watch::Receiver<bool>,
}

/// The threads that answer.
#[derive(Debug)]
pub struct RunningLookups {
    stop: watch::Sender<bool>,
    threads: Vec<JoinHandle<()>>,
}

impl Sockets {
    /// Listens, when the section says so.
    ///
    /// # Errors
    /// [`StartError::Listen`] or [`StartError::Thread`].
    pub fn open(section: &Lookup) -> Result<Option<Sockets>, StartError> {
        let AddressOrOff::At(mut address) = section.listen else { return Ok(None) };
        let mut threads = Vec::new();
        for place in 0..section.threads.max(1) {
            let failed = |why| StartError::Listen { key: "lookup.listen", address, why };
            let socket = bind(address, section.threads > 1).map_err(failed)?;
            // With port 0 the first socket takes one, and the others take that.
            address = socket.local_addr().map_err(failed)?;
            let (give, work) = oneshot::channel();
            let answering = thread::Builder::new().name(format!("tandem-lookup-{place}"));
            threads.push((give, answering.spawn(|| run(socket, work)).map_err(StartError::Thread)?));
        }
        Ok(Some(Sockets { address, threads }))
    }

    /// Where.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers from now on; and what the HTTP API needs to agree on sessions.
    pub fn start(
        self,
        section: &Lookup,
        resolving: &Resolving,
        clock: Clock,
        metrics: &Arc<Metrics>,
    ) -> (RunningLookups, Agreeing) {
        let each_max = size(section.sessions_per_key);
        let agreeing = Agreeing::new(section.session_life.0, each_max, self.address.port(), clock, Arc::clone(metrics));
        let (stop, stopped) = watch::channel(false);
        let start = |(give, thread): (oneshot::Sender<Work>, JoinHandle<()>)| {
            let desk = Desk::new(agreeing.sessions(), resolving, clock, Arc::clone(metrics));
            let _ended_before = give.send(Work { desk, stop: stopped.clone() });
            thread
        };
        let threads = self.threads.into_iter().map(start).collect();
        (RunningLookups { stop, threads }, agreeing)
    }
}

impl RunningLookups {
    /// Ends them. Whoever asked and was not answered asks again.
    pub async fn end(self) {
        let _nobody_left = self.stop.send(true);
        let joined = tokio::task::spawn_blocking(|| self.threads.into_iter().for_each(|thread| drop(thread.join())));
        let _ended = joined.await;
    }
}

fn bind(address: SocketAddr, shared: bool) -> io::Result<std::net::UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    // Only where there is more than one: two servers on one port would halve each other's askers without a word.
    #[cfg(unix)]
    socket.set_reuse_port(shared)?;
    let _as_much_as_the_system_allows = socket.set_recv_buffer_size(WAITING_BYTES);
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket.into())
}

fn run(socket: std::net::UdpSocket, work: oneshot::Receiver<Work>) {
    let Ok(Work { desk, stop }) = work.blocking_recv() else { return };
    let Ok(runtime) = Builder::new_current_thread().enable_io().build() else {
        return tracing::error!("the system gives no runtime: lookups by datagram are not answered");
    };
    if let Err(error) = runtime.block_on(answer(socket, desk, stop)) {
        tracing::error!(kind = ?error.kind(), "lookups by datagram are not answered any more");
    }
}

async fn answer(socket: std::net::UdpSocket, mut desk: Desk, mut stop: watch::Receiver<bool>) -> io::Result<()> {
    let socket = UdpSocket::from_std(socket)?;
    let state = UdpSocketState::new((&socket).into())?;
    let mut buffers = vec![vec![0; BUFFER]; BATCH_SIZE];
    let mut metas = vec![RecvMeta::default(); BATCH_SIZE];
    let mut parcel = Parcel::new(&socket, &state);
    loop {
        tokio::select! {
            _ = stop.changed() => return Ok(()),
            ready = socket.readable() => ready?,
        }
        for _ in 0..ROUNDS {
            let received = socket.try_io(Interest::READABLE, || {
                let mut slices: Vec<IoSliceMut<'_>> =
                    buffers.iter_mut().map(|buffer| IoSliceMut::new(buffer)).collect();
                state.recv((&socket).into(), &mut slices, &mut metas)
            });
            // An error is about an answer that reached nobody, or there is nothing any more.
            let Ok(received) = received else { break };
            desk.begin();
            for (meta, buffer) in metas.iter().zip(&mut buffers).take(received) {
                let datagrams = buffer.get_mut(..meta.len).unwrap_or_default().chunks_mut(meta.stride.max(1));
                for datagram in datagrams {
                    parcel.address_to(meta.addr, meta.dst_ip, datagram.len(), &mut desk);
                    desk.answer(datagram, &mut parcel.bytes);
                }
            }
            parcel.send(&mut desk);
            desk.finish();
        }
    }
}

/// Answers of one length to one asker, which leave together.
struct Parcel<'a> {
    socket: &'a UdpSocket,
    state: &'a UdpSocketState,
    to: Option<SocketAddr>,
    from: Option<IpAddr>,
    each: usize,
    bytes: Vec<u8>,
}

impl<'a> Parcel<'a> {
    fn new(socket: &'a UdpSocket, state: &'a UdpSocketState) -> Parcel<'a> {
        Parcel { socket, state, to: None, from: None, each: 0, bytes: Vec::with_capacity(TOGETHER_MAX) }
    }

    /// The next answer goes there and has this length; what cannot leave with it leaves now.
    fn address_to(&mut self, to: SocketAddr, from: Option<IpAddr>, each: usize, desk: &mut Desk) {
        let full = self.bytes.len().saturating_add(each) > TOGETHER_MAX
            || self.bytes.len() >= each.saturating_mul(self.state.max_gso_segments());
        if self.to != Some(to) || self.from != from || self.each != each || full {
            self.send(desk);
            (self.to, self.from, self.each) = (Some(to), from, each);
        }
    }

    /// What cannot be sent now is asked for again.
    fn send(&mut self, desk: &mut Desk) {
        let Some(destination) = self.to.filter(|_| !self.bytes.is_empty()) else { return };
        let transmit = Transmit {
            destination,
            ecn: None,
            contents: &self.bytes,
            segment_size: Some(self.each),
            src_ip: self.from,
        };
        if self.state.try_send(self.socket.into(), &transmit).is_err() {
            let lost = self.bytes.len().checked_div(self.each).unwrap_or(0);
            desk.count(Fate::Unsent, lost);
        }
        self.bytes.clear();
    }
}
