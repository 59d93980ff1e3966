//! The relay used by coturn's client, which Tandem's authors did not write.
//!
//! `turnutils_uclient` comes with Debian's package `coturn`, which `tests/run` installs. Without it these tests fail.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "the helpers of a test fail like the test itself")]

use std::time::Duration;

use tandem_model::{CallId, Secret};
use tandem_turn::{CallSide, Credentials, PeerGuard, TurnConfig, TurnServer};
use tokio::process::Command;
use tokio::time::timeout;

/// No run takes longer unless something hangs. It bounds the test and measures nothing.
const HANG: Duration = Duration::from_secs(60);

/// Messages each of the two clients sends.
const MESSAGES: u32 = 50;

async fn server() -> (TurnServer, Credentials) {
    let server = TurnServer::start(TurnConfig {
        listen: "127.0.0.1:0".parse().unwrap(),
        relay_bind: "127.0.0.1".parse().unwrap(),
        relay_ports: 30_000..=32_000,
        secret: Secret::new(b"a secret of this test".to_vec()),
        peers: PeerGuard::with_exceptions(vec!["127.0.0.0/8".parse().unwrap()]),
        ..TurnConfig::default()
    })
    .await
    .unwrap();
    let credentials = server.handle().grant(CallId([7; 16]), CallSide::Caller, Duration::from_secs(600)).unwrap();
    (server, credentials)
}

/// Two clients of coturn talk through two relays; gives what the tool says.
async fn run(server: &TurnServer, username: &str, password: &str, extra: &[&str]) -> String {
    let port = server.address().port().to_string();
    let messages = MESSAGES.to_string();
    let run = Command::new("turnutils_uclient")
        .args(["-y", "-c", "-z", "5", "-l", "170", "-n", &messages, "-p", &port, "-u", username, "-w", password])
        .args(extra)
        .arg("127.0.0.1")
        .kill_on_drop(true)
        .output();
    let output = timeout(HANG, run)
        .await
        .expect("coturn's client hangs")
        .expect("turnutils_uclient is missing: run tests/run, or install Debian's package coturn");
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn assert_nothing_lost(said: &str) {
    let total = 2 * MESSAGES;
    assert!(said.contains(&format!("tot_send_msgs={total}, tot_recv_msgs={total}")), "{said}");
    assert!(said.contains("Total lost packets 0 "), "{said}");
}

#[tokio::test]
async fn coturns_clients_talk_by_channels() {
    let (server, credentials) = server().await;
    assert_nothing_lost(&run(&server, &credentials.username, credentials.password.expose(), &[]).await);
    assert_eq!(server.handle().counters().broken_clients, 0);
}

#[tokio::test]
async fn coturns_clients_talk_by_send_indications() {
    let (server, credentials) = server().await;
    assert_nothing_lost(&run(&server, &credentials.username, credentials.password.expose(), &["-s"]).await);
}

#[tokio::test]
async fn coturns_clients_talk_by_tcp() {
    let (server, credentials) = server().await;
    assert_nothing_lost(&run(&server, &credentials.username, credentials.password.expose(), &["-t"]).await);
}

#[tokio::test]
async fn coturns_client_is_refused_with_a_wrong_password() {
    let (server, credentials) = server().await;
    let said = run(&server, &credentials.username, "guessed", &[]).await;
    assert!(said.contains("Cannot complete Allocation"), "{said}");
    assert_eq!(server.handle().counters().relays_opened, 0);
}
