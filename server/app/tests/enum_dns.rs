//! ENUM against dig, which Tandem's authors did not write. `tests/run` installs it.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test's helpers stop it as it stops itself")]

mod common;

use common::radius::{radclient, report};
use common::{TestServer, config_in, within};
use std::net::SocketAddr;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};
use tandem_server::Config;
use tandem_server::config::dns::{DnsClient, Record};
use tandem_server::config::resolver::{LookupPolicy, Nas};
use tandem_server::config::values::{AddressOrOff, Budget, ConfigSecret, Networks, Span};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::Command;

const SECRET: &str = "testing123";
const ANNA: &str = "15551230001";
const ANNAS: &str = "1.0.0.0.3.2.1.5.5.5.1.e164.ims.test";
const BERTS: &str = "2.0.0.0.3.2.1.5.5.5.1.e164.ims.test";

fn networks(texts: &[&str]) -> Networks {
    Networks(texts.iter().map(|text| text.parse().unwrap()).collect())
}

fn config(directory: &Path) -> Config {
    let mut config = config_in(directory);
    let anywhere = AddressOrOff::At(SocketAddr::from(([127, 0, 0, 1], 0)));
    config.resolver.listen = anywhere;
    config.resolver.policy = LookupPolicy::Open;
    config.resolver.nas = vec![Nas {
        name: "core".to_owned(),
        sources: networks(&["127.0.0.1/32"]),
        secret: ConfigSecret::new(SECRET),
        pools: networks(&["10.64.0.0/16", "2001:db8::/32"]),
        ..Nas::default()
    }];
    config.dns.listen = anywhere;
    config.dns.apex = "e164.ims.test".to_owned();
    config.dns.records = vec![
        Record { uri: "sip:{number}@ims.test;user=phone".to_owned(), ..Record::default() },
        Record { uri: "sips:relay@tandem.test".to_owned(), preference: 20, ..Record::default() },
    ];
    config.dns.clients = vec![
        DnsClient { name: "proxy".to_owned(), sources: networks(&["127.0.0.1/32"]), ..DnsClient::default() },
        DnsClient {
            name: "poor".to_owned(),
            sources: networks(&["127.0.0.3/32"]),
            budget: Budget::new(1, Span::hours(1)),
            ..DnsClient::default()
        },
    ];
    config
}

async fn attached(directory: &Path) -> TestServer {
    let server = TestServer::start(config(directory)).await;
    let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap();
    let start = report("Start", "a", ANNA, "10.64.0.7", now);
    let said = radclient(directory, server.at.resolver_addr.unwrap(), "acct", SECRET, &start).await;
    assert!(said.answered, "{}", said.text);
    server
}

/// What dig prints.
async fn dig(server: &TestServer, options: &[&str]) -> String {
    let at = server.at.dns_addr.unwrap();
    let run = Command::new("dig")
        .args([&format!("@{}", at.ip()), "-p", &at.port().to_string(), "+tries=1", "+time=2"])
        .args(options)
        .kill_on_drop(true)
        .output();
    let output = within("dig", run).await.expect("dig is missing: run tests/run");
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn dig_is_told_the_uris_of_a_number_that_is_attached_by_either_transport() {
    let directory = tempfile::tempdir().unwrap();
    let server = attached(directory.path()).await;
    for transport in ["+notcp", "+tcp"] {
        let told = dig(&server, &[transport, "+short", ANNAS, "NAPTR"]).await;
        let mut told: Vec<&str> = told.lines().collect();
        told.sort_unstable();
        assert_eq!(
            told,
            [
                "10 10 \"u\" \"E2U+sip\" \"!^.*$!sip:+15551230001@ims.test;user=phone!\" .",
                "10 20 \"u\" \"E2U+sip\" \"!^.*$!sips:relay@tandem.test!\" .",
            ]
        );
    }
    let whole = dig(&server, &[ANNAS, "NAPTR"]).await;
    assert!(whole.contains("status: NOERROR") && whole.contains("flags: qr aa rd"), "{whole}");
    assert!(!whole.contains("10.64.0.7"), "never an address");
    let whole = dig(&server, &["+edns=1", "+noednsneg", ANNAS, "NAPTR"]).await;
    assert!(whole.contains("status: BADVERS"), "{whole}");
    server.stop().await;
}

#[tokio::test]
async fn dig_is_told_of_nobody_of_a_detached_number_and_of_an_address_in_the_same_words() {
    let directory = tempfile::tempdir().unwrap();
    let server = attached(directory.path()).await;
    for (name, kind) in [(BERTS, "NAPTR"), (ANNAS, "A"), (ANNAS, "AAAA"), ("3.2.1.5.5.5.1.e164.ims.test", "NAPTR")] {
        let said = dig(&server, &[name, kind]).await;
        assert!(said.contains("status: NOERROR") && said.contains("ANSWER: 0"), "{said}");
        assert!(said.contains("ns.e164.ims.test. hostmaster.e164.ims.test. 1 3600 600 86400 60"), "{said}");
    }
    let said = dig(&server, &["sip.e164.ims.test", "A"]).await;
    assert!(said.contains("status: NXDOMAIN"), "{said}");
    assert_eq!(dig(&server, &["+short", "e164.ims.test", "NS"]).await, "ns.e164.ims.test.\n");
    server.stop().await;
}

#[tokio::test]
async fn who_may_not_ask_is_refused_and_so_is_who_asks_too_much_or_for_all_of_it() {
    let directory = tempfile::tempdir().unwrap();
    let server = attached(directory.path()).await;
    let refused = |said: &str| said.contains("status: REFUSED");
    assert!(refused(&dig(&server, &["-b", "127.0.0.2", ANNAS, "NAPTR"]).await));
    assert!(refused(&dig(&server, &["ims.test", "SOA"]).await));
    assert!(!refused(&dig(&server, &["-b", "127.0.0.3", ANNAS, "NAPTR"]).await));
    assert!(refused(&dig(&server, &["-b", "127.0.0.3", ANNAS, "NAPTR"]).await));
    assert!(dig(&server, &["e164.ims.test", "AXFR"]).await.contains("Transfer failed"));
    server.until_metric("tandem_dns_questions_total{outcome=\"budget\"}", 1.0).await;
    server.stop().await;
}

#[tokio::test]
async fn a_connection_that_sends_nonsense_is_closed_and_others_are_served() {
    let directory = tempfile::tempdir().unwrap();
    let server = attached(directory.path()).await;
    let mut stream = TcpStream::connect(server.at.dns_addr.unwrap()).await.unwrap();
    stream.write_all(&[0, 3, 1, 2, 3]).await.unwrap();
    let mut rest = Vec::new();
    within("the end of the connection", stream.read_to_end(&mut rest)).await.unwrap();
    assert!(rest.is_empty());
    assert!(dig(&server, &["+tcp", "+short", ANNAS, "NAPTR"]).await.contains("sip:+15551230001@ims.test"));
    server.stop().await;
}
