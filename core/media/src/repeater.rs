//! Repeats lost DTLS handshake flights, below DTLS. Pure: told datagrams and the time.
//!
//! `rtc-dtls` 0.21 repeats a flight every second at best, and never again once the peer has repeated its own (its
//! timer is cleared by any handshake record), so one lost flight costs a second or the call. Records are repeated byte
//! for byte: to the peer they are late copies, which DTLS is made for (RFC 6347 sections 3.2.1 and 4.1.2.6).

use std::net::SocketAddr;
use std::time::Duration;

/// First wait for the peer's next flight; doubles with each repeat (RFC 6347 section 4.2.4.1 asks for 1 s where the
/// path is unknown; ICE has just measured this one to be alive).
const FIRST_WAIT: Duration = Duration::from_millis(150);
/// Repeats of one flight: the last comes after 4.65 s.
const REPEATS: u32 = 5;
/// Datagrams of one flight; a certificate of one key fits in three.
const FLIGHT_DATAGRAMS: usize = 8;
/// Flights of the peer that are remembered, to tell a copy from the next flight.
const REMEMBERED: usize = 32;

/// A datagram to send again.
pub(crate) type Copy = (Vec<u8>, SocketAddr);

/// The handshake as one socket sees it. `T` is a point in time.
#[derive(Debug)]
pub(crate) struct Repeater<T> {
    flight: Vec<Copy>,
    /// The peer has answered the flight in hand: the next datagram sent begins another.
    answered: bool,
    repeats: u32,
    due: Option<T>,
    seen: Vec<u64>,
}

impl<T> Default for Repeater<T> {
    fn default() -> Self {
        Self { flight: Vec::new(), answered: false, repeats: 0, due: None, seen: Vec::new() }
    }
}

impl<T: std::marker::Copy + PartialOrd + std::ops::Add<Duration, Output = T>> Repeater<T> {
    /// A datagram is being sent at `now`.
    pub(crate) fn sent(&mut self, datagram: &[u8], to: SocketAddr, now: T) {
        if !is_handshake(datagram) || self.flight.iter().any(|(copy, _)| copy == datagram) {
            return;
        }
        if self.answered {
            self.flight.clear();
            self.answered = false;
        }
        if self.flight.len() < FLIGHT_DATAGRAMS {
            self.flight.push((datagram.to_vec(), to));
        }
        self.repeats = 0;
        self.due = Some(now + FIRST_WAIT);
    }

    /// A datagram has come at `now`.
    pub(crate) fn received(&mut self, datagram: &[u8], now: T) {
        if is_media(datagram) {
            // The peer has its keys: the handshake is over.
            self.due = None;
            return;
        }
        if !is_handshake(datagram) {
            return;
        }
        let print = fingerprint(datagram);
        if self.seen.contains(&print) {
            // The peer repeats itself: it lacks what was sent last.
            if !self.flight.is_empty() && self.repeats < REPEATS && self.due.is_none() {
                self.due = Some(now);
            }
            return;
        }
        if self.seen.len() == REMEMBERED {
            self.seen.remove(0);
        }
        self.seen.push(print);
        self.answered = true;
        self.due = None;
    }

    /// When to ask for copies; `None` for not at all.
    pub(crate) fn due(&self) -> Option<T> {
        self.due
    }

    /// What to send again at `now`.
    pub(crate) fn copies(&mut self, now: T) -> Vec<Copy> {
        if !self.due.is_some_and(|due| due <= now) {
            return Vec::new();
        }
        self.repeats += 1;
        let answered_before = self.answered;
        self.due =
            (self.repeats < REPEATS && !answered_before).then(|| now + FIRST_WAIT * 2_u32.saturating_pow(self.repeats));
        self.flight.clone()
    }
}

/// A DTLS record of a handshake, as it is or as TURN ChannelData (RFC 8656 section 12.4). With SRTP there is no
/// application data, so every record but an alert belongs to the handshake.
fn is_handshake(datagram: &[u8]) -> bool {
    matches!(inner(datagram).first(), Some(20 | 22))
}

/// RTP or RTCP (RFC 7983 section 7).
fn is_media(datagram: &[u8]) -> bool {
    matches!(inner(datagram).first(), Some(128..=191))
}

fn inner(datagram: &[u8]) -> &[u8] {
    match datagram.first() {
        Some(64..=79) => datagram.get(4..).unwrap_or_default(),
        Some(_) | None => datagram,
    }
}

/// FNV-1a: tells copies from others; nobody gains by a collision but a late repeat.
fn fingerprint(datagram: &[u8]) -> u64 {
    datagram.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn peer() -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 9))
    }

    fn record(n: u8) -> Vec<u8> {
        vec![22, 254, 253, 0, 0, n]
    }

    fn started() -> Repeater<Duration> {
        let mut repeater = Repeater::default();
        repeater.sent(&record(1), peer(), Duration::ZERO);
        repeater.sent(&record(2), peer(), Duration::ZERO);
        repeater
    }

    #[test]
    fn an_unanswered_flight_is_repeated_whole_ever_more_slowly_and_then_no_more() {
        let mut repeater = started();
        assert!(repeater.copies(149 * MS).is_empty(), "one millisecond early");
        let mut at = Vec::new();
        while let Some(due) = repeater.due() {
            assert_eq!(repeater.copies(due), [(record(1), peer()), (record(2), peer())]);
            at.push(due.as_millis());
        }
        assert_eq!(at, [150, 450, 1050, 2250, 4650]);
    }

    #[test]
    fn an_answered_flight_is_not_repeated_and_the_next_stands_alone() {
        let mut repeater = started();
        repeater.received(&record(50), 60 * MS);
        assert_eq!(repeater.due(), None);
        repeater.sent(&record(3), peer(), 61 * MS);
        assert_eq!(repeater.copies(211 * MS), [(record(3), peer())]);
    }

    #[test]
    fn a_peer_that_repeats_itself_is_answered_with_the_last_flight_at_once() {
        let mut repeater = started();
        repeater.received(&record(50), 60 * MS);
        repeater.received(&record(50), 300 * MS);
        assert_eq!(repeater.copies(300 * MS).len(), 2);
        assert_eq!(repeater.due(), None, "until it repeats itself again");
    }

    #[test]
    fn what_dtls_repeats_by_itself_starts_no_new_flight() {
        let mut repeater = started();
        repeater.copies(150 * MS);
        repeater.sent(&record(1), peer(), 1000 * MS);
        assert_eq!(repeater.due(), Some(450 * MS));
    }

    #[test]
    fn media_ends_the_handshake_and_other_traffic_is_none_of_it() {
        let mut repeater = started();
        repeater.received(&[0, 1, 0, 0], 10 * MS);
        repeater.received(&[21, 254, 253], 10 * MS);
        assert!(repeater.due().is_some(), "STUN and alerts change nothing");
        repeater.received(&[128, 111], 20 * MS);
        assert_eq!(repeater.due(), None);
        repeater.sent(&[0, 1], peer(), 30 * MS);
        assert_eq!(repeater.due(), None);
    }

    #[test]
    fn a_handshake_relayed_in_channel_data_is_seen_too() {
        let mut repeater = Repeater::default();
        let relayed = [&[0x40, 0, 0, 6][..], &record(1)].concat();
        repeater.sent(&relayed, peer(), Duration::ZERO);
        assert_eq!(repeater.copies(150 * MS), [(relayed, peer())]);
    }

    #[test]
    fn a_flood_of_records_is_bounded() {
        let mut repeater = Repeater::default();
        for n in 0..200 {
            repeater.sent(&record(n), peer(), Duration::ZERO);
            repeater.received(&[&record(n)[..], &[9]].concat(), Duration::ZERO);
            repeater.answered = false;
        }
        assert!(repeater.flight.len() <= FLIGHT_DATAGRAMS && repeater.seen.len() <= REMEMBERED);
    }
}
