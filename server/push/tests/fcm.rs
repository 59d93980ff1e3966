//! The FCM driver against its REST reference: the token endpoint, the message's shape, and each row of `ErrorCode`.
#![expect(clippy::unwrap_used, reason = "a test's helpers stop it as it stops itself")]

mod common;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use common::{Answer, Came, Service, jwt};
use ring::rsa;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use serde_json::{Value, json};
use tandem_model::Secret;
use tandem_push::{Fcm, FcmConfig, PermanentReason, PushDriver, PushKind, PushMessage, PushOutcome, PushToken, Topic};

/// Made for these tests; it opens nothing.
const KEY: &str = include_str!("fixtures/service_account_for_tests.pem");

fn driver(service: &Service) -> Fcm {
    let file = json!({
        "type": "service_account",
        "project_id": "tandem-1",
        "private_key_id": "kid-1",
        "private_key": KEY,
        "client_email": "push@tandem-1.example",
        "token_uri": service.url("/token"),
    });
    let config = FcmConfig {
        url: service.url(""),
        outgoing: service.outgoing(),
        ..FcmConfig::new(Secret::new(file.to_string()))
    };
    Fcm::new(&config).unwrap()
}

/// The device's token names the answer it gets.
async fn push(driver: &Fcm, token: &str) -> PushOutcome {
    let message = PushMessage {
        payload: vec![0xFF; 3],
        ttl: Duration::from_secs(30),
        kind: PushKind::Call,
        topic: Topic::new("call-1"),
    };
    driver.push(&PushToken::Fcm(Secret::new(token.to_owned())), &message).await
}

fn granted(token: &str, life: u64) -> Answer {
    Answer::new(200, json!({ "access_token": token, "expires_in": life, "token_type": "Bearer" }))
}

/// As the reference writes an error: a canonical status, and a detail with FCM's own code.
fn refused(status: u16, code: &str) -> Answer {
    let detail = json!({ "@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": code });
    Answer::new(status, json!({ "error": { "code": status, "message": "no", "status": "X", "details": [detail] } }))
}

fn token_of(came: &Came) -> String {
    came.json().pointer("/message/token").unwrap().as_str().unwrap().to_owned()
}

#[tokio::test]
async fn every_error_code_has_its_outcome_and_an_unnamed_404_ends_no_token() {
    use PermanentReason as Why;
    let service = Service::start(|came| {
        if came.path == "/token" {
            return granted("t-1", 3_600);
        }
        match token_of(came).as_str() {
            "ok" => Answer::new(200, json!({ "name": "projects/tandem-1/messages/1" })),
            "UNREGISTERED" => refused(404, "UNREGISTERED"),
            "SENDER_ID_MISMATCH" => refused(403, "SENDER_ID_MISMATCH"),
            "QUOTA_EXCEEDED" => refused(429, "QUOTA_EXCEEDED"),
            "QUOTA_EXCEEDED 9" => refused(429, "QUOTA_EXCEEDED").with("retry-after", 9),
            "UNAVAILABLE" => refused(503, "UNAVAILABLE"),
            "UNAVAILABLE 9" => refused(503, "UNAVAILABLE").with("retry-after", 9),
            "INTERNAL" => refused(500, "INTERNAL"),
            "UNSPECIFIED" => refused(500, "UNSPECIFIED_ERROR"),
            "INVALID_ARGUMENT" => refused(400, "INVALID_ARGUMENT"),
            "THIRD_PARTY_AUTH_ERROR" => refused(401, "THIRD_PARTY_AUTH_ERROR"),
            "a later code" => refused(409, "LATER"),
            "no project" => Answer::new(404, json!({ "error": { "code": 404, "status": "NOT_FOUND" } })),
            "html" => Answer::new(502, "<html>bad gateway</html>"),
            "huge" => Answer::new(500, "x".repeat(100_000)),
            "moved" => Answer::new(302, "").with("location", "/token"),
            other => unreachable!("{other}"),
        }
    })
    .await;
    let driver = driver(&service);
    let wait = |s| PushOutcome::Throttled { retry_after: Duration::from_secs(s) };
    for (token, outcome) in [
        ("ok", PushOutcome::Accepted),
        ("UNREGISTERED", PushOutcome::Gone { since: None }),
        ("SENDER_ID_MISMATCH", PushOutcome::Permanent(Why::WrongSender)),
        ("QUOTA_EXCEEDED", wait(30)),
        ("QUOTA_EXCEEDED 9", wait(9)),
        ("UNAVAILABLE", PushOutcome::Temporary),
        ("UNAVAILABLE 9", wait(9)),
        ("INTERNAL", PushOutcome::Temporary),
        ("UNSPECIFIED", PushOutcome::Temporary),
        ("INVALID_ARGUMENT", PushOutcome::Permanent(Why::Malformed)),
        ("THIRD_PARTY_AUTH_ERROR", PushOutcome::Permanent(Why::Credentials)),
        ("a later code", PushOutcome::Permanent(Why::Other(409))),
        ("no project", PushOutcome::Permanent(Why::Other(404))),
        ("html", PushOutcome::Temporary),
        ("huge", PushOutcome::Temporary),
        ("moved", PushOutcome::Permanent(Why::Redirected)),
    ] {
        assert_eq!(push(&driver, token).await, outcome, "{token}");
    }
    let tokens = service.came().iter().filter(|came| came.path == "/token").count();
    assert_eq!(tokens, 1, "one access token served them all");
}

#[tokio::test]
async fn a_message_is_data_alone_and_says_how_urgent_it_is() {
    let service = Service::start(|came| match came.path.as_str() {
        "/token" => granted("t-1", 3_600),
        _ => Answer::new(200, "{}"),
    })
    .await;
    let driver = driver(&service);
    assert_eq!(push(&driver, "device").await, PushOutcome::Accepted);
    let came = service.last();
    assert_eq!((came.method.as_str(), came.path.as_str()), ("POST", "/v1/projects/tandem-1/messages:send"));
    assert_eq!(came.header("authorization"), "Bearer t-1");
    let android = json!({ "priority": "high", "ttl": "30s", "collapse_key": "call-1" });
    assert_eq!(came.json(), json!({ "message": { "token": "device", "data": { "t": "____" }, "android": android } }));

    let quiet = PushMessage { payload: vec![], ttl: Duration::ZERO, kind: PushKind::Background, topic: None };
    driver.push(&PushToken::Fcm(Secret::new("device".to_owned())), &quiet).await;
    assert_eq!(service.last().json()["message"]["android"], json!({ "priority": "normal", "ttl": "0s" }));
    let long = PushMessage { payload: vec![0; 2_049], ..quiet };
    let outcome = driver.push(&PushToken::Fcm(Secret::new("device".to_owned())), &long).await;
    assert_eq!(outcome, PushOutcome::Permanent(PermanentReason::TooLarge));
}

#[tokio::test]
async fn the_assertion_is_signed_by_the_account_for_the_token_endpoint() {
    let service = Service::start(|came| match came.path.as_str() {
        "/token" => granted("t-1", 3_600),
        _ => Answer::new(200, "{}"),
    })
    .await;
    push(&driver(&service), "device").await;
    let asked = service.came().remove(0);
    assert_eq!(asked.header("content-type"), "application/x-www-form-urlencoded");
    let body = String::from_utf8(asked.body.to_vec()).unwrap();
    let assertion = body.split_once("&assertion=").unwrap().1;
    assert!(body.starts_with("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&"), "{body}");
    let (header, claims, signed, signature) = jwt(assertion);
    assert_eq!(header, json!({ "alg": "RS256", "typ": "JWT", "kid": "kid-1" }));
    assert_eq!(claims["iss"], "push@tandem-1.example");
    assert_eq!(claims["scope"], "https://www.googleapis.com/auth/firebase.messaging");
    assert_eq!(claims["aud"], service.url("/token"));
    assert_eq!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(), 3_600);
    let der: String = KEY.lines().filter(|line| !line.starts_with('-')).collect();
    let pair = rsa::KeyPair::from_pkcs8(&data_encoding::BASE64.decode(der.as_bytes()).unwrap()).unwrap();
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public().as_ref())
        .verify(signed.as_bytes(), &signature)
        .unwrap();
}

/// A service whose access tokens are `t-1`, `t-2` and so on, of a life, and which takes only some.
async fn counting(life: u64, takes: impl Fn(&str) -> bool + Send + Sync + 'static) -> Service {
    let made = AtomicU64::new(0);
    Service::start(move |came| match came.path.as_str() {
        "/token" => granted(&format!("t-{}", made.fetch_add(1, Ordering::Relaxed) + 1), life),
        _ if takes(came.header("authorization")) => Answer::new(200, "{}"),
        _ => Answer::new(401, json!({ "error": { "code": 401, "status": "UNAUTHENTICATED" } })),
    })
    .await
}

fn tokens(service: &Service) -> usize {
    service.came().iter().filter(|came| came.path == "/token").count()
}

#[tokio::test]
async fn a_refused_access_token_is_replaced_once_and_no_more() {
    let service = counting(3_600, |bearer| bearer == "Bearer t-2").await;
    assert_eq!(push(&driver(&service), "device").await, PushOutcome::Accepted);
    assert_eq!(tokens(&service), 2);
    let never = counting(3_600, |_| false).await;
    let outcome = push(&driver(&never), "device").await;
    assert_eq!(outcome, PushOutcome::Permanent(PermanentReason::Credentials));
    assert_eq!((tokens(&never), never.came().len()), (2, 4));
}

#[tokio::test]
async fn a_token_in_its_last_minute_is_not_used_again_and_many_pushes_fetch_one() {
    let short = counting(60, |_| true).await;
    let driver_of_short = driver(&short);
    push(&driver_of_short, "device").await;
    push(&driver_of_short, "device").await;
    assert_eq!(tokens(&short), 2);
    let long = counting(3_600, |_| true).await;
    let driver = driver(&long);
    let (a, b, c) = tokio::join!(push(&driver, "a"), push(&driver, "b"), push(&driver, "c"));
    assert_eq!((a, b, c), (PushOutcome::Accepted, PushOutcome::Accepted, PushOutcome::Accepted));
    assert_eq!(tokens(&long), 1);
}

#[tokio::test]
async fn a_token_endpoint_that_refuses_is_away_or_talks_nonsense_sends_nothing() {
    for (status, body, outcome) in [
        (400, json!({ "error": "invalid_grant" }), PushOutcome::Permanent(PermanentReason::Credentials)),
        (302, Value::Null, PushOutcome::Permanent(PermanentReason::Credentials)),
        (429, Value::Null, PushOutcome::Throttled { retry_after: Duration::from_secs(30) }),
        (503, Value::Null, PushOutcome::Temporary),
        (200, json!({ "token": "?" }), PushOutcome::Temporary),
        (200, json!({ "access_token": "a\nb" }), PushOutcome::Temporary),
    ] {
        let service = Service::start(move |_| Answer::new(status, &body)).await;
        assert_eq!(push(&driver(&service), "device").await, outcome, "{status}");
        assert_eq!(service.came().len(), 1);
    }
}
