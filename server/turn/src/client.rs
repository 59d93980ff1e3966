//! One client address and the protocol instance that serves it alone.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};

use tandem_model::{Mono, Secret};
use turn_server_proto::api::{SocketAllocateError, TurnServerApi, TurnServerPollRet};
use turn_server_proto::server::TurnServer;
use turn_types::Instant;
use turn_types::stun::{AddressFamily, TransportType};

use crate::rate::Bucket;

/// A datagram the protocol wants sent.
pub(crate) struct Datagram {
    pub(crate) from: SocketAddr,
    pub(crate) to: SocketAddr,
    pub(crate) data: Vec<u8>,
}

/// What the protocol wants of the sockets.
pub(crate) enum Wish {
    Open(AddressFamily),
    Close(SocketAddr),
}

/// The protocol library panicked. Its state cannot be trusted any more; the client has to start over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Broken;

pub(crate) struct Client {
    server: TurnServer,
    listen: SocketAddr,
    address: SocketAddr,
    pub(crate) username: Option<String>,
    pub(crate) relays: Vec<SocketAddr>,
    /// Relays asked for and not opened yet.
    pub(crate) opening: usize,
    pub(crate) peers: BTreeSet<IpAddr>,
    pub(crate) bucket: Bucket,
    pub(crate) born: Mono,
    pub(crate) wake: Option<Mono>,
}

impl Client {
    pub(crate) fn new(listen: SocketAddr, address: SocketAddr, realm: &str, bucket: Bucket, now: Mono) -> Self {
        Self {
            server: TurnServer::new(TransportType::Udp, listen, realm.to_owned()),
            listen,
            address,
            username: None,
            relays: Vec::new(),
            opening: 0,
            peers: BTreeSet::new(),
            bucket,
            born: now,
            wake: None,
        }
    }

    pub(crate) fn has_relay(&self) -> bool {
        !self.relays.is_empty() || self.opening > 0
    }

    /// Lets this user in. One user for one client: the first relay binds it.
    pub(crate) fn admit(&mut self, username: &str, password: &Secret<String>) {
        if self.username.as_deref() != Some(username) {
            self.server.add_user(username.to_owned(), password.expose().clone());
            self.username = Some(username.to_owned());
        }
    }

    pub(crate) fn client_message(&mut self, data: &[u8], now: Mono) -> Result<Option<Datagram>, Broken> {
        self.receive(self.address, self.listen, data, now)
    }

    pub(crate) fn peer_datagram(
        &mut self,
        relay: SocketAddr,
        peer: SocketAddr,
        data: &[u8],
        now: Mono,
    ) -> Result<Option<Datagram>, Broken> {
        self.receive(peer, relay, data, now)
    }

    fn receive(
        &mut self,
        from: SocketAddr,
        to: SocketAddr,
        data: &[u8],
        now: Mono,
    ) -> Result<Option<Datagram>, Broken> {
        let server = &mut self.server;
        contained(|| {
            let transmit = turn_server_proto::api::Transmit::new(data, TransportType::Udp, from, to);
            let answer = server.recv(transmit, instant(now))?.build();
            Some(Datagram { from: answer.from, to: answer.to, data: answer.data })
        })
    }

    pub(crate) fn relay_opened(
        &mut self,
        family: AddressFamily,
        opened: Result<SocketAddr, SocketAllocateError>,
        now: Mono,
    ) -> Result<(), Broken> {
        self.opening = self.opening.saturating_sub(1);
        if let Ok(relay) = opened {
            self.relays.push(relay);
        }
        let (server, listen, address) = (&mut self.server, self.listen, self.address);
        contained(|| {
            server.allocated_socket(
                TransportType::Udp,
                listen,
                address,
                TransportType::Udp,
                family,
                opened,
                instant(now),
            )
        })
    }

    /// The next thing the protocol wants of the sockets; `None` once it only waits.
    pub(crate) fn poll_wish(&mut self, now: Mono) -> Result<Option<Wish>, Broken> {
        let server = &mut self.server;
        let wish = contained(|| server.poll(instant(now)))?;
        match wish {
            TurnServerPollRet::WaitUntil(at) => {
                // Its deadlines are "after", so a wait for this very moment has to be a little longer.
                self.wake = Some(mono(at).max(Mono(now.0.saturating_add(1))));
                Ok(None)
            }
            TurnServerPollRet::AllocateSocket { family, .. } => {
                self.opening += 1;
                Ok(Some(Wish::Open(family)))
            }
            TurnServerPollRet::SocketClose { listen_addr, .. } => {
                self.relays.retain(|relay| *relay != listen_addr);
                Ok(Some(Wish::Close(listen_addr)))
            }
            // A server of UDP alone never asks for these.
            TurnServerPollRet::TcpConnect { .. } | TurnServerPollRet::TcpClose { .. } => Err(Broken),
        }
    }

    pub(crate) fn poll_datagram(&mut self, now: Mono) -> Result<Option<Datagram>, Broken> {
        let server = &mut self.server;
        contained(|| {
            let transmit = server.poll_transmit(instant(now))?;
            Some(Datagram { from: transmit.from, to: transmit.to, data: transmit.data })
        })
    }
}

/// The library unwraps in many places on what the network sends. A panic there ends one client and not the server.
fn contained<T>(work: impl FnOnce() -> T) -> Result<T, Broken> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|_| Broken)
}

fn instant(now: Mono) -> Instant {
    Instant::from_nanos(i64::try_from(now.0.saturating_mul(1_000_000)).unwrap_or(i64::MAX / 2))
}

fn mono(at: Instant) -> Mono {
    Mono(u64::try_from(at.as_nanos() / 1_000_000).unwrap_or(0))
}
