//! A session over TLS, with a certificate of the test's own.
#![expect(clippy::unwrap_used, reason = "a test's helpers stop it as it stops itself")]

mod common;

use common::phone::{Phone, Session};
use common::{TestServer, config_in};
use rustls::pki_types::{CertificateDer, ServerName};
use std::sync::Arc;
use tandem_model::NumberEpoch;
use tandem_server::{Config, Launch, StartError};
use tandem_wire::ClientFrame;
use tandem_wire::frame::GoodbyeReason;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

const HOST: &str = "tandem.example.com";

fn with_certificate(directory: &std::path::Path) -> (Config, CertificateDer<'static>) {
    let made = rcgen::generate_simple_self_signed(vec![HOST.to_owned()]).unwrap();
    let mut config = config_in(directory);
    config.tls.certificate = directory.join("cert.pem");
    config.tls.key = directory.join("key.pem");
    config.listen.public_host = HOST.to_owned();
    std::fs::write(&config.tls.certificate, made.cert.pem()).unwrap();
    std::fs::write(&config.tls.key, made.signing_key.serialize_pem()).unwrap();
    (config, made.cert.der().clone())
}

fn connector(trusted: CertificateDer<'static>) -> TlsConnector {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(trusted).unwrap();
    let client = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(client))
}

#[tokio::test]
async fn a_session_stands_over_tls_and_not_beside_it() {
    let directory = tempfile::tempdir().unwrap();
    let (config, certificate) = with_certificate(directory.path());
    let server = TestServer::start(config).await;
    let connector = connector(certificate);
    let stream = TcpStream::connect(server.at.addr).await.unwrap();
    let stream = connector.connect(ServerName::try_from(HOST).unwrap(), stream).await.unwrap();
    let mut session = Session::over(Box::new(stream), "/v1/session").await;
    let nonce = session.challenge().await;
    let mut stranger = Phone::new("+4915112345601", 1);
    stranger.epoch = NumberEpoch(1);
    session.send(&ClientFrame::Hello(stranger.hello(&nonce))).await;
    let goodbye = session.goodbye().await;
    assert_eq!(goodbye.reason, GoodbyeReason::NotRegistered);

    let plain = TcpStream::connect(server.at.addr).await.unwrap();
    let upgrade = tokio_tungstenite::client_async("ws://test/v1/session", plain);
    assert!(common::within("the refusal", upgrade).await.is_err());
    server.stop().await;
}

#[tokio::test]
async fn a_certificate_for_another_host_stops_the_start() {
    let directory = tempfile::tempdir().unwrap();
    let (mut config, _) = with_certificate(directory.path());
    config.listen.public_host = "other.example.com".to_owned();
    let refused = Launch::new(config).run(std::future::pending()).await.unwrap_err();
    assert!(matches!(refused, StartError::Tls(_)), "{refused}");
    assert_eq!(refused.exit_code(), 78);
}
