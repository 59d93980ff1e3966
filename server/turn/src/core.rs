//! The relay's decisions: who may open one, whom it may reach, how much it carries, when it ends.
//!
//! Feed one input, then drain [`Core::poll_output`] to `None`. An [`Output::OpenRelay`] is answered by
//! [`Core::relay_opened`].

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use tandem_model::{CallId, Mono};
use turn_types::channel::ChannelData;
use turn_types::stun::message::Message;

use crate::client::Client;
use crate::config::TurnConfig;
use crate::credentials::{CallSide, Credentials, GrantRefused, Grants};
use crate::gate::{self, Kind};

mod flow;
mod requests;

#[cfg(test)]
mod tests;

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
        let due: Vec<ClientKey> = self
            .clients
            .iter()
            .filter(|(_, client)| client.wake.is_some_and(|wake| wake <= now))
            .map(|(key, _)| *key)
            .collect();
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
        let over: Vec<ClientKey> =
            self.clients.iter().filter(|(_, client)| over(client)).map(|(key, _)| *key).collect();
        for key in over {
            self.drop_client(key);
        }
        let clients = &self.clients;
        let holds = |username: &str| {
            clients.values().any(|client| client.has_relay() && client.username.as_deref() == Some(username))
        };
        self.grants.forget(now, holds);
        let idle = self.clients.is_empty() && self.grants.len() == 0;
        self.sweep_at = (!idle).then(|| now.after(SWEEP_EVERY));
    }

    /// One message came from a client.
    pub fn client_message(&mut self, key: ClientKey, data: &[u8], now: Mono) {
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
            kind @ (Kind::Allocate | Kind::ReachPeer | Kind::OtherRequest) => {
                self.request(key, kind, &message, data, now)
            }
            Kind::Send if self.peers_allowed(&message) => self.media(key, data, now),
            Kind::Send => self.counters.forbidden_peers += 1,
            Kind::Nothing => {}
        }
    }

    /// A client's connection ended, and its relays with it (RFC 8656, 3.1).
    pub fn connection_closed(&mut self, key: ClientKey) {
        self.drop_client(key);
    }
}
