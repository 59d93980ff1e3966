//! Requests: whose they are, and whether our rules allow them.

use tandem_model::{CallId, Mono};
use turn_types::stun::attribute::ErrorCode;
use turn_types::stun::message::Message;

use super::{ClientKey, Core, Output, SWEEP_EVERY};
use crate::client::Client;
use crate::credentials::Grant;
use crate::gate::{self, Claim, Kind};
use crate::rate::Bucket;

impl Core {
    pub(super) fn request(&mut self, key: ClientKey, kind: Kind, message: &Message<'_>, data: &[u8], now: Mono) {
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
    pub(super) fn live_user(&self, key: ClientKey, message: &Message<'_>, now: Mono) -> Option<(String, Grant)> {
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
    pub(super) fn policy(
        &mut self,
        key: ClientKey,
        kind: Kind,
        message: &Message<'_>,
        username: &str,
        grant: &Grant,
    ) -> Option<Vec<u8>> {
        let credentials = gate::credentials(username, &grant.password, &self.config.realm);
        let algorithm = gate::proof(message, &credentials)?;
        let code = match kind {
            Kind::Allocate if !self.clients.get(&key).is_some_and(Client::has_relay) => {
                self.allocate_refusal(grant.call)?
            }
            Kind::ReachPeer => self.peer_refusal(key, message)?,
            Kind::Allocate | Kind::OtherRequest | Kind::Binding | Kind::Send | Kind::Nothing => return None,
        };
        gate::refusal(message, code, &credentials, algorithm)
    }

    pub(super) fn allocate_refusal(&mut self, call: CallId) -> Option<u16> {
        let of_call: usize = self.clients_of(call).map(|(_, client)| client.relays.len() + client.opening).sum();
        if of_call >= self.config.relays_per_call {
            self.counters.over_quota += 1;
            return Some(ErrorCode::ALLOCATION_QUOTA_REACHED);
        }
        (self.relays.len() >= self.config.relays_in_all).then_some(ErrorCode::INSUFFICIENT_CAPACITY)
    }

    pub(super) fn peer_refusal(&mut self, key: ClientKey, message: &Message<'_>) -> Option<u16> {
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

    pub(super) fn peers_allowed(&self, message: &Message<'_>) -> bool {
        gate::peers(message).iter().all(|peer| self.config.peers.allows(peer.ip()))
    }

    /// The oldest client without a relay gives way to a new one.
    pub(super) fn make_room_for(&mut self, key: ClientKey, now: Mono) {
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
}
