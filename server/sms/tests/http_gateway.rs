//! The HTTP driver against a gateway of a few lines.
#![expect(clippy::unwrap_used, reason = "the helpers of a test fail like the test itself")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use tandem_model::Secret;
use tandem_sms::http_gateway::{BodyTemplate, HttpGatewayConfigError};
use tandem_sms::{
    E164Digits, HttpGateway, HttpGatewayConfig, LinkDownReason, PermanentReason, SmsDriver, SmsEvent, SmsSubmit,
    SubmitOutcome, SubmitRefused,
};
use tokio::net::TcpListener;

/// What the gateway answers next, and what it was asked.
#[derive(Default)]
struct Gateway {
    status: u16,
    retry_after: Option<&'static str>,
    body: &'static str,
    hang: bool,
    asked: Vec<(HeaderMap, String)>,
}

type Shared = Arc<Mutex<Gateway>>;

async fn handle(State(gateway): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    let (status, retry_after, answer, hang) = {
        let mut gateway = gateway.lock().unwrap();
        gateway.asked.push((headers, String::from_utf8(body.to_vec()).unwrap()));
        (gateway.status, gateway.retry_after, gateway.body, gateway.hang)
    };
    if hang {
        std::future::pending::<()>().await;
    }
    let mut response = (StatusCode::from_u16(status).unwrap(), answer).into_response();
    if let Some(seconds) = retry_after {
        response.headers_mut().insert("retry-after", seconds.parse().unwrap());
    }
    response
}

async fn start() -> (Shared, HttpGatewayConfig) {
    let gateway = Shared::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/send", listener.local_addr().unwrap());
    let app = Router::new().route("/send", any(handle)).with_state(Arc::clone(&gateway));
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let headers = BTreeMap::from([("authorization".to_owned(), Secret::new("Bearer hunter2".to_owned()))]);
    (gateway, HttpGatewayConfig { url, headers, timeout: Duration::from_secs(10), ..HttpGatewayConfig::default() })
}

fn sms(body: &str) -> SmsSubmit {
    SmsSubmit {
        message_ref: 42,
        to: E164Digits::parse("+4915112345678").unwrap(),
        body: body.to_owned(),
        validity: Duration::from_secs(60),
    }
}

#[tokio::test]
async fn a_request_carries_the_text_the_number_the_reference_and_the_secret() {
    let (gateway, config) = start().await;
    *gateway.lock().unwrap() = Gateway { status: 202, body: r#"{"id":"gw-7"}"#, ..Gateway::default() };
    let driver = HttpGateway::new(config).unwrap();
    let text = "say \"hi\", {to} & {ref}\nnext";
    assert_eq!(driver.submit(sms(text)).await, Ok(SubmitOutcome::Accepted { smsc_id: "gw-7".to_owned() }));
    let (headers, body) = gateway.lock().unwrap().asked.remove(0);
    assert_eq!(headers["authorization"], "Bearer hunter2");
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body, serde_json::json!({ "to": "+4915112345678", "text": text, "reference": "42" }));
}

#[tokio::test]
async fn a_form_is_encoded_so_that_no_text_breaks_out_of_it() {
    let (gateway, config) = start().await;
    gateway.lock().unwrap().status = 200;
    let pairs = [("dest", "{to}"), ("msg", "{text}"), ("id", "t-{ref}")];
    let body = BodyTemplate::Form(pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec());
    let driver = HttpGateway::new(HttpGatewayConfig { body, ..config }).unwrap();
    assert_eq!(driver.submit(sms("a&dest=1 +ü")).await, Ok(SubmitOutcome::Accepted { smsc_id: String::new() }));
    let (headers, body) = gateway.lock().unwrap().asked.remove(0);
    assert_eq!(headers["content-type"], "application/x-www-form-urlencoded");
    assert_eq!(body, "dest=4915112345678&msg=a%26dest%3D1+%2B%C3%BC&id=t-42");
}

#[tokio::test]
async fn each_status_means_what_is_configured_and_a_server_error_is_unknown() {
    let (gateway, config) = start().await;
    let driver = HttpGateway::new(config).unwrap();
    let throttled = |seconds| SubmitOutcome::Throttled { retry_after: Duration::from_secs(seconds) };
    let permanent = |reason| SubmitOutcome::Permanent { reason };
    for (status, retry_after, expected) in [
        (429, Some("17"), throttled(17)),
        (503, None, throttled(5)),
        (429, Some("Wed, 21 Oct 2026 07:28:00 GMT"), throttled(5)),
        (429, Some("99999999"), throttled(3_600)),
        (404, None, permanent(PermanentReason::InvalidDestination)),
        (422, None, permanent(PermanentReason::InvalidDestination)),
        (400, None, permanent(PermanentReason::Malformed)),
        (403, None, permanent(PermanentReason::Other(403))),
        (401, None, permanent(PermanentReason::Other(401))),
        (500, None, SubmitOutcome::Unknown),
        (504, None, SubmitOutcome::Unknown),
        (302, None, SubmitOutcome::Unknown),
    ] {
        *gateway.lock().unwrap() = Gateway { status, retry_after, ..Gateway::default() };
        assert_eq!(driver.submit(sms("hello")).await, Ok(expected), "{status}");
        assert_eq!(gateway.lock().unwrap().asked.len(), 1, "{status} is not asked twice");
    }
}

#[tokio::test]
async fn the_operator_says_which_statuses_mean_that_a_number_cannot_be_reached() {
    let (gateway, config) = start().await;
    let driver = HttpGateway::new(HttpGatewayConfig { unreachable: vec![400], ..config }).unwrap();
    for (status, reason) in [(400, PermanentReason::InvalidDestination), (404, PermanentReason::Other(404))] {
        gateway.lock().unwrap().status = status;
        assert_eq!(driver.submit(sms("hello")).await, Ok(SubmitOutcome::Permanent { reason }));
    }
}

#[tokio::test]
async fn the_link_goes_down_with_the_account_or_the_connection_and_up_with_a_text_that_is_taken() {
    let (gateway, config) = start().await;
    let driver = HttpGateway::new(config.clone()).unwrap();
    let mut events = driver.take_events().unwrap();
    for (status, event) in [
        (200, Some(SmsEvent::LinkUp)),
        (401, Some(SmsEvent::LinkDown { reason: LinkDownReason::AccountRefused })),
        (403, None),
        (500, None),
        (201, Some(SmsEvent::LinkUp)),
        (400, None),
    ] {
        gateway.lock().unwrap().status = status;
        driver.submit(sms("hello")).await.unwrap();
        assert_eq!(events.try_recv().ok(), event, "{status}");
    }
}

#[tokio::test]
async fn a_gateway_is_looked_for_without_a_text_or_a_secret_and_found_when_it_comes_back() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let (gateway, config) = start().await;
    let url = format!("http://{address}/send");
    let config = HttpGatewayConfig { url, check_link_after: Duration::from_millis(20), ..config };
    let driver = HttpGateway::new(config).unwrap().start();
    let mut events = driver.take_events().unwrap();
    let down = SmsEvent::LinkDown { reason: LinkDownReason::ConnectFailed };
    assert_eq!(events.recv().await, Some(down));
    let listener = TcpListener::bind(address).await.unwrap();
    let app = Router::new().route("/send", any(handle)).with_state(Arc::clone(&gateway));
    gateway.lock().unwrap().status = 405;
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    assert_eq!(events.recv().await, Some(SmsEvent::LinkUp));
    let (headers, body) = gateway.lock().unwrap().asked.remove(0);
    assert!(!headers.contains_key("authorization") && body.is_empty());
}

#[tokio::test]
async fn silence_is_unknown_and_nobody_there_is_temporary() {
    let (gateway, config) = start().await;
    gateway.lock().unwrap().hang = true;
    let driver = HttpGateway::new(HttpGatewayConfig { timeout: Duration::from_millis(100), ..config.clone() }).unwrap();
    assert_eq!(driver.submit(sms("hello")).await, Ok(SubmitOutcome::Unknown));

    let unused = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let driver = HttpGateway::new(HttpGatewayConfig { url: format!("http://{unused}/send"), ..config }).unwrap();
    assert_eq!(driver.submit(sms("hello")).await, Ok(SubmitOutcome::Temporary));
}

#[tokio::test]
async fn too_many_at_once_and_too_long_are_refused_by_name() {
    let (gateway, config) = start().await;
    gateway.lock().unwrap().hang = true;
    let driver = Arc::new(HttpGateway::new(HttpGatewayConfig { concurrency: 1, ..config }).unwrap());
    let first = {
        let driver = Arc::clone(&driver);
        tokio::spawn(async move { driver.submit(sms("hello")).await })
    };
    while gateway.lock().unwrap().asked.is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(driver.submit(sms("hello")).await, Err(SubmitRefused::QueueFull));
    assert_eq!(driver.submit(sms(&"a".repeat(161))).await, Err(SubmitRefused::TooLong));
    assert_eq!(driver.submit(sms("好")).await, Err(SubmitRefused::NotGsm7));
    driver.shutdown().await;
    assert_eq!(driver.submit(sms("hello")).await, Err(SubmitRefused::ShutDown));
    first.abort();
}

#[tokio::test]
async fn a_configuration_that_cannot_hold_is_refused_by_name_and_shows_no_secret() {
    let (_gateway, config) = start().await;
    let refused = |change: &dyn Fn(&mut HttpGatewayConfig)| {
        let mut config = config.clone();
        change(&mut config);
        HttpGateway::new(config).unwrap_err()
    };
    use HttpGatewayConfigError as Error;
    assert_eq!(refused(&|config| config.url = "ftp://example.com".to_owned()), Error::Url);
    assert_eq!(refused(&|config| config.url = "https://user:pw@example.com".to_owned()), Error::Url);
    assert_eq!(refused(&|config| config.method = "GET".to_owned()), Error::Method);
    assert_eq!(refused(&|config| config.body = BodyTemplate::Json(serde_json::json!("{to}"))), Error::Body);
    assert_eq!(refused(&|config| config.throttle.push(200)), Error::Statuses);
    assert_eq!(
        refused(
            &|config| config.tls_roots_pem = b"-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n".to_vec()
        ),
        Error::Tls
    );
    let bad_header = |config: &mut HttpGatewayConfig| {
        config.headers.insert("x".to_owned(), Secret::new("a\nb".to_owned()));
    };
    assert_eq!(refused(&bad_header), Error::Header);
    let driver = HttpGateway::new(config).unwrap();
    assert!(!format!("{driver:?}").contains("hunter2"));
}
