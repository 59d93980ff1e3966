//! The socket under every call: it repeats lost handshake flights and paces connectivity checks.

use std::fmt;
use std::future::Future;
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::time::{Instant, Sleep};
use webrtc::runtime::{AsyncUdpSocket, RecvMeta, Transmit};

use crate::check_pacer::CheckPacer;
use crate::repeater::Repeater;
use crate::runtime::Alive;

/// A socket that repeats lost handshake flights and holds checks back that come too soon. It is counted while it lives.
pub(crate) struct RepeatingSocket {
    inner: Arc<dyn AsyncUdpSocket>,
    repeating: Mutex<Repeating>,
    _alive: Alive,
}

struct Repeating {
    repeater: Repeater<Instant>,
    checks: CheckPacer<Instant>,
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
    pub(crate) fn new(inner: Arc<dyn AsyncUdpSocket>, alive: Alive) -> Self {
        let sleep = Box::pin(tokio::time::sleep(Duration::ZERO));
        let repeating =
            Repeating { repeater: Repeater::default(), checks: CheckPacer::default(), sleep, receiver: None };
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
                let transmit =
                    Transmit { destination, ecn: None, contents: &contents, segment_size: None, src_ip: None };
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
        if !self.repeating().checks.may_leave(transmit.contents, transmit.destination, Instant::now()) {
            return Poll::Ready(Ok(transmit.contents.len()));
        }
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

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
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
