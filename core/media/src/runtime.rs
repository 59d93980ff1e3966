//! The runtime that `webrtc` is given: tokio, with the link gate under its sockets, and a count of what is alive.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, Sleep};
use webrtc::runtime::{
    AsyncInterval, AsyncTcpListener, AsyncTcpStream, AsyncUdpSocket, JoinHandle, RecvMeta, Runtime, TokioRuntime, Transmit,
};

use crate::gate::{LinkGate, Passage, SocketGate, Way};
use crate::repeater::Repeater;

/// Datagrams that may be on their way in either direction of one socket; more are lost.
const IN_FLIGHT: usize = 1024;
/// Room for one receive of the kernel, which may coalesce datagrams.
const RECEIVE_BYTES: usize = 64 * 1024;

/// Sockets and tasks of the media engine that are alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MediaResources {
    /// UDP sockets.
    pub sockets: usize,
    /// Tasks.
    pub tasks: usize,
}

/// Counts what is alive; clones share the count.
#[derive(Debug, Clone, Default)]
pub(crate) struct Census {
    sockets: Arc<AtomicUsize>,
    tasks: Arc<AtomicUsize>,
}

impl Census {
    pub(crate) fn resources(&self) -> MediaResources {
        MediaResources { sockets: self.sockets.load(Ordering::Acquire), tasks: self.tasks.load(Ordering::Acquire) }
    }

    pub(crate) fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) -> tokio::task::JoinHandle<()> {
        tokio::spawn(self.counted(future))
    }

    fn counted<F: Future<Output = ()> + Send + 'static>(&self, future: F) -> impl Future<Output = ()> + Send + use<F> {
        let alive = Alive::count(&self.tasks);
        async move {
            let _alive = alive;
            future.await;
        }
    }
}

/// One thing that is alive.
#[derive(Debug)]
struct Alive(Arc<AtomicUsize>);

impl Alive {
    fn count(counter: &Arc<AtomicUsize>) -> Self {
        counter.fetch_add(1, Ordering::AcqRel);
        Self(counter.clone())
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Tokio with a gate.
#[derive(Debug)]
pub(crate) struct GatedRuntime {
    gate: Option<Arc<dyn LinkGate>>,
    census: Census,
}

impl GatedRuntime {
    pub(crate) fn new(gate: Option<Arc<dyn LinkGate>>, census: Census) -> Self {
        Self { gate, census }
    }
}

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

impl Runtime for GatedRuntime {
    fn spawn(&self, future: Boxed<'static, ()>) -> Box<dyn JoinHandle> {
        TokioRuntime.spawn(Box::pin(self.census.counted(future)))
    }

    fn wrap_udp_socket(&self, socket: std::net::UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        let alive = Alive::count(&self.census.sockets);
        let open = TokioRuntime.wrap_udp_socket(socket)?;
        let inner: Arc<dyn AsyncUdpSocket> = match &self.gate {
            Some(gate) => Arc::new(GatedSocket::new(open, gate.admit_socket(), &self.census)),
            None => open,
        };
        Ok(Arc::new(RepeatingSocket::new(inner, alive)))
    }

    fn wrap_tcp_listener(&self, listener: std::net::TcpListener) -> io::Result<Arc<dyn AsyncTcpListener>> {
        TokioRuntime.wrap_tcp_listener(listener)
    }

    fn connect_tcp<'a>(&'a self, remote_addr: SocketAddr) -> Boxed<'a, io::Result<Arc<dyn AsyncTcpStream>>> {
        if self.gate.is_some() {
            // A stream that slipped past the gate would make a shaped link look better than it is.
            return Box::pin(async { Err(io::ErrorKind::Unsupported.into()) });
        }
        Box::pin(async move { TokioRuntime.connect_tcp(remote_addr).await })
    }

    fn resolve_host<'a>(&'a self, host: &'a str) -> Boxed<'a, io::Result<Vec<SocketAddr>>> {
        Box::pin(async move { TokioRuntime.resolve_host(host).await })
    }

    fn sleep(&self, duration: Duration) -> Boxed<'static, ()> {
        TokioRuntime.sleep(duration)
    }

    fn interval(&self, period: Duration) -> Box<dyn AsyncInterval> {
        TokioRuntime.interval(period)
    }

    fn block_on(&self, future: Pin<Box<dyn Future<Output = ()> + '_>>) {
        TokioRuntime.block_on(future);
    }

    fn name(&self) -> &'static str {
        "tokio, gated"
    }
}

/// A socket that repeats lost handshake flights. It is counted while it lives.
struct RepeatingSocket {
    inner: Arc<dyn AsyncUdpSocket>,
    repeating: Mutex<Repeating>,
    _alive: Alive,
}

struct Repeating {
    repeater: Repeater<Instant>,
    sleep: Pin<Box<Sleep>>,
    /// Who polls the receiving side, which is where copies are sent from.
    receiver: Option<Waker>,
}

impl fmt::Debug for RepeatingSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RepeatingSocket").field("inner", &self.inner).finish_non_exhaustive()
    }
}

impl RepeatingSocket {
    fn new(inner: Arc<dyn AsyncUdpSocket>, alive: Alive) -> Self {
        let sleep = Box::pin(tokio::time::sleep(Duration::ZERO));
        let repeating = Repeating { repeater: Repeater::default(), sleep, receiver: None };
        Self { inner, repeating: Mutex::new(repeating), _alive: alive }
    }

    fn repeating(&self) -> MutexGuard<'_, Repeating> {
        self.repeating.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends what is due again, and makes sure that `cx` is woken for the next.
    fn poll_repeats(&self, cx: &mut Context<'_>) {
        let mut repeating = self.repeating();
        repeating.receiver = Some(cx.waker().clone());
        while let Some(due) = repeating.repeater.due() {
            repeating.sleep.as_mut().reset(due);
            if repeating.sleep.as_mut().poll(cx).is_pending() {
                return;
            }
            for (contents, destination) in repeating.repeater.copies(Instant::now().max(due)) {
                let transmit = Transmit { destination, ecn: None, contents: &contents, segment_size: None, src_ip: None };
                // A copy that finds no room is one more loss.
                let _ = self.inner.poll_send(&mut Context::from_waker(Waker::noop()), &transmit);
            }
        }
    }
}

impl AsyncUdpSocket for RepeatingSocket {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }

    fn poll_send(&self, cx: &mut Context<'_>, transmit: &Transmit<'_>) -> Poll<io::Result<usize>> {
        let sent = self.inner.poll_send(cx, transmit);
        if matches!(sent, Poll::Ready(Ok(_))) {
            let mut repeating = self.repeating();
            let before = repeating.repeater.due();
            repeating.repeater.sent(transmit.contents, transmit.destination, Instant::now());
            if repeating.repeater.due() != before
                && let Some(receiver) = repeating.receiver.take()
            {
                // The receiving side sleeps until the old time.
                receiver.wake();
            }
        }
        sent
    }

    fn poll_recv(&self, cx: &mut Context<'_>, bufs: &mut [IoSliceMut<'_>], meta: &mut [RecvMeta]) -> Poll<io::Result<usize>> {
        let received = self.inner.poll_recv(cx, bufs, meta);
        if let Poll::Ready(Ok(count)) = received {
            let mut repeating = self.repeating();
            for (buffer, meta) in bufs.iter().zip(meta.iter()).take(count) {
                let coalesced = buffer.get(..meta.len).unwrap_or_default();
                for datagram in coalesced.chunks(meta.stride.max(1)) {
                    repeating.repeater.received(datagram, Instant::now());
                }
            }
        }
        self.poll_repeats(cx);
        received
    }

    fn max_gso_segments(&self) -> usize {
        self.inner.max_gso_segments()
    }

    fn max_gro_segments(&self) -> usize {
        self.inner.max_gro_segments()
    }
}

/// A datagram on its way, and when it arrives.
#[derive(Debug)]
struct Travelling {
    due: Instant,
    payload: Vec<u8>,
    peer: SocketAddr,
}

/// A socket behind a gate. It offers no batching, so that the gate sees every datagram.
struct GatedSocket {
    inner: Arc<dyn AsyncUdpSocket>,
    gate: Arc<dyn SocketGate>,
    leaving: mpsc::Sender<Travelling>,
    leaving_count: Arc<AtomicUsize>,
    arriving: Mutex<Arriving>,
    sender: tokio::task::AbortHandle,
}

impl Drop for GatedSocket {
    fn drop(&mut self) {
        self.sender.abort();
    }
}

struct Arriving {
    queue: VecDeque<Travelling>,
    sleep: Pin<Box<Sleep>>,
    buffer: Vec<u8>,
}

impl fmt::Debug for GatedSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GatedSocket").field("gate", &self.gate).finish_non_exhaustive()
    }
}

impl GatedSocket {
    fn new(inner: Arc<dyn AsyncUdpSocket>, gate: Arc<dyn SocketGate>, census: &Census) -> Self {
        let (leaving, to_send) = mpsc::channel(IN_FLIGHT);
        let leaving_count = Arc::new(AtomicUsize::new(0));
        let sender = census.spawn(send_when_due(inner.clone(), to_send, leaving_count.clone())).abort_handle();
        let arriving = Arriving {
            queue: VecDeque::new(),
            sleep: Box::pin(tokio::time::sleep(Duration::ZERO)),
            buffer: vec![0; RECEIVE_BYTES],
        };
        Self { inner, gate, leaving, leaving_count, arriving: Mutex::new(arriving), sender }
    }

    fn arriving(&self) -> MutexGuard<'_, Arriving> {
        self.arriving.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes everything the kernel has through the gate.
    fn poll_kernel(&self, arriving: &mut Arriving, cx: &mut Context<'_>) -> io::Result<()> {
        while arriving.queue.len() < IN_FLIGHT {
            let mut meta = [RecvMeta::default()];
            let mut bufs = [IoSliceMut::new(&mut arriving.buffer)];
            match self.inner.poll_recv(cx, &mut bufs, &mut meta) {
                Poll::Pending => break,
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Ready(Ok(_)) => {}
            }
            let [received] = meta;
            let coalesced = arriving.buffer.get(..received.len).unwrap_or_default();
            for payload in coalesced.chunks(received.stride.max(1)) {
                if let Passage::After(delay) = self.gate.pass(Way::Down, payload.len()) {
                    let due = Instant::now() + delay;
                    arriving.queue.push_back(Travelling { due, payload: payload.to_vec(), peer: received.addr });
                }
            }
        }
        Ok(())
    }
}

impl AsyncUdpSocket for GatedSocket {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }

    fn poll_send(&self, cx: &mut Context<'_>, transmit: &Transmit<'_>) -> Poll<io::Result<usize>> {
        let length = transmit.contents.len();
        let Passage::After(delay) = self.gate.pass(Way::Up, length) else { return Poll::Ready(Ok(length)) };
        if delay.is_zero() && self.leaving_count.load(Ordering::Acquire) == 0 {
            return self.inner.poll_send(cx, transmit);
        }
        let datagram =
            Travelling { due: Instant::now() + delay, payload: transmit.contents.to_vec(), peer: transmit.destination };
        self.leaving_count.fetch_add(1, Ordering::AcqRel);
        if self.leaving.try_send(datagram).is_err() {
            // A full channel is a full link: the datagram is lost like any other.
            self.leaving_count.fetch_sub(1, Ordering::AcqRel);
        }
        Poll::Ready(Ok(length))
    }

    fn poll_recv(&self, cx: &mut Context<'_>, bufs: &mut [IoSliceMut<'_>], meta: &mut [RecvMeta]) -> Poll<io::Result<usize>> {
        let mut arriving = self.arriving();
        self.poll_kernel(&mut arriving, cx)?;
        let Some(due) = arriving.queue.front().map(|first| first.due) else { return Poll::Pending };
        if due > Instant::now() {
            arriving.sleep.as_mut().reset(due);
            if arriving.sleep.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
        let (Some(datagram), Some(buffer), Some(slot)) = (arriving.queue.pop_front(), bufs.first_mut(), meta.first_mut()) else {
            return Poll::Pending;
        };
        let length = datagram.payload.len().min(buffer.len());
        buffer.iter_mut().zip(&datagram.payload).for_each(|(to, from)| *to = *from);
        *slot = RecvMeta::default();
        slot.len = length;
        slot.stride = length.max(1);
        slot.addr = datagram.peer;
        Poll::Ready(Ok(1))
    }
}

async fn send_when_due(socket: Arc<dyn AsyncUdpSocket>, mut to_send: mpsc::Receiver<Travelling>, count: Arc<AtomicUsize>) {
    while let Some(datagram) = to_send.recv().await {
        tokio::time::sleep_until(datagram.due).await;
        // An unreachable peer is a lost datagram.
        let _ = socket.send_to(&datagram.payload, datagram.peer).await;
        count.fetch_sub(1, Ordering::AcqRel);
    }
}
