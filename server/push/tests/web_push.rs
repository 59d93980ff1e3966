//! The Web Push driver against a push service after RFC 8030, and against npm's packages as the device.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test's helpers stop it as it stops itself")]

mod common;

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, SystemTime};

use common::{Answer, Service};
use data_encoding::{BASE64, BASE64URL_NOPAD};
use serde_json::{Value, json};
use tandem_model::Secret;
use tandem_push::Outgoing;
use tandem_push::{AddressGuard, Subscription, WebPush, WebPushConfig};
use tandem_push::{PermanentReason, PushDriver, PushKind, PushMessage, PushOutcome, PushToken, Topic};

/// The device of RFC 8291, appendix A.
const PRIVATE: &str = "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94";
const PUBLIC: &str = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";

fn driver(outgoing: Outgoing) -> WebPush {
    WebPush::new(&WebPushConfig {
        private_key: Secret::new(PRIVATE.to_owned()),
        public_key: PUBLIC.to_owned(),
        subject: "mailto:ops@example.net".to_owned(),
        outgoing,
    })
    .unwrap()
}

fn b64<const N: usize>(text: &str) -> [u8; N] {
    BASE64URL_NOPAD.decode(text.as_bytes()).unwrap().try_into().unwrap()
}

fn token(endpoint: &str) -> PushToken {
    PushToken::WebPush(Subscription::new(endpoint, b64(PUBLIC), [7; 16]).unwrap())
}

fn call() -> PushMessage {
    PushMessage {
        payload: b"sealed".to_vec(),
        ttl: Duration::from_secs(30),
        kind: PushKind::Call,
        topic: Topic::new("call-1"),
    }
}

#[tokio::test]
async fn every_answer_of_a_push_service_has_its_outcome() {
    use PermanentReason as Why;
    let service = Service::start(|came| {
        let (status, more) = came.path.strip_prefix('/').unwrap().split_at(3);
        let status: u16 = status.parse().unwrap();
        let answer = Answer::new(status, "");
        match more {
            "" => answer,
            "/seconds" => answer.with("retry-after", 7),
            "/date" => {
                answer.with("retry-after", httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(600)))
            }
            "/moved" => answer.with("location", "/201"),
            _ => unreachable!(),
        }
    })
    .await;
    let driver = driver(service.outgoing());
    for (path, outcome) in [
        ("/201", PushOutcome::Accepted),
        ("/202", PushOutcome::Accepted),
        ("/301/moved", PushOutcome::Permanent(Why::Redirected)),
        ("/307/moved", PushOutcome::Permanent(Why::Redirected)),
        ("/400", PushOutcome::Permanent(Why::Malformed)),
        ("/401", PushOutcome::Permanent(Why::Credentials)),
        ("/403", PushOutcome::Permanent(Why::Credentials)),
        ("/404", PushOutcome::Gone { since: None }),
        ("/410", PushOutcome::Gone { since: None }),
        ("/413", PushOutcome::Permanent(Why::TooLarge)),
        ("/418", PushOutcome::Permanent(Why::Other(418))),
        ("/429/seconds", PushOutcome::Throttled { retry_after: Duration::from_secs(7) }),
        ("/429", PushOutcome::Throttled { retry_after: Duration::from_secs(30) }),
        ("/500", PushOutcome::Temporary),
        ("/503", PushOutcome::Temporary),
        ("/503/seconds", PushOutcome::Throttled { retry_after: Duration::from_secs(7) }),
    ] {
        assert_eq!(driver.push(&token(&service.url(path)), &call()).await, outcome, "{path}");
    }
    assert_eq!(service.came().len(), 16, "nothing was followed and nothing was tried again");
    let dated = driver.push(&token(&service.url("/429/date")), &call()).await;
    let PushOutcome::Throttled { retry_after } = dated else { unreachable!("{dated:?}") };
    assert!((Duration::from_secs(300)..=Duration::from_secs(600)).contains(&retry_after), "{retry_after:?}");
}

#[tokio::test]
async fn what_a_service_is_told_is_what_the_rfcs_ask_for() {
    let service = Service::start(|_| Answer::new(201, "")).await;
    let driver = driver(service.outgoing());
    driver.push(&token(&service.url("/s/1")), &call()).await;
    let came = service.last();
    assert_eq!((came.method.as_str(), came.path.as_str()), ("POST", "/s/1"));
    assert_eq!((came.header("ttl"), came.header("urgency"), came.header("topic")), ("30", "high", "call-1"));
    assert_eq!(came.header("content-encoding"), "aes128gcm");
    let (header, claims, ..) =
        common::jwt(came.header("authorization").strip_prefix("vapid t=").unwrap().split(',').next().unwrap());
    assert_eq!(header["alg"], "ES256");
    assert_eq!(claims["aud"], service.url(""));
    assert_eq!(claims["sub"], "mailto:ops@example.net");

    let quiet = PushMessage { kind: PushKind::Background, topic: None, ttl: Duration::ZERO, ..call() };
    driver.push(&token(&service.url("/s/1")), &quiet).await;
    let came = service.last();
    assert_eq!((came.header("ttl"), came.header("urgency"), came.header("topic")), ("0", "normal", ""));
}

#[tokio::test]
async fn a_payload_at_the_limit_is_sent_and_one_byte_more_is_not() {
    let service = Service::start(|_| Answer::new(201, "")).await;
    let driver = driver(service.outgoing());
    let of = |len| PushMessage { payload: vec![0; len], ..call() };
    assert_eq!(driver.push(&token(&service.url("/")), &of(2_048)).await, PushOutcome::Accepted);
    assert!(service.last().body.len() <= 4_096);
    let refused = PushOutcome::Permanent(PermanentReason::TooLarge);
    assert_eq!(driver.push(&token(&service.url("/")), &of(2_049)).await, refused);
    assert_eq!(service.came().len(), 1);
}

#[tokio::test]
async fn an_address_inside_is_never_connected_to_by_number_or_by_name() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let driver = driver(Outgoing { guard: AddressGuard::default(), ..Outgoing::default() });
    for host in ["127.0.0.1", "localhost", "0x7f.1", "[::ffff:127.0.0.1]", "[::1]"] {
        let outcome = driver.push(&token(&format!("https://{host}:{port}/")), &call()).await;
        assert_eq!(outcome, PushOutcome::Permanent(PermanentReason::EndpointRefused), "{host}");
    }
    assert!(listener.accept().is_err(), "nobody connected");
}

#[tokio::test]
async fn a_service_that_is_away_or_a_stranger_is_temporary_and_a_foreign_token_is_refused() {
    let service = Service::start(|_| Answer::new(201, "")).await;
    let stranger =
        driver(Outgoing { tls_roots_pem: Service::start(|_| Answer::new(201, "")).await.roots, ..service.outgoing() });
    assert_eq!(stranger.push(&token(&service.url("/")), &call()).await, PushOutcome::Temporary);
    let closed = { TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port() };
    let driver = driver(service.outgoing());
    let away = token(&format!("https://127.0.0.1:{closed}/"));
    assert_eq!(driver.push(&away, &call()).await, PushOutcome::Temporary);
    let foreign = PushToken::Fcm(Secret::new("x".to_owned()));
    assert_eq!(driver.push(&foreign, &call()).await, PushOutcome::Permanent(PermanentReason::WrongDriver));
    assert!(service.came().is_empty());
}

/// npm's device, in a process of its own.
struct Npm {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    keys: Value,
}

impl Npm {
    fn start() -> Npm {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/webpush-npm");
        assert!(folder.join("node_modules").is_dir(), "npm's packages are missing: run `tests/run install`");
        let mut child = Command::new("node")
            .arg("receiver.js")
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("node runs");
        let (to, from) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let mut npm = Npm { child, to, from, keys: Value::Null };
        npm.keys = npm.read();
        npm
    }

    fn read(&mut self) -> Value {
        let mut line = String::new();
        self.from.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    fn ask(&mut self, what: &Value) -> Value {
        writeln!(self.to, "{what}").unwrap();
        self.read()
    }

    fn key(&self, pointer: &str) -> &str {
        self.keys.pointer(pointer).unwrap().as_str().unwrap()
    }
}

impl Drop for Npm {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

#[tokio::test]
async fn npm_opens_what_we_push_verifies_who_pushed_and_would_have_sent_the_same_headers() {
    let mut npm = Npm::start();
    let service = Service::start(|_| Answer::new(201, "").with("location", "/m/1").with("ttl", 30)).await;
    let driver = WebPush::new(&WebPushConfig {
        private_key: Secret::new(npm.key("/vapid/privateKey").to_owned()),
        public_key: npm.key("/vapid/publicKey").to_owned(),
        subject: "mailto:ops@example.net".to_owned(),
        outgoing: service.outgoing(),
    })
    .unwrap();
    let endpoint = service.url("/s/npm");
    let to = Subscription::new(&endpoint, b64(npm.key("/p256dh")), b64(npm.key("/auth"))).unwrap();
    for len in [0, 1, 255, 256, 257, 1_000, 2_048] {
        let payload: Vec<u8> = (0..len).map(|at| (at % 251) as u8).collect();
        let message = PushMessage { payload: payload.clone(), ..call() };
        assert_eq!(driver.push(&PushToken::WebPush(to.clone()), &message).await, PushOutcome::Accepted);
        let came = service.last();
        let opened =
            npm.ask(&json!({ "body": BASE64.encode(&came.body), "authorization": came.header("authorization") }));
        assert_eq!(opened["error"], Value::Null);
        assert_eq!(BASE64.decode(opened["plain"].as_str().unwrap().as_bytes()).unwrap(), payload, "{len} bytes");
        assert_eq!(opened["vapid"]["ok"], true);
        assert_eq!(opened["vapid"]["claims"]["aud"], service.url(""));
    }
    let theirs = npm.ask(&json!({ "reference": endpoint, "topic": "call-1" }));
    let came = service.last();
    for (name, value) in theirs["headers"].as_object().unwrap() {
        let ours = came.header(name);
        match name.as_str() {
            "Authorization" => assert!(ours.starts_with("vapid t="), "{ours}"),
            "Content-Length" => {}
            _ => assert_eq!(ours, value.as_str().map_or_else(|| value.to_string(), str::to_owned), "{name}"),
        }
    }
}
