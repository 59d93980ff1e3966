//! Phones on shaped links: every byte between a phone and the server takes the time its link says. A phone without a shape
//! is on the world's own network (`net.rs`).

use crate::world::{What, World};
use std::collections::{BTreeSet, VecDeque};
use tandem_machine::LinkId;
use tandem_machine::input::{Input, LinkInput};
use tandem_model::{Line, Ticket};

/// What a phone's connection attempts and registration requests are given up after, as the engine does.
pub const GIVE_UP_MS: u64 = 10_000;
/// Bytes of one segment, and what its headers weigh.
const SEGMENT: usize = 1400;
const SEGMENT_HEADERS: u32 = 52;
/// The least a lost segment costs, and how long one waits for room in a full queue.
const RETRANSMIT_MS: u64 = 200;
const QUEUE_WAIT_MS: u64 = 5;
/// A segment that is lost this often in a row is carried all the same: a share of losses of 1 is `stalls`.
const TRIES_MAX: u32 = 50;
/// What opening a connection says each way in turn: two handshakes, of the stream and of what runs on it.
const OPENING: [(Way, usize); 4] = [(Way::Up, 0), (Way::Down, 0), (Way::Up, 250), (Way::Down, 180)];

/// Which way, seen from the phone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From the phone.
    Up,
    /// To the phone.
    Down,
}

/// What becomes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It comes out then, in microseconds of true time.
    At(u64),
    /// It is lost by chance.
    Lost,
    /// There is no room to wait for the rate.
    NoRoom,
}

/// A link.
pub trait Shape {
    /// Offers a packet with its headers.
    fn offer(&mut self, way: Way, bytes: u32, now_us: u64) -> Fate;
    /// Its two delays together.
    fn round_trip_ms(&self) -> u64;
    /// It swallows everything, and nobody knows.
    fn stalls(&self) -> bool;
}

/// A phone's end of its shaped link.
#[derive(Default)]
pub struct LinkEnd {
    /// The link; absent: the world's own network.
    pub shape: Option<Box<dyn Shape>>,
    waiting: VecDeque<Parcel>,
    asking: BTreeSet<Ticket>,
}

/// Something on its way over a shaped link.
#[derive(Clone, Debug)]
pub(crate) struct Parcel {
    pub(crate) way: Way,
    pub(crate) bytes: usize,
    /// The connection it belongs to: nothing on one overtakes.
    pub(crate) conn: Option<u64>,
    pub(crate) what: What,
}

impl LinkEnd {
    /// Whether somebody shapes this phone's link.
    #[must_use]
    pub fn is_shaped(&self) -> bool {
        self.shape.is_some()
    }

    /// Whether it swallows everything.
    #[must_use]
    pub fn stalls(&self) -> bool {
        self.shape.as_ref().is_some_and(|shape| shape.stalls())
    }

    /// An answer to a registration request needs no waiting for any more.
    pub(crate) fn heard(&mut self, input: &Input) {
        if let Input::Link(LinkInput::Registered { ticket, .. }) = input {
            self.asking.remove(ticket);
        }
    }

    /// When so many bytes of a stream have come through, in milliseconds rounded up.
    fn stream(&mut self, way: Way, bytes: usize, now_ms: u64) -> u64 {
        let Some(shape) = &mut self.shape else { return now_ms };
        let (mut left, mut due) = (bytes, now_ms * 1000);
        loop {
            let part = left.min(SEGMENT);
            due = due.max(segment(shape.as_mut(), way, part, now_ms));
            left -= part;
            if left == 0 {
                return due.div_ceil(1000);
            }
        }
    }
}

fn segment(shape: &mut dyn Shape, way: Way, bytes: usize, now_ms: u64) -> u64 {
    let wire_bytes = u32::try_from(bytes).unwrap_or(u32::MAX).saturating_add(SEGMENT_HEADERS);
    let (mut asked, mut late) = (now_ms, 0);
    for _ in 0..TRIES_MAX {
        match shape.offer(way, wire_bytes, asked * 1000) {
            Fate::At(at) => return at + late * 1000,
            Fate::Lost => late += RETRANSMIT_MS.max(2 * shape.round_trip_ms()),
            Fate::NoRoom => asked += QUEUE_WAIT_MS,
        }
    }
    (asked + late) * 1000
}

impl World {
    /// Carries a parcel over a phone's link, or lets it wait while the link swallows everything.
    pub(crate) fn carry(&mut self, phone: usize, parcel: Parcel) {
        let now = self.now;
        let Some(holder) = self.phones.get_mut(phone) else { return };
        if holder.link.stalls() {
            return holder.link.waiting.push_back(parcel);
        }
        let mut due = holder.link.stream(parcel.way, parcel.bytes, now);
        if let Some(conn) = parcel.conn.and_then(|number| self.conns.get_mut(&number)) {
            let last = if parcel.way == Way::Up { &mut conn.last_up } else { &mut conn.last_down };
            due = due.max(*last);
            *last = due;
        }
        self.at(due, parcel.what);
    }

    /// Opens a connection over a shaped link.
    pub(crate) fn connect_shaped(&mut self, phone: usize, boot: u64, line: Line, link: LinkId) {
        let now = self.now;
        let Some(holder) = self.phones.get_mut(phone).filter(|holder| holder.boot == boot) else { return };
        let refused = What::Phone(phone, boot, Input::Link(LinkInput::Closed { line, link }));
        if !holder.network {
            return self.later(1, refused);
        }
        if holder.link.stalls() {
            let what = What::Connect(phone, boot, line, link);
            holder.link.waiting.push_back(Parcel { way: Way::Up, bytes: 0, conn: None, what });
            return self.later(GIVE_UP_MS, What::ConnectGivenUp(phone, boot, line, link));
        }
        let waits = OPENING.map(|(way, bytes)| holder.link.stream(way, bytes, now) - now);
        let at = now + waits.iter().sum::<u64>();
        if self.server.is_up() {
            self.stand(phone, boot, line, link, at);
        } else {
            self.at(at, refused);
        }
    }

    /// The engine gives up a connection that does not come to stand.
    pub(crate) fn connect_given_up(&mut self, phone: usize, boot: u64, line: Line, link: LinkId) {
        if self.forget_connect(phone, line, link) {
            self.phone_input(phone, boot, Input::Link(LinkInput::Closed { line, link }));
        }
    }

    /// Forgets a connection attempt that waits; false when none does.
    pub(crate) fn forget_connect(&mut self, phone: usize, line: Line, link: LinkId) -> bool {
        let Some(holder) = self.phones.get_mut(phone) else { return false };
        let before = holder.link.waiting.len();
        holder
            .link
            .waiting
            .retain(|parcel| !matches!(parcel.what, What::Connect(_, _, of, attempt) if of == line && attempt == link));
        holder.link.waiting.len() < before
    }

    /// Notes a registration request on its way; no answer in time is none.
    pub(crate) fn asks_over_link(&mut self, phone: usize, boot: u64, ticket: Ticket) {
        if let Some(holder) = self.phones.get_mut(phone) {
            holder.link.asking.insert(ticket);
        }
        self.later(GIVE_UP_MS, What::Phone(phone, boot, Input::Link(LinkInput::Registered { ticket, reply: None })));
    }

    /// A knob of a phone's link was turned: what waited looks again. `cut` breaks what stood on it.
    pub fn link_turned(&mut self, phone: usize, cut: bool) {
        let Some(holder) = self.phones.get_mut(phone) else { return };
        let (boot, waiting) = (holder.boot, std::mem::take(&mut holder.link.waiting));
        if cut {
            let asking = std::mem::take(&mut holder.link.asking);
            for ticket in asking {
                self.no_register_reply(phone, boot, ticket);
            }
            self.break_conns_of(phone);
        }
        for parcel in waiting {
            match parcel.what {
                What::Connect(..) => self.later(0, parcel.what),
                // What stood on a cut stream is gone; connections and requests tell it by themselves.
                _ if cut => {}
                _ => self.carry(phone, parcel),
            }
        }
        self.media_network(phone);
    }

    /// A phone's process is gone, and what it wanted to say.
    pub(crate) fn forget_link(&mut self, phone: usize) {
        if let Some(holder) = self.phones.get_mut(phone) {
            holder.link.waiting.clear();
            holder.link.asking.clear();
        }
    }
}
