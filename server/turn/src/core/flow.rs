//! Datagrams in and out, and relays that open and close.

use std::net::SocketAddr;

use tandem_model::Mono;
use turn_server_proto::api::SocketAllocateError;
use turn_types::stun::AddressFamily;

use super::{ClientKey, Core, Output};
use crate::client::{Broken, Client, Datagram, Wish};

impl Core {
    /// One datagram came from a peer to a relay.
    pub fn peer_datagram(&mut self, relay: SocketAddr, peer: SocketAddr, data: &[u8], now: Mono) {
        let Some(key) = self.relays.get(&relay).copied() else { return };
        if !self.config.peers.allows(peer.ip()) {
            self.counters.forbidden_peers += 1;
            return;
        }
        let Some(client) = self.clients.get_mut(&key) else { return };
        match client.peer_datagram(relay, peer, data, now) {
            Ok(Some(_)) if !client.bucket.take(data.len(), now) => self.counters.over_rate += 1,
            Ok(Some(datagram)) => self.outputs.push_back(Output::ToClient { client: key, data: datagram.data }),
            Ok(None) => {}
            Err(Broken) => self.broken(key),
        }
    }

    /// Data for a peer. Without a relay there is nothing to carry it.
    pub(super) fn media(&mut self, key: ClientKey, data: &[u8], now: Mono) {
        if self.clients.get(&key).is_some_and(Client::has_relay) {
            self.hand_over(key, data, now);
        }
    }

    pub(super) fn hand_over(&mut self, key: ClientKey, data: &[u8], now: Mono) {
        let Some(client) = self.clients.get_mut(&key) else { return };
        match client.client_message(data, now) {
            Ok(datagram) => {
                self.send(key, datagram, now);
                self.pump(key, now);
            }
            Err(Broken) => self.broken(key),
        }
    }

    /// Sends what the protocol wants sent. What goes to a peer is judged once more, by the address it really goes to.
    pub(super) fn send(&mut self, key: ClientKey, datagram: Option<Datagram>, now: Mono) {
        let Some(Datagram { from, to, data }) = datagram else { return };
        if from == self.config.listen {
            self.outputs.push_back(Output::ToClient { client: key, data });
        } else if !self.config.peers.allows(to.ip()) {
            self.counters.forbidden_peers += 1;
        } else if self.clients.get_mut(&key).is_some_and(|client| client.bucket.take(data.len(), now)) {
            self.outputs.push_back(Output::ToPeer { relay: from, peer: to, data });
        } else {
            self.counters.over_rate += 1;
        }
    }

    /// Does what the protocol instance of a client wants until it only waits.
    pub(super) fn pump(&mut self, key: ClientKey, now: Mono) {
        loop {
            let Some(client) = self.clients.get_mut(&key) else { return };
            match client.poll_wish(now) {
                Ok(Some(Wish::Open(AddressFamily::IPV4))) if self.config.announced().is_ipv4() => {
                    self.outputs.push_back(Output::OpenRelay { client: key });
                }
                Ok(Some(Wish::Open(AddressFamily::IPV6))) if self.config.announced().is_ipv6() => {
                    self.outputs.push_back(Output::OpenRelay { client: key });
                }
                Ok(Some(Wish::Open(family))) => {
                    if client.relay_opened(family, Err(SocketAllocateError::AddressFamilyNotSupported), now).is_err() {
                        self.broken(key);
                        return;
                    }
                }
                Ok(Some(Wish::Close(relay))) => self.close_relay(relay),
                Ok(None) => break,
                Err(Broken) => {
                    self.broken(key);
                    return;
                }
            }
        }
        while let Some(client) = self.clients.get_mut(&key) {
            match client.poll_datagram(now) {
                Ok(Some(datagram)) => self.send(key, Some(datagram), now),
                Ok(None) => return,
                Err(Broken) => self.broken(key),
            }
        }
    }

    /// The shell opened a relay, or could not.
    pub fn relay_opened(&mut self, key: ClientKey, opened: Option<SocketAddr>, now: Mono) {
        let family = if self.config.announced().is_ipv4() { AddressFamily::IPV4 } else { AddressFamily::IPV6 };
        let Some(client) = self.clients.get_mut(&key) else {
            // The call ended in the meantime.
            self.outputs.extend(opened.map(|relay| Output::CloseRelay { relay }));
            return;
        };
        if let Some(relay) = opened {
            self.counters.relays_opened += 1;
            self.relays.insert(relay, key);
        }
        match client.relay_opened(family, opened.ok_or(SocketAllocateError::InsufficientCapacity), now) {
            Ok(()) => self.pump(key, now),
            Err(Broken) => self.broken(key),
        }
    }

    pub(super) fn broken(&mut self, key: ClientKey) {
        self.counters.broken_clients += 1;
        self.drop_client(key);
    }

    pub(super) fn close_relay(&mut self, relay: SocketAddr) {
        self.relays.remove(&relay);
        self.outputs.push_back(Output::CloseRelay { relay });
    }

    pub(super) fn drop_client(&mut self, key: ClientKey) {
        let Some(client) = self.clients.remove(&key) else { return };
        for relay in client.relays {
            self.close_relay(relay);
        }
        self.outputs.push_back(Output::CloseClient { client: key });
    }
}
