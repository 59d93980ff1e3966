//! Records: what commits keep that share a sync, as one piece that is whole or nothing.
//!
//! ```text
//!   bytes of the body (4) | number (8) | CRC-32C of both and the body (4) | body | zeros to the next 8
//! ```
//!
//! A body has each commit behind the one before it: how many there are of each kind, and then each: sessions, ids that are
//! forgotten, restarts, restarts that are forgotten. All integers are little-endian.

use tandem_model::{Msisdn, ServerMillis};
use tandem_resolver::{
    Addresses, Changes, Epoch, Generation, Held, Id, Kind, Moment, NasKey, Prefix, Reboot, Session, SessionKey,
};

/// Bytes before a body.
const HEAD: usize = 16;

/// Bytes of a session.
pub(super) const SESSION: usize = 158;

/// Bytes of a restart.
pub(super) const REBOOT: usize = 24;

const HELD: usize = 18;
const ENDED: u8 = 1;
const LAST: u8 = 2;
const UNCLEAR: u8 = 4;
const V4: u8 = 8;
const V6: u8 = 16;
const DELEGATED: u8 = 32;

/// Adds a record.
pub(super) fn write<'a>(out: &mut Vec<u8>, number: u64, all: impl IntoIterator<Item = &'a Changes>) {
    let at = out.len();
    out.extend([0; HEAD]);
    all.into_iter().for_each(|changes| put_changes(out, changes));
    let body = out.len().saturating_sub(at.saturating_add(HEAD));
    let length = u32::try_from(body).unwrap_or(u32::MAX).to_le_bytes();
    let number = number.to_le_bytes();
    let sum = out.get(at.saturating_add(HEAD)..).map_or(0, |body| checksum(&length, &number, body));
    let head = length.into_iter().chain(number).chain(sum.to_le_bytes());
    out.iter_mut().skip(at).zip(head).for_each(|(byte, head)| *byte = head);
    while !out.len().is_multiple_of(8) {
        out.push(0);
    }
}

fn put_changes(out: &mut Vec<u8>, changes: &Changes) {
    for count in
        [changes.sessions.len(), changes.forgotten.len(), changes.reboots.len(), changes.forgotten_reboots.len()]
    {
        out.extend(u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes());
    }
    changes.sessions.iter().for_each(|session| put_session(out, session));
    for (key, epoch) in &changes.forgotten {
        out.extend(key.0);
        out.extend(epoch.0.0.to_le_bytes());
    }
    changes.reboots.iter().chain(&changes.forgotten_reboots).for_each(|reboot| put_reboot(out, reboot));
}

/// A record at the front of some bytes.
pub(super) struct Record<'a> {
    pub(super) number: u64,
    pub(super) body: &'a [u8],
    /// With what fills it up.
    pub(super) bytes: usize,
}

/// Reads the head of a record, and holds the rest against it; `None` when there is no whole one.
pub(super) fn read(bytes: &[u8]) -> Option<Record<'_>> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (number, rest) = rest.split_first_chunk::<8>()?;
    let (sum, rest) = rest.split_first_chunk::<4>()?;
    let body = rest.get(..usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
    let bytes = HEAD.checked_add(body.len())?.checked_next_multiple_of(8)?;
    let genuine = !body.is_empty() && u32::from_le_bytes(*sum) == checksum(length, number, body);
    genuine.then_some(Record { number: u64::from_le_bytes(*number), body, bytes })
}

fn checksum(length: &[u8; 4], number: &[u8; 8], body: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c_append(crc32c::crc32c(length), number), body)
}

/// What a body keeps, in order; `None` when it is no body.
pub(super) fn changes(body: &[u8]) -> Option<Vec<Changes>> {
    let mut rest = body;
    let mut all = Vec::with_capacity(1);
    while !rest.is_empty() {
        all.push(take_changes(&mut rest)?);
    }
    Some(all)
}

fn take_changes(rest: &mut &[u8]) -> Option<Changes> {
    let mut count = || Some(u32::from_le_bytes(take(rest)?));
    let (sessions, forgotten, reboots, forgotten_reboots) = (count()?, count()?, count()?, count()?);
    Some(Changes {
        sessions: (0..sessions).map(|_| session(&take(rest)?)).collect::<Option<_>>()?,
        forgotten: (0..forgotten).map(|_| id(rest)).collect::<Option<_>>()?,
        reboots: (0..reboots).map(|_| reboot(rest)).collect::<Option<_>>()?,
        forgotten_reboots: (0..forgotten_reboots).map(|_| reboot(rest)).collect::<Option<_>>()?,
    })
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, behind) = rest.split_first_chunk::<N>()?;
    *rest = behind;
    Some(*taken)
}

fn id(rest: &mut &[u8]) -> Option<Id> {
    Some((SessionKey(take(rest)?), Epoch(ServerMillis(i64::from_le_bytes(take(rest)?)))))
}

/// Adds a restart.
pub(super) fn put_reboot(out: &mut Vec<u8>, reboot: &Reboot) {
    out.extend(reboot.nas.0);
    out.extend(reboot.at.0.to_le_bytes());
}

/// Reads a restart off the front.
pub(super) fn reboot(rest: &mut &[u8]) -> Option<Reboot> {
    Some(Reboot { nas: NasKey(take(rest)?), at: ServerMillis(i64::from_le_bytes(take(rest)?)) })
}

/// Adds a session.
pub(super) fn put_session(out: &mut Vec<u8>, session: &Session) {
    let held = session.addresses;
    let which = |is: bool, bit: u8| if is { bit } else { 0 };
    let flags = which(session.ended.is_some(), ENDED)
        | which(session.last_of_subscriber, LAST)
        | which(session.unclear, UNCLEAR)
        | which(held.v4.is_some(), V4)
        | which(held.v6.is_some(), V6)
        | which(held.delegated.is_some(), DELEGATED);
    out.extend(session.key.0);
    out.extend(session.nas.0);
    for stamp in [
        session.epoch.0.0,
        session.start.0,
        session.latest.0,
        session.since.0,
        session.until.0,
        session.other.0,
        session.ended.map_or(0, |at| at.0),
    ] {
        out.extend(stamp.to_le_bytes());
    }
    out.extend(session.generation.0.to_le_bytes());
    // A number takes 50 bits, so that the flags have a byte of their own above it.
    out.extend((session.number.map_or(0, Msisdn::as_u64) | u64::from(flags) << 56).to_le_bytes());
    for held in [held.v4, held.v6, held.delegated] {
        let (first, length, kind) =
            held.map_or((0, 0, 0), |held| (held.prefix.first(), held.prefix.length(), held.kind as u8));
        out.extend(first.to_le_bytes());
        out.extend([length, kind]);
    }
}

/// Reads a session.
pub(super) fn session(bytes: &[u8; SESSION]) -> Option<Session> {
    let mut rest = bytes.as_slice();
    let (key, nas) = (SessionKey(take(&mut rest)?), NasKey(take(&mut rest)?));
    let mut stamp = || Some(i64::from_le_bytes(take(&mut rest)?));
    let (epoch, start, latest) = (stamp()?, stamp()?, stamp()?);
    let (since, until, other, ended) = (stamp()?, stamp()?, stamp()?, stamp()?);
    let generation = u64::from_le_bytes(take(&mut rest)?);
    let number = u64::from_le_bytes(take(&mut rest)?);
    let flags = u8::try_from(number >> 56).ok()?;
    let number = match number & (u64::MAX >> 8) {
        0 => None,
        digits => Some(Msisdn::try_from(digits).ok()?),
    };
    let mut held = |bit: u8| {
        let bytes: [u8; HELD] = take(&mut rest)?;
        if flags & bit == 0 {
            return Some(None);
        }
        let (first, behind) = bytes.split_first_chunk::<16>()?;
        let &[length, kind] = behind.first_chunk::<2>()?;
        Some(Some(Held { prefix: Prefix::from_parts(u128::from_le_bytes(*first), length)?, kind: Kind::of(kind)? }))
    };
    let addresses = Addresses { v4: held(V4)?, v6: held(V6)?, delegated: held(DELEGATED)? };
    Some(Session {
        key,
        nas,
        epoch: Epoch(ServerMillis(epoch)),
        number,
        start: ServerMillis(start),
        latest: Moment(latest),
        addresses,
        since: Moment(since),
        until: Moment(until),
        other: Moment(other),
        ended: (flags & ENDED != 0).then_some(ServerMillis(ended)),
        last_of_subscriber: flags & LAST != 0,
        unclear: flags & UNCLEAR != 0,
        generation: Generation(generation),
    })
}
