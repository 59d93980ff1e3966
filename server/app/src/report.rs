//! `POST /v1/attachments`: what AAA systems without RADIUS accounting say of their sessions. Answered when it is durable.

use crate::gateway::Gateway;
use crate::resolve::{come_back, shown_key};
use crate::resolver_task::Push;
use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::header::WWW_AUTHENTICATE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tandem_model::{Msisdn, ServerMillis};
use tandem_resolver::{Change, Client, Metric, Prefix, Pushed, PushedEvent, Said, Unusable};
use tokio::sync::oneshot;
use tokio::time::timeout;

/// Bytes of a request's body that are read at most.
const BODY_MAX: usize = 1024 * 1024;

/// Reports of one request.
const REPORTS_MAX: usize = 1_024;

/// How long what is reported may take to be durable. It is kept all the same when that takes longer.
const KEPT_WAIT: Duration = Duration::from_secs(10);

/// When a reporter that met too much to do should come back.
const COME_BACK: Duration = Duration::from_secs(1);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reports {
    reports: Vec<Report>,
}

/// What happened, in an AAA's words.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Event {
    Start,
    Interim,
    Stop,
    Reboot,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Report {
    event: Event,
    nas: String,
    #[serde(default)]
    session: String,
    number: Option<String>,
    ipv4: Option<String>,
    ipv6: Option<String>,
    delegated: Option<String>,
    apn: Option<String>,
    at_ms: Option<i64>,
    lasted_ms: Option<u64>,
    #[serde(default)]
    last_of_subscriber: bool,
}

#[derive(Serialize)]
struct Outcomes {
    reports: Vec<&'static str>,
}

/// Takes reports.
pub async fn report(State(gateway): State<Arc<Gateway>>, headers: HeaderMap, body: Body) -> Response {
    let Some(resolving) = &gateway.resolving else { return StatusCode::NOT_FOUND.into_response() };
    let Some(reporter) = shown_key(&headers).and_then(|key| resolving.reporters.find(key)) else {
        return (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, "Bearer")]).into_response();
    };
    let body = match timeout(gateway.body_wait, to_bytes(body, BODY_MAX)).await {
        Ok(Ok(body)) => body,
        Ok(Err(_)) | Err(_) => return StatusCode::PAYLOAD_TOO_LARGE.into_response(),
    };
    let now = gateway.clock.now().server;
    let Some(said) = read(&body, &reporter.stands_for, now) else { return StatusCode::BAD_REQUEST.into_response() };
    if let Err(wait) = reporter.allowance.charge(said.len(), Instant::now()) {
        return come_back(StatusCode::TOO_MANY_REQUESTS, wait);
    }
    let (reply, kept) = oneshot::channel();
    if resolving.pushes.try_send(Push { said, reply }).is_err() {
        return come_back(StatusCode::SERVICE_UNAVAILABLE, COME_BACK);
    }
    match timeout(KEPT_WAIT, kept).await {
        Ok(Ok(outcomes)) => Json(Outcomes { reports: outcomes.into_iter().map(word).collect() }).into_response(),
        Ok(Err(_)) | Err(_) => come_back(StatusCode::SERVICE_UNAVAILABLE, COME_BACK),
    }
}

/// Every report, or nothing when one makes no sense: half a request would leave its sender guessing which half.
fn read(body: &[u8], client: &Client, now: ServerMillis) -> Option<Vec<Result<Said, Unusable>>> {
    let Reports { reports } = serde_json::from_slice(body).ok()?;
    if reports.is_empty() || reports.len() > REPORTS_MAX {
        return None;
    }
    reports.iter().map(|report| said(report, client, now)).collect()
}

fn said(report: &Report, client: &Client, now: ServerMillis) -> Option<Result<Said, Unusable>> {
    let v4 = optional(report.ipv4.as_deref(), prefix)?;
    let v6 = optional(report.ipv6.as_deref(), prefix)?;
    if v4.is_some_and(|v4| v4.as_v4().is_none()) || v6.is_some_and(|v6| v6.as_v4().is_some()) {
        return None;
    }
    let pushed = Pushed {
        nas: &report.nas,
        event: match report.event {
            Event::Start => PushedEvent::Session(Change::Start),
            Event::Interim => PushedEvent::Session(Change::Interim),
            Event::Stop => PushedEvent::Session(Change::Stop),
            Event::Reboot => PushedEvent::Reboot,
        },
        session: &report.session,
        number: optional(report.number.as_deref(), |text| Msisdn::from_e164(text).ok())?,
        v4,
        v6,
        delegated: optional(report.delegated.as_deref(), prefix)?,
        apn: report.apn.as_deref(),
        at: report.at_ms.map_or(now, ServerMillis),
        stamped: report.at_ms.is_some(),
        lasted: report.lasted_ms.map(Duration::from_millis),
        last_of_subscriber: report.last_of_subscriber,
    };
    Some(pushed.said_by(client))
}

/// What is not there is fine; what is there and cannot be read is not.
fn optional<T>(text: Option<&str>, read: impl FnOnce(&str) -> Option<T>) -> Option<Option<T>> {
    match text {
        None => Some(None),
        Some(text) => read(text).map(Some),
    }
}

/// An address, or a network in CIDR form.
fn prefix(text: &str) -> Option<Prefix> {
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, Some(length.parse::<u8>().ok()?)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().ok()?;
    let whole = if address.is_ipv4() { 32 } else { 128 };
    Prefix::network(address, length.unwrap_or(whole))
}

const fn word(outcome: Metric) -> &'static str {
    match outcome {
        Metric::Taken => "taken",
        Metric::Known => "known",
        Metric::TooOld => "too_old",
        Metric::TooEarly => "too_early",
        Metric::Unused(Unusable::Apn) => "other_apn",
        Metric::Unused(Unusable::NoNumber) => "no_number",
        Metric::Unused(Unusable::NoSession) => "no_session",
        Metric::Unused(Unusable::Unstamped) => "unstamped",
        Metric::Unused(Unusable::Status) => "other_status",
        Metric::NoRoom
        | Metric::Stranger
        | Metric::Malformed
        | Metric::Forged
        | Metric::Again
        | Metric::Status
        | Metric::OutOfPool
        | Metric::Answered
        | Metric::Silent
        | Metric::NotCommitted => "again",
    }
}
