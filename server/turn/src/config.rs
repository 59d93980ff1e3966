//! What an operator says about the relay.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::Duration;

use tandem_model::Secret;

use crate::peer_guard::PeerGuard;

/// The relay's addresses and limits.
#[derive(Debug, Clone)]
pub struct TurnConfig {
    /// Where clients come in, by UDP and, when [`TurnConfig::tcp`] is set, by TCP. Port 0 lets the system choose.
    pub listen: SocketAddr,
    /// Whether clients may come in by TCP, for networks without UDP. What is relayed is UDP in any case.
    pub tcp: bool,
    /// The local address relays are opened on.
    pub relay_bind: IpAddr,
    /// The address clients are told, when a one-to-one translation stands before [`TurnConfig::relay_bind`].
    pub relay_announced: Option<IpAddr>,
    /// The ports relays are opened on.
    pub relay_ports: RangeInclusive<u16>,
    /// The realm of the credentials.
    pub realm: String,
    /// What passwords are derived with. Known to this server alone.
    pub secret: Secret<Vec<u8>>,
    /// Whom a relay may reach.
    pub peers: PeerGuard,
    /// Relays one call may hold, both sides together.
    pub relays_per_call: usize,
    /// Relays in all.
    pub relays_in_all: usize,
    /// Addresses one relay may be permitted to reach.
    pub peers_per_relay: usize,
    /// Client addresses without a relay yet, and TCP connections. The oldest gives way.
    pub clients_without_relay: usize,
    /// Bytes a second one relay carries, both directions together. What is more is dropped.
    pub bytes_per_second: u64,
    /// Bytes one relay may carry at once after a pause.
    pub burst_bytes: u64,
    /// The longest a credential may be used to open relays.
    pub longest_grant: Duration,
    /// The longest a relay lives, should a call's end never be told.
    pub longest_relay: Duration,
    /// Calls that may hold credentials at once.
    pub grants_in_all: usize,
}

impl Default for TurnConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([0, 0, 0, 0], 3478)),
            tcp: true,
            relay_bind: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            relay_announced: None,
            relay_ports: 49_152..=65_535,
            realm: "tandem".to_owned(),
            secret: Secret::new(Vec::new()),
            peers: PeerGuard::default(),
            relays_per_call: 8,
            relays_in_all: 4_096,
            peers_per_relay: 32,
            clients_without_relay: 1_024,
            bytes_per_second: 256 * 1024,
            burst_bytes: 256 * 1024,
            longest_grant: Duration::from_secs(600),
            longest_relay: Duration::from_secs(12 * 3_600),
            grants_in_all: 65_536,
        }
    }
}

/// Why a configuration cannot hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TurnConfigError {
    /// Short enough to be guessed.
    #[error("the TURN secret must have at least 16 bytes")]
    ShortSecret,
    /// Nobody can be told where such a relay is.
    #[error("relay_announced must be set when relay_bind is an unspecified address")]
    UnspecifiedRelay,
    /// The two relay addresses are of different families.
    #[error("relay_bind and relay_announced must both be IPv4 or both IPv6")]
    MixedFamilies,
    /// No port to open.
    #[error("relay_ports must hold at least one port, and not port 0")]
    NoPorts,
    /// A bound of zero would stop everything.
    #[error("every limit must be more than zero")]
    Zero,
    /// Longer than STUN's field.
    #[error("the realm must be 1 to 127 bytes")]
    Realm,
}

impl TurnConfig {
    /// The address clients are told.
    pub fn announced(&self) -> IpAddr {
        self.relay_announced.unwrap_or(self.relay_bind)
    }

    /// Refuses what cannot hold. Called when the server starts.
    ///
    /// # Errors
    /// The first of [`TurnConfig::problems`].
    pub fn check(&self) -> Result<(), TurnConfigError> {
        self.problems().first().map_or(Ok(()), |first| Err(*first))
    }

    /// Everything that cannot hold.
    #[must_use]
    pub fn problems(&self) -> Vec<TurnConfigError> {
        let limits = [
            self.relays_per_call,
            self.relays_in_all,
            self.peers_per_relay,
            self.clients_without_relay,
            self.grants_in_all,
        ];
        let announced = self.announced();
        let wrong = [
            (self.secret.expose().len() < 16, TurnConfigError::ShortSecret),
            (announced.is_unspecified(), TurnConfigError::UnspecifiedRelay),
            (announced.is_ipv4() != self.relay_bind.is_ipv4(), TurnConfigError::MixedFamilies),
            (self.relay_ports.is_empty() || *self.relay_ports.start() == 0, TurnConfigError::NoPorts),
            (limits.contains(&0) || self.bytes_per_second == 0 || self.burst_bytes == 0, TurnConfigError::Zero),
            (!(1..=127).contains(&self.realm.len()), TurnConfigError::Realm),
        ];
        wrong.into_iter().filter(|(wrong, _)| *wrong).map(|(_, problem)| problem).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_hold_is_refused_by_name() {
        let sound = || TurnConfig {
            secret: Secret::new(vec![1; 16]),
            relay_announced: Some(IpAddr::from([203, 0, 113, 1])),
            ..TurnConfig::default()
        };
        let refused = |change: &dyn Fn(&mut TurnConfig)| {
            let mut config = sound();
            change(&mut config);
            config.check().unwrap_err()
        };
        assert_eq!(sound().check(), Ok(()));
        assert_eq!(refused(&|config| config.secret = Secret::new(vec![1; 15])), TurnConfigError::ShortSecret);
        assert_eq!(refused(&|config| config.relay_announced = None), TurnConfigError::UnspecifiedRelay);
        assert_eq!(refused(&|config| config.relay_bind = IpAddr::from([0; 16])), TurnConfigError::MixedFamilies);
        assert_eq!(refused(&|config| config.relay_ports = 0..=9), TurnConfigError::NoPorts);
        assert_eq!(refused(&|config| config.relays_per_call = 0), TurnConfigError::Zero);
        assert_eq!(refused(&|config| config.realm = String::new()), TurnConfigError::Realm);
    }
}
