//! The network between phones and server: connections that break with what is under way, frames that are doubled and late,
//! registration requests that are lost, doubled and overtake each other.

use crate::history::Word;
use crate::server::HTTP_BYTES;
use crate::shape::{Parcel, Way};
use crate::world::{Conn, What, World};
use tandem_logic::ConnId;
use tandem_machine::LinkId;
use tandem_machine::input::{Input, LinkInput};
use tandem_model::{Line, Random, Ticket};
use tandem_wire::{ClientFrame, RegisterRequest, ServerFrame};

/// Bytes a frame stands for, for the trains: their filling and a small envelope. All other frames cost alike.
fn bytes(fill: Option<u32>) -> u32 {
    fill.unwrap_or(60) + 40
}

/// The masking key in a client's frame (RFC 6455, 5.2).
const MASK: usize = 4;

/// A frame with its header.
fn on_the_socket(payload: usize, mask: usize) -> usize {
    let header = match payload {
        0..=125 => 2,
        126..=65_535 => 4,
        _ => 10,
    };
    payload + header + mask
}

impl World {
    /// Opens a connection for a phone, if its network and the server allow it.
    pub fn connect(&mut self, phone: usize, line: Line, link: LinkId) {
        let Some(holder) = self.phones.get(phone) else { return };
        if holder.link.is_shaped() {
            return self.connect_shaped(phone, holder.boot, line, link);
        }
        let (boot, reachable) = (holder.boot, holder.network && self.server.is_up());
        if !reachable || self.happens(self.faults.link_breaks) {
            return self.later(200, What::Phone(phone, boot, Input::Link(LinkInput::Closed { line, link })));
        }
        self.stand(phone, boot, line, link, self.now + 30);
    }

    /// A connection stands at both ends from a time on.
    pub(crate) fn stand(&mut self, phone: usize, boot: u64, line: Line, link: LinkId, at: u64) {
        let number = self.next_conn;
        self.next_conn += 1;
        self.conns.insert(number, Conn { phone, boot, line, link, last_up: at, last_down: at, broken: false });
        self.at(at, What::Phone(phone, boot, Input::Link(LinkInput::Opened { line, link })));
        self.at(at, What::Opened(number));
    }

    /// Breaks a connection: what is under way is lost, both ends hear of it in time.
    pub fn break_conn(&mut self, number: u64) {
        let Some(conn) = self.conns.get_mut(&number).filter(|conn| !conn.broken) else { return };
        conn.broken = true;
        let phone = conn.phone;
        // A stream on a shaped link is cut with a word to both ends.
        let (up, down) =
            if self.shaped(phone) { (1, 1) } else { (20 + self.chance.below(5_000), 20 + self.chance.below(5_000)) };
        self.later(up, What::GoneAtServer(number));
        self.later(down, What::GoneAtPhone(number));
    }

    /// The server closes a connection: what it said before still arrives.
    pub fn close_conn(&mut self, number: u64) {
        let Some(conn) = self.conns.get(&number).filter(|conn| !conn.broken) else { return };
        let last = conn.last_down;
        self.at(last + 10, What::GoneAtPhone(number));
    }

    /// Breaks every connection of a phone.
    pub fn break_conns_of(&mut self, phone: usize) {
        let numbers: Vec<u64> = self.conns.iter().filter(|(_, conn)| conn.phone == phone).map(|(n, _)| *n).collect();
        for number in numbers {
            self.break_conn(number);
        }
    }

    /// Breaks every connection there is.
    pub fn break_all_conns(&mut self) {
        let numbers: Vec<u64> = self.conns.keys().copied().collect();
        for number in numbers {
            self.break_conn(number);
        }
    }

    /// The phone closes a connection by itself.
    pub fn disconnect(&mut self, phone: usize, line: Line, link: LinkId) {
        self.forget_connect(phone, line, link);
        if let Some(number) = self.conn_of(phone, line, link) {
            let behind = self.conns.remove(&number).map_or(0, |conn| conn.last_up + 1);
            let at = if self.shaped(phone) { behind } else { self.now + 30 };
            self.at(at, What::GoneAtServer(number));
        }
    }

    fn conn_of(&self, phone: usize, line: Line, link: LinkId) -> Option<u64> {
        let boot = self.phones.get(phone)?.boot;
        let found = |conn: &Conn| conn.phone == phone && conn.boot == boot && conn.line == line && conn.link == link;
        self.conns.iter().find(|(_, conn)| found(conn)).map(|(number, _)| *number)
    }

    /// Sends a frame up.
    pub fn send_up(&mut self, phone: usize, line: Line, link: LinkId, frame: ClientFrame) {
        if let ClientFrame::GateAsk { to, .. } = &frame {
            self.tell(phone, Word::CallFrameLeft { to: to.as_u64() });
        }
        if let ClientFrame::Call(envelope) = &frame {
            self.tell(phone, Word::CallFrameLeft { to: envelope.to.as_u64() });
        }
        let Some(number) = self.conn_of(phone, line, link) else { return };
        if self.shaped(phone) {
            let bytes = on_the_socket(tandem_wire::encode_client(&frame).len(), MASK);
            let what = What::ToServer(number, frame);
            return self.carry(phone, Parcel { way: Way::Up, bytes, conn: Some(number), what });
        }
        let Some(times) = self.fates(number, true) else { return };
        for time in times {
            self.at(time, What::ToServer(number, frame.clone()));
        }
    }

    /// Sends a frame down.
    pub fn send_down(&mut self, conn: ConnId, frame: ServerFrame) {
        let phone = self.conns.get(&conn.0).filter(|conn| !conn.broken).map(|conn| conn.phone);
        if let Some(phone) = phone.filter(|phone| self.shaped(*phone)) {
            let bytes = on_the_socket(tandem_wire::encode_server(&frame).len(), 0);
            let what = What::ToPhone(conn.0, frame);
            return self.carry(phone, Parcel { way: Way::Down, bytes, conn: Some(conn.0), what });
        }
        let Some(times) = self.fates(conn.0, false) else { return };
        for time in times {
            self.at(time, What::ToPhone(conn.0, frame.clone()));
        }
    }

    /// When a frame arrives: once, twice or never.
    fn fates(&mut self, number: u64, up: bool) -> Option<Vec<u64>> {
        if self.conns.get(&number).is_none_or(|conn| conn.broken) {
            return None;
        }
        let faults = self.faults;
        if self.happens(faults.link_breaks + faults.frame_lost) {
            self.break_conn(number);
            return None;
        }
        let late = if self.happens(faults.frame_late) { self.chance.below(faults.late_ms + 1) } else { 0 };
        let wait = 15 + self.chance.below(20) + late;
        let doubled = self.happens(faults.frame_doubled).then(|| self.chance.below(2_000));
        let now = self.now;
        let conn = self.conns.get_mut(&number)?;
        let last = if up { &mut conn.last_up } else { &mut conn.last_down };
        let time = (now + wait).max(*last);
        *last = (*last).max(time);
        Some(std::iter::once(time).chain(doubled.map(|more| time + more)).collect())
    }

    pub(crate) fn frame_at_server(&mut self, conn: u64, frame: ClientFrame) {
        let Some(phone) = self.conns.get(&conn).filter(|conn| !conn.broken).map(|conn| conn.phone) else { return };
        let wire_bytes = match &frame {
            ClientFrame::Train(_) if self.shaped(phone) => {
                u32::try_from(on_the_socket(tandem_wire::encode_client(&frame).len(), MASK)).unwrap_or(u32::MAX)
            }
            ClientFrame::Train(train) => bytes(Some(train.fill)),
            _ => bytes(None),
        };
        let at = self.server.micros(self.now);
        self.server_input(tandem_logic::Input::Frame { conn: ConnId(conn), frame, at, wire_bytes });
    }

    pub(crate) fn frame_at_phone(&mut self, conn: u64, frame: ServerFrame) {
        let Some(Conn { phone, boot, line, link, broken: false, .. }) = self.conns.get(&conn).cloned() else { return };
        let Some(holder) = self.phones.get_mut(phone) else { return };
        let wire_bytes = match &frame {
            ServerFrame::Train(_) if holder.link.is_shaped() => {
                u32::try_from(on_the_socket(tandem_wire::encode_server(&frame).len(), 0)).unwrap_or(u32::MAX)
            }
            ServerFrame::Train(train) => bytes(Some(train.fill)),
            ServerFrame::Call(envelope) => {
                holder.ring_until.entry(envelope.call.0).or_insert(envelope.ring_until.0);
                bytes(None)
            }
            _ => bytes(None),
        };
        let at = holder.micros(self.now);
        let mut frame = frame;
        if self.planted == Some(crate::planted::Planted::RingFromLocalStart)
            && let ServerFrame::Call(envelope) = &mut frame
        {
            envelope.ring_until.0 += 60_000;
        }
        let input = LinkInput::Frame { line, link, frame, at, wire_bytes };
        self.phone_input(phone, boot, Input::Link(input));
    }

    pub(crate) fn gone_at_phone(&mut self, conn: u64) {
        let Some(Conn { phone, boot, line, link, .. }) = self.conns.remove(&conn) else { return };
        self.phone_input(phone, boot, Input::Link(LinkInput::Closed { line, link }));
    }

    /// Posts a registration request.
    pub fn post_register(&mut self, phone: usize, ticket: Ticket, request: &RegisterRequest) {
        let Some(holder) = self.phones.get(phone) else { return };
        let boot = holder.boot;
        if holder.link.is_shaped() && holder.network {
            let bytes = tandem_wire::encode_register_request(request).len() + HTTP_BYTES;
            let what = What::RegisterToServer(phone, boot, ticket, request.clone());
            self.asks_over_link(phone, boot, ticket);
            return self.carry(phone, Parcel { way: Way::Up, bytes, conn: None, what });
        }
        if !holder.network || !self.server.is_up() || self.happens(self.faults.http_lost) {
            return self.no_register_reply(phone, boot, ticket);
        }
        let copies = 1 + u64::from(self.happens(self.faults.http_doubled));
        for _ in 0..copies {
            let wait = 30 + self.chance.below(2_000);
            self.later(wait, What::RegisterToServer(phone, boot, ticket, request.clone()));
        }
    }

    /// No reply came: the outcome is unknown to the phone.
    pub fn no_register_reply(&mut self, phone: usize, boot: u64, ticket: Ticket) {
        // On a shaped link the connection breaks with a word, elsewhere it is waited for.
        let wait = if self.shaped(phone) { 5 } else { 8_000 };
        self.later(wait, What::Phone(phone, boot, Input::Link(LinkInput::Registered { ticket, reply: None })));
    }

    /// Whether a phone's link is shaped.
    pub(crate) fn shaped(&self, phone: usize) -> bool {
        self.phones.get(phone).is_some_and(|phone| phone.link.is_shaped())
    }
}
