//! The APNs driver against "Sending notification requests to APNs" and its table of reasons, over HTTP/2 and TLS.
#![expect(clippy::unwrap_used, reason = "a test's helpers stop it as it stops itself")]

mod common;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::http::Version;
use common::{Answer, Service, jwt};
use data_encoding::HEXLOWER;
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use serde_json::json;
use tandem_model::{Secret, ServerMillis};
use tandem_push::{Apns, ApnsConfig, ConfigError, PermanentReason, PushDriver, PushKind, PushMessage, PushOutcome};
use tandem_push::{PushToken, Topic};

fn key() -> rcgen::KeyPair {
    rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap()
}

fn config(service: &Service, key: &rcgen::KeyPair) -> ApnsConfig {
    ApnsConfig {
        key_pem: Secret::new(key.serialize_pem()),
        key_id: "ABC123DEFG".to_owned(),
        team_id: "DEF123GHIJ".to_owned(),
        bundle_id: "org.example.dialer".to_owned(),
        alert_key: "TANDEM_NEW".to_owned(),
        url: service.url(""),
        outgoing: service.outgoing(),
    }
}

fn message(kind: PushKind) -> PushMessage {
    PushMessage { payload: vec![0xFF; 3], ttl: Duration::ZERO, kind, topic: None }
}

/// The device's token names the answer it gets.
fn device(name: &str) -> PushToken {
    PushToken::Apns(Secret::new(name.as_bytes().to_vec()))
}

fn asked(path: &str) -> String {
    let device = HEXLOWER.decode(path.strip_prefix("/3/device/").unwrap().as_bytes()).unwrap();
    String::from_utf8(device).unwrap()
}

#[tokio::test]
async fn every_reason_has_its_outcome() {
    use PermanentReason as Why;
    let service = Service::start(|came| {
        let name = asked(&came.path);
        let mut words = name.split(' ');
        let status = words.next().unwrap().parse().unwrap();
        let body = match (words.next(), words.next()) {
            (Some("Unregistered"), _) => {
                json!({ "reason": "Unregistered", "timestamp": 1_700_000_000_123_i64 }).to_string()
            }
            (Some(reason), _) => json!({ "reason": reason }).to_string(),
            (None, _) => String::new(),
        };
        let answer = Answer::new(status, body);
        if name.ends_with(" wait") { answer.with("retry-after", 9) } else { answer }
    })
    .await;
    let driver = Apns::new(&config(&service, &key())).unwrap();
    let permanent = PushOutcome::Permanent;
    let wait = |s| PushOutcome::Throttled { retry_after: Duration::from_secs(s) };
    let malformed =
        ["BadCollapseId", "BadExpirationDate", "BadMessageId", "BadPriority", "BadTopic", "DuplicateHeaders"];
    let malformed = malformed.iter().chain(&[
        "IdleTimeout",
        "InvalidPushType",
        "MissingDeviceToken",
        "MissingTopic",
        "PayloadEmpty",
    ]);
    let mut table: Vec<(String, PushOutcome)> =
        malformed.map(|reason| (format!("400 {reason}"), permanent(Why::Malformed))).collect();
    for (name, outcome) in [
        ("200", PushOutcome::Accepted),
        ("400 BadDeviceToken", permanent(Why::BadToken)),
        ("400 DeviceTokenNotForTopic", permanent(Why::WrongSender)),
        ("400 TopicDisallowed", permanent(Why::Credentials)),
        ("403 BadCertificate", permanent(Why::Credentials)),
        ("403 BadCertificateEnvironment", permanent(Why::Credentials)),
        ("403 Forbidden", permanent(Why::Credentials)),
        ("403 InvalidProviderToken", permanent(Why::Credentials)),
        ("403 MissingProviderToken", permanent(Why::Credentials)),
        ("404 BadPath", permanent(Why::Malformed)),
        ("405 MethodNotAllowed", permanent(Why::Malformed)),
        ("410 ExpiredToken", PushOutcome::Gone { since: None }),
        ("410 Unregistered", PushOutcome::Gone { since: Some(ServerMillis(1_700_000_000_123)) }),
        ("413 PayloadTooLarge", permanent(Why::TooLarge)),
        ("429 TooManyProviderTokenUpdates", wait(30)),
        ("429 TooManyRequests", wait(30)),
        ("429 TooManyRequests wait", wait(9)),
        ("500 InternalServerError", PushOutcome::Temporary),
        ("503 ServiceUnavailable", PushOutcome::Temporary),
        ("503 Shutdown wait", wait(9)),
        ("409 ALaterReason", permanent(Why::Other(409))),
        ("410", permanent(Why::Other(410))),
        ("302", permanent(Why::Redirected)),
    ] {
        table.push((name.to_owned(), outcome));
    }
    for (name, outcome) in &table {
        assert_eq!(driver.push(&device(name), &message(PushKind::Call)).await, *outcome, "{name}");
    }
    let came = service.came();
    assert_eq!(came.len(), table.len(), "nothing was tried again");
    let first = came[0].header("authorization");
    assert!(came.iter().all(|came| came.header("authorization") == first), "one provider token served them all");
}

#[tokio::test]
async fn only_a_call_goes_to_the_voip_topic_and_each_kind_is_labelled() {
    let service = Service::start(|_| Answer::new(200, "")).await;
    let driver = Apns::new(&config(&service, &key())).unwrap();
    let call = PushMessage { topic: Topic::new("call-1"), ..message(PushKind::Call) };
    assert_eq!(driver.push(&device("d"), &call).await, PushOutcome::Accepted);
    let came = service.last();
    assert_eq!((came.version, came.path.as_str()), (Version::HTTP_2, "/3/device/64"));
    let told = |came: &common::Came| {
        ["apns-topic", "apns-push-type", "apns-priority", "apns-expiration"].map(|name| came.header(name).to_owned())
    };
    assert_eq!(told(&came), ["org.example.dialer.voip", "voip", "10", "0"]);
    assert_eq!(came.header("apns-collapse-id"), "call-1");
    assert_eq!(came.json(), json!({ "aps": {}, "t": "____" }));

    let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let before = now();
    let alert = PushMessage { ttl: Duration::from_secs(3_600), ..message(PushKind::Alert) };
    driver.push(&device("d"), &alert).await;
    let came = service.last();
    let until: u64 = came.header("apns-expiration").parse().unwrap();
    assert!((before + 3_600..=now() + 3_600).contains(&until));
    assert_eq!(told(&came)[..3], ["org.example.dialer", "alert", "10"]);
    let aps = json!({ "alert": { "loc-key": "TANDEM_NEW" }, "mutable-content": 1 });
    assert_eq!(came.json(), json!({ "aps": aps, "t": "____" }));

    driver.push(&device("d"), &message(PushKind::Background)).await;
    let came = service.last();
    assert_eq!(told(&came), ["org.example.dialer", "background", "5", "0"]);
    assert_eq!(came.json()["aps"], json!({ "content-available": 1 }));
    assert_eq!(came.header("apns-collapse-id"), "");
}

#[tokio::test]
async fn the_provider_token_is_signed_by_the_key_for_the_team() {
    let key = key();
    let service = Service::start(|_| Answer::new(200, "")).await;
    let driver = Apns::new(&config(&service, &key)).unwrap();
    driver.push(&device("d"), &message(PushKind::Call)).await;
    let came = service.last();
    let (header, claims, signed, signature) = jwt(came.header("authorization").strip_prefix("bearer ").unwrap());
    assert_eq!(header, json!({ "alg": "ES256", "kid": "ABC123DEFG" }));
    assert_eq!(claims["iss"], "DEF123GHIJ");
    assert_eq!(claims.as_object().unwrap().len(), 2);
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key.public_key_raw())
        .verify(signed.as_bytes(), &signature)
        .unwrap();
}

#[tokio::test]
async fn a_fresh_token_called_expired_is_not_renewed_again_and_again() {
    let service = Service::start(|_| Answer::new(403, json!({ "reason": "ExpiredProviderToken" }))).await;
    let driver = Apns::new(&config(&service, &key())).unwrap();
    for sent in 1..=3 {
        let outcome = driver.push(&device("d"), &message(PushKind::Call)).await;
        assert_eq!(outcome, PushOutcome::Permanent(PermanentReason::Credentials));
        assert_eq!(service.came().len(), sent);
    }
}

#[tokio::test]
async fn a_token_that_cannot_be_one_is_not_sent_and_a_name_that_breaks_a_header_is_refused() {
    let service = Service::start(|_| Answer::new(200, "")).await;
    let driver = Apns::new(&config(&service, &key())).unwrap();
    let bad = PushOutcome::Permanent(PermanentReason::BadToken);
    assert_eq!(driver.push(&device(""), &message(PushKind::Call)).await, bad);
    assert_eq!(driver.push(&device(&"x".repeat(101)), &message(PushKind::Call)).await, bad);
    assert_eq!(driver.push(&device(&"2".repeat(100)), &message(PushKind::Call)).await, PushOutcome::Accepted);
    let broken = ApnsConfig { bundle_id: "a\r\nb".to_owned(), ..config(&service, &key()) };
    assert_eq!(Apns::new(&broken).err(), Some(ConfigError::Name));
    assert_eq!(service.came().len(), 1);
}
