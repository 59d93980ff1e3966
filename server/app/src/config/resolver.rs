//! Section about the resolver: who reports where numbers are, and who may ask.

use super::Config;
use super::schema::section;
use super::values::{AddressOrOff, Budget, ConfigSecret, Networks, Span};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::PathBuf;
use tandem_model::{Msisdn, Secret};
use tandem_resolver::lookup::{Asker, Policy};
use tandem_resolver::{BindingsConfig, Client, Clients, Fingerprint, IntakeConfig, Kind, NumberFrom, Pool, Prefix};

section! {
    /// Where numbers are, from the access network's RADIUS accounting (RFC 2866), and who may ask. Off by default. Anyone who
    /// can read this traffic learns where subscribers are, and its secrets rest on MD5: keep it on a private network.
    pub struct Resolver {
        /// Address and port of the accounting listener, UDP, or `off`. The usual port is 1813.
        listen: AddressOrOff = AddressOrOff::Off;
        /// The clients that may report, each a `[[resolver.nas]]` of its own with `name`, `sources` and `secret` (or `secret_file`),
        /// `certificates` for RadSec (SHA-256 fingerprints), or both, the `pools` its addresses are from (`behind_nat` and `relay_only` pools may be named apart), and where
        /// needed `apns`, `number_from`, `require_message_authenticator` and `require_event_timestamp`. Anybody else gets no answer.
        nas: Vec<Nas> = Vec::new();
        /// The AAA systems that report over `POST /v1/attachments` instead, each a `[[resolver.reporters]]` with `name`, `key` (or
        /// `key_file`), the `pools` its addresses are from (`behind_nat` and `relay_only` as above), and where needed `apns`,
        /// `require_event_timestamp` and `budget` (reports it may make). With one of them there is a resolver without a listener.
        reporters: Vec<Reporter> = Vec::new();
        /// Who is told: `open` tells any key of any number, `role` only keys with `may_resolve`, `consent` no key
        /// by itself: phones ask for whom the other's user lets, and may hand a key's holder a capability. Phones follow it too.
        policy: LookupPolicy = LookupPolicy::Consent;
        /// Who may ask over `POST /v1/resolve`, each a `[[resolver.api_keys]]` with `name`, `key` (or `key_file`), and where
        /// needed `may_resolve`, `prefixes` (first digits of the numbers it may ask about) and `budget` (numbers it may ask about).
        api_keys: Vec<ApiKey> = Vec::new();
        /// Numbers that never resolve, such as `["+4915112345601"]`.
        withheld: Vec<String> = Vec::new();
        /// Numbers one request may ask about.
        batch_max: u32 = 256 => [1, 4_096];
        /// A session nothing was heard of for this long is over: two or three of the clients' intervals between Interims.
        silence: Span = Span::secs(5_400) => [Span::secs(10), Span::days(7)];
        /// Reports of events longer ago change nothing, and ended sessions are remembered for as long.
        window: Span = Span::hours(24) => [Span::secs(60), Span::days(30)];
        /// How far a client's clock may be ahead of this server's.
        ahead: Span = Span::secs(300) => [Span::secs(1), Span::hours(1)];
        /// Sessions that are remembered at most; a report of one more is not answered.
        sessions_max: u32 = 20_000_000 => [1, 200_000_000];
        /// Reports that wait for the database at most; one more is not answered, and its client sends it again.
        waiting_max: u32 = 4_096 => [1, 65_536];
    }
}

section! {
    /// RADIUS over TLS (RFC 6614): the same reports from clients that prove the `certificates` of their `[[resolver.nas]]`. Nobody
    /// else's certificate is let in, whoever signed it. Off by default.
    pub struct Radsec {
        /// Address and port, TCP, or `off`. The usual port is 2083.
        listen: AddressOrOff = AddressOrOff::Off;
        /// The server's certificate with its chain, PEM.
        certificate: PathBuf = PathBuf::new();
        /// Its private key, PEM.
        key: PathBuf = PathBuf::new();
        /// Connections that may stand; one more is closed.
        connections_max: u32 = 256 => [1, 10_000];
    }
}

/// Who is told where a number is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LookupPolicy {
    /// Whoever has a key.
    Open,
    /// Whoever has a key whose role is to resolve.
    Role,
    /// Whoever the subscriber has consented to.
    #[default]
    Consent,
}

/// Which attribute holds the number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NumberAttribute {
    /// As mobile networks have it.
    #[default]
    CallingStationId,
    /// Up to its `@`.
    UserName,
}

/// A client that may report.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Nas {
    /// What its operator calls it.
    pub name: String,
    /// Where it speaks from.
    pub sources: Networks,
    /// The SHA-256 fingerprints of its certificates, in hexadecimal digits.
    pub certificates: Vec<String>,
    /// What it shares with this server.
    pub secret: ConfigSecret,
    /// A file whose first line is the secret.
    pub secret_file: PathBuf,
    /// Its addresses; private and shared ones count as behind a NAT, all others as public.
    pub pools: Networks,
    /// Its addresses that are behind a NAT whatever they look like.
    pub behind_nat: Networks,
    /// Its addresses that are told to nobody.
    pub relay_only: Networks,
    /// The APNs that count; all when there is none.
    pub apns: Vec<String>,
    /// Where the number stands.
    pub number_from: NumberAttribute,
    /// Drops requests without Message-Authenticator (RFC 3579).
    pub require_message_authenticator: bool,
    /// Takes nothing from requests without Event-Timestamp (RFC 2869).
    pub require_event_timestamp: bool,
}

/// An AAA that reports over HTTP.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Reporter {
    /// What its operator calls it.
    pub name: String,
    /// What it shows.
    pub key: ConfigSecret,
    /// A file whose first line is the key.
    pub key_file: PathBuf,
    /// Its addresses; private and shared ones count as behind a NAT, all others as public.
    pub pools: Networks,
    /// Its addresses that are behind a NAT whatever they look like.
    pub behind_nat: Networks,
    /// Its addresses that are told to nobody.
    pub relay_only: Networks,
    /// The APNs that count; all when there is none.
    pub apns: Vec<String>,
    /// Takes nothing from reports without `at_ms`.
    pub require_event_timestamp: bool,
    /// Reports it may make.
    pub budget: Budget,
}

impl Default for Reporter {
    fn default() -> Reporter {
        Reporter {
            name: String::new(),
            key: ConfigSecret::default(),
            key_file: PathBuf::new(),
            pools: Networks::default(),
            behind_nat: Networks::default(),
            relay_only: Networks::default(),
            apns: Vec::new(),
            require_event_timestamp: false,
            budget: Budget::new(10_000, Span::secs(1)),
        }
    }
}

/// Who may ask.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ApiKey {
    /// What the operator calls it.
    pub name: String,
    /// What it shows.
    pub key: ConfigSecret,
    /// A file whose first line is the key.
    pub key_file: PathBuf,
    /// Its role is to resolve.
    pub may_resolve: bool,
    /// First digits of the numbers it may ask about; all when there is none.
    pub prefixes: Vec<String>,
    /// Numbers it may ask about.
    pub budget: Budget,
}

impl Default for ApiKey {
    fn default() -> ApiKey {
        ApiKey {
            name: String::new(),
            key: ConfigSecret::default(),
            key_file: PathBuf::new(),
            may_resolve: false,
            prefixes: Vec::new(),
            budget: Budget::new(1_000, Span::secs(1)),
        }
    }
}

/// Shortest key that nobody guesses, in characters.
const KEY_MIN: usize = 32;

/// Shortest secret of a client, in characters. RFC 2865 (3) asks for 16 where it can be had.
const SECRET_MIN: usize = 8;

/// Said of a client without an address to give.
const NO_POOLS: &str = "needs pools, such as [\"10.64.0.0/16\"]: an address of no pool is never bound";

impl Nas {
    fn client(&self) -> Client {
        Client {
            name: self.name.clone(),
            sources: self.sources.0.iter().copied().map(prefix).collect(),
            certificates: self.certificates.iter().filter_map(|text| Fingerprint::parse(text)).collect(),
            secret: Secret::new(self.secret.0.expose().clone().into_bytes()),
            pools: pools(&self.pools, &self.behind_nat, &self.relay_only),
            apns: lowercase(&self.apns),
            number_from: match self.number_from {
                NumberAttribute::CallingStationId => NumberFrom::CallingStationId,
                NumberAttribute::UserName => NumberFrom::UserName,
            },
            must_vouch: self.require_message_authenticator,
            must_be_stamped: self.require_event_timestamp,
        }
    }
}

impl Reporter {
    /// As a client. It speaks from nowhere and shares nothing by which a datagram could be taken for its own.
    #[must_use]
    pub fn client(&self) -> Client {
        Client {
            name: self.name.clone(),
            sources: Vec::new(),
            certificates: Vec::new(),
            secret: Secret::default(),
            pools: pools(&self.pools, &self.behind_nat, &self.relay_only),
            apns: lowercase(&self.apns),
            number_from: NumberFrom::default(),
            must_vouch: true,
            must_be_stamped: self.require_event_timestamp,
        }
    }
}

fn pools(plain: &Networks, behind_nat: &Networks, relay_only: &Networks) -> Vec<Pool> {
    let pool = |network: &IpNet, kind: Option<Kind>| {
        let network = prefix(*network);
        Pool { network, kind: kind.unwrap_or_else(|| network.usual_kind()) }
    };
    let plain = plain.0.iter().map(|network| pool(network, None));
    let behind = behind_nat.0.iter().map(|network| pool(network, Some(Kind::BehindNat)));
    let relayed = relay_only.0.iter().map(|network| pool(network, Some(Kind::RelayOnly)));
    plain.chain(behind).chain(relayed).collect()
}

fn lowercase(apns: &[String]) -> Vec<String> {
    apns.iter().map(|apn| apn.to_ascii_lowercase()).collect()
}

fn prefix(network: IpNet) -> Prefix {
    // A length of CIDR form is never longer than its address.
    Prefix::network(network.network(), network.prefix_len()).unwrap_or(Prefix::MIN)
}

impl ApiKey {
    /// Who it stands for.
    #[must_use]
    pub fn asker(&self) -> Asker {
        Asker { may_resolve: self.may_resolve, prefixes: self.prefixes.clone() }
    }
}

impl Resolver {
    /// Every certificate that may come in by RadSec.
    #[must_use]
    pub fn certificates(&self) -> BTreeSet<Fingerprint> {
        self.nas.iter().flat_map(|nas| &nas.certificates).filter_map(|text| Fingerprint::parse(text)).collect()
    }

    /// Who may report.
    #[must_use]
    pub fn clients(&self) -> Clients {
        Clients::new(self.nas.iter().map(Nas::client).collect())
    }

    /// Bounds and waits.
    #[must_use]
    pub fn intake(&self) -> IntakeConfig {
        let size = |count: u32| usize::try_from(count).unwrap_or(usize::MAX);
        IntakeConfig {
            bindings: BindingsConfig {
                silence: self.silence.0,
                window: self.window.0,
                ahead: self.ahead.0,
                sessions_max: size(self.sessions_max),
                ..BindingsConfig::default()
            },
            waiting_max: size(self.waiting_max),
            ..IntakeConfig::default()
        }
    }

    /// Who is told.
    #[must_use]
    pub const fn lookup_policy(&self) -> Policy {
        match self.policy {
            LookupPolicy::Open => Policy::Open,
            LookupPolicy::Role => Policy::Role,
            LookupPolicy::Consent => Policy::Consent,
        }
    }

    /// Numbers that never resolve.
    #[must_use]
    pub fn withheld_numbers(&self) -> BTreeSet<Msisdn> {
        self.withheld.iter().filter_map(|number| Msisdn::from_e164(number).ok()).collect()
    }
}

/// Refuses what cannot hold.
pub fn check(config: &Config, refuse: &mut impl FnMut(&str, String)) {
    let own = &config.resolver;
    if own.silence >= own.window {
        refuse("resolver.silence", "must be below resolver.window".to_owned());
    }
    if own.listen != AddressOrOff::Off && own.nas.iter().all(|nas| nas.sources.0.is_empty()) {
        refuse("resolver.nas", "is needed with resolver.listen: nobody else may report".to_owned());
    }
    if config.radsec.listen != AddressOrOff::Off {
        if own.nas.iter().all(|nas| nas.certificates.is_empty()) {
            refuse("resolver.nas", "needs one with certificates with radsec.listen: nobody else may report".to_owned());
        }
        if config.radsec.certificate.as_os_str().is_empty() || config.radsec.key.as_os_str().is_empty() {
            refuse("radsec.certificate", "is needed with radsec.listen, and so is radsec.key".to_owned());
        }
    }
    // A number is not shown again: it may be a person's.
    for (place, number) in own.withheld.iter().enumerate() {
        if Msisdn::from_e164(number).is_err() {
            refuse("resolver.withheld", format!("has no number of the form +4915112345601 in place {}", place + 1));
        }
    }
    let (mut names, mut certificates) = (BTreeSet::new(), BTreeSet::new());
    for (place, nas) in own.nas.iter().enumerate() {
        let mut refuse = |what: &str| refuse("resolver.nas", format!("{} {what}", entry(place, &nas.name)));
        if nas.name.is_empty() || !names.insert(&nas.name) {
            refuse("needs a name of its own");
        }
        if nas.sources.0.is_empty() && nas.certificates.is_empty() {
            refuse("needs sources, such as [\"192.0.2.1\"], or certificates");
        }
        if !(nas.sources.0.is_empty() && nas.secret.is_unset()) && nas.secret.0.expose().len() < SECRET_MIN {
            refuse("needs a secret of 8 characters or more");
        }
        if nas.certificates.iter().any(|text| Fingerprint::parse(text).is_none()) {
            refuse("needs certificates of 64 hexadecimal digits, the SHA-256 of each");
        } else if !nas.certificates.iter().all(|text| certificates.insert(Fingerprint::parse(text))) {
            refuse("has the certificate of another");
        }
        if nas.pools.0.is_empty() && nas.behind_nat.0.is_empty() && nas.relay_only.0.is_empty() {
            refuse(NO_POOLS);
        }
    }
    check_keys(own, refuse);
}

fn check_keys(own: &Resolver, refuse: &mut impl FnMut(&str, String)) {
    let (mut names, mut keys) = (BTreeSet::new(), BTreeSet::new());
    for (place, key) in own.api_keys.iter().enumerate() {
        let mut refuse = |what: &str| refuse("resolver.api_keys", format!("{} {what}", entry(place, &key.name)));
        check_key(&key.name, &key.key, (&mut names, &mut keys), &mut refuse);
        if !key.prefixes.iter().all(|prefix| !prefix.is_empty() && prefix.bytes().all(|byte| byte.is_ascii_digit())) {
            refuse("needs prefixes of digits, without +");
        }
    }
    let mut names: BTreeSet<&String> = own.nas.iter().map(|nas| &nas.name).collect();
    for (place, reporter) in own.reporters.iter().enumerate() {
        let mut refuse = |what: &str| refuse("resolver.reporters", format!("{} {what}", entry(place, &reporter.name)));
        check_key(&reporter.name, &reporter.key, (&mut names, &mut keys), &mut refuse);
        if reporter.pools.0.is_empty() && reporter.behind_nat.0.is_empty() && reporter.relay_only.0.is_empty() {
            refuse(NO_POOLS);
        }
    }
}

/// A name and a key that nobody else has. A reporter's key opens no lookup, and the other way round.
fn check_key<'a>(
    name: &'a String,
    key: &'a ConfigSecret,
    (names, keys): (&mut BTreeSet<&'a String>, &mut BTreeSet<&'a String>),
    refuse: &mut impl FnMut(&str),
) {
    if name.is_empty() || !names.insert(name) {
        refuse("needs a name of its own");
    }
    if key.0.expose().len() < KEY_MIN || !key.0.expose().bytes().all(|byte| byte.is_ascii_graphic()) {
        refuse("needs a key of 32 visible ASCII characters or more");
    } else if !keys.insert(key.0.expose()) {
        refuse("has the key of another");
    }
}

fn entry(place: usize, name: &str) -> String {
    if name.is_empty() { format!("in place {}", place + 1) } else { format!("`{name}`") }
}
