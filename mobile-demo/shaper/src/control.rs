//! The one handle on a phone's link: every socket of the phone hangs on it, and the lab turns its knobs.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tandem_media::{LinkGate, Passage, SocketGate, Way};
use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::lane::{DropReason, Lane, Verdict};
use crate::model::LinkModel;
use crate::stream::ShapedStream;
use crate::udp::ShapedUdp;

/// IPv4 and UDP headers, which the link carries besides the payload.
const UDP_HEADER_BYTES: usize = 28;
/// IPv4 and TCP headers with timestamps.
pub(crate) const TCP_HEADER_BYTES: usize = 52;

/// A phone's link. Clones are the same link.
#[derive(Debug, Clone)]
pub struct LinkControl {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    epoch: Instant,
    state: Mutex<State>,
    /// Bumped whenever a knob is turned, so that what waits looks again.
    turned: watch::Sender<u64>,
}

#[derive(Debug)]
struct State {
    model: LinkModel,
    up: Lane,
    down: Lane,
    address: u64,
    counters: LinkCounters,
}

/// What a link has carried, both directions and all its sockets together, except where a name says one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LinkCounters {
    /// Packets (and stream segments) offered from the phone.
    pub up_packets: u64,
    /// Their bytes, IP headers included.
    pub up_bytes: u64,
    /// Packets (and stream segments) offered to the phone.
    pub down_packets: u64,
    /// Their bytes, IP headers included.
    pub down_bytes: u64,
    /// Lost by chance. For a stream: retransmitted, that is delayed.
    pub dropped_loss: u64,
    /// Lost to a full queue. Streams wait and are not counted.
    pub dropped_queue: u64,
    /// Lost because the link was down, swallowing, or the socket's address is gone.
    pub dropped_down: u64,
    /// Streams cut by a link going down or an address changing.
    pub streams_cut: u64,
}

impl LinkControl {
    /// A link with this model; `seed` fixes its losses and jitter.
    #[must_use]
    pub fn new(seed: u64, model: LinkModel) -> Self {
        let (up, down) = (Lane::new(seed), Lane::new(seed.rotate_left(32) ^ 0x9e37_79b9_7f4a_7c15));
        let state = State { model, up, down, address: 0, counters: LinkCounters::default() };
        Self {
            shared: Arc::new(Shared { epoch: Instant::now(), state: Mutex::new(state), turned: watch::Sender::new(0) }),
        }
    }

    /// The model as it is now.
    #[must_use]
    pub fn model(&self) -> LinkModel {
        self.state().model
    }

    /// Turns any knobs; sockets feel it with their next packet, waiting streams at once.
    pub fn update(&self, turn: impl FnOnce(&mut LinkModel)) {
        turn(&mut self.state().model);
        self.shared.turned.send_modify(|count| *count += 1);
    }

    /// Replaces the model.
    pub fn set(&self, model: LinkModel) {
        self.update(|current| *current = model);
    }

    /// Takes the bearer away (streams are cut) or gives it back.
    pub fn set_down(&self, is_down: bool) {
        self.update(|model| model.is_down = is_down);
    }

    /// Swallows everything while the bearer looks fine, or stops doing so.
    pub fn set_drop_all(&self, drop_all: bool) {
        self.update(|model| model.drop_all = drop_all);
    }

    /// The phone gets a new address: sockets bound and streams made before are dead for good, new ones work.
    pub fn change_address(&self) {
        self.state().address += 1;
        self.shared.turned.send_modify(|count| *count += 1);
    }

    /// What the link has carried so far.
    #[must_use]
    pub fn counters(&self) -> LinkCounters {
        self.state().counters
    }

    /// What the media engine's sockets hang on; see `RtcMedia::with_gate`.
    #[must_use]
    pub fn gate(&self) -> Arc<dyn LinkGate> {
        Arc::new(self.clone())
    }

    /// Connects a TCP stream over this link.
    ///
    /// # Errors
    /// [`io::ErrorKind::NetworkUnreachable`] when the link is down, else what the operating system says.
    pub async fn connect_tcp(&self, remote: SocketAddr) -> io::Result<ShapedStream> {
        ShapedStream::connect(self, remote).await
    }

    /// Puts a connected TCP stream on this link. Must be called in a tokio runtime.
    #[must_use]
    pub fn wrap_tcp(&self, stream: TcpStream) -> ShapedStream {
        ShapedStream::wrap(self, stream)
    }

    /// Binds a UDP socket on this link. Must be called in a tokio runtime.
    ///
    /// # Errors
    /// What the operating system says.
    pub async fn bind_udp(&self, local: SocketAddr) -> io::Result<ShapedUdp> {
        ShapedUdp::bind(self, local).await
    }

    pub(crate) fn now_us(&self) -> u64 {
        u64::try_from(self.shared.epoch.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// The address the phone has now, as a count of changes.
    pub(crate) fn address(&self) -> u64 {
        self.state().address
    }

    /// Tells of turned knobs.
    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.shared.turned.subscribe()
    }

    /// Whether a stream made under `address` is cut, and whether it must wait.
    pub(crate) fn stream_state(&self, address: u64) -> StreamState {
        let state = self.state();
        if state.model.is_down || state.address != address {
            StreamState::Cut
        } else if state.model.drop_all {
            StreamState::Stalled
        } else {
            StreamState::Flowing
        }
    }

    pub(crate) fn count_cut(&self) {
        self.state().counters.streams_cut += 1;
    }

    /// Offers a packet of `payload_bytes` and `header_bytes` that belongs to a socket of `address`.
    pub(crate) fn offer(&self, way: Way, payload_bytes: usize, header_bytes: usize, address: u64) -> (Verdict, u64) {
        let now_us = self.now_us();
        let wire_bytes = u32::try_from(payload_bytes.saturating_add(header_bytes)).unwrap_or(u32::MAX);
        (self.state().offer(way, wire_bytes, address, now_us), now_us)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a stream on the link may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StreamState {
    Flowing,
    Stalled,
    Cut,
}

impl State {
    fn offer(&mut self, way: Way, wire_bytes: u32, address: u64, now_us: u64) -> Verdict {
        let verdict = if self.address != address {
            Verdict::Drop(DropReason::OldAddress)
        } else if self.model.is_down {
            Verdict::Drop(DropReason::LinkDown)
        } else if self.model.drop_all {
            Verdict::Drop(DropReason::Swallowed)
        } else {
            match way {
                Way::Up => self.up.offer(&self.model.up, wire_bytes, now_us),
                Way::Down => self.down.offer(&self.model.down, wire_bytes, now_us),
            }
        };
        self.count(way, wire_bytes, verdict);
        verdict
    }

    fn count(&mut self, way: Way, wire_bytes: u32, verdict: Verdict) {
        let counters = &mut self.counters;
        let (packets, bytes) = match way {
            Way::Up => (&mut counters.up_packets, &mut counters.up_bytes),
            Way::Down => (&mut counters.down_packets, &mut counters.down_bytes),
        };
        *packets += 1;
        *bytes += u64::from(wire_bytes);
        match verdict {
            Verdict::Deliver { .. } => {}
            Verdict::Drop(DropReason::Loss) => counters.dropped_loss += 1,
            Verdict::Drop(DropReason::QueueFull) => counters.dropped_queue += 1,
            Verdict::Drop(DropReason::LinkDown | DropReason::Swallowed | DropReason::OldAddress) => {
                counters.dropped_down += 1
            }
        }
    }
}

impl LinkGate for LinkControl {
    fn admit_socket(&self) -> Arc<dyn SocketGate> {
        Arc::new(GatedSocket { link: self.clone(), address: self.address() })
    }
}

/// One UDP socket's view of the link: it dies with the address it was bound under.
#[derive(Debug)]
pub(crate) struct GatedSocket {
    link: LinkControl,
    address: u64,
}

impl SocketGate for GatedSocket {
    fn pass(&self, way: Way, payload_bytes: usize) -> Passage {
        match self.link.offer(way, payload_bytes, UDP_HEADER_BYTES, self.address) {
            (Verdict::Deliver { at_us }, now_us) => Passage::After(Duration::from_micros(at_us.saturating_sub(now_us))),
            (Verdict::Drop(_), _) => Passage::Lost,
        }
    }
}
