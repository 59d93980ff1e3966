//! A UDP socket behind the lab's gate.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, Sleep};
use webrtc::runtime::{AsyncUdpSocket, RecvMeta, Transmit};

use crate::gate::{Passage, SocketGate, Way};
use crate::runtime::Census;

/// Datagrams that may be on their way in either direction of one socket; more are lost.
const IN_FLIGHT: usize = 1024;
/// Room for one receive of the kernel, which may coalesce datagrams.
const RECEIVE_BYTES: usize = 64 * 1024;

/// A datagram on its way, and when it arrives.
#[derive(Debug)]
struct Travelling {
    due: Instant,
    payload: Vec<u8>,
    peer: SocketAddr,
}

/// A socket behind a gate. It offers no batching, so that the gate sees every datagram.
pub(crate) struct GatedSocket {
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
    pub(crate) fn new(inner: Arc<dyn AsyncUdpSocket>, gate: Arc<dyn SocketGate>, census: &Census) -> Self {
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

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let mut arriving = self.arriving();
        self.poll_kernel(&mut arriving, cx)?;
        let Some(due) = arriving.queue.front().map(|first| first.due) else { return Poll::Pending };
        if due > Instant::now() {
            arriving.sleep.as_mut().reset(due);
            if arriving.sleep.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
        let (Some(datagram), Some(buffer), Some(slot)) =
            (arriving.queue.pop_front(), bufs.first_mut(), meta.first_mut())
        else {
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

async fn send_when_due(
    socket: Arc<dyn AsyncUdpSocket>,
    mut to_send: mpsc::Receiver<Travelling>,
    count: Arc<AtomicUsize>,
) {
    while let Some(datagram) = to_send.recv().await {
        tokio::time::sleep_until(datagram.due).await;
        // An unreachable peer is a lost datagram.
        let _ = socket.send_to(&datagram.payload, datagram.peer).await;
        count.fetch_sub(1, Ordering::AcqRel);
    }
}
