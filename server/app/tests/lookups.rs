//! Lookups by datagram, over real sockets: what HTTP would tell, and silence for whoever is not who it says.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test's helpers stop it as it stops itself"
)]

mod common;

use common::process::{Process, config_text};
use common::{TestServer, config_in, http, within};
use serde_json::{Value, json};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;
use tandem_model::Msisdn;
use tandem_resolver::datagram::{Asking, HEADER, Heard, KEY, Keys, SLOT, SessionId, length};
use tandem_server::Config;
use tandem_server::config::resolver::{ApiKey, LookupPolicy, Reporter};
use tandem_server::config::values::{AddressOrOff, Budget, ConfigSecret, Networks, Span};
use tokio::net::UdpSocket;

const REPORTER: &str = "a-reporters-key-of-thirty-two-letters";
const ASKER: &str = "an-askers-key-of-thirty-two-letters-too";
const OTHER: &str = "another-askers-key-of-thirty-two-letters";
const ANNA: &str = "+15551230001";
const NOBODY: &str = "+15551230002";
const WITHHELD: &str = "+15551230003";

fn number(text: &str) -> Msisdn {
    Msisdn::from_e164(text).unwrap()
}

fn api_key(name: &str, key: &str, budget: u32) -> ApiKey {
    ApiKey {
        name: name.to_owned(),
        key: ConfigSecret::new(key),
        budget: Budget::new(budget, Span::hours(1)),
        ..ApiKey::default()
    }
}

fn config(directory: &Path) -> Config {
    let mut config = config_in(directory);
    config.resolver.policy = LookupPolicy::Open;
    config.resolver.withheld = vec![WITHHELD.to_owned()];
    config.resolver.reporters = vec![Reporter {
        name: "aaa".to_owned(),
        key: ConfigSecret::new(REPORTER),
        pools: Networks(vec!["10.64.0.0/16".parse().unwrap(), "2001:db8::/32".parse().unwrap()]),
        ..Reporter::default()
    }];
    config.resolver.api_keys = vec![api_key("tests", ASKER, 1_000), api_key("other", OTHER, 1_000)];
    config.lookup.listen = AddressOrOff::At(SocketAddr::from(([127, 0, 0, 1], 0)));
    config
}

async fn post(at: SocketAddr, path: &str, key: &str, body: &Value) -> http::Reply {
    let headers = format!("authorization: Bearer {key}\r\ncontent-type: application/json\r\n");
    http::post(at, path, &headers, body.to_string().as_bytes()).await
}

async fn attach(at: SocketAddr) {
    let report = |session: &str, number: &str, last: u8| {
        json!({"event": "start", "nas": "pgw-1", "session": session, "number": number,
               "ipv4": format!("10.64.0.{last}"), "ipv6": format!("2001:db8:{last}::/64")})
    };
    let body = json!({"reports": [report("a", ANNA, 7), report("b", WITHHELD, 8)]});
    let reply = post(at, "/v1/attachments", REPORTER, &body).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
}

async fn attached(config: Config) -> TestServer {
    let server = TestServer::start(config).await;
    attach(server.at.addr).await;
    server
}

fn hex(text: &str) -> Vec<u8> {
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    text.as_bytes().chunks(2).map(byte).collect()
}

/// What an asker has of a session.
struct Asker {
    asking: Asking,
    socket: UdpSocket,
}

impl Asker {
    async fn agree(at: SocketAddr, key: &str) -> (Asker, Value) {
        let reply = post(at, "/v1/resolve/session", key, &json!({})).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        let terms: Value = serde_json::from_slice(&reply.body).unwrap();
        let key = |name: &str| <[u8; KEY]>::try_from(hex(terms[name].as_str().unwrap())).unwrap();
        let id = SessionId(u64::from_str_radix(terms["session"].as_str().unwrap(), 16).unwrap());
        let asking = Asking::new(id, Keys::new(&key("ask_key"), &key("answer_key")).unwrap());
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = u16::try_from(terms["port"].as_u64().unwrap()).unwrap();
        socket.connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
        (Asker { asking, socket }, terms)
    }

    fn write(&mut self, numbers: &[&str]) -> Vec<u8> {
        let numbers: Vec<Msisdn> = numbers.iter().map(|text| number(text)).collect();
        let mut datagram = Vec::new();
        self.asking.ask(&numbers, &mut datagram).unwrap();
        datagram
    }

    async fn hear(&self) -> (u64, Heard, usize) {
        let mut buffer = [0; 2_048];
        let length = within("an answer", self.socket.recv(&mut buffer)).await.unwrap();
        let (counter, heard) = self.asking.read(&mut buffer[..length]).unwrap();
        (counter, heard, length)
    }

    async fn ask(&mut self, numbers: &[&str]) -> Heard {
        let datagram = self.write(numbers);
        self.socket.send(&datagram).await.unwrap();
        let (_, heard, length) = self.hear().await;
        assert_eq!(length, datagram.len());
        heard
    }

    async fn told(&mut self, numbers: &[&str]) -> Vec<Vec<String>> {
        let Heard::Told(told) = self.ask(numbers).await else { panic!("not told") };
        let texts =
            |found: tandem_resolver::datagram::Found| found.addresses.each().map(|held| held.prefix.text()).collect();
        told.into_iter().map(|found| found.map(texts).unwrap_or_default()).collect()
    }
}

#[tokio::test]
async fn a_datagram_is_told_what_http_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let server = attached(config(directory.path())).await;
    let (mut asker, terms) = Asker::agree(server.at.addr, ASKER).await;
    assert_eq!(terms["cipher"], "aes-128-gcm");
    assert_eq!((&terms["expires_in_ms"], &terms["numbers_max"]), (&json!(3_600_000), &json!(20)));
    let Heard::Told(told) = asker.ask(&[NOBODY, ANNA, WITHHELD]).await else { panic!("not told") };
    assert_eq!((told[0], told[2]), (None, None));
    let found = told[1].unwrap();
    let reply = post(server.at.addr, "/v1/resolve", ASKER, &json!({ "number": ANNA })).await;
    let http: Value = serde_json::from_slice(&reply.body).unwrap();
    let addresses: Vec<String> = found.addresses.each().map(|held| held.prefix.text()).collect();
    assert_eq!(addresses, ["10.64.0.7", "2001:db8:7::/64"]);
    assert_eq!(
        (&http["addresses"][0]["address"], &http["generation"]),
        (&json!("10.64.0.7"), &json!(found.generation.0))
    );
    server.until_metric("tandem_lookup_answered_total{verdict=\"told\"}", 1.0).await;
    assert_eq!(server.metric("tandem_resolver_lookups_total{outcome=\"told\"}").await, 2.0);
    assert_eq!(server.metric("tandem_lookup_sessions").await, 1.0);
    server.stop().await;
}

#[tokio::test]
async fn each_policy_and_each_keys_prefixes_hold_here_too() {
    for (policy, may_resolve, prefix, expected) in [
        (LookupPolicy::Open, false, "1555", true),
        (LookupPolicy::Open, false, "4915", false),
        (LookupPolicy::Role, false, "1555", false),
        (LookupPolicy::Role, true, "1555", true),
        (LookupPolicy::Consent, true, "1555", false),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let mut config = config(directory.path());
        config.resolver.policy = policy;
        config.resolver.api_keys[0].may_resolve = may_resolve;
        config.resolver.api_keys[0].prefixes = vec![prefix.to_owned()];
        let server = attached(config).await;
        let (mut asker, _) = Asker::agree(server.at.addr, ASKER).await;
        assert_eq!(!asker.told(&[ANNA]).await[0].is_empty(), expected, "{policy:?} {may_resolve} {prefix}");
        server.stop().await;
    }
}

#[tokio::test]
async fn whoever_is_not_an_asker_of_a_session_that_stands_gets_not_a_byte() {
    let directory = tempfile::tempdir().unwrap();
    let server = attached(config(directory.path())).await;
    let (mut asker, _) = Asker::agree(server.at.addr, ASKER).await;
    let (mut other, _) = Asker::agree(server.at.addr, OTHER).await;
    let played = asker.write(&[ANNA]);
    asker.socket.send(&played).await.unwrap();
    assert_eq!(asker.hear().await.0, 1);
    let good = asker.write(&[ANNA]);
    let bent = |at: usize| {
        let mut bent = good.clone();
        bent[at] ^= 1;
        bent
    };
    for _ in 0..2 {
        other.write(&[ANNA]);
    }
    let mut in_anothers_name = other.write(&[ANNA]);
    in_anothers_name[4..12].copy_from_slice(&good[4..12]);
    let hostile: [(&str, Vec<u8>); 9] = [
        ("replayed", played),
        ("forged", bent(good.len() - 1)),
        ("forged", bent(HEADER)),
        ("forged", in_anothers_name),
        ("unknown_session", bent(5)),
        ("malformed", good[..good.len() - 1].to_vec()),
        ("malformed", [good.clone(), vec![0; SLOT * 20]].concat()),
        ("malformed", bent(2)),
        ("nothing", Vec::new()),
    ];
    for (_, datagram) in &hostile {
        asker.socket.send(datagram).await.unwrap();
    }
    asker.socket.send(&good).await.unwrap();
    assert_eq!(asker.hear().await.0, 2, "the first that is answered is the first that is genuine");
    for (why, count) in [("replayed", 1.0), ("forged", 3.0), ("unknown_session", 1.0), ("malformed", 3.0)] {
        server.until_metric(&format!("tandem_lookup_dropped_total{{why=\"{why}\"}}"), count).await;
    }
    server.stop().await;
}

#[tokio::test]
async fn a_session_ends_and_the_next_one_stands() {
    let directory = tempfile::tempdir().unwrap();
    let mut config = config(directory.path());
    config.lookup.session_life = Span::secs(1);
    let server = attached(config).await;
    let (mut asker, _) = Asker::agree(server.at.addr, ASKER).await;
    within("its end", async {
        while server.metric("tandem_lookup_dropped_total{why=\"expired\"}").await == 0.0 {
            let datagram = asker.write(&[ANNA]);
            asker.socket.send(&datagram).await.unwrap();
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    let (mut next, _) = Asker::agree(server.at.addr, ASKER).await;
    next.write(&[ANNA]);
    server.stop().await;
}

#[tokio::test]
async fn a_budget_is_one_for_both_ways_and_what_it_refuses_costs_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let mut config = config(directory.path());
    config.resolver.api_keys[0].budget = Budget::new(4, Span::hours(1));
    let server = attached(config).await;
    let (mut asker, _) = Asker::agree(server.at.addr, ASKER).await;
    let Heard::Spent { wait } = asker.ask(&[ANNA, NOBODY, ANNA, NOBODY]).await else { panic!("over its budget") };
    assert!(!wait.is_zero() && wait <= Duration::from_secs(900), "one number too many, so a quarter of an hour");
    assert_eq!(asker.told(&[ANNA, NOBODY, NOBODY]).await.len(), 3);
    assert!(matches!(asker.ask(&[ANNA]).await, Heard::Spent { .. }));
    assert_eq!(post(server.at.addr, "/v1/resolve", ASKER, &json!({ "number": ANNA })).await.status, 429);
    let (mut other, _) = Asker::agree(server.at.addr, OTHER).await;
    assert_eq!(other.told(&[ANNA]).await[0].len(), 2, "another's is its own");
    server.stop().await;
}

#[tokio::test]
async fn a_keys_oldest_session_gives_way_and_anothers_stands() {
    let directory = tempfile::tempdir().unwrap();
    let mut config = config(directory.path());
    config.lookup.sessions_per_key = 2;
    let server = attached(config).await;
    let (mut oldest, _) = Asker::agree(server.at.addr, ASKER).await;
    let (mut other, _) = Asker::agree(server.at.addr, OTHER).await;
    let (mut second, _) = Asker::agree(server.at.addr, ASKER).await;
    assert_eq!(oldest.told(&[ANNA]).await[0].len(), 2);
    let (mut third, _) = Asker::agree(server.at.addr, ASKER).await;
    let datagram = oldest.write(&[ANNA]);
    oldest.socket.send(&datagram).await.unwrap();
    server.until_metric("tandem_lookup_dropped_total{why=\"unknown_session\"}", 1.0).await;
    for asker in [&mut other, &mut second, &mut third] {
        assert_eq!(asker.told(&[ANNA]).await[0].len(), 2);
    }
    server.stop().await;
}

#[tokio::test]
async fn many_askers_are_answered_by_many_threads_and_many_datagrams_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let mut config = config(directory.path());
    config.lookup.threads = 3;
    config.resolver.api_keys[0].budget = Budget::new(100_000, Span::hours(1));
    let server = attached(config).await;
    for _ in 0..16 {
        let (mut asker, _) = Asker::agree(server.at.addr, ASKER).await;
        let asks: Vec<Vec<u8>> = (0..40).map(|n| asker.write(&[ANNA, NOBODY][..1 + n % 2])).collect();
        for datagram in &asks {
            asker.socket.send(datagram).await.unwrap();
        }
        let mut heard: Vec<(u64, usize)> = Vec::new();
        while heard.len() < asks.len() {
            let (counter, answer, bytes) = asker.hear().await;
            assert!(matches!(answer, Heard::Told(told) if told[0].is_some()));
            heard.push((counter, bytes));
        }
        heard.sort_unstable();
        let expected: Vec<(u64, usize)> = (1..=40).map(|counter| (counter, length(2 - counter as usize % 2))).collect();
        assert_eq!(heard, expected);
    }
    server.stop().await;
}

#[tokio::test]
async fn keys_are_given_to_those_with_a_key_and_only_where_they_open_something() {
    let directory = tempfile::tempdir().unwrap();
    let server = TestServer::start(config(directory.path())).await;
    let status =
        async |server: &TestServer, key| post(server.at.addr, "/v1/resolve/session", key, &json!({})).await.status;
    assert_eq!(status(&server, "nobody").await, 401);
    assert_eq!(status(&server, REPORTER).await, 401, "who reports may not ask");
    server.stop().await;
    let mut off = config(directory.path());
    off.lookup.listen = AddressOrOff::Off;
    let server = TestServer::start(off).await;
    assert_eq!((status(&server, ASKER).await, server.at.lookup_addr), (404, None));
    server.stop().await;
}

#[tokio::test]
async fn no_line_of_the_log_has_a_number_an_address_or_a_key() {
    let directory = tempfile::tempdir().unwrap();
    let more = format!(
        "[resolver]\npolicy = \"open\"\n[[resolver.reporters]]\nname = \"aaa\"\nkey = \"{REPORTER}\"\n\
         pools = [\"10.64.0.0/16\", \"2001:db8::/32\"]\n[[resolver.api_keys]]\nname = \"tests\"\nkey = \"{ASKER}\"\n\
         [lookup]\nlisten = \"127.0.0.1:0\"\n"
    );
    let running =
        Process::start(directory.path(), &config_text(directory.path(), SocketAddr::from(([127, 0, 0, 1], 9)), &more));
    attach(running.addr).await;
    let (mut asker, terms) = Asker::agree(running.addr, ASKER).await;
    assert_eq!(asker.told(&[ANNA]).await[0].len(), 2);
    let spoilt = asker.write(&[ANNA])[..30].to_vec();
    asker.socket.send(&spoilt).await.unwrap();
    let (status, log) = running.terminate();
    assert!(status.success());
    let keys = ["session", "ask_key", "answer_key"].map(|name| terms[name].as_str().unwrap().to_owned());
    for secret in keys.iter().map(String::as_str).chain(["15551230001", "10.64.0.7", "2001:db8:7", ASKER]) {
        assert!(!log.contains(secret), "{secret}");
    }
}
