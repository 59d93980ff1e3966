//! From a packet to what happened: who came, left or is still there, where, and when.
//!
//! When: a report with Event-Timestamp happened then (RFC 2869, 5.3: the time of the event, not of the sending, so that it
//! stays the same when the report is sent again). One without happened Acct-Delay-Time before it came.

use crate::address::{Addresses, Prefix};
use crate::nas::{Client, NumberFrom};
use crate::radius::{Packet, Type, VendorType};
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;
use tandem_model::{Imsi, Msisdn, ServerMillis};

/// The longest delay that is believed: reports are not kept for longer anywhere.
const DELAY_MAX: Duration = Duration::from_secs(7 * 86_400);

/// A NAS of a client, by 128 bits that no two share.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct NasKey(pub [u8; 16]);

/// A session of a NAS, by 128 bits that no two share.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SessionKey(pub [u8; 16]);

impl SessionKey {
    /// The key of what this session once held.
    pub(crate) fn holding(self, addresses: &Addresses) -> SessionKey {
        let mut bytes = Vec::new();
        for (place, held) in [addresses.v4, addresses.v6, addresses.delegated].into_iter().enumerate() {
            if let Some(held) = held {
                bytes.extend(place.to_be_bytes());
                bytes.extend(held.prefix.first().to_be_bytes());
                bytes.push(held.prefix.length());
            }
        }
        SessionKey(key(&[b"held", &self.0, &bytes]))
    }
}

impl fmt::Debug for NasKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NasKey(..)")
    }
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionKey(..)")
    }
}

/// What happened to a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// It began.
    Start,
    /// It goes on.
    Interim,
    /// It ended.
    Stop,
}

/// One session's report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Its NAS.
    pub nas: NasKey,
    /// Which session.
    pub session: SessionKey,
    /// What happened.
    pub change: Change,
    /// When.
    pub at: ServerMillis,
    /// Whether the NAS said when.
    pub stamped: bool,
    /// How long the session has been going on by then, where the NAS says so.
    pub lasted: Option<Duration>,
    /// Whose it is. A Stop may leave it out.
    pub number: Option<Msisdn>,
    /// Whose SIM.
    pub imsi: Option<Imsi>,
    /// What it holds, where the report says so. Nothing, when an address in it is not the client's to give.
    pub addresses: Option<Addresses>,
    /// An address in it is not the client's to give.
    pub out_of_pool: bool,
    /// With its end the subscriber has left altogether.
    pub last_of_subscriber: bool,
}

/// A whole NAS began or ended its accounting: none of its sessions from before goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reboot {
    /// Which.
    pub nas: NasKey,
    /// When.
    pub at: ServerMillis,
}

/// What a packet says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// Something of one session.
    Session(Box<Report>),
    /// Accounting-On or Accounting-Off.
    Reboot(Reboot),
}

/// Why a genuine packet changes nothing. It is answered all the same, or its NAS would send it for ever and take us for
/// dead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unusable {
    /// A status that is about no session of a subscriber.
    Status,
    /// No session.
    NoSession,
    /// No number that a subscriber can have.
    NoNumber,
    /// The session's APN does not count.
    Apn,
    /// The client must say when, and did not.
    Unstamped,
}

/// Reads what a genuine packet of a client says.
///
/// # Errors
/// [`Unusable`]: it says nothing that changes anything.
pub fn read(packet: &Packet<'_>, client: &Client, source: IpAddr, now: ServerMillis) -> Result<Said, Unusable> {
    let status = number_of(packet, Type::AcctStatusType).ok_or(Unusable::Status)?;
    let (at, stamped) = moment(packet, now);
    if client.must_be_stamped && !stamped {
        return Err(Unusable::Unstamped);
    }
    let nas = nas_of(packet, client, source);
    let change = match status {
        1 => Change::Start,
        2 => Change::Stop,
        3 => Change::Interim,
        7 | 8 => return Ok(Said::Reboot(Reboot { nas, at })),
        _ => return Err(Unusable::Status),
    };
    let session = packet.first(Type::AcctSessionId).filter(|id| !id.is_empty()).ok_or(Unusable::NoSession)?;
    let apn = packet.first(Type::CalledStationId).and_then(text);
    // A Stop that does not say its APN ends the session it names. Whose session that was, and where, it cannot say: a
    // session of another APN says nothing of where a number is.
    let blind = change == Change::Stop && apn.is_none() && !client.counts(None);
    if !blind && !client.counts(apn) {
        return Err(Unusable::Apn);
    }
    let imsi = packet.first_3gpp(VendorType::Imsi).and_then(text).and_then(Imsi::parse);
    let number = subscriber(packet, client.number_from, imsi.as_ref());
    if number.is_none() && change != Change::Stop {
        return Err(Unusable::NoNumber);
    }
    let (v4, v6, delegated) = (ipv4(packet), ipv6(packet), prefix(packet, Type::DelegatedIpv6Prefix));
    let says = v4.or(v6).or(delegated).is_some() && !blind;
    let held = client.hold(v4, v6, delegated);
    Ok(Said::Session(Box::new(Report {
        nas,
        session: session_key(nas, session),
        change,
        at,
        stamped,
        lasted: number_of(packet, Type::AcctSessionTime).map(|secs| Duration::from_secs(secs.into())),
        number: number.filter(|_| !blind),
        imsi,
        out_of_pool: says && held.is_err(),
        addresses: says.then(|| held.unwrap_or_default()),
        last_of_subscriber: packet
            .first_3gpp(VendorType::SessionStopIndicator)
            .is_some_and(|value| value.iter().any(|octet| *octet != 0)),
    })))
}

fn moment(packet: &Packet<'_>, now: ServerMillis) -> (ServerMillis, bool) {
    if let Some(seconds) = number_of(packet, Type::EventTimestamp) {
        return (ServerMillis(i64::from(seconds).saturating_mul(1_000)), true);
    }
    let delay = Duration::from_secs(number_of(packet, Type::AcctDelayTime).unwrap_or(0).into()).min(DELAY_MAX);
    (ServerMillis(now.0.saturating_sub(i64::try_from(delay.as_millis()).unwrap_or(i64::MAX))), false)
}

/// The most exact name a NAS gives itself. All its packets must give the same, or a reboot would not be known as its own.
fn nas_of(packet: &Packet<'_>, client: &Client, source: IpAddr) -> NasKey {
    let named = [Type::NasIpAddress, Type::NasIpv6Address, Type::NasIdentifier]
        .into_iter()
        .find_map(|kind| packet.first(kind).map(|value| ([kind.octet()], value.to_vec())));
    let (kind, name) = named.unwrap_or_else(|| ([0], source.to_canonical().to_string().into_bytes()));
    NasKey(key(&[b"nas", client.name.as_bytes(), &kind, &name]))
}

/// A session by its name at its NAS.
pub(crate) fn session_key(nas: NasKey, name: &[u8]) -> SessionKey {
    SessionKey(key(&[b"session", &nas.0, name]))
}

/// A gateway by the name an AAA has for it. No packet's attribute gives the same.
pub(crate) fn nas_key(client: &Client, name: &str) -> NasKey {
    NasKey(key(&[b"pushed nas", client.name.as_bytes(), name.as_bytes()]))
}

/// 128 bits of SHA-256 over the parts, each with its length before it.
fn key(parts: &[&[u8]]) -> [u8; 16] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let whole: [u8; 32] = hash.finalize().into();
    let mut short = [0; 16];
    for (to, from) in short.iter_mut().zip(whole) {
        *to = from;
    }
    short
}

/// An international number, with or without `+`. An IMSI has as many digits as a number may have and must never pass for one.
fn subscriber(packet: &Packet<'_>, from: NumberFrom, imsi: Option<&Imsi>) -> Option<Msisdn> {
    let raw = match from {
        NumberFrom::CallingStationId => packet.first(Type::CallingStationId).and_then(text)?,
        NumberFrom::UserName => {
            let name = packet.first(Type::UserName).and_then(text)?;
            name.split_once('@').map_or(name, |(user, _)| user)
        }
    };
    let digits = raw.trim().strip_prefix('+').unwrap_or(raw.trim());
    if imsi.is_some_and(|imsi| imsi.digits() == digits) {
        return None;
    }
    Msisdn::from_e164(&format!("+{digits}")).ok()
}

/// Text up to the NUL that some clients end it with.
fn text(raw: &[u8]) -> Option<&str> {
    std::str::from_utf8(raw).ok().map(|text| text.trim_end_matches('\0'))
}

fn number_of(packet: &Packet<'_>, kind: Type) -> Option<u32> {
    packet.first(kind)?.try_into().ok().map(u32::from_be_bytes)
}

/// 0.0.0.0, and the two addresses that mean "chosen elsewhere" (RFC 2865, 5.8), are none.
fn ipv4(packet: &Packet<'_>) -> Option<Prefix> {
    let raw: [u8; 4] = packet.first(Type::FramedIpAddress)?.try_into().ok()?;
    (![0, 0xFFFF_FFFF, 0xFFFF_FFFE].contains(&u32::from_be_bytes(raw))).then(|| Prefix::v4(Ipv4Addr::from(raw)))
}

/// The whole address where it is known, else the prefix.
fn ipv6(packet: &Packet<'_>) -> Option<Prefix> {
    let whole: Option<[u8; 16]> = packet.first(Type::FramedIpv6Address).and_then(|raw| raw.try_into().ok());
    let whole = whole.and_then(|raw| Prefix::network(Ipv6Addr::from(raw).into(), 128));
    whole.or_else(|| prefix(packet, Type::FramedIpv6Prefix))
}

/// A reserved octet, the length in bits, and as much of the prefix as was worth sending (RFC 3162, 2.3; RFC 4818, 3).
fn prefix(packet: &Packet<'_>, kind: Type) -> Option<Prefix> {
    let (&[_, length], bits) = packet.first(kind)?.split_first_chunk::<2>()?;
    let mut address = [0; 16];
    if bits.len() > address.len() {
        return None;
    }
    for (to, from) in address.iter_mut().zip(bits) {
        *to = *from;
    }
    Prefix::network(Ipv6Addr::from(address).into(), length)
}

#[cfg(test)]
mod tests;
