//! The relay's decisions: who may open one, whom it may reach, how much it carries, when it ends.
//!
//! Feed one input, then drain [`Core::poll_output`] to `None`. An [`Output::OpenRelay`] is answered by
//! [`Core::relay_opened`].

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use tandem_model::{CallId, Mono};
use turn_server_proto::api::SocketAllocateError;
use turn_types::channel::ChannelData;
use turn_types::stun::AddressFamily;
use turn_types::stun::attribute::ErrorCode;
use turn_types::stun::message::Message;

use crate::client::{Broken, Client, Datagram, Wish};
use crate::config::TurnConfig;
use crate::credentials::{CallSide, Credentials, Grant, GrantRefused, Grants};
use crate::gate::{self, Claim, Kind};
use crate::rate::Bucket;

/// How long a client may go without a relay before it is forgotten.
const WITHOUT_RELAY: Duration = Duration::from_secs(30);

/// How often what is over is cleared away.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// How a client comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Via {
    /// By datagrams.
    Udp,
    /// On a connection.
    Tcp,
}

/// One client: how it comes in, and from where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClientKey {
    /// How.
    pub via: Via,
    /// From where.
    pub address: SocketAddr,
}

/// What the shell has to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Send to a client.
    ToClient {
        /// Which.
        client: ClientKey,
        /// One message.
        data: Vec<u8>,
    },
    /// Send from a relay to a peer.
    ToPeer {
        /// From which.
        relay: SocketAddr,
        /// To whom.
        peer: SocketAddr,
        /// One datagram.
        data: Vec<u8>,
    },
    /// Open a socket for a relay.
    OpenRelay {
        /// For whom.
        client: ClientKey,
    },
    /// Close the socket of a relay.
    CloseRelay {
        /// Which.
        relay: SocketAddr,
    },
    /// The client is forgotten; its connection, when it has one, ends.
    CloseClient {
        /// Which.
        client: ClientKey,
    },
}

/// What is counted. Each only ever grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Relays opened.
    pub relays_opened: u64,
    /// Relays refused because the call holds enough.
    pub over_quota: u64,
    /// Peers refused by the guard.
    pub forbidden_peers: u64,
    /// Datagrams dropped because the relay carried too much.
    pub over_rate: u64,
    /// Requests whose user holds no credential.
    pub strangers: u64,
    /// Clients given up because the protocol library broke on them.
    pub broken_clients: u64,
    /// Clients forgotten to make room.
    pub crowded_out: u64,
}

/// The relay without its sockets.
pub struct Core {
    config: TurnConfig,
    grants: Grants,
    clients: BTreeMap<ClientKey, Client>,
    relays: BTreeMap<SocketAddr, ClientKey>,
    outputs: VecDeque<Output>,
    counters: Counters,
    sweep_at: Option<Mono>,
}

impl Core {
    /// A relay nobody may use yet. The configuration is one that [`TurnConfig::check`] took.
    pub fn new(config: TurnConfig) -> Self {
        Self {
            grants: Grants::new(config.realm.clone(), config.secret.clone(), config.grants_in_all),
            clients: BTreeMap::new(),
            relays: BTreeMap::new(),
            outputs: VecDeque::new(),
            counters: Counters::default(),
            sweep_at: None,
            config,
        }
    }

    /// What has been counted so far.
    pub const fn counters(&self) -> Counters {
        self.counters
    }

    /// Relays open now.
    pub fn open_relays(&self) -> usize {
        self.relays.len()
    }

    /// Gives one side of a call a credential that opens relays for `ttl` and keeps them until the call is revoked.
    pub fn grant(
        &mut self,
        call: CallId,
        side: CallSide,
        ttl: Duration,
        unix_seconds: u64,
        now: Mono,
    ) -> Result<Credentials, GrantRefused> {
        self.sweep(now);
        let ttl = ttl.min(self.config.longest_grant);
        self.sweep_at.get_or_insert(now.after(SWEEP_EVERY));
        self.grants.grant(call, side, unix_seconds.saturating_add(ttl.as_secs()), (ttl, self.config.longest_relay), now)
    }

    /// The call is over: its credentials end and its relays close.
    pub fn revoke(&mut self, call: CallId) {
        let of_call: Vec<ClientKey> = self.clients_of(call).map(|(key, _)| *key).collect();
        for key in of_call {
            self.drop_client(key);
        }
        self.grants.revoke(call);
    }

    fn clients_of(&self, call: CallId) -> impl Iterator<Item = (&ClientKey, &Client)> {
        self.clients.iter().filter(move |(_, client)| {
            let grant = client.username.as_deref().and_then(|username| self.grants.by_username(username));
            grant.is_some_and(|grant| grant.call == call)
        })
    }

    /// The next thing for the shell to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Core::handle_timeout`] has to be called next.
    pub fn poll_timeout(&self) -> Option<Mono> {
        self.clients.values().filter_map(|client| client.wake).chain(self.sweep_at).min()
    }

    /// A deadline may have passed.
    pub fn handle_timeout(&mut self, now: Mono) {
        let due: Vec<ClientKey> =
            self.clients.iter().filter(|(_, client)| client.wake.is_some_and(|wake| wake <= now)).map(|(key, _)| *key).collect();
        for key in due {
            self.pump(key, now);
        }
        if self.sweep_at.is_some_and(|at| at <= now) {
            self.sweep(now);
        }
    }

    fn sweep(&mut self, now: Mono) {
        let over = |client: &Client| {
            let grant = client.username.as_deref().and_then(|username| self.grants.by_username(username));
            let held = grant.is_some_and(|grant| grant.holds_until > now);
            if client.has_relay() { !held } else { client.born.after(WITHOUT_RELAY) <= now }
        };
        let over: Vec<ClientKey> = self.clients.iter().filter(|(_, client)| over(client)).map(|(key, _)| *key).collect();
        for key in over {
            self.drop_client(key);
        }
        let clients = &self.clients;
        let holds = |username: &str| clients.values().any(|client| client.has_relay() && client.username.as_deref() == Some(username));
        self.grants.forget(now, holds);
        let idle = self.clients.is_empty() && self.grants.len() == 0;
        self.sweep_at = (!idle).then(|| now.after(SWEEP_EVERY));
    }

    /// One message came from a client.
    pub fn from_client(&mut self, key: ClientKey, data: &[u8], now: Mono) {
        let Ok(message) = Message::from_bytes(data) else {
            if ChannelData::parse(data).is_ok() {
                self.media(key, data, now);
            }
            return;
        };
        match gate::kind(&message) {
            Kind::Binding => {
                let answer = gate::binding_answer(&message, key.address);
                self.outputs.extend(answer.map(|data| Output::ToClient { client: key, data }));
            }
            kind @ (Kind::Allocate | Kind::ReachPeer | Kind::OtherRequest) => self.request(key, kind, &message, data, now),
            Kind::Send if self.peers_allowed(&message) => self.media(key, data, now),
            Kind::Send => self.counters.forbidden_peers += 1,
            Kind::Nothing => {}
        }
    }

    /// Data for a peer. Without a relay there is nothing to carry it.
    fn media(&mut self, key: ClientKey, data: &[u8], now: Mono) {
        if self.clients.get(&key).is_some_and(Client::has_relay) {
            self.hand_over(key, data, now);
        }
    }

    fn request(&mut self, key: ClientKey, kind: Kind, message: &Message<'_>, data: &[u8], now: Mono) {
        let user = self.live_user(key, message, now);
        self.make_room_for(key, now);
        let listen = self.config.listen;
        let realm = &self.config.realm;
        let bucket = Bucket::new(self.config.bytes_per_second, self.config.burst_bytes, now);
        let fresh = || Client::new(listen, key.address, realm, bucket.clone(), now);
        let client = self.clients.entry(key).or_insert_with(fresh);
        match &user {
            Some((username, grant)) => {
                if client.username.as_deref().is_some_and(|known| known != username) && !client.has_relay() {
                    *client = fresh();
                }
                if client.username.is_none() || !client.has_relay() {
                    client.admit(username, &grant.password);
                }
            }
            None if gate::claim(message).is_some() => {
                self.counters.strangers += 1;
                // The library cannot forget a user, so one whose time is over takes the instance along.
                if client.username.is_some() && !client.has_relay() {
                    *client = fresh();
                }
            }
            None => {}
        }
        if let Some((username, grant)) = user
            && let Some(refusal) = self.policy(key, kind, message, &username, &grant)
        {
            self.outputs.push_back(Output::ToClient { client: key, data: refusal });
            return;
        }
        self.sweep_at.get_or_insert(now.after(SWEEP_EVERY));
        self.hand_over(key, data, now);
    }

    /// The user of a request, when its credential holds: to open a relay, or to keep the one it has.
    fn live_user(&self, key: ClientKey, message: &Message<'_>, now: Mono) -> Option<(String, Grant)> {
        let username = match gate::claim(message)? {
            Claim::Name(name) => name,
            Claim::Hash(hash) => self.grants.by_userhash(&hash)?.to_owned(),
        };
        let grant = self.grants.by_username(&username)?.clone();
        let client = self.clients.get(&key);
        let keeps = client.is_some_and(|client| client.has_relay() && client.username.as_deref() == Some(&username));
        let holds = grant.opens_until > now || (keeps && grant.holds_until > now);
        holds.then_some((username, grant))
    }

    /// Our rules, for a request that is proven. One that is not proven is refused by the protocol.
    fn policy(&mut self, key: ClientKey, kind: Kind, message: &Message<'_>, username: &str, grant: &Grant) -> Option<Vec<u8>> {
        let credentials = gate::credentials(username, &grant.password, &self.config.realm);
        let algorithm = gate::proof(message, &credentials)?;
        let code = match kind {
            Kind::Allocate if !self.clients.get(&key).is_some_and(Client::has_relay) => self.allocate_refusal(grant.call)?,
            Kind::ReachPeer => self.peer_refusal(key, message)?,
            Kind::Allocate | Kind::OtherRequest | Kind::Binding | Kind::Send | Kind::Nothing => return None,
        };
        gate::refusal(message, code, &credentials, algorithm)
    }

    fn allocate_refusal(&mut self, call: CallId) -> Option<u16> {
        let of_call: usize = self.clients_of(call).map(|(_, client)| client.relays.len() + client.opening).sum();
        if of_call >= self.config.relays_per_call {
            self.counters.over_quota += 1;
            return Some(ErrorCode::ALLOCATION_QUOTA_REACHED);
        }
        (self.relays.len() >= self.config.relays_in_all).then_some(ErrorCode::INSUFFICIENT_CAPACITY)
    }

    fn peer_refusal(&mut self, key: ClientKey, message: &Message<'_>) -> Option<u16> {
        if !self.peers_allowed(message) {
            self.counters.forbidden_peers += 1;
            return Some(ErrorCode::FORBIDDEN);
        }
        let client = self.clients.get_mut(&key)?;
        for peer in gate::peers(message) {
            if client.peers.len() >= self.config.peers_per_relay && !client.peers.contains(&peer.ip()) {
                return Some(ErrorCode::INSUFFICIENT_CAPACITY);
            }
            client.peers.insert(peer.ip());
        }
        None
    }

    fn peers_allowed(&self, message: &Message<'_>) -> bool {
        gate::peers(message).iter().all(|peer| self.config.peers.allows(peer.ip()))
    }

    /// The oldest client without a relay gives way to a new one.
    fn make_room_for(&mut self, key: ClientKey, now: Mono) {
        if self.clients.contains_key(&key) {
            return;
        }
        let idle = || self.clients.iter().filter(|(_, client)| !client.has_relay());
        if idle().count() >= self.config.clients_without_relay
            && let Some(oldest) = idle().min_by_key(|(_, client)| client.born.min(now)).map(|(key, _)| *key)
        {
            self.counters.crowded_out += 1;
            self.drop_client(oldest);
        }
    }

    /// One datagram came from a peer to a relay.
    pub fn from_peer(&mut self, relay: SocketAddr, peer: SocketAddr, data: &[u8], now: Mono) {
        let Some(key) = self.relays.get(&relay).copied() else { return };
        if !self.config.peers.allows(peer.ip()) {
            self.counters.forbidden_peers += 1;
            return;
        }
        let Some(client) = self.clients.get_mut(&key) else { return };
        match client.from_peer(relay, peer, data, now) {
            Ok(Some(_)) if !client.bucket.take(data.len(), now) => self.counters.over_rate += 1,
            Ok(Some(datagram)) => self.outputs.push_back(Output::ToClient { client: key, data: datagram.data }),
            Ok(None) => {}
            Err(Broken) => self.broken(key),
        }
    }

    fn hand_over(&mut self, key: ClientKey, data: &[u8], now: Mono) {
        let Some(client) = self.clients.get_mut(&key) else { return };
        match client.from_client(data, now) {
            Ok(datagram) => {
                self.send(key, datagram, now);
                self.pump(key, now);
            }
            Err(Broken) => self.broken(key),
        }
    }

    /// Sends what the protocol wants sent. What goes to a peer is judged once more, by the address it really goes to.
    fn send(&mut self, key: ClientKey, datagram: Option<Datagram>, now: Mono) {
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
    fn pump(&mut self, key: ClientKey, now: Mono) {
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

    /// A client's connection ended, and its relays with it (RFC 8656, 3.1).
    pub fn connection_closed(&mut self, key: ClientKey) {
        self.drop_client(key);
    }

    fn broken(&mut self, key: ClientKey) {
        self.counters.broken_clients += 1;
        self.drop_client(key);
    }

    fn close_relay(&mut self, relay: SocketAddr) {
        self.relays.remove(&relay);
        self.outputs.push_back(Output::CloseRelay { relay });
    }

    fn drop_client(&mut self, key: ClientKey) {
        let Some(client) = self.clients.remove(&key) else { return };
        for relay in client.relays {
            self.close_relay(relay);
        }
        self.outputs.push_back(Output::CloseClient { client: key });
    }
}
