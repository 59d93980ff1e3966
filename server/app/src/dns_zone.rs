//! What is said in DNS about numbers (RFC 6116): a URI for one that is attached and may be known, and for all others the same
//! answer, whether nobody is there or the asker may not know.
//!
//! That answer is "no such record" and not "no such name": names of other numbers may lie beneath it, and a resolver would not
//! ask for them any more (RFC 8020). No address of a subscriber is in any record.

use crate::allowance::Allowance;
use crate::config::dns::{Dns, NUMBER, Record as Template, domain};
use crate::config::values::Networks;
use hickory_proto::op::{Edns, Message, MessageType, Metadata, OpCode, ResponseCode};
use hickory_proto::rr::rdata::{NAPTR, NS, SOA};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Instant;
use tandem_model::Msisdn;
use tandem_resolver::domain::{Named, named};
use tandem_resolver::lookup::may_know;
use tandem_resolver::{Asker, Policy};

/// What fits into a datagram on any path (DNS flag day 2020), and what always does (RFC 1035, 4.2.1).
const DATAGRAM: std::ops::RangeInclusive<u16> = 512..=1_232;

/// Bytes of a message's header.
const HEADER: usize = 12;

/// The zone and who may ask.
#[derive(Debug)]
pub struct Zone {
    apex: Name,
    soa: Record,
    ns: Record,
    templates: Vec<Template>,
    ttl: u32,
    clients: Vec<Client>,
    policy: Policy,
    withheld: BTreeSet<Msisdn>,
}

#[derive(Debug)]
struct Client {
    sources: Networks,
    asker: Asker,
    allowance: Allowance,
}

/// What to do about a message.
#[derive(Debug)]
pub enum Step {
    /// Nothing: whatever it is, it is no question.
    Ignore,
    /// Say this, and count it so.
    Say(Box<Message>, Outcome),
    /// Find out whether a number is attached, then [`Zone::tell`].
    Find(Box<Message>, Msisdn),
}

/// What became of a question. No name is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// A URI was told.
    Told,
    /// Nothing is known of it, or nothing may be.
    NotTold,
    /// A question about the zone itself, or one that has no answer.
    Other,
    /// It came from nobody's source, or is about another zone.
    Refused,
    /// Its client has asked too much.
    OverBudget,
    /// It makes no sense.
    Malformed,
    /// Too much was under way.
    Busy,
}

impl Zone {
    /// From a section that was checked; `None` for one that was not.
    #[must_use]
    pub fn new(section: &Dns, policy: Policy, withheld: BTreeSet<Msisdn>) -> Option<Zone> {
        let apex = domain(&section.apex)?;
        let under = |label: &str| apex.prepend_label(label).ok();
        let name_server = domain(&section.name_server).or_else(|| under("ns"))?;
        let ttl = u32::try_from(section.ttl.0.as_secs()).unwrap_or(u32::MAX);
        let soa = SOA::new(name_server.clone(), under("hostmaster")?, 1, 3_600, 600, 86_400, ttl);
        let client = |client: &crate::config::dns::DnsClient| Client {
            sources: client.sources.clone(),
            asker: client.asker(),
            allowance: Allowance::new(client.budget),
        };
        Some(Zone {
            soa: Record::from_rdata(apex.clone(), ttl, RData::SOA(soa)),
            ns: Record::from_rdata(apex.clone(), ttl, RData::NS(NS(name_server))),
            apex,
            templates: section.records.clone(),
            ttl,
            clients: section.clients.iter().map(client).collect(),
            policy,
            withheld,
        })
    }

    /// Whether anybody may ask from there.
    #[must_use]
    pub fn is_client(&self, source: IpAddr) -> bool {
        self.client(source).is_some()
    }

    /// Reads what came from somewhere.
    #[must_use]
    pub fn read(&self, bytes: &[u8], source: IpAddr, now: Instant) -> Step {
        let Ok(request) = Message::from_vec(bytes) else { return senseless(bytes) };
        if request.metadata.message_type != MessageType::Query {
            return Step::Ignore;
        }
        let answer = begun(&request);
        let say = |code, outcome| Step::Say(Box::new(coded(answer.clone(), code)), outcome);
        let Some(client) = self.client(source) else { return say(ResponseCode::Refused, Outcome::Refused) };
        if client.allowance.charge(1, now).is_err() {
            return say(ResponseCode::Refused, Outcome::OverBudget);
        }
        if request.edns.as_ref().is_some_and(|edns| edns.version() > 0) {
            return say(ResponseCode::BADVERS, Outcome::Malformed);
        }
        if request.metadata.op_code != OpCode::Query {
            return say(ResponseCode::NotImp, Outcome::Other);
        }
        let [query] = request.queries.as_slice() else { return say(ResponseCode::FormErr, Outcome::Malformed) };
        let (name, kind) = (query.name().clone(), query.query_type());
        let transfer = matches!(kind, RecordType::AXFR | RecordType::IXFR);
        if query.query_class() != DNSClass::IN || transfer || !self.apex.zone_of(&name) {
            return say(ResponseCode::Refused, Outcome::Refused);
        }
        if name == self.apex {
            return Step::Say(Box::new(self.about_itself(answer, kind)), Outcome::Other);
        }
        let below = usize::from(name.num_labels().saturating_sub(self.apex.num_labels()));
        match named(name.iter().take(below)) {
            Named::Nothing => {
                let answer = self.without_records(coded(answer, ResponseCode::NXDomain));
                Step::Say(Box::new(answer), Outcome::Other)
            }
            Named::Number(number)
                if matches!(kind, RecordType::NAPTR | RecordType::ANY)
                    && may_know(self.policy, &client.asker, &self.withheld, number) =>
            {
                Step::Find(Box::new(answer), number)
            }
            Named::Number(_) => Step::Say(Box::new(self.without_records(answer)), Outcome::NotTold),
            Named::Digits => Step::Say(Box::new(self.without_records(answer)), Outcome::Other),
        }
    }

    /// The answer about a number that may be known.
    #[must_use]
    pub fn tell(&self, mut answer: Message, number: Msisdn, is_attached: bool) -> Message {
        let Some(name) = answer.queries.first().map(|query| query.name().clone()).filter(|_| is_attached) else {
            return self.without_records(answer);
        };
        answer.metadata.authoritative = true;
        answer.answers = self.templates.iter().map(|template| self.record(&name, template, number)).collect();
        answer
    }

    fn record(&self, name: &Name, template: &Template, number: Msisdn) -> Record {
        let uri = template.uri.replace(NUMBER, &number.e164());
        let bytes = |text: &str| Box::<[u8]>::from(text.as_bytes());
        let naptr = NAPTR::new(
            template.order,
            template.preference,
            bytes("u"),
            bytes(&template.service),
            bytes(&format!("!^.*$!{uri}!")),
            Name::root(),
        );
        Record::from_rdata(name.clone(), self.ttl, RData::NAPTR(naptr))
    }

    fn about_itself(&self, mut answer: Message, kind: RecordType) -> Message {
        let wanted = |other| kind == other || kind == RecordType::ANY;
        let soa = wanted(RecordType::SOA).then(|| self.soa.clone());
        let ns = wanted(RecordType::NS).then(|| self.ns.clone());
        answer.answers = soa.into_iter().chain(ns).collect();
        if answer.answers.is_empty() {
            return self.without_records(answer);
        }
        answer.metadata.authoritative = true;
        answer
    }

    /// With the zone's own record, which says how long that may be believed (RFC 2308, 3).
    fn without_records(&self, mut answer: Message) -> Message {
        answer.metadata.authoritative = true;
        answer.authorities = vec![self.soa.clone()];
        answer
    }

    fn client(&self, source: IpAddr) -> Option<&Client> {
        self.clients.iter().find(|client| client.sources.contains(source))
    }
}

/// The answer that says there is too much to do.
#[must_use]
pub fn busy(answer: Message) -> Message {
    coded(answer, ResponseCode::ServFail)
}

/// A message as bytes; shortened for a datagram that it does not fit into, so that it is asked for again over TCP.
#[must_use]
pub fn encode(answer: &Message, datagram: bool) -> Option<Vec<u8>> {
    let bytes = answer.to_vec().ok()?;
    let room = answer.edns.as_ref().map_or(*DATAGRAM.start(), Edns::max_payload);
    if !datagram || bytes.len() <= usize::from(room) {
        return Some(bytes);
    }
    answer.truncate().to_vec().ok()
}

/// An answer that says nothing yet. Its payload size is the room its receiver has.
fn begun(request: &Message) -> Message {
    let mut answer = Message::response(request.metadata.id, request.metadata.op_code);
    answer.metadata = Metadata::response_from_request(&request.metadata);
    answer.metadata.recursion_available = false;
    answer.queries.clone_from(&request.queries);
    if let Some(asked) = &request.edns {
        let mut edns = Edns::new();
        edns.set_max_payload(asked.max_payload().clamp(*DATAGRAM.start(), *DATAGRAM.end()));
        answer.edns = Some(edns);
    }
    answer
}

fn coded(mut answer: Message, code: ResponseCode) -> Message {
    answer.metadata.response_code = code;
    answer
}

/// A question that cannot be read is told so by its id, where it has one; an answer never is: two servers would go on forever.
fn senseless(bytes: &[u8]) -> Step {
    match bytes {
        [high, low, flags, ..] if bytes.len() >= HEADER && flags & 0x80 == 0 => {
            let id = u16::from_be_bytes([*high, *low]);
            let answer = Message::error_msg(id, OpCode::Query, ResponseCode::FormErr);
            Step::Say(Box::new(answer), Outcome::Malformed)
        }
        _ => Step::Ignore,
    }
}

#[cfg(test)]
mod tests;
