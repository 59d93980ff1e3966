//! Paces ICE connectivity checks, below ICE. Pure: told datagrams and the time, it says which may leave.
//!
//! `rtc-ice` 0.21 sends a check of every pair without an answer at every tick, however long an answer takes. On a slow link
//! the checks queue, their answers come later still, and the more checks follow: the set-up never ends. Here each pair's
//! checks wait ever longer for one another, as RFC 8445 section 14.3 asks of retransmissions. A check that is held back is
//! to ICE one that was lost; the answer to any earlier one still counts.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;
use std::time::Duration;

/// From a pair's first check to its second; doubles up to [`LAST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_millis(150);
/// Shorter than a keep-alive, which is a check as well and must always leave.
const LAST_WAIT: Duration = Duration::from_millis(400);
/// Pairs that are remembered, the oldest forgotten first.
const PAIRS: usize = 64;

const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xA4, 0x42];
const BINDING_REQUEST: u16 = 0x0001;
const SEND_INDICATION: u16 = 0x0016;
const USERNAME: u16 = 0x0006;
const XOR_PEER_ADDRESS: u16 = 0x0012;
const DATA: u16 = 0x0013;
const USE_CANDIDATE: u16 = 0x0025;

/// The checks of one socket. `T` is a point in time.
#[derive(Debug)]
pub(crate) struct CheckPacer<T> {
    pairs: VecDeque<Pair<T>>,
}

#[derive(Debug)]
struct Pair<T> {
    key: u64,
    next_at: T,
    wait: Duration,
}

impl<T> Default for CheckPacer<T> {
    fn default() -> Self {
        Self { pairs: VecDeque::new() }
    }
}

impl<T: Copy + PartialOrd + std::ops::Add<Duration, Output = T>> CheckPacer<T> {
    /// Whether a datagram may leave at `now`. Whatever is no check always may.
    pub(crate) fn may_leave(&mut self, datagram: &[u8], to: SocketAddr, now: T) -> bool {
        let Some(key) = pair_of(datagram, to) else { return true };
        if let Some(pair) = self.pairs.iter_mut().find(|pair| pair.key == key) {
            if now < pair.next_at {
                return false;
            }
            pair.wait = (pair.wait * 2).min(LAST_WAIT);
            pair.next_at = now + pair.wait;
            return true;
        }
        if self.pairs.len() == PAIRS {
            self.pairs.pop_front();
        }
        self.pairs.push_back(Pair { key, next_at: now + FIRST_WAIT, wait: FIRST_WAIT });
        true
    }
}

/// What makes two checks checks of one pair: where to, through which relay to which peer, as whom, and whether it nominates.
fn pair_of(datagram: &[u8], to: SocketAddr) -> Option<u64> {
    let mut key = DefaultHasher::new();
    to.hash(&mut key);
    let check = match datagram.first()? {
        // ChannelData (RFC 8656 section 12.4).
        64..=79 => {
            datagram.get(..2)?.hash(&mut key);
            datagram.get(4..)?
        }
        _ if is_stun(datagram, SEND_INDICATION) => {
            peer_address(datagram)?.hash(&mut key);
            attribute(datagram, DATA)?
        }
        _ => datagram,
    };
    if !is_stun(check, BINDING_REQUEST) {
        return None;
    }
    attribute(check, USERNAME).hash(&mut key);
    attribute(check, USE_CANDIDATE).is_some().hash(&mut key);
    Some(key.finish())
}

fn is_stun(datagram: &[u8], kind: u16) -> bool {
    datagram.get(..2) == Some(&kind.to_be_bytes()) && datagram.get(4..8) == Some(&MAGIC_COOKIE)
}

/// The peer of an indication; an IPv6 address is masked with the transaction, which is another each time.
fn peer_address(indication: &[u8]) -> Option<Vec<u8>> {
    let masked = attribute(indication, XOR_PEER_ADDRESS)?;
    let mask = indication.get(4..20)?;
    // Family and port: the port's mask is always the same.
    let (start, address) = masked.split_at_checked(4)?;
    let address = address.iter().zip(mask).map(|(byte, mask)| byte ^ mask);
    Some(start.iter().copied().chain(address).collect())
}

/// The value of the first attribute of a kind (RFC 8489 section 14).
fn attribute(message: &[u8], kind: u16) -> Option<&[u8]> {
    let mut rest = message.get(20..)?;
    loop {
        let (header, after) = rest.split_at_checked(4)?;
        let [found_high, found_low, length_high, length_low] = *header.as_array()?;
        let length = usize::from(u16::from_be_bytes([length_high, length_low]));
        let value = after.get(..length)?;
        if u16::from_be_bytes([found_high, found_low]) == kind {
            return Some(value);
        }
        rest = after.get(length.next_multiple_of(4)..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    fn stun(kind: u16, transaction: u8, attributes: &[(u16, &[u8])]) -> Vec<u8> {
        let mut body = Vec::new();
        for (kind, value) in attributes {
            body.extend(kind.to_be_bytes());
            body.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
            body.extend(*value);
            body.resize(body.len().next_multiple_of(4), 0);
        }
        let length = u16::try_from(body.len()).unwrap().to_be_bytes();
        [&kind.to_be_bytes()[..], &length, &MAGIC_COOKIE, &[transaction; 12], &body].concat()
    }

    fn check(transaction: u8) -> Vec<u8> {
        stun(BINDING_REQUEST, transaction, &[(USERNAME, b"there:here")])
    }

    fn left(
        pacer: &mut CheckPacer<Duration>,
        every_ms: u64,
        until_ms: u64,
        datagram: impl Fn(u8) -> Vec<u8>,
    ) -> Vec<u64> {
        (0..until_ms / every_ms)
            .map(|tick| tick * every_ms)
            .filter(|ms| pacer.may_leave(&datagram((ms / every_ms) as u8), peer(9), Duration::from_millis(*ms)))
            .collect()
    }

    #[test]
    fn the_checks_of_a_pair_leave_ever_more_rarely_and_never_rarer_than_a_keep_alive() {
        let mut pacer = CheckPacer::default();
        assert_eq!(left(&mut pacer, 50, 2_000, check), [0, 150, 450, 850, 1_250, 1_650]);
        assert!(pacer.may_leave(&check(9), peer(9), Duration::from_millis(2_150)), "a keep-alive 500 ms later");
    }

    #[test]
    fn a_check_leaves_at_its_time_and_not_a_millisecond_before() {
        let mut pacer = CheckPacer::default();
        assert!(pacer.may_leave(&check(0), peer(9), Duration::ZERO));
        assert!(!pacer.may_leave(&check(1), peer(9), FIRST_WAIT - Duration::from_millis(1)));
        assert!(pacer.may_leave(&check(2), peer(9), FIRST_WAIT));
    }

    #[test]
    fn another_pair_a_nomination_and_a_restart_do_not_wait() {
        let mut pacer = CheckPacer::default();
        let nominates = stun(BINDING_REQUEST, 3, &[(USERNAME, b"there:here"), (USE_CANDIDATE, b"")]);
        let restarted = stun(BINDING_REQUEST, 4, &[(USERNAME, b"there:anew")]);
        assert!(pacer.may_leave(&check(1), peer(9), Duration::ZERO));
        for (other, to) in [(check(2), 10), (nominates, 9), (restarted, 9)] {
            assert!(pacer.may_leave(&other, peer(to), Duration::ZERO));
            assert!(!pacer.may_leave(&other, peer(to), Duration::from_millis(10)));
        }
    }

    #[test]
    fn relayed_checks_are_told_apart_by_their_peer() {
        let masked = |transaction: u8, address: [u8; 18]| -> Vec<u8> {
            let mask = [&MAGIC_COOKIE[..], &[transaction; 12]].concat();
            let port_and_address = address.iter().zip([&mask[..2], &mask].concat()).map(|(byte, mask)| byte ^ mask);
            [0, 2].into_iter().chain(port_and_address).collect()
        };
        let relayed = |transaction: u8, last: u8| {
            let mut address = [7; 18];
            address[17] = last;
            let inner = check(transaction);
            stun(SEND_INDICATION, transaction, &[(XOR_PEER_ADDRESS, &masked(transaction, address)), (DATA, &inner)])
        };
        let mut pacer = CheckPacer::default();
        assert!(pacer.may_leave(&relayed(1, 1), peer(9), Duration::ZERO));
        assert!(pacer.may_leave(&relayed(2, 2), peer(9), Duration::ZERO));
        let channel = |number: u8| [&[0x40, number, 0, 0][..], &check(5)].concat();
        assert!(pacer.may_leave(&channel(1), peer(9), Duration::ZERO));
        assert!(pacer.may_leave(&channel(2), peer(9), Duration::ZERO));
        assert!(!pacer.may_leave(&channel(1), peer(9), Duration::from_millis(50)));
    }

    #[test]
    fn nothing_else_is_held_back_however_broken() {
        let mut pacer = CheckPacer::default();
        let answer = stun(0x0101, 1, &[]);
        let whole = stun(SEND_INDICATION, 1, &[(XOR_PEER_ADDRESS, &[0; 8]), (DATA, &[22, 254])]);
        let mut others = vec![vec![], vec![0], vec![22, 254, 253], vec![128; 40], vec![64], vec![64, 0, 0, 9], answer];
        others.extend((0..whole.len()).map(|end| whole[..end].to_vec()));
        for datagram in others {
            for _ in 0..3 {
                assert!(pacer.may_leave(&datagram, peer(9), Duration::ZERO), "{datagram:?}");
            }
        }
    }

    #[test]
    fn a_flood_of_pairs_is_bounded() {
        let mut pacer = CheckPacer::default();
        for port in 1..500 {
            assert!(pacer.may_leave(&check(1), peer(port), Duration::ZERO));
        }
        assert_eq!(pacer.pairs.len(), PAIRS);
    }
}
