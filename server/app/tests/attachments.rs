//! Reports over HTTP, for an AAA without RADIUS accounting.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test's helpers stop it as it stops itself")]

mod common;

use common::process::{Process, config_text};
use common::{TestServer, config_in, http};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};
use tandem_server::Config;
use tandem_server::config::resolver::{ApiKey, LookupPolicy, Reporter};
use tandem_server::config::values::{Budget, ConfigSecret, Networks, Span};

const REPORTER: &str = "a-reporters-key-of-thirty-two-letters";
const ASKER: &str = "an-askers-key-of-thirty-two-letters-too";
const ANNA: &str = "+15551230001";

fn networks(texts: &[&str]) -> Networks {
    Networks(texts.iter().map(|text| text.parse().unwrap()).collect())
}

fn config(directory: &Path) -> Config {
    let mut config = config_in(directory);
    config.resolver.policy = LookupPolicy::Open;
    config.resolver.reporters = vec![Reporter {
        name: "aaa".to_owned(),
        key: ConfigSecret::new(REPORTER),
        pools: networks(&["10.64.0.0/16", "2001:db8::/32"]),
        apns: vec!["internet".to_owned()],
        budget: Budget::new(8, Span::hours(1)),
        ..Reporter::default()
    }];
    config.resolver.api_keys =
        vec![ApiKey { name: "tests".to_owned(), key: ConfigSecret::new(ASKER), ..ApiKey::default() }];
    config
}

fn now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

fn report(event: &str, session: &str, at: i64) -> Value {
    json!({
        "event": event, "nas": "pgw-1", "session": session, "number": ANNA, "ipv4": "10.64.0.7",
        "ipv6": "2001:db8:7::/64", "apn": "internet", "at_ms": at
    })
}

async fn post(at: SocketAddr, path: &str, key: &str, body: &Value) -> http::Reply {
    let headers = format!("authorization: Bearer {key}\r\ncontent-type: application/json\r\n");
    http::post(at, path, &headers, body.to_string().as_bytes()).await
}

async fn pushed(at: SocketAddr, reports: &[Value]) -> Value {
    let reply = post(at, "/v1/attachments", REPORTER, &json!({ "reports": reports })).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    serde_json::from_slice::<Value>(&reply.body).unwrap()["reports"].clone()
}

async fn status(server: &TestServer, key: &str, body: &Value) -> u16 {
    post(server.at.addr, "/v1/attachments", key, body).await.status
}

async fn addresses(at: SocketAddr) -> Vec<String> {
    let reply = post(at, "/v1/resolve", ASKER, &json!({ "number": ANNA })).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let found: Value = serde_json::from_slice(&reply.body).unwrap();
    let addresses = found["addresses"].as_array().unwrap().clone();
    addresses.iter().map(|address| address["address"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_number_is_where_its_aaa_said_until_its_session_ends() {
    let directory = tempfile::tempdir().unwrap();
    let server = TestServer::start(config(directory.path())).await;
    let (at, began) = (server.at.addr, now() - 60_000);
    assert_eq!(server.at.resolver_addr, None, "no listener is needed");
    let start = report("start", "a", began);
    assert_eq!(pushed(at, std::slice::from_ref(&start)).await, json!(["taken"]));
    assert_eq!(addresses(at).await, ["10.64.0.7", "2001:db8:7::/64"]);
    let stop = report("stop", "a", began + 30_000);
    assert_eq!(pushed(at, &[start.clone(), stop, start]).await, json!(["known", "taken", "known"]));
    assert!(addresses(at).await.is_empty(), "a Start that is played back begins nothing");
    server.stop().await;
}

#[tokio::test]
async fn each_report_is_told_what_became_of_it() {
    let directory = tempfile::tempdir().unwrap();
    let server = TestServer::start(config(directory.path())).await;
    let mut ims = report("start", "b", now());
    ims["apn"] = json!("ims");
    let mut nobody = report("start", "c", now());
    nobody["number"] = Value::Null;
    let old = report("start", "d", now() - 25 * 3_600_000);
    let early = report("start", "e", now() + 3_600_000);
    let reboot = json!({ "event": "reboot", "nas": "pgw-1", "at_ms": now() });
    let told = pushed(server.at.addr, &[ims, nobody, old, early, reboot]).await;
    assert_eq!(told, json!(["other_apn", "no_number", "too_old", "too_early", "taken"]));
    server.stop().await;
}

#[tokio::test]
async fn a_reboot_ends_every_session_of_its_gateway_and_a_foreign_address_is_never_bound() {
    let directory = tempfile::tempdir().unwrap();
    let server = TestServer::start(config(directory.path())).await;
    let at = server.at.addr;
    pushed(at, &[report("start", "a", now() - 1_000)]).await;
    assert_eq!(addresses(at).await.len(), 2);
    pushed(at, &[json!({ "event": "reboot", "nas": "pgw-1", "at_ms": now() })]).await;
    assert!(addresses(at).await.is_empty());
    let mut foreign = report("start", "b", now());
    foreign["ipv4"] = json!("203.0.113.9");
    pushed(at, &[foreign]).await;
    assert!(addresses(at).await.is_empty());
    assert_eq!(server.metric("tandem_resolver_out_of_pool_total").await, 1.0);
    server.stop().await;
}

#[tokio::test]
async fn who_has_no_key_says_what_makes_no_sense_or_says_too_much_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let server = TestServer::start(config(directory.path())).await;
    let start = json!({ "reports": [report("start", "a", now())] });
    assert_eq!(status(&server, "nobody", &start).await, 401);
    assert_eq!(status(&server, ASKER, &start).await, 401, "who may ask may not report");
    let lookup = post(server.at.addr, "/v1/resolve", REPORTER, &json!({ "number": ANNA })).await;
    assert_eq!(lookup.status, 401, "and the other way round");
    for (key, value) in
        [("ipv4", "2001:db8::1"), ("ipv6", "10.64.0.7"), ("number", "0151"), ("event", "begin"), ("at", "1")]
    {
        let mut report = report("start", "a", now());
        report[key] = json!(value);
        assert_eq!(status(&server, REPORTER, &json!({ "reports": [report] })).await, 400, "{key}");
    }
    assert_eq!(status(&server, REPORTER, &json!({ "reports": [] })).await, 400);
    let many: Vec<Value> = (0..9).map(|n| report("start", &n.to_string(), now())).collect();
    assert_eq!(status(&server, REPORTER, &json!({ "reports": many })).await, 429);
    assert!(addresses(server.at.addr).await.is_empty());
    server.stop().await;
}

#[tokio::test]
async fn what_was_answered_survives_kill_dash_nine() {
    let directory = tempfile::tempdir().unwrap();
    let more = format!(
        "[resolver]\npolicy = \"open\"\n[[resolver.reporters]]\nname = \"aaa\"\nkey = \"{REPORTER}\"\n\
         pools = [\"10.64.0.0/16\", \"2001:db8::/32\"]\n[[resolver.api_keys]]\nname = \"tests\"\nkey = \"{ASKER}\"\n"
    );
    let config = config_text(directory.path(), SocketAddr::from(([127, 0, 0, 1], 9)), &more);
    let running = Process::start(directory.path(), &config);
    assert_eq!(pushed(running.addr, &[report("start", "a", now())]).await, json!(["taken"]));
    running.kill_dash_nine();
    let running = Process::start(directory.path(), &config);
    assert_eq!(addresses(running.addr).await.len(), 2);
    assert!(running.terminate().0.success());
}
