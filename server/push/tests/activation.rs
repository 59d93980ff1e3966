//! Network activation against TS 29.122's device triggering and against the gateway's API, row by row.
#![expect(clippy::unwrap_used, reason = "a test's helpers stop it as it stops itself")]

mod common;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use common::{Answer, Came, Service};
use serde_json::{Value, json};
use tandem_model::{Msisdn, Secret};
use tandem_push::t8::{BadReport, T8Auth};
use tandem_push::{
    ActivationFailure, ActivationId, ActivationOutcome, ActivationRefusal, ActivationRequest, ActivationState,
};
use tandem_push::{ConfigError, Gateway, GatewayConfig, NetworkActivation, Outgoing, T8, T8Config};

const TRANSACTIONS: &str = "/api/3gpp-device-triggering/v1/tandem/transactions";

fn request() -> ActivationRequest {
    let number = Msisdn::from_e164("+4915112345601").unwrap();
    ActivationRequest { number, validity: Duration::from_secs(10), urgent: true }
}

fn t8_config(service: &Service, auth: T8Auth) -> T8Config {
    T8Config {
        api_root: service.url("/api"),
        scs_as_id: "tandem".to_owned(),
        notify_url: "https://push.example/t8".to_owned(),
        application_port: 4_711,
        auth,
        outgoing: service.outgoing(),
        ..T8Config::default()
    }
}

fn t8(service: &Service) -> T8 {
    T8::new(&t8_config(service, T8Auth::Bearer(Secret::new("fixed".to_owned())))).unwrap()
}

fn gateway(service: &Service) -> Gateway {
    let bearer = Secret::new("pw".to_owned());
    Gateway::new(&GatewayConfig { url: service.url("/core"), bearer, outgoing: service.outgoing() }).unwrap()
}

fn id(outcome: ActivationOutcome) -> ActivationId {
    match outcome {
        ActivationOutcome::Accepted { id } => id,
        ActivationOutcome::UnknownSubscriber
        | ActivationOutcome::Throttled { .. }
        | ActivationOutcome::Temporary
        | ActivationOutcome::Permanent(_) => unreachable!("{outcome:?}"),
    }
}

fn created(at: &str) -> Answer {
    Answer::new(201, "{}").with("location", at)
}

#[tokio::test]
async fn a_trigger_is_asked_for_as_the_standard_says_and_can_be_looked_at_and_taken_back() {
    let service = Service::start(|came| match came.method.as_str() {
        "POST" => created(&format!("{TRANSACTIONS}/t-1")),
        "GET" => Answer::new(200, json!({ "deliveryResult": "TRIGGERED" })),
        _ => Answer::new(204, ""),
    })
    .await;
    let driver = t8(&service);
    let id = id(driver.activate(&request()).await);
    let came = service.last();
    assert_eq!((came.method.as_str(), came.path.as_str()), ("POST", TRANSACTIONS));
    assert_eq!(came.header("authorization"), "Bearer fixed");
    assert_eq!(
        came.json(),
        json!({
            "msisdn": "4915112345601",
            "validityPeriod": 10,
            "priority": "PRIORITY",
            "applicationPortId": 4_711,
            "triggerPayload": "dGFuZGVt",
            "notificationDestination": "https://push.example/t8",
        })
    );
    assert_eq!(driver.state(&id).await, Some(ActivationState::Underway));
    driver.withdraw(&id).await;
    let came = service.last();
    assert_eq!((came.method.as_str(), came.path), ("DELETE", format!("{TRANSACTIONS}/t-1")));

    let shortest = ActivationRequest { validity: Duration::ZERO, urgent: false, ..request() };
    driver.activate(&shortest).await;
    assert_eq!(service.last().json()["validityPeriod"], 1);
    assert_eq!(service.last().json()["priority"], "NO_PRIORITY");
}

#[tokio::test]
async fn every_answer_of_t8_has_its_outcome() {
    use ActivationRefusal as Why;
    let throttled = |s| ActivationOutcome::Throttled { retry_after: Duration::from_secs(s) };
    let problem = |status: u16, cause: &str| Answer::new(status, json!({ "status": status, "cause": cause }));
    for (answer, outcome) in [
        (problem(400, "MANDATORY_IE_INCORRECT"), ActivationOutcome::Permanent(Why::Malformed)),
        (problem(401, ""), ActivationOutcome::Permanent(Why::Credentials)),
        (problem(403, "OPERATION_PROHIBITED"), ActivationOutcome::Permanent(Why::Credentials)),
        (problem(403, "USER_UNKNOWN"), ActivationOutcome::UnknownSubscriber),
        (problem(404, "USER_NOT_FOUND"), ActivationOutcome::UnknownSubscriber),
        (problem(404, "RESOURCE_URI_STRUCTURE_NOT_FOUND"), ActivationOutcome::Permanent(Why::Other(404))),
        (problem(411, ""), ActivationOutcome::Permanent(Why::Malformed)),
        (problem(413, ""), ActivationOutcome::Permanent(Why::Malformed)),
        (problem(415, ""), ActivationOutcome::Permanent(Why::Malformed)),
        (problem(429, ""), throttled(30)),
        (problem(429, "").with("retry-after", 4), throttled(4)),
        (problem(500, ""), ActivationOutcome::Temporary),
        (problem(503, ""), ActivationOutcome::Temporary),
        (problem(503, "").with("retry-after", 4), throttled(4)),
        (Answer::new(307, "").with("location", "https://127.0.0.1/"), ActivationOutcome::Permanent(Why::Redirected)),
        (Answer::new(201, "{}"), ActivationOutcome::Permanent(Why::EndpointRefused)),
        (created("https://evil.example/t-1"), ActivationOutcome::Permanent(Why::EndpointRefused)),
        (
            created("/api/3gpp-device-triggering/v1/other/transactions/t-1"),
            ActivationOutcome::Permanent(Why::EndpointRefused),
        ),
    ] {
        let told = format!("{answer:?}");
        let service = Service::start(move |_| answer.clone()).await;
        assert_eq!(t8(&service).activate(&request()).await, outcome, "{told}");
        assert_eq!(service.came().len(), 1, "{told}");
    }
}

#[tokio::test]
async fn a_report_is_of_a_transaction_of_ours_or_refused() {
    let service = Service::start(|_| created(&format!("{TRANSACTIONS}/t-1"))).await;
    let driver = t8(&service);
    let id = id(driver.activate(&request()).await);
    let report = |transaction: String, result: &str| {
        driver.report(json!({ "transaction": transaction, "result": result }).to_string().as_bytes())
    };
    let ours = service.url(&format!("{TRANSACTIONS}/t-1"));
    let told = report(ours, "FAILURE").unwrap();
    assert_eq!((told.id, told.state), (id, ActivationState::Failed(ActivationFailure::NotReachable)));
    let theirs = "https://evil.example/api/3gpp-device-triggering/v1/tandem/transactions/t-1";
    assert_eq!(report(theirs.to_owned(), "SUCCESS"), Err(BadReport::Foreign));
    assert_eq!(driver.report(b"{"), Err(BadReport::Malformed));
}

#[tokio::test]
async fn client_credentials_are_fetched_once_and_again_when_they_are_not_taken() {
    let made = AtomicU64::new(0);
    let service = Service::start(move |came: &Came| match came.path.as_str() {
        "/oauth" => {
            let token = format!("t-{}", made.fetch_add(1, Ordering::Relaxed) + 1);
            Answer::new(200, json!({ "access_token": token, "expires_in": 600 }))
        }
        _ if came.header("authorization") == "Bearer t-2" => created(&format!("{TRANSACTIONS}/t-1")),
        _ => Answer::new(401, ""),
    })
    .await;
    let auth = T8Auth::ClientCredentials {
        token_url: service.url("/oauth"),
        client_id: "tandem".to_owned(),
        client_secret: Secret::new("s&cret".to_owned()),
    };
    let driver = T8::new(&t8_config(&service, auth)).unwrap();
    id(driver.activate(&request()).await);
    id(driver.activate(&request()).await);
    let paths: Vec<String> = service.came().into_iter().map(|came| came.path).collect();
    assert_eq!(paths, ["/oauth", TRANSACTIONS, "/oauth", TRANSACTIONS, TRANSACTIONS]);
    let form = service.came().remove(0).body;
    assert_eq!(form, "grant_type=client_credentials&client_id=tandem&client_secret=s%26cret");
}

#[tokio::test]
async fn the_gateway_is_asked_by_its_api_and_every_state_is_read() {
    let states = [
        (json!({ "state": "requested" }), ActivationState::Underway),
        (json!({ "state": "paging" }), ActivationState::Underway),
        (json!({ "state": "active" }), ActivationState::Succeeded),
        (
            json!({ "state": "failed", "cause": "ms_not_reachable" }),
            ActivationState::Failed(ActivationFailure::NotReachable),
        ),
        (
            json!({ "state": "failed", "cause": "ms_detached" }),
            ActivationState::Failed(ActivationFailure::NotReachable),
        ),
        (json!({ "state": "failed", "cause": "ms_refuses" }), ActivationState::Failed(ActivationFailure::Refused)),
        (json!({ "state": "failed", "cause": "congestion" }), ActivationState::Failed(ActivationFailure::Congested)),
        (json!({ "state": "failed", "cause": "expired" }), ActivationState::Failed(ActivationFailure::Expired)),
        (json!({ "state": "failed", "cause": "withdrawn" }), ActivationState::Failed(ActivationFailure::Withdrawn)),
        (json!({ "state": "failed" }), ActivationState::Failed(ActivationFailure::Unspecified)),
        (json!({ "state": "later" }), ActivationState::Unknown),
    ];
    for (body, state) in states {
        let told = body.to_string();
        let service = Service::start(move |came| match came.method.as_str() {
            "POST" => Answer::new(202, json!({ "id": "a-1", "state": "requested" })),
            _ => Answer::new(200, &body),
        })
        .await;
        let driver = gateway(&service);
        let id = id(driver.activate(&request()).await);
        let came = service.last();
        assert_eq!(came.path, "/core/v1/activations");
        assert_eq!(came.header("authorization"), "Bearer pw");
        assert_eq!(came.json(), json!({ "number": "+4915112345601", "validity_s": 10, "urgent": true }));
        assert_eq!(driver.state(&id).await, Some(state), "{told}");
        assert_eq!(service.last().path, "/core/v1/activations/a-1");
        driver.withdraw(&id).await;
        assert_eq!(service.last().method.as_str(), "DELETE");
    }
}

#[tokio::test]
async fn every_answer_of_the_gateway_has_its_outcome_and_no_id_leaves_its_path() {
    use ActivationRefusal as Why;
    let throttled = |s| ActivationOutcome::Throttled { retry_after: Duration::from_secs(s) };
    let plain = |status| Answer::new(status, "");
    for (answer, outcome) in [
        (plain(302), ActivationOutcome::Permanent(Why::Redirected)),
        (plain(400), ActivationOutcome::Permanent(Why::Malformed)),
        (plain(401), ActivationOutcome::Permanent(Why::Credentials)),
        (plain(404), ActivationOutcome::UnknownSubscriber),
        (plain(409), ActivationOutcome::Permanent(Why::Other(409))),
        (plain(429).with("retry-after", 2), throttled(2)),
        (plain(500), ActivationOutcome::Temporary),
        (plain(503).with("retry-after", 2), throttled(2)),
        (plain(503), ActivationOutcome::Temporary),
        (plain(202), ActivationOutcome::Temporary),
        (Answer::new(202, json!({ "id": "../admin" })), ActivationOutcome::Temporary),
        (Answer::new(202, json!({ "id": "" })), ActivationOutcome::Temporary),
        (Answer::new(202, json!({ "id": "a".repeat(65) })), ActivationOutcome::Temporary),
    ] {
        let told = format!("{answer:?}");
        let service = Service::start(move |_| answer.clone()).await;
        assert_eq!(gateway(&service).activate(&request()).await, outcome, "{told}");
    }
}

#[tokio::test]
async fn a_network_at_an_address_that_is_no_exception_is_refused_when_the_driver_is_made() {
    let service = Service::start(|_| Answer::new(500, Value::Null)).await;
    let closed = T8Config { outgoing: Outgoing::default(), ..t8_config(&service, T8Auth::Link) };
    assert_eq!(T8::new(&closed).err(), Some(ConfigError::Url));
    let gateway = GatewayConfig { url: service.url(""), bearer: Secret::default(), outgoing: Outgoing::default() };
    assert_eq!(Gateway::new(&gateway).err(), Some(ConfigError::Url));
}
