//! A TCP stream on a shaped link.
//!
//! Bytes go through in segments; each takes the time the link says. What the phone writes in one call leaves in segments
//! of its own, as on a socket without Nagle's algorithm: a short question does not wait for the long train written behind
//! it. A segment the link loses is one TCP would send again: it comes a retransmission time-out later, and everything
//! behind it waits. A link that goes down cuts the stream.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tandem_media::Way;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::PollSender;

use crate::control::{LinkControl, StreamState, TCP_HEADER_BYTES};
use crate::lane::{DropReason, Verdict};

/// Bytes of one segment.
const SEGMENT_BYTES: usize = 1400;
/// The same of what comes from the far end, whose writes the kernel has joined by the time they are read: about a frame of a
/// probe, so that the first of a train does not wait for the last.
const READ_SEGMENT_BYTES: usize = 384;
/// Segments that may be on their way in one direction; a writer beyond that waits.
const SEGMENTS_IN_FLIGHT: usize = 256;
/// Writes of the phone that may wait for the link; a writer beyond that waits.
const WRITES_WAITING: usize = 64;
/// What the phone has not read yet.
const BUFFER_BYTES: usize = 64 * 1024;
/// The least a lost segment costs (RFC 6298 has 1 s; Linux uses 200 ms), besides a round trip.
const RETRANSMIT_MS: u64 = 200;
/// How long a segment waits before asking a full queue again.
const QUEUE_WAIT: Duration = Duration::from_millis(5);

/// A stream as seen by the phone. Dropping it closes the connection.
#[derive(Debug)]
pub struct ShapedStream {
    written: PollSender<Vec<u8>>,
    near: DuplexStream,
    was_cut: Arc<AtomicBool>,
    supervisor: JoinHandle<()>,
}

impl ShapedStream {
    pub(crate) async fn connect(link: &LinkControl, remote: SocketAddr) -> io::Result<Self> {
        let address = link.address();
        let mut wait_us = 0;
        for way in [Way::Up, Way::Down] {
            let carried = Courier { link: link.clone(), way, address }.due(0).await;
            let Some(due) = carried else {
                return Err(io::ErrorKind::NetworkUnreachable.into());
            };
            wait_us += u64::try_from(due.saturating_duration_since(Instant::now()).as_micros()).unwrap_or(0);
        }
        tokio::time::sleep(Duration::from_micros(wait_us)).await;
        let stream = TcpStream::connect(remote).await?;
        stream.set_nodelay(true)?;
        Ok(Self::under_address(link, stream, address))
    }

    pub(crate) fn wrap(link: &LinkControl, stream: TcpStream) -> Self {
        Self::under_address(link, stream, link.address())
    }

    fn under_address(link: &LinkControl, stream: TcpStream, address: u64) -> Self {
        let (writes, to_carry) = mpsc::channel(WRITES_WAITING);
        let (near, far) = tokio::io::duplex(BUFFER_BYTES);
        let was_cut = Arc::new(AtomicBool::new(false));
        let supervisor = tokio::spawn(carry(link.clone(), address, stream, (to_carry, far), was_cut.clone()));
        Self { written: PollSender::new(writes), near, was_cut, supervisor }
    }

    fn cut_error(&self) -> Option<io::Error> {
        self.was_cut.load(Ordering::Acquire).then(|| io::ErrorKind::ConnectionReset.into())
    }
}

impl Drop for ShapedStream {
    fn drop(&mut self) {
        // What the phone wrote before dropping still goes out: the supervisor ends by itself when both ways have
        // closed. Only a stream that was never shut down and never read would stay, so it is bounded here.
        let abort = self.supervisor.abort_handle();
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                tokio::time::sleep(Duration::from_secs(5)).await;
                abort.abort();
            });
        } else {
            abort.abort();
        }
    }
}

/// Carries both ways until both have ended, or the link cuts them.
async fn carry(
    link: LinkControl,
    address: u64,
    stream: TcpStream,
    (writes, far): (mpsc::Receiver<Vec<u8>>, DuplexStream),
    was_cut: Arc<AtomicBool>,
) {
    let (tcp_read, tcp_write) = stream.into_split();
    let up = Courier { link: link.clone(), way: Way::Up, address };
    let down = Courier { link: link.clone(), way: Way::Down, address };
    let both = async {
        tokio::join!(one_way(up, Source::Writes(writes), tcp_write), one_way(down, Source::Bytes(tcp_read), far));
    };
    tokio::select! {
        () = both => {}
        () = until_cut(&link, address) => {
            was_cut.store(true, Ordering::Release);
            link.count_cut();
        }
    }
}

/// Resolves when the link is down or has another address.
async fn until_cut(link: &LinkControl, address: u64) {
    let mut turned = link.watch();
    while link.stream_state(address) != StreamState::Cut {
        if turned.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Where the bytes of one direction come from.
enum Source {
    /// What the phone wrote, cut to segments.
    Writes(mpsc::Receiver<Vec<u8>>),
    /// Whatever the far end's stack has by now.
    Bytes(OwnedReadHalf),
}

impl Source {
    /// The next segment; `None` at the end.
    async fn next(&mut self) -> Option<Vec<u8>> {
        match self {
            Source::Writes(writes) => writes.recv().await,
            Source::Bytes(stream) => {
                let mut bytes = vec![0; READ_SEGMENT_BYTES];
                let length = stream.read(&mut bytes).await.ok().filter(|length| *length > 0)?;
                bytes.truncate(length);
                Some(bytes)
            }
        }
    }
}

/// Takes segments, dates each, and writes each when it is due.
async fn one_way(courier: Courier, mut from: Source, mut to: impl AsyncWrite + Unpin) {
    let (dated, mut due_segments) = mpsc::channel::<(Instant, Vec<u8>)>(SEGMENTS_IN_FLIGHT);
    let read = async move {
        while let Some(segment) = from.next().await {
            let Some(due) = courier.due(segment.len()).await else {
                break;
            };
            if dated.send((due, segment)).await.is_err() {
                break;
            }
        }
    };
    let write = async move {
        while let Some((due, bytes)) = due_segments.recv().await {
            tokio::time::sleep_until(due).await;
            if to.write_all(&bytes).await.is_err() {
                return;
            }
        }
        drop(to.shutdown().await);
    };
    tokio::join!(read, write);
}

/// Asks the link for each segment of one direction.
struct Courier {
    link: LinkControl,
    way: Way,
    address: u64,
}

impl Courier {
    /// When a segment of `payload_bytes` comes out; `None` when the stream is cut.
    async fn due(&self, payload_bytes: usize) -> Option<Instant> {
        let mut turned = self.link.watch();
        let mut resend = Duration::ZERO;
        loop {
            match self.link.stream_state(self.address) {
                StreamState::Cut => return None,
                StreamState::Stalled => {
                    turned.changed().await.ok()?;
                    continue;
                }
                StreamState::Flowing => {}
            }
            let began = Instant::now();
            match self.link.offer(self.way, payload_bytes, TCP_HEADER_BYTES, self.address) {
                (Verdict::Deliver { at_us }, now_us) => {
                    return Some(began + resend + Duration::from_micros(at_us.saturating_sub(now_us)));
                }
                (Verdict::Drop(DropReason::Loss), _) => resend += self.retransmit_after(),
                (Verdict::Drop(_), _) => tokio::time::sleep(QUEUE_WAIT).await,
            }
        }
    }

    fn retransmit_after(&self) -> Duration {
        let model = self.link.model();
        let round_trip_ms = u64::from(model.up.delay_ms) + u64::from(model.down.delay_ms);
        Duration::from_millis(RETRANSMIT_MS.max(2 * round_trip_ms))
    }
}

impl AsyncRead for ShapedStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.near).poll_read(cx, buf);
        if matches!(polled, Poll::Ready(Ok(()))) && buf.filled().len() == before && buf.remaining() > 0 {
            return Poll::Ready(self.cut_error().map_or(Ok(()), Err));
        }
        polled
    }
}

impl AsyncWrite for ShapedStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if let Some(error) = self.cut_error() {
            return Poll::Ready(Err(error));
        }
        if ready!(self.written.poll_reserve(cx)).is_err() {
            return Poll::Ready(Err(self.cut_error().unwrap_or_else(|| io::ErrorKind::BrokenPipe.into())));
        }
        let segment = buf.get(..buf.len().min(SEGMENT_BYTES)).unwrap_or_default();
        let sent = self.written.send_item(segment.to_vec());
        Poll::Ready(sent.map(|()| segment.len()).map_err(|_| io::ErrorKind::BrokenPipe.into()))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.written.close();
        Poll::Ready(Ok(()))
    }
}
