//! Between the decisions and the relay: asks for credentials of one side of one call, and takes them back at its end.

use crate::metrics::Metrics;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tandem_logic::TurnGrant;
use tandem_model::{CallId, Msisdn};
use tandem_turn::{CallSide, TurnHandle};
use tracing::warn;

/// The way to the relay, if there is one.
pub struct TurnBridge {
    relay: Option<(TurnHandle, Vec<String>)>,
    /// Who asked first in each call that holds credentials; the other one is the other side.
    first: BTreeMap<CallId, Msisdn>,
    metrics: Arc<Metrics>,
}

impl TurnBridge {
    /// Around a relay and the addresses phones are told.
    #[must_use]
    pub fn new(relay: Option<(TurnHandle, Vec<String>)>, metrics: Arc<Metrics>) -> TurnBridge {
        TurnBridge { relay, first: BTreeMap::new(), metrics }
    }

    /// Credentials of one party of one call, which open relays for `life`; `None` when there are none to be had.
    pub fn grant(&mut self, call: CallId, number: Msisdn, life: Duration) -> Option<TurnGrant> {
        let grant = self.try_grant(call, number, life);
        let counter = if grant.is_some() { &self.metrics.turn_grants } else { &self.metrics.turn_refused };
        counter.increment(1);
        grant
    }

    fn try_grant(&mut self, call: CallId, number: Msisdn, life: Duration) -> Option<TurnGrant> {
        let (handle, urls) = self.relay.as_ref()?;
        let side =
            if *self.first.entry(call).or_insert(number) == number { CallSide::Caller } else { CallSide::Callee };
        match handle.grant(call, side, life) {
            Ok(made) => Some(TurnGrant { urls: urls.clone(), username: made.username, password: made.password }),
            Err(refused) => {
                warn!(%refused, "no relay for a call");
                None
            }
        }
    }

    /// Takes back every credential of a call and closes its relays.
    pub fn revoke(&mut self, call: CallId) {
        if self.first.remove(&call).is_some()
            && let Some((handle, _)) = &self.relay
        {
            handle.revoke(call);
        }
    }
}

/// The addresses phones are told (RFC 7064, RFC 7065).
#[must_use]
pub fn urls(public_host: &str, public_port: u16, listening: SocketAddr, tcp: bool) -> Vec<String> {
    let host = match public_host.parse::<IpAddr>() {
        Ok(address) => literal(address),
        Err(_) if public_host.is_empty() => literal(listening.ip()),
        Err(_) => public_host.to_owned(),
    };
    let port = if public_port == 0 { listening.port() } else { public_port };
    let mut urls = vec![format!("stun:{host}:{port}"), format!("turn:{host}:{port}?transport=udp")];
    if tcp {
        urls.push(format!("turn:{host}:{port}?transport=tcp"));
    }
    urls
}

fn literal(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tandem_model::Secret;
    use tandem_turn::{TurnConfig, TurnServer};

    const CALL: CallId = CallId([5; 16]);

    fn number(digits: u64) -> Msisdn {
        Msisdn::try_from(digits).unwrap()
    }

    #[tokio::test]
    async fn each_party_of_a_call_gets_credentials_of_its_own_until_the_call_is_over() {
        let loopback = IpAddr::from([127, 0, 0, 1]);
        let config = TurnConfig {
            listen: SocketAddr::new(loopback, 0),
            relay_bind: loopback,
            secret: Secret::new(vec![7; 32]),
            ..TurnConfig::default()
        };
        let server = TurnServer::start(config).await.unwrap();
        let relay = (server.handle(), urls("", 0, server.address(), true));
        let mut bridge = TurnBridge::new(Some(relay), Arc::default());
        let life = Duration::from_secs(60);
        let first = bridge.grant(CALL, number(4_915_112_345_601), life).unwrap();
        let second = bridge.grant(CALL, number(4_915_112_345_602), life).unwrap();
        let again = bridge.grant(CALL, number(4_915_112_345_601), life).unwrap();
        assert!(first.username.ends_with(":caller") && again.username.ends_with(":caller"));
        assert!(second.username.ends_with(":callee"));
        assert_ne!(first.password, second.password);
        assert!(!first.urls.is_empty());
        bridge.revoke(CALL);
        let other_way = bridge.grant(CALL, number(4_915_112_345_602), life).unwrap();
        assert!(other_way.username.ends_with(":caller"), "who asks first after the end is the first again");
    }

    #[test]
    fn without_a_relay_there_is_no_grant() {
        let mut bridge = TurnBridge::new(None, Arc::default());
        assert_eq!(bridge.grant(CALL, number(4_915_112_345_601), Duration::from_secs(60)), None);
        bridge.revoke(CALL);
    }

    #[test]
    fn phones_are_told_the_public_address_or_else_the_listening_one() {
        let listening: SocketAddr = "127.0.0.1:3478".parse().unwrap();
        assert_eq!(urls("", 0, listening, false), ["stun:127.0.0.1:3478", "turn:127.0.0.1:3478?transport=udp"]);
        let public = urls("turn.example.com", 443, listening, true);
        assert_eq!(public.last().unwrap(), "turn:turn.example.com:443?transport=tcp");
        assert_eq!(urls("2001:db8::1", 0, listening, false).first().unwrap(), "stun:[2001:db8::1]:3478");
    }
}
