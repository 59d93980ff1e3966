//! Section about ENUM: which URI a number has, for those who ask in DNS.

use super::Config;
use super::schema::section;
use super::values::{AddressOrOff, Budget, Networks, Span};
use hickory_proto::rr::Name;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use tandem_resolver::Asker;

section! {
    /// ENUM (RFC 6116): the SIP or relay URI of a number that is attached, as NAPTR records on a private apex. Never an address:
    /// DNS proves nobody and whoever may ask can try numbers. Needs a resolver, and obeys `resolver.policy` and
    /// `resolver.withheld`. Off by default.
    pub struct Dns {
        /// Address and port, UDP and TCP, or `off`. The usual port is 53. One address of this host rather than all of them:
        /// answers leave by the address the system chooses.
        listen: AddressOrOff = AddressOrOff::Off;
        /// The name numbers stand under, such as `e164.ims.example`: +15551230001 is `1.0.0.0.3.2.1.5.5.5.1.e164.ims.example`.
        apex: String = String::new();
        /// The name of this server in the zone's own records; `ns.` and the apex when it is empty.
        name_server: String = String::new();
        /// What a number has, each a `[[dns.records]]` with `uri`, in which `{number}` stands for the number with its `+`, such
        /// as `sip:{number}@ims.example;user=phone`, and where needed `service` (`E2U+sip`), `order` (10) and `preference` (10).
        records: Vec<Record> = Vec::new();
        /// Who may ask, each a `[[dns.clients]]` with `name`, `sources`, and where needed `may_resolve`, `prefixes` (first digits
        /// of the numbers it may ask about) and `budget` (questions it may ask). Anybody else is refused.
        clients: Vec<DnsClient> = Vec::new();
        /// How long an answer may be kept.
        ttl: Span = Span::secs(60) => [Span::secs(1), Span::hours(1)];
        /// TCP connections that may stand; one more is closed.
        connections_max: u32 = 64 => [1, 4_096];
    }
}

/// One record of every number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Record {
    /// With `{number}` where the number stands.
    pub uri: String,
    /// An Enumservice (RFC 6117).
    pub service: String,
    /// Lower ones come first and shut out the others.
    pub order: u16,
    /// Lower ones are preferred among those of one order.
    pub preference: u16,
}

impl Default for Record {
    fn default() -> Record {
        Record { uri: String::new(), service: "E2U+sip".to_owned(), order: 10, preference: 10 }
    }
}

/// Who may ask.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DnsClient {
    /// What the operator calls it.
    pub name: String,
    /// Where it asks from.
    pub sources: Networks,
    /// Its role is to resolve.
    pub may_resolve: bool,
    /// First digits of the numbers it may ask about; all when there is none.
    pub prefixes: Vec<String>,
    /// Questions it may ask.
    pub budget: Budget,
}

impl Default for DnsClient {
    fn default() -> DnsClient {
        DnsClient {
            name: String::new(),
            sources: Networks::default(),
            may_resolve: false,
            prefixes: Vec::new(),
            budget: Budget::new(1_000, Span::secs(1)),
        }
    }
}

/// What stands for the number in a URI.
pub const NUMBER: &str = "{number}";

/// The longest a URI may be so that it fits into a record with any number: a character-string holds 255 octets, of which
/// the expression around it takes 7 and the longest number 16.
const URI_MAX: usize = 255 - 7 - 16;

/// Labels of the longest number, and their length octets: so much room a name needs beside the apex (RFC 1035, 2.3.4).
const APEX_MAX: usize = 255 - 2 * 15 - 1;

impl DnsClient {
    /// Who it stands for.
    #[must_use]
    pub fn asker(&self) -> Asker {
        Asker { may_resolve: self.may_resolve, prefixes: self.prefixes.clone() }
    }
}

/// A name as it is written in a configuration, with or without the last dot.
pub fn domain(text: &str) -> Option<Name> {
    let mut name = Name::from_ascii(text).ok()?;
    name.set_fqdn(true);
    (!name.is_root()).then_some(name)
}

/// Refuses what cannot hold.
pub fn check(config: &Config, refuse: &mut impl FnMut(&str, String)) {
    let own = &config.dns;
    if own.listen == AddressOrOff::Off {
        return;
    }
    if !config.has_resolver() {
        refuse(
            "dns.listen",
            "needs resolver.listen or resolver.reporters: it answers for numbers that are attached".to_owned(),
        );
    }
    if domain(&own.apex).is_none_or(|apex| apex.len() > APEX_MAX) {
        refuse("dns.apex", "needs a domain name, such as e164.ims.example".to_owned());
    }
    if !own.name_server.is_empty() && domain(&own.name_server).is_none() {
        refuse("dns.name_server", "is no domain name".to_owned());
    }
    if own.records.is_empty() {
        refuse("dns.records", "is needed with dns.listen: a number without a record has no URI".to_owned());
    }
    if own.clients.is_empty() {
        refuse("dns.clients", "is needed with dns.listen: nobody else may ask".to_owned());
    }
    for (place, record) in own.records.iter().enumerate() {
        let mut refuse = |what: &str| refuse("dns.records", format!("in place {} {what}", place + 1));
        check_record(record, &mut refuse);
    }
    let mut names = BTreeSet::new();
    for (place, client) in own.clients.iter().enumerate() {
        let mut refuse = |what: &str| refuse("dns.clients", format!("in place {} {what}", place + 1));
        if client.name.is_empty() || !names.insert(&client.name) {
            refuse("needs a name of its own");
        }
        if client.sources.0.is_empty() {
            refuse("needs sources, such as [\"192.0.2.1\"]");
        }
        if !client.prefixes.iter().all(|prefix| !prefix.is_empty() && prefix.bytes().all(|byte| byte.is_ascii_digit()))
        {
            refuse("needs prefixes of digits, without +");
        }
    }
}

fn check_record(record: &Record, refuse: &mut impl FnMut(&str)) {
    // The delimiter and the escape of the expression (RFC 3402, 3.2) would end it early.
    let plain = |byte: u8| byte.is_ascii_graphic() && !b"!\\\"".contains(&byte);
    if !record.uri.contains(':') || !record.uri.bytes().all(plain) || record.uri.len() > URI_MAX {
        refuse(
            "needs a uri of at most 232 visible ASCII characters, without ! \\ and \", such as sip:{number}@ims.example",
        );
    }
    if record.uri.matches(NUMBER).count() > 1 {
        refuse("has {number} more than once");
    }
    let service = record.service.strip_prefix("E2U+").is_some_and(|kind| {
        !kind.is_empty()
            && kind.len() <= 128
            && kind.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+:-".contains(&byte))
    });
    if !service {
        refuse("needs a service such as E2U+sip");
    }
}
