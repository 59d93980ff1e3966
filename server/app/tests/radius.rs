//! The resolver against FreeRADIUS: its client, which checks our authenticator, and its server as the AAA.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test's helpers stop it as it stops itself")]

mod common;

use common::process::{Process, config_text};
use common::radius::{FreeRadius, NAS_SECRET, radclient, radclient_with, report};
use common::{TestServer, config_in, http, within};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use tandem_resolver::Fingerprint;
use tandem_resolver::radius::{Packet, Request, Type};
use tandem_server::Config;
use tandem_server::config::resolver::{ApiKey, LookupPolicy, Nas};
use tandem_server::config::values::{AddressOrOff, Budget, ConfigSecret, Networks, Span};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

const SECRET: &str = "testing123";
const KEY: &str = "an-api-key-of-thirty-two-letters-or-more";
const ANNA: &str = "15551230001";
const BERT: &str = "15551230002";

fn networks(texts: &[&str]) -> Networks {
    Networks(texts.iter().map(|text| text.parse().unwrap()).collect())
}

fn config(directory: &Path) -> Config {
    let mut config = config_in(directory);
    config.resolver.listen = AddressOrOff::At(SocketAddr::from(([127, 0, 0, 1], 0)));
    config.resolver.policy = LookupPolicy::Open;
    config.resolver.nas = vec![Nas {
        name: "core".to_owned(),
        sources: networks(&["127.0.0.1/32"]),
        secret: ConfigSecret::new(SECRET),
        pools: networks(&["10.64.0.0/16", "2001:db8::/32"]),
        apns: vec!["internet".to_owned()],
        ..Nas::default()
    }];
    config.resolver.api_keys =
        vec![ApiKey { name: "tests".to_owned(), key: ConfigSecret::new(KEY), may_resolve: true, ..ApiKey::default() }];
    config
}

fn now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap()
}

async fn post(server: &TestServer, key: &str, question: &Value) -> http::Reply {
    let headers = format!("authorization: Bearer {key}\r\ncontent-type: application/json\r\n");
    http::post(server.at.addr, "/v1/resolve", &headers, question.to_string().as_bytes()).await
}

async fn whereabouts(server: &TestServer, number: &str) -> Value {
    let reply = post(server, KEY, &json!({ "number": format!("+{number}") })).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    serde_json::from_slice(&reply.body).unwrap()
}

/// For a process of its own.
fn process_config(directory: &Path) -> String {
    let more = format!(
        "[resolver]\nlisten = \"127.0.0.1:0\"\npolicy = \"open\"\nwithheld = [\"+{BERT}\"]\n\
         [[resolver.nas]]\nname = \"core\"\nsources = [\"127.0.0.1\"]\nsecret = \"{SECRET}\"\npools = [\"10.64.0.0/16\", \
         \"2001:db8::/32\"]\n[[resolver.api_keys]]\nname = \"tests\"\nkey = \"{KEY}\"\n"
    );
    config_text(directory, SocketAddr::from(([127, 0, 0, 1], 9)), &more)
}

async fn asked(running: &Process, number: &str) -> String {
    let headers = format!("authorization: Bearer {KEY}\r\n");
    let question = json!({ "number": format!("+{number}") }).to_string();
    let reply = http::post(running.addr, "/v1/resolve", &headers, question.as_bytes()).await;
    assert_eq!(reply.status, 200);
    reply.text().to_owned()
}

async fn addresses(server: &TestServer, number: &str) -> Vec<String> {
    let found = whereabouts(server, number).await;
    let addresses = found["addresses"].as_array().unwrap().clone();
    addresses.iter().map(|address| address["address"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn radclient_is_answered_and_the_number_is_where_it_said() {
    let directory = tempfile::tempdir().unwrap();
    let server = TestServer::start(config(directory.path())).await;
    let at = server.at.resolver_addr.unwrap();
    let said =
        radclient(directory.path(), at, "acct", SECRET, &report("Start", "a", ANNA, "10.64.0.7", now() - 60)).await;
    assert!(said.answered, "{}", said.text);
    let found = whereabouts(&server, ANNA).await;
    assert_eq!(found["addresses"][0], json!({ "address": "10.64.0.7", "kind": "behind_nat" }));
    assert_eq!(found["addresses"][1], json!({ "address": "2001:db8:7::/64", "kind": "public" }));
    assert_eq!(found["kind"], "public");
    let generation = found["generation"].as_u64().unwrap();
    let said =
        radclient(directory.path(), at, "acct", SECRET, &report("Interim-Update", "a", ANNA, "10.64.0.7", now())).await;
    assert!(said.answered, "{}", said.text);
    let found = whereabouts(&server, ANNA).await;
    assert_eq!(found["generation"].as_u64(), Some(generation), "nothing changed");
    let said = radclient(directory.path(), at, "acct", SECRET, &report("Stop", "a", ANNA, "10.64.0.7", now())).await;
    assert!(said.answered, "{}", said.text);
    assert_eq!(whereabouts(&server, ANNA).await, json!({ "number": "+15551230001", "addresses": [] }));
    server.stop().await;
}

#[tokio::test]
async fn a_wrong_secret_gets_no_answer_and_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let server = TestServer::start(config(directory.path())).await;
    let at = server.at.resolver_addr.unwrap();
    let said =
        radclient(directory.path(), at, "acct", "another", &report("Start", "a", ANNA, "10.64.0.7", now())).await;
    assert!(!said.answered, "{}", said.text);
    server.until_metric("tandem_resolver_dropped_total{why=\"forged\"}", 1.0).await;
    assert!(addresses(&server, ANNA).await.is_empty());
    server.stop().await;
}

#[tokio::test]
async fn a_replayed_start_after_its_stop_is_answered_and_binds_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let server = TestServer::start(config(directory.path())).await;
    let at = server.at.resolver_addr.unwrap();
    let start = report("Start", "a", ANNA, "10.64.0.7", now() - 60);
    for request in [&start, &report("Stop", "a", ANNA, "10.64.0.7", now() - 10), &start] {
        let said = radclient(directory.path(), at, "acct", SECRET, request).await;
        assert!(said.answered, "{}", said.text);
    }
    assert!(addresses(&server, ANNA).await.is_empty());
    assert_eq!(server.metric("tandem_resolver_reports_total{outcome=\"known\"}").await, 1.0);
    server.stop().await;
}

#[tokio::test]
async fn an_address_out_of_the_pool_is_never_bound_and_one_given_to_another_evicts_the_older() {
    let directory = tempfile::tempdir().unwrap();
    let server = TestServer::start(config(directory.path())).await;
    let at = server.at.resolver_addr.unwrap();
    let foreign = report("Start", "x", ANNA, "203.0.113.9", now() - 90);
    assert!(radclient(directory.path(), at, "acct", SECRET, &foreign).await.answered);
    assert_eq!(server.metric("tandem_resolver_out_of_pool_total").await, 1.0);
    assert!(addresses(&server, ANNA).await.is_empty());
    for (session, number, ago) in [("a", ANNA, 60), ("b", BERT, 30)] {
        let start = report("Start", session, number, "10.64.0.7", now() - ago);
        assert!(radclient(directory.path(), at, "acct", SECRET, &start).await.answered);
    }
    assert!(addresses(&server, ANNA).await.is_empty());
    assert_eq!(addresses(&server, BERT).await, ["10.64.0.7", "2001:db8:7::/64"]);
    let reboot = format!("Acct-Status-Type = Accounting-On, NAS-IP-Address = 127.0.0.1, Event-Timestamp = {}\n", now());
    assert!(radclient(directory.path(), at, "acct", SECRET, &reboot).await.answered);
    assert!(addresses(&server, BERT).await.is_empty());
    server.stop().await;
}

#[tokio::test]
async fn the_same_packet_sent_twice_is_one_report() {
    let directory = tempfile::tempdir().unwrap();
    let server = TestServer::start(config(directory.path())).await;
    let at = server.at.resolver_addr.unwrap();
    let start = report("Start", "a", ANNA, "10.64.0.7", now());
    // Two copies of one request from one port differ in their identifiers: two packets, one event.
    let said = radclient_with(directory.path(), at, "acct", SECRET, &start, &["-r", "1", "-t", "2", "-c", "2"]).await;
    assert!(said.answered, "{}", said.text);
    server.until_metric("tandem_resolver_answered_total", 2.0).await;
    let (taken, known) = (
        server.metric("tandem_resolver_reports_total{outcome=\"taken\"}").await,
        server.metric("tandem_resolver_reports_total{outcome=\"known\"}").await,
    );
    assert_eq!((taken, known), (1.0, 1.0));
    server.stop().await;
}

#[tokio::test]
async fn what_was_answered_is_there_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let server = TestServer::start(config(directory.path())).await;
    let at = server.at.resolver_addr.unwrap();
    let start = report("Start", "a", ANNA, "10.64.0.7", now());
    assert!(radclient(directory.path(), at, "acct", SECRET, &start).await.answered);
    let before = whereabouts(&server, ANNA).await;
    server.stop().await;
    let server = TestServer::start(config(directory.path())).await;
    let after = whereabouts(&server, ANNA).await;
    assert_eq!((&after["addresses"], &after["generation"]), (&before["addresses"], &before["generation"]));
    server.stop().await;
}

#[tokio::test]
async fn lookups_need_a_key_and_stay_within_its_budget_and_its_policy() {
    let directory = tempfile::tempdir().unwrap();
    let mut config = config(directory.path());
    config.resolver.policy = LookupPolicy::Role;
    config.resolver.withheld = vec![format!("+{BERT}")];
    let other = format!("{KEY}-2");
    config.resolver.api_keys[0].budget = Budget::new(6, Span::hours(1));
    config.resolver.api_keys.push(ApiKey {
        name: "plain".to_owned(),
        key: ConfigSecret::new(other.clone()),
        ..ApiKey::default()
    });
    let server = TestServer::start(config).await;
    let at = server.at.resolver_addr.unwrap();
    for (session, number, address) in [("a", ANNA, "10.64.0.7"), ("b", BERT, "10.64.0.8")] {
        let start = report("Start", session, number, address, now() - 5);
        assert!(radclient(directory.path(), at, "acct", SECRET, &start).await.answered);
    }
    let both = json!({ "numbers": [format!("+{ANNA}"), format!("+{BERT}"), "+15551239999"] });
    assert_eq!(post(&server, "nobody", &both).await.status, 401);
    assert_eq!(http::post(server.at.addr, "/v1/resolve", "", b"{}").await.status, 401);
    let told: Value = serde_json::from_slice(&post(&server, KEY, &both).await.body).unwrap();
    assert_eq!(told["bindings"][0]["addresses"][0]["address"], "10.64.0.7");
    assert_eq!(told["bindings"][1], json!({ "number": format!("+{BERT}"), "addresses": [] }), "withheld");
    assert_eq!(told["bindings"][2], json!({ "number": "+15551239999", "addresses": [] }), "not there: the same answer");
    let plain: Value = serde_json::from_slice(&post(&server, &other, &both).await.body).unwrap();
    assert_eq!(plain["bindings"][0], json!({ "number": format!("+{ANNA}"), "addresses": [] }), "no role");
    assert_eq!(post(&server, KEY, &json!({ "number": "0151" })).await.status, 400);
    assert_eq!(post(&server, KEY, &json!({})).await.status, 400);
    assert_eq!(post(&server, KEY, &both).await.status, 200);
    let spent = post(&server, KEY, &json!({ "number": format!("+{ANNA}") })).await;
    assert_eq!(spent.status, 429);
    assert!(spent.head.to_ascii_lowercase().contains("retry-after: 600"), "{}", spent.head);
    server.stop().await;
}

#[tokio::test]
async fn without_consent_nobody_is_told_and_without_a_resolver_there_is_nothing_to_ask() {
    let directory = tempfile::tempdir().unwrap();
    let mut config = config(directory.path());
    config.resolver.policy = LookupPolicy::default();
    let server = TestServer::start(config.clone()).await;
    let at = server.at.resolver_addr.unwrap();
    let start = report("Start", "a", ANNA, "10.64.0.7", now());
    assert!(radclient(directory.path(), at, "acct", SECRET, &start).await.answered);
    assert!(addresses(&server, ANNA).await.is_empty());
    server.stop().await;
    config.resolver.listen = AddressOrOff::Off;
    let server = TestServer::start(config).await;
    assert_eq!(post(&server, KEY, &json!({ "number": format!("+{ANNA}") })).await.status, 404);
    server.stop().await;
}

#[tokio::test]
async fn what_was_answered_survives_kill_dash_nine() {
    let directory = tempfile::tempdir().unwrap();
    let config = process_config(directory.path());
    let running = Process::start(directory.path(), &config);
    let start = report("Start", "a", ANNA, "10.64.0.7", now());
    assert!(radclient(directory.path(), running.accounting.unwrap(), "acct", SECRET, &start).await.answered);
    running.kill_dash_nine();
    let running = Process::start(directory.path(), &config);
    assert!(asked(&running, ANNA).await.contains("10.64.0.7"));
    let stop = report("Stop", "a", ANNA, "10.64.0.7", now());
    assert!(radclient(directory.path(), running.accounting.unwrap(), "acct", SECRET, &stop).await.answered);
    running.kill_dash_nine();
    let running = Process::start(directory.path(), &config);
    assert!(!asked(&running, ANNA).await.contains("10.64.0.7"));
    assert!(running.terminate().0.success());
}

#[tokio::test]
async fn a_client_that_must_vouch_is_answered_when_it_does() {
    let directory = tempfile::tempdir().unwrap();
    let mut config = config(directory.path());
    config.resolver.nas[0].require_message_authenticator = true;
    let server = TestServer::start(config).await;
    let at = server.at.resolver_addr.unwrap();
    let plain = report("Start", "a", ANNA, "10.64.0.7", now());
    assert!(!radclient(directory.path(), at, "acct", SECRET, &plain).await.answered);
    let vouched = format!("{}, Message-Authenticator = 0x00\n", plain.trim());
    let said = radclient(directory.path(), at, "acct", SECRET, &vouched).await;
    assert!(said.answered, "{}", said.text);
    assert_eq!(addresses(&server, ANNA).await[0], "10.64.0.7");
    server.stop().await;
}

#[tokio::test]
async fn radclient_asks_whether_anybody_is_there_and_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let server = TestServer::start(config(directory.path())).await;
    let at = server.at.resolver_addr.unwrap();
    let said = radclient(directory.path(), at, "status", SECRET, "Message-Authenticator = 0x00\n").await;
    assert!(said.answered, "{}", said.text);
    let said = radclient(directory.path(), at, "status", "another", "Message-Authenticator = 0x00\n").await;
    assert!(!said.answered, "{}", said.text);
    assert_eq!(server.metric("tandem_resolver_status_total").await, 1.0);
    server.stop().await;
}

#[tokio::test]
async fn no_line_says_who_or_where_at_any_level() {
    let directory = tempfile::tempdir().unwrap();
    let running = Process::start(directory.path(), &process_config(directory.path()));
    let at = running.accounting.unwrap();
    let start = report("Start", "a-marked-session", ANNA, "10.64.0.77", now());
    assert!(radclient(directory.path(), at, "acct", SECRET, &start).await.answered);
    assert!(!radclient(directory.path(), at, "acct", "another", &start).await.answered);
    assert!(asked(&running, ANNA).await.contains("10.64.0.77"));
    let (status, log) = running.terminate();
    assert!(status.success() && log.contains("an accounting datagram"), "{log}");
    for secret in [ANNA, BERT, "10.64.0.77", "2001:db8:77", "001010123456789", "a-marked-session", SECRET, KEY] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}

/// Reports go to FreeRADIUS, which hands them on to us.
async fn comes_and_goes_by_proxy(directory: &Path, aaa: &FreeRadius, server: &TestServer) {
    let start = report("Start", "a", ANNA, "10.64.0.42", now() - 5);
    let said = radclient(directory, aaa.acct, "acct", NAS_SECRET, &start).await;
    assert!(said.answered, "FreeRADIUS answers when we have: {}", said.text);
    assert_eq!(addresses(server, ANNA).await[0], "10.64.0.42");
    let stop = report("Stop", "a", ANNA, "10.64.0.42", now());
    assert!(radclient(directory, aaa.acct, "acct", NAS_SECRET, &stop).await.answered);
    assert!(addresses(server, ANNA).await.is_empty());
}

#[tokio::test]
async fn freeradius_gives_an_address_and_its_accounting_reaches_us_by_proxy() {
    let directory = tempfile::tempdir().unwrap();
    let server = TestServer::start(config(directory.path())).await;
    let us = server.at.resolver_addr.unwrap();
    let aaa_directory = tempfile::tempdir().unwrap();
    let aaa = FreeRadius::start(aaa_directory.path(), us, SECRET, "10.64.0.42").await;
    let access = format!("User-Name = \"{ANNA}\", User-Password = \"x\", Calling-Station-Id = \"{ANNA}\"\n");
    let said = radclient(directory.path(), aaa.auth, "auth", NAS_SECRET, &access).await;
    assert!(said.answered && said.text.contains("Framed-IP-Address = 10.64.0.42"), "{}", said.text);
    comes_and_goes_by_proxy(directory.path(), &aaa, &server).await;
    server.stop().await;
}

/// Two certificates of their own: `server.pem` and `client.pem`, with their keys.
fn certificates(directory: &Path) -> String {
    let mut fingerprint = String::new();
    for name in ["server", "client"] {
        let made = rcgen::generate_simple_self_signed(vec![format!("{name}.test")]).unwrap();
        std::fs::write(directory.join(format!("{name}.pem")), made.cert.pem()).unwrap();
        std::fs::write(directory.join(format!("{name}.key")), made.signing_key.serialize_pem()).unwrap();
        fingerprint = Fingerprint::of(made.cert.der()).0.iter().map(|octet| format!("{octet:02x}")).collect();
    }
    fingerprint
}

fn radsec_config(directory: &Path, certificates: &Path, fingerprint: String) -> Config {
    let mut config = config(directory);
    config.resolver.listen = AddressOrOff::Off;
    config.resolver.nas[0].sources = networks(&[]);
    config.resolver.nas[0].secret = ConfigSecret::default();
    config.resolver.nas[0].certificates = vec![fingerprint];
    config.radsec.listen = AddressOrOff::At(SocketAddr::from(([127, 0, 0, 1], 0)));
    config.radsec.certificate = certificates.join("server.pem");
    config.radsec.key = certificates.join("server.key");
    config
}

#[tokio::test]
async fn freeradius_proxies_accounting_to_us_over_tls() {
    let (directory, tls) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let fingerprint = certificates(tls.path());
    let server = TestServer::start(radsec_config(directory.path(), tls.path(), fingerprint)).await;
    let us = server.at.radsec_addr.unwrap();
    let aaa = FreeRadius::start_over_tls(tls.path(), us, "10.64.0.42").await;
    comes_and_goes_by_proxy(directory.path(), &aaa, &server).await;
    server.stop().await;
}

#[tokio::test]
async fn a_certificate_that_is_not_named_is_not_let_in_whoever_signed_it() {
    let (directory, tls) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let _unnamed = certificates(tls.path());
    let server = TestServer::start(radsec_config(directory.path(), tls.path(), "ab".repeat(32))).await;
    let us = server.at.radsec_addr.unwrap();
    let aaa = FreeRadius::start_over_tls(tls.path(), us, "10.64.0.42").await;
    let start = report("Start", "a", ANNA, "10.64.0.42", now() - 5);
    let said = radclient(directory.path(), aaa.acct, "acct", NAS_SECRET, &start).await;
    assert!(!said.answered, "{}", said.text);
    assert!(addresses(&server, ANNA).await.is_empty());
    server.stop().await;
}

/// A connection of the client whose certificate is named.
async fn connected(directory: &Path, us: SocketAddr) -> TlsStream<TcpStream> {
    let chain = vec![CertificateDer::from_pem_file(directory.join("client.pem")).unwrap()];
    let key = PrivateKeyDer::from_pem_file(directory.join("client.key")).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(directory.join("server.pem")).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)
        .unwrap();
    let stream = TcpStream::connect(us).await.unwrap();
    let name = ServerName::try_from("server.test").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap()
}

fn request(number: &str, identifier: u8) -> Vec<u8> {
    Request::new()
        .with_u32(Type::AcctStatusType, 1)
        .with(Type::AcctSessionId, b"a")
        .with(Type::CallingStationId, number.as_bytes())
        .with(Type::CalledStationId, b"internet")
        .with_ipv4(Type::FramedIpAddress, Ipv4Addr::new(10, 64, 0, 9))
        .sign(identifier, b"radsec")
}

#[tokio::test]
async fn packets_cut_anywhere_are_put_together_and_a_length_that_is_none_ends_its_connection_alone() {
    let (directory, tls) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let fingerprint = certificates(tls.path());
    let server = TestServer::start(radsec_config(directory.path(), tls.path(), fingerprint)).await;
    let us = server.at.radsec_addr.unwrap();
    let mut broken = connected(tls.path(), us).await;
    broken.write_all(&[4, 1, 0, 19]).await.unwrap();
    let mut rest = Vec::new();
    let _ended = within("the end of the connection", broken.read_to_end(&mut rest)).await;
    assert!(rest.is_empty());
    let mut whole = connected(tls.path(), us).await;
    let bytes = request(ANNA, 7);
    for octet in &bytes {
        whole.write_all(&[*octet]).await.unwrap();
        whole.flush().await.unwrap();
    }
    let mut answer = [0; 20];
    within("the answer", whole.read_exact(&mut answer)).await.unwrap();
    let (request, answer) = (Packet::decode(&bytes).unwrap(), Packet::decode(&answer).unwrap());
    assert!(answer.is_genuine_response_to(&request, b"radsec"));
    assert_eq!(addresses(&server, ANNA).await, ["10.64.0.9"]);
    server.stop().await;
}

#[tokio::test]
async fn who_asks_for_a_status_over_tls_is_told_on_the_same_connection_between_its_reports() {
    let (directory, tls) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let fingerprint = certificates(tls.path());
    let server = TestServer::start(radsec_config(directory.path(), tls.path(), fingerprint)).await;
    let mut stream = connected(tls.path(), server.at.radsec_addr.unwrap()).await;
    let status = |random| Request::new().ask_status(8, [random; 16], b"radsec");
    for asked in [status(1), request(ANNA, 9), status(2)] {
        stream.write_all(&asked).await.unwrap();
        stream.flush().await.unwrap();
        let mut answer = [0; 20];
        within("the answer", stream.read_exact(&mut answer)).await.unwrap();
        let (asked, answer) = (Packet::decode(&asked).unwrap(), Packet::decode(&answer).unwrap());
        assert!(answer.is_genuine_response_to(&asked, b"radsec"));
    }
    server.until_metric("tandem_resolver_status_total", 2.0).await;
    assert_eq!(addresses(&server, ANNA).await, ["10.64.0.9"]);
    server.stop().await;
}
