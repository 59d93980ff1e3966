//! The clients that may report: where they speak from, their secret, the addresses they give out, and the APNs that count.
//!
//! Somebody else's datagram gets no answer at all. An address outside a client's pools is never bound, whoever reports it.

use crate::address::{Addresses, Held, Pool, Prefix, SHORTEST_V6};
use sha2::{Digest as _, Sha256};
use std::net::IpAddr;
use tandem_model::Secret;

/// Which attribute holds the number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum NumberFrom {
    /// Calling-Station-Id, as mobile networks send it.
    #[default]
    CallingStationId,
    /// User-Name, up to its `@`.
    UserName,
}

/// The SHA-256 of a client's certificate in DER.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fingerprint(pub [u8; 32]);

impl Fingerprint {
    /// Of a certificate.
    #[must_use]
    pub fn of(certificate: &[u8]) -> Fingerprint {
        Fingerprint(Sha256::digest(certificate).into())
    }

    /// From 64 hexadecimal digits, with or without colons between the octets, as `openssl x509 -fingerprint` prints it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Fingerprint> {
        let digits: Vec<u32> = text.chars().filter(|c| *c != ':').map(|c| c.to_digit(16)).collect::<Option<_>>()?;
        let octets: Vec<u8> = digits
            .chunks(2)
            .map(|pair| match pair {
                [high, low] => u8::try_from(high * 16 + low).ok(),
                _ => None,
            })
            .collect::<Option<_>>()?;
        octets.try_into().ok().map(Fingerprint)
    }
}

/// One client: a NAS, or a proxy that speaks for several.
#[derive(Clone, Debug)]
pub struct Client {
    /// What its operator calls it. Part of every session's key: sessions of two clients never meet.
    pub name: String,
    /// Where it speaks from.
    pub sources: Vec<Prefix>,
    /// What it presents over TLS.
    pub certificates: Vec<Fingerprint>,
    /// What it shares with us.
    pub secret: Secret<Vec<u8>>,
    /// What it gives out.
    pub pools: Vec<Pool>,
    /// The APNs whose addresses count, in lower case; all, when there is none. An IMS APN's address is nobody's business.
    pub apns: Vec<String>,
    /// Where the number stands.
    pub number_from: NumberFrom,
    /// Whether a request without Message-Authenticator is dropped.
    pub must_vouch: bool,
    /// Whether a request without Event-Timestamp changes nothing: without one, a packet somebody kept can be told from a new
    /// one only as long as its session is remembered.
    pub must_be_stamped: bool,
}

/// Why a session's addresses are not bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outside {
    /// One lies in none of the client's pools, or is larger than one subscriber's.
    Pool,
}

impl Client {
    /// The addresses with what their pools say of them.
    ///
    /// # Errors
    /// [`Outside`] when one of them does not belong to this client: then none is bound.
    pub fn hold(
        &self,
        v4: Option<Prefix>,
        v6: Option<Prefix>,
        delegated: Option<Prefix>,
    ) -> Result<Addresses, Outside> {
        let hold = |prefix: Option<Prefix>| prefix.map(|prefix| self.hold_one(prefix)).transpose();
        Ok(Addresses { v4: hold(v4)?, v6: hold(v6)?, delegated: hold(delegated)? })
    }

    fn hold_one(&self, prefix: Prefix) -> Result<Held, Outside> {
        let pool =
            self.pools.iter().filter(|pool| pool.network.contains(prefix)).max_by_key(|pool| pool.network.length());
        match pool {
            Some(pool) if prefix.length() >= SHORTEST_V6 => Ok(Held { prefix, kind: pool.kind }),
            Some(_) | None => Err(Outside::Pool),
        }
    }

    /// Whether sessions of this APN count. The operator's part of a name (TS 23.003, 9.1.2) is not compared.
    #[must_use]
    pub fn counts(&self, apn: Option<&str>) -> bool {
        let Some(apn) = apn else { return self.apns.is_empty() };
        let apn = apn.to_ascii_lowercase();
        let network = match apn.strip_suffix(".gprs").and_then(|rest| rest.rsplit_once(".mnc")) {
            Some((network, operator)) if operator.contains(".mcc") => network,
            Some(_) | None => apn.as_str(),
        };
        self.apns.is_empty() || self.apns.iter().any(|own| own == network)
    }
}

/// All clients.
#[derive(Clone, Debug, Default)]
pub struct Clients(Vec<Client>);

impl Clients {
    /// In the order in which they are asked.
    #[must_use]
    pub const fn new(clients: Vec<Client>) -> Clients {
        Clients(clients)
    }

    /// Whose certificate this is.
    #[must_use]
    pub fn presented(&self, certificate: &Fingerprint) -> Option<&Client> {
        self.0.iter().find(|client| client.certificates.contains(certificate))
    }

    /// Whose source this is.
    #[must_use]
    pub fn find(&self, source: IpAddr) -> Option<&Client> {
        let source = source.to_canonical();
        let bits = if source.is_ipv4() { 32 } else { 128 };
        let source = Prefix::network(source, bits)?;
        self.0.iter().find(|client| client.sources.iter().any(|network| network.contains(source)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::Kind;

    fn network(text: &str, length: u8) -> Prefix {
        Prefix::network(text.parse().unwrap(), length).unwrap()
    }

    fn client() -> Client {
        Client {
            name: "core".to_owned(),
            sources: vec![network("192.0.2.0", 24)],
            certificates: Vec::new(),
            secret: Secret::new(b"s".to_vec()),
            pools: vec![
                Pool { network: network("10.64.0.0", 16), kind: Kind::BehindNat },
                Pool { network: network("10.64.7.0", 24), kind: Kind::Public },
                Pool { network: network("2001:db8::", 32), kind: Kind::Public },
            ],
            apns: vec!["internet".to_owned()],
            number_from: NumberFrom::CallingStationId,
            must_vouch: false,
            must_be_stamped: false,
        }
    }

    #[test]
    fn a_source_is_known_in_both_forms_of_an_address_and_others_are_not() {
        let clients = Clients::new(vec![client()]);
        assert!(clients.find("192.0.2.9".parse().unwrap()).is_some());
        assert!(clients.find("::ffff:192.0.2.9".parse().unwrap()).is_some());
        assert!(clients.find("192.0.3.9".parse().unwrap()).is_none());
        assert!(clients.find("2001:db8::1".parse().unwrap()).is_none());
    }

    #[test]
    fn a_fingerprint_is_read_as_openssl_prints_it() {
        let plain = "ab".repeat(32);
        let colons = vec!["AB"; 32].join(":");
        assert_eq!(Fingerprint::parse(&plain), Some(Fingerprint([0xAB; 32])));
        assert_eq!(Fingerprint::parse(&colons), Some(Fingerprint([0xAB; 32])));
        for wrong in ["", "ab", &"ab".repeat(33), &"ag".repeat(32), &"a".repeat(63)] {
            assert_eq!(Fingerprint::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn one_address_outside_the_pools_refuses_all_of_a_session() {
        let (inside, outside) = (network("10.64.0.7", 32), network("10.65.0.7", 32));
        assert!(client().hold(Some(inside), Some(network("2001:db8:7::", 64)), None).is_ok());
        assert_eq!(client().hold(Some(outside), None, None), Err(Outside::Pool));
        assert_eq!(client().hold(Some(inside), Some(network("2001:db9::", 64)), None), Err(Outside::Pool));
        assert_eq!(client().hold(None, None, Some(network("2001:db8::", 40))), Err(Outside::Pool), "too large for one");
    }

    #[test]
    fn the_smallest_pool_says_what_an_address_is_good_for() {
        let kind = |text: &str| client().hold(Some(network(text, 32)), None, None).unwrap().kind();
        assert_eq!(kind("10.64.0.7"), Kind::BehindNat);
        assert_eq!(kind("10.64.7.7"), Kind::Public);
    }

    #[test]
    fn an_apn_counts_by_its_network_part_in_any_case() {
        assert!(client().counts(Some("Internet")));
        assert!(client().counts(Some("internet.mnc001.mcc001.gprs")));
        assert!(!client().counts(Some("ims")));
        assert!(!client().counts(Some("ims.mnc001.mcc001.gprs")));
        assert!(!client().counts(None));
        assert!(Client { apns: Vec::new(), ..client() }.counts(None));
    }
}
