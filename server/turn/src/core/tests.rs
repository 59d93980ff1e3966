//! The relay in virtual time, asked by hand-made messages.

use std::net::SocketAddr;
use std::time::Duration;

use proptest::prelude::*;
use tandem_model::{CallId, Mono, Secret};
use turn_types::AddressFamily;
use turn_types::attribute::{
    Data, Lifetime, RequestedAddressFamily, RequestedTransport, XorPeerAddress, XorRelayedAddress,
};
use turn_types::message::{ALLOCATE, CREATE_PERMISSION, REFRESH, SEND};
use turn_types::stun::attribute::{AttributeWrite, ErrorCode, Nonce, Realm, Username};
use turn_types::stun::message::{
    IntegrityAlgorithm, Message, MessageClass, MessageType, MessageWriteVec, Method, TransactionId,
};
use turn_types::stun::prelude::{MessageWrite, MessageWriteExt};

use super::{ClientKey, Core, Output, Via};
use crate::config::TurnConfig;
use crate::credentials::{CallSide, Credentials};
use crate::gate;
use crate::peer_guard::PeerGuard;

const CALL: CallId = CallId([7; 16]);
const TTL: Duration = Duration::from_secs(600);

/// A relay, its clock, and a shell that opens relays on port after port.
struct Bench {
    core: Core,
    now: Mono,
    outputs: Vec<Output>,
    next_port: u16,
}

impl Bench {
    fn with(change: impl FnOnce(&mut TurnConfig)) -> Self {
        let mut config = TurnConfig {
            listen: "203.0.113.9:3478".parse().unwrap(),
            relay_bind: "203.0.113.9".parse().unwrap(),
            secret: Secret::new(vec![1; 16]),
            peers: PeerGuard::with_exceptions(vec!["127.0.0.0/8".parse().unwrap()]),
            ..TurnConfig::default()
        };
        change(&mut config);
        config.check().unwrap();
        Self { core: Core::new(config), now: Mono(0), outputs: Vec::new(), next_port: 50_000 }
    }

    fn new() -> Self {
        Self::with(|_| {})
    }

    fn grant(&mut self) -> Credentials {
        self.core.grant(CALL, CallSide::Caller, TTL, 0, self.now).unwrap()
    }

    fn drain(&mut self) {
        while let Some(output) = self.core.poll_output() {
            if let Output::OpenRelay { client } = &output {
                let relay = SocketAddr::from(([203, 0, 113, 9], self.next_port));
                self.next_port += 1;
                self.core.relay_opened(*client, Some(relay), self.now);
            }
            self.outputs.push(output);
        }
    }

    fn wait_until(&mut self, seconds: u64) {
        let end = Mono(seconds * 1_000);
        while let Some(at) = self.core.poll_timeout().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.core.handle_timeout(self.now);
            self.drain();
        }
        self.now = end;
    }

    fn say(&mut self, client: ClientKey, data: &[u8]) -> Vec<Output> {
        let before = self.outputs.len();
        self.core.client_message(client, data, self.now);
        self.drain();
        self.outputs[before..].to_vec()
    }

    /// Asks with credentials, after a first refusal that gives the nonce; gives the error code or the answer.
    fn ask(
        &mut self,
        client: ClientKey,
        credentials: &Credentials,
        method: Method,
        add: &[&dyn AttributeWrite],
    ) -> Result<Vec<u8>, u16> {
        let nonce = {
            let probe = Message::builder_request(ALLOCATE, MessageWriteVec::new());
            let answer = answer(&self.say(client, &probe.finish()));
            Message::from_bytes(&answer).unwrap().attribute::<Nonce>().unwrap().nonce().to_owned()
        };
        let mut request = Message::builder_request(method, MessageWriteVec::new());
        for attribute in add {
            request.add_attribute(*attribute).unwrap();
        }
        request.add_attribute(&Username::new(&credentials.username).unwrap()).unwrap();
        request.add_attribute(&Realm::new(&credentials.realm).unwrap()).unwrap();
        request.add_attribute(&Nonce::new(&nonce).unwrap()).unwrap();
        let proof = gate::credentials(&credentials.username, &credentials.password, &credentials.realm);
        request.add_message_integrity(&proof, IntegrityAlgorithm::Sha1).unwrap();
        let answer = answer(&self.say(client, &request.finish()));
        let message = Message::from_bytes(&answer).unwrap();
        match message.class() {
            MessageClass::Success => Ok(answer),
            MessageClass::Error | MessageClass::Request | MessageClass::Indication => {
                Err(message.attribute::<ErrorCode>().unwrap().code())
            }
        }
    }

    fn allocate(&mut self, client: ClientKey, credentials: &Credentials) -> Result<SocketAddr, u16> {
        let udp = RequestedTransport::new(RequestedTransport::UDP);
        let answer = self.ask(client, credentials, ALLOCATE, &[&udp])?;
        let message = Message::from_bytes(&answer).unwrap();
        Ok(message.attribute::<XorRelayedAddress>().unwrap().addr(message.transaction_id()))
    }

    fn refresh(&mut self, client: ClientKey, credentials: &Credentials, seconds: u32) -> Result<Vec<u8>, u16> {
        self.ask(client, credentials, REFRESH, &[&Lifetime::new(seconds)])
    }
}

fn answer(outputs: &[Output]) -> Vec<u8> {
    let to_client = outputs
        .iter()
        .find_map(|output| if let Output::ToClient { data, .. } = output { Some(data.clone()) } else { None });
    to_client.expect("no answer")
}

fn client(port: u16) -> ClientKey {
    ClientKey { via: Via::Udp, address: SocketAddr::from(([198, 51, 100, 1], port)) }
}

#[test]
fn a_credential_opens_a_relay_until_its_time_and_not_at_it() {
    for (seconds, opens) in [(599, true), (600, false), (601, false)] {
        let mut bench = Bench::new();
        let credentials = bench.grant();
        bench.wait_until(seconds);
        let opened = bench.allocate(client(1), &credentials);
        assert_eq!(opened.is_ok(), opens, "{seconds}");
        assert!(opens || opened == Err(401));
    }
}

#[test]
fn a_client_that_was_let_in_once_is_not_let_in_after_the_time() {
    let mut bench = Bench::new();
    let credentials = bench.grant();
    bench.allocate(client(1), &credentials).unwrap();
    bench.refresh(client(1), &credentials, 0).unwrap();
    assert_eq!(bench.core.open_relays(), 0);
    bench.wait_until(600);
    assert_eq!(bench.allocate(client(1), &credentials), Err(401));
}

#[test]
fn a_relay_outlives_its_credential_only_as_long_as_it_is_refreshed() {
    let mut bench = Bench::new();
    let credentials = bench.grant();
    bench.allocate(client(1), &credentials).unwrap();
    bench.wait_until(590);
    bench.refresh(client(1), &credentials, 600).unwrap();
    bench.wait_until(1_100);
    bench.refresh(client(1), &credentials, 600).unwrap();
    bench.wait_until(1_699);
    assert_eq!(bench.core.open_relays(), 1);
    bench.wait_until(1_702);
    assert_eq!(bench.core.open_relays(), 0);
    assert!(bench.outputs.iter().any(|output| matches!(output, Output::CloseRelay { .. })));
}

#[test]
fn no_refresh_keeps_a_relay_past_the_longest_life() {
    let mut bench = Bench::with(|config| config.longest_relay = Duration::from_secs(1_000));
    let credentials = bench.grant();
    bench.allocate(client(1), &credentials).unwrap();
    bench.wait_until(590);
    bench.refresh(client(1), &credentials, 3_600).unwrap();
    bench.wait_until(999);
    assert_eq!(bench.core.open_relays(), 1);
    bench.wait_until(1_001);
    assert_eq!(bench.core.open_relays(), 0);
}

#[test]
fn the_end_of_a_call_is_the_end_of_its_relays() {
    let mut bench = Bench::new();
    let credentials = bench.grant();
    let relay = bench.allocate(client(1), &credentials).unwrap();
    bench.core.revoke(CALL);
    bench.drain();
    assert!(bench.outputs.contains(&Output::CloseRelay { relay }));
    assert!(bench.refresh(client(1), &credentials, 600).is_err());
    assert_eq!(bench.allocate(client(1), &credentials), Err(401));
    bench.wait_until(60);
    assert_eq!(bench.core.poll_timeout(), None, "nothing is left to wait for");
}

#[test]
fn a_relay_opened_too_late_for_its_call_is_closed_again() {
    let mut bench = Bench::new();
    let relay = SocketAddr::from(([203, 0, 113, 9], 50_000));
    bench.core.relay_opened(client(1), Some(relay), Mono(0));
    bench.drain();
    assert_eq!(bench.outputs, [Output::CloseRelay { relay }]);
}

#[test]
fn what_is_said_to_a_denied_peer_goes_nowhere_however_it_is_said() {
    let mut bench = Bench::new();
    let credentials = bench.grant();
    bench.allocate(client(1), &credentials).unwrap();
    for peer in ["10.0.0.1:9", "0.0.0.0:9", "[::1]:9", "[::ffff:127.0.0.1]:9", "[64:ff9b::7f00:1]:9"] {
        let peer: SocketAddr = peer.parse().unwrap();
        let id = TransactionId::generate();
        let mut send = Message::builder(
            MessageType::from_class_method(MessageClass::Indication, SEND),
            id,
            MessageWriteVec::new(),
        );
        send.add_attribute(&XorPeerAddress::new(peer, id)).unwrap();
        send.add_attribute(&Data::new(b"hello")).unwrap();
        assert_eq!(bench.say(client(1), &send.finish()), [], "{peer}");
    }
    assert_eq!(bench.core.counters().forbidden_peers, 5);
}

#[test]
fn a_relay_of_the_other_family_is_refused() {
    let mut bench = Bench::new();
    let credentials = bench.grant();
    let udp = RequestedTransport::new(RequestedTransport::UDP);
    let family = RequestedAddressFamily::new(AddressFamily::IPV6);
    assert_eq!(bench.ask(client(1), &credentials, ALLOCATE, &[&udp, &family]).unwrap_err(), 440);
    assert_eq!(bench.core.open_relays(), 0);
}

#[test]
fn a_relay_of_tcp_is_refused() {
    let mut bench = Bench::new();
    let credentials = bench.grant();
    let tcp = RequestedTransport::new(RequestedTransport::TCP);
    let refused = bench.ask(client(1), &credentials, ALLOCATE, &[&tcp]).unwrap_err();
    assert!([400, 442].contains(&refused), "{refused}");
}

#[test]
fn a_flood_of_clients_without_relay_crowds_out_itself_and_no_relay() {
    let mut bench = Bench::with(|config| config.clients_without_relay = 10);
    let credentials = bench.grant();
    bench.allocate(client(1), &credentials).unwrap();
    for port in 2..1_000 {
        bench.say(client(port), &Message::builder_request(ALLOCATE, MessageWriteVec::new()).finish());
    }
    assert_eq!(bench.core.clients.len(), 11);
    assert_eq!(bench.core.open_relays(), 1);
    bench.wait_until(31);
    assert_eq!(bench.core.clients.len(), 1);
}

#[test]
fn a_relay_reaches_as_many_peers_as_it_may() {
    let mut bench = Bench::with(|config| config.peers_per_relay = 2);
    let credentials = bench.grant();
    bench.allocate(client(1), &credentials).unwrap();
    for (peer, expected) in [("8.8.8.1:1", None), ("8.8.8.2:1", None), ("8.8.8.1:2", None), ("8.8.8.3:1", Some(508))] {
        // A permission is by address; the transaction id only masks IPv6.
        let peer = XorPeerAddress::new(peer.parse().unwrap(), 0.into());
        let asked = bench.ask(client(1), &credentials, CREATE_PERMISSION, &[&peer]);
        assert_eq!(asked.err(), expected);
    }
}

#[test]
fn the_same_questions_get_the_same_relays() {
    let run = || {
        let mut bench = Bench::new();
        let credentials = bench.grant();
        let relays: Vec<_> = (1..=9).map(|port| bench.allocate(client(port), &credentials)).collect();
        (relays, bench.core.counters())
    };
    assert_eq!(run(), run());
    assert_eq!(run().0.last(), Some(&Err(486)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Messages cut, bent and repeated from every side never break the core, and never open or reach what is denied.
    #[test]
    fn bent_messages_break_nothing(
        bends in proptest::collection::vec((0..4_usize, any::<prop::sample::Index>(), any::<u8>(), any::<bool>(), 1..4_u16), 1..60),
    ) {
        let mut bench = Bench::new();
        let credentials = bench.grant();
        let relay = bench.allocate(client(1), &credentials).unwrap();
        let peer: SocketAddr = "127.0.0.1:9".parse().unwrap();
        let mut send = Message::builder_indication(SEND, MessageWriteVec::new());
        send.add_attribute(&XorPeerAddress::new(peer, 0.into())).unwrap();
        send.add_attribute(&Data::new(b"hello")).unwrap();
        let mut allocate = Message::builder_request(ALLOCATE, MessageWriteVec::new());
        allocate.add_attribute(&RequestedTransport::new(RequestedTransport::UDP)).unwrap();
        allocate.add_attribute(&Username::new(&credentials.username).unwrap()).unwrap();
        let samples = [send.finish(), allocate.finish(), vec![0x40, 0, 0, 4, 1, 2, 3, 4], Message::builder_request(REFRESH, MessageWriteVec::new()).finish()];
        for (sample, index, value, cut, port) in bends {
            let mut octets = samples[sample].clone();
            let at = index.index(octets.len());
            octets[at] = value;
            if cut {
                octets.truncate(at);
            }
            bench.say(client(port), &octets);
            bench.core.peer_datagram(relay, peer, &octets, bench.now);
            bench.drain();
        }
        prop_assert_eq!(bench.core.counters().broken_clients, 0);
        prop_assert!(bench.core.open_relays() <= 1);
        let outputs = &bench.outputs;
        prop_assert!(!outputs.iter().any(|output| matches!(output, Output::ToPeer { .. })), "no permission was ever given");
    }
}
