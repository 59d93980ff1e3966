//! What phones and operators see of an HTTP gateway that does not do what it should.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "a test's helpers stop it as it stops itself"
)]

mod common;

use axum::http::StatusCode;
use common::phone::{Phone, ask};
use common::{TestServer, config_in, http, within};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;
use tandem_server::Config;
use tandem_server::config::sms::DriverKind;
use tandem_server::config::values::{Budget, Span};
use tandem_wire::RegisterReply;
use tandem_wire::frame::RegisterRefusal;

const ANNA: &str = "+4915112345601";

/// Answers every text with the same status.
async fn gateway(status: &Arc<AtomicU16>) -> SocketAddr {
    let status = Arc::clone(status);
    let answer = move || std::future::ready(StatusCode::from_u16(status.load(Ordering::SeqCst)).unwrap());
    let router = axum::Router::new().route("/send", axum::routing::post(answer));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

fn config(directory: &Path, gateway: SocketAddr) -> Config {
    let mut config = config_in(directory);
    config.sms.driver = DriverKind::Http;
    config.sms_http.url = format!("http://{gateway}/send");
    config.sms_http.check_link_after = Span::ms(100);
    config
}

async fn until_ready(server: &TestServer, status: u16) -> String {
    within("readiness", async {
        loop {
            let reply = http::get(server.at.addr, "/readyz").await;
            if reply.status == status {
                return reply.text().to_owned();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await
}

async fn refused(server: &TestServer) -> (RegisterRefusal, u32) {
    match ask(server.at.addr, &Phone::new(ANNA, 1).start_request()).await {
        RegisterReply::Refused { reason, retry_after_ms } => (reason, retry_after_ms),
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn a_gateway_that_is_away_or_closed_to_us_is_not_ready_and_one_that_is_there_is() {
    let directory = tempfile::tempdir().unwrap();
    let unused = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let server = TestServer::start_by_config(config(directory.path(), unused)).await;
    assert!(until_ready(&server, 503).await.contains("\"sms\":\"down\""));
    assert_eq!(refused(&server).await.0, RegisterRefusal::SmsUnavailable);
    server.stop().await;

    let status = Arc::new(AtomicU16::new(401));
    let server = TestServer::start_by_config(config(directory.path(), gateway(&status).await)).await;
    until_ready(&server, 200).await;
    assert_eq!(refused(&server).await.0, RegisterRefusal::SmsUnavailable);
    assert!(until_ready(&server, 503).await.contains("\"sms\":\"down\""));
    status.store(200, Ordering::SeqCst);
    let reply = ask(server.at.addr, &Phone::new(ANNA, 1).start_request()).await;
    assert!(matches!(reply, RegisterReply::Started { .. }), "{reply:?}");
    until_ready(&server, 200).await;
    server.stop().await;
}

#[tokio::test]
async fn a_number_that_cannot_be_reached_is_told_apart_from_a_fault_of_ours() {
    let directory = tempfile::tempdir().unwrap();
    let status = Arc::new(AtomicU16::new(400));
    let mut config = config(directory.path(), gateway(&status).await);
    config.registration.per_number = Budget::new(1, Span::days(1));
    let server = TestServer::start_by_config(config).await;
    for _ in 0..3 {
        assert_eq!(refused(&server).await, (RegisterRefusal::SmsUnavailable, 300_000), "and costs the number nothing");
    }
    status.store(422, Ordering::SeqCst);
    assert_eq!(refused(&server).await.0, RegisterRefusal::NumberUnreachable);
    assert_eq!(server.metric("tandem_registrations_started_total").await, 0.0);
    server.stop().await;
}
