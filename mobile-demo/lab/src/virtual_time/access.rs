//! The access network in virtual time: the resolver itself, whose commits are durable at once.

use crate::access::{AccessNetwork, SECRET, settings};
use crate::seen::{Seen, whereabouts};
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use tandem_model::{Mono, Msisdn, ServerMillis};
use tandem_resolver::lookup::told;
use tandem_resolver::radius::Packet;
use tandem_resolver::{Asker, Bindings, Effect, Input, Intake, Kind, Now, Origin, Policy};

/// The network and what the server knows of it.
#[derive(Debug)]
pub(super) struct VirtualAccess {
    network: AccessNetwork,
    intake: Intake,
    source: SocketAddr,
}

impl VirtualAccess {
    /// With the same settings as on the real clock.
    pub(super) fn new(seed: u64, mono_ms: u64, server_ms: i64) -> Result<VirtualAccess, String> {
        let source = SocketAddr::from((Ipv4Addr::LOCALHOST, 1813));
        let config = tandem_server::Config::from_toml(&settings(source), &|_| None).map_err(|e| e.to_string())?;
        let own = config.resolver.intake();
        let intake =
            Intake::new(own, config.resolver.clients(), Bindings::new(own.bindings, seed), now(mono_ms, server_ms));
        Ok(VirtualAccess { network: AccessNetwork::default(), intake, source })
    }

    pub(super) fn attach(&mut self, number: Msisdn, address: Option<Ipv4Addr>, now: Now) -> Result<(), String> {
        let report = self.network.attach(number, address);
        self.tell(report, now)
    }

    pub(super) fn detach(&mut self, number: Msisdn, now: Now) -> Result<(), String> {
        let report = self.network.detach(number).ok_or("is not attached")?;
        self.tell(report, now)
    }

    fn tell(&mut self, report: Vec<u8>, now: Now) -> Result<(), String> {
        let mut answered = false;
        let mut inputs = vec![Input::Packet { origin: Origin::Datagram(self.source), bytes: &report }];
        while let Some(input) = inputs.pop() {
            self.intake.handle(input, now);
            while let Some(effect) = self.intake.poll_effect() {
                match effect {
                    Effect::Commit { ticket, .. } => inputs.push(Input::Committed(ticket)),
                    Effect::Answer { bytes, .. } => answered |= genuine(&bytes, &report),
                    Effect::Pushed { .. } | Effect::Count(_) => {}
                }
            }
        }
        if answered { Ok(()) } else { Err("the server does not answer the access network".to_owned()) }
    }

    pub(super) fn resolve(&mut self, of: &str, number: Msisdn, now: Now) -> Seen {
        self.intake.handle_timeout(now);
        while self.intake.poll_effect().is_some() {}
        let known = self.intake.find(number, now);
        let found = told(Policy::Open, &Asker::default(), &BTreeSet::new(), number, known);
        let kind = |kind| match kind {
            Kind::Public => "public",
            Kind::BehindNat => "behind-nat",
            Kind::RelayOnly => "relay-only",
        };
        let first = found.and_then(|binding| Some((kind(binding.kind), binding.addresses.each().next()?)));
        whereabouts(of, first.map(|(kind, held)| (kind.to_owned(), held.prefix.text())))
    }
}

/// Both clocks of the world.
pub(super) fn now(mono_ms: u64, server_ms: i64) -> Now {
    Now { mono: Mono(mono_ms), server: ServerMillis(server_ms) }
}

fn genuine(answer: &[u8], request: &[u8]) -> bool {
    let pair = Packet::decode(answer).ok().zip(Packet::decode(request).ok());
    pair.is_some_and(|(answer, request)| answer.is_genuine_response_to(&request, SECRET.as_bytes()))
}
