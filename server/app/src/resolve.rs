//! `POST /v1/resolve`: where one number is, or many, for whoever shows a key.
//!
//! Numbers stand in the body and never in the path, which proxies write into their logs. A number that is nowhere and one
//! that the asker may not know of get the same answer.

use crate::event::Event;
use crate::gateway::Gateway;
use crate::keyring::{Holder, Keyring};
use crate::lookup_sessions::Agreeing;
use crate::resolver_task::{Lookup, Push};
use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use data_encoding::HEXLOWER_PERMISSIVE;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tandem_model::Msisdn;
use tandem_resolver::lookup::told;
use tandem_resolver::{Asker, Binding, Client, Kind, Policy, Whereabouts};
use tandem_wire::frame::{AddressKind, Capability};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

/// How long the decisions may take to say what a capability opens.
const ANSWER_WAIT: Duration = Duration::from_secs(2);

/// Bytes of a request's body that are read at most.
const BODY_MAX: usize = 128 * 1024;

/// What lookups need.
#[derive(Debug)]
pub struct Resolving {
    /// To the task that owns the bindings, for who waits for it.
    pub lookups: mpsc::Sender<Lookup>,
    /// Reports to the same task.
    pub pushes: mpsc::Sender<Push>,
    /// Who may report over HTTP.
    pub reporters: Keyring<Client>,
    /// Who may ask.
    pub askers: Keyring<Asker>,
    /// Who is told.
    pub policy: Policy,
    /// Numbers that never resolve.
    pub withheld: Arc<BTreeSet<Msisdn>>,
    /// What is read beside that task, which may be waiting for a disk.
    pub whereabouts: Arc<Whereabouts>,
    /// Sessions of lookups by datagram, where there are any.
    pub agreeing: Option<Agreeing>,
    /// Numbers one request may ask about.
    pub batch_max: usize,
}

/// What is asked: one of the two.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    number: Option<String>,
    numbers: Option<Vec<String>>,
    /// In hexadecimal digits, as a phone handed it over.
    capability: Option<String>,
}

#[derive(Serialize)]
struct Batch {
    bindings: Vec<Told>,
}

/// Where a number is.
#[derive(Serialize)]
struct Told {
    number: String,
    /// None when nothing is told.
    addresses: Vec<Address>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    /// Grows with every binding of the number.
    #[serde(skip_serializing_if = "Option::is_none")]
    generation: Option<u64>,
    /// How long the binding stands, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    age_ms: Option<u64>,
    /// Where it listens for direct data, UDP; told for a capability only.
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
}

/// One address, or one prefix with its length.
#[derive(Serialize)]
struct Address {
    address: String,
    kind: &'static str,
    /// It is of networks behind the device.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    delegated: bool,
}

/// Answers a lookup.
pub async fn resolve(State(gateway): State<Arc<Gateway>>, headers: HeaderMap, body: Body) -> Response {
    let Some(resolving) = &gateway.resolving else { return StatusCode::NOT_FOUND.into_response() };
    let metrics = &gateway.metrics;
    let Some(holder) = shown_key(&headers).and_then(|key| resolving.askers.find(key)) else {
        metrics.lookups_unknown.increment(1);
        return (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, "Bearer")]).into_response();
    };
    let body = match timeout(gateway.body_wait, to_bytes(body, BODY_MAX)).await {
        Ok(Ok(body)) => body,
        Ok(Err(_)) | Err(_) => {
            metrics.lookups_bad.increment(1);
            return StatusCode::PAYLOAD_TOO_LARGE.into_response();
        }
    };
    if let Some(capability) = shown_capability(&body) {
        return redeem(&gateway, holder, capability).await;
    }
    let Some((numbers, single)) = read(&body, resolving.batch_max) else {
        metrics.lookups_bad.increment(1);
        return StatusCode::BAD_REQUEST.into_response();
    };
    if let Err(wait) = holder.allowance.charge(numbers.len(), Instant::now()) {
        metrics.lookups_spent.increment(1);
        return come_back(StatusCode::TOO_MANY_REQUESTS, wait);
    }
    let now = gateway.clock.now().server;
    let tell = |number: &Msisdn| {
        let known = resolving.whereabouts.find(*number, now);
        told(resolving.policy, &holder.stands_for, &resolving.withheld, *number, known)
    };
    let found: Vec<Option<Binding>> = numbers.iter().map(tell).collect();
    let answered = found.iter().flatten().count();
    metrics.lookups_told.increment(answered as u64);
    metrics.lookups_untold.increment(found.len().saturating_sub(answered) as u64);
    let mut bindings = all(&numbers, &found);
    let no_store = [(CACHE_CONTROL, "no-store")];
    if single && let Some(one) = bindings.pop() {
        return (no_store, Json(one)).into_response();
    }
    (no_store, Json(Batch { bindings })).into_response()
}

fn all(numbers: &[Msisdn], found: &[Option<Binding>]) -> Vec<Told> {
    numbers.iter().zip(found).map(|(number, found)| whereabouts(*number, found.as_ref())).collect()
}

/// The key of an `Authorization: Bearer` header (RFC 6750, 2.1).
pub(crate) fn shown_key(headers: &HeaderMap) -> Option<&[u8]> {
    let (scheme, key) = headers.get(AUTHORIZATION)?.as_bytes().split_at_checked("Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then(|| key.trim_ascii())
}

/// The numbers, and whether it was one alone.
fn read(body: &[u8], max: usize) -> Option<(Vec<Msisdn>, bool)> {
    let question: Question = serde_json::from_slice(body).ok()?;
    if question.capability.is_some() {
        return None;
    }
    let (texts, single) = match (question.number, question.numbers) {
        (Some(number), None) => (vec![number], true),
        (None, Some(numbers)) => (numbers, false),
        (Some(_), Some(_)) | (None, None) => return None,
    };
    if texts.is_empty() || texts.len() > max {
        return None;
    }
    let numbers: Option<Vec<Msisdn>> = texts.iter().map(|text| Msisdn::from_e164(text).ok()).collect();
    Some((numbers?, single))
}

/// The capability, when that is all that is shown.
fn shown_capability(body: &[u8]) -> Option<Capability> {
    let question: Question = serde_json::from_slice(body).ok()?;
    if question.number.is_some() || question.numbers.is_some() {
        return None;
    }
    let bytes = HEXLOWER_PERMISSIVE.decode(question.capability?.as_bytes()).ok()?;
    bytes.try_into().ok().map(Capability)
}

/// Uses a capability up. The phone that got it may know; whom it hands it to, it lets know.
async fn redeem(gateway: &Gateway, holder: &Holder<Asker>, capability: Capability) -> Response {
    let metrics = &gateway.metrics;
    if let Err(wait) = holder.allowance.charge(1, Instant::now()) {
        metrics.lookups_spent.increment(1);
        return come_back(StatusCode::TOO_MANY_REQUESTS, wait);
    }
    let (reply, answered) = oneshot::channel();
    let asked = gateway.events.try_send(Event::Redeem { capability, reply });
    let Ok(Ok(resolved)) =
        timeout(ANSWER_WAIT, async { if asked.is_ok() { answered.await.map_err(drop) } else { Err(()) } }).await
    else {
        return come_back(StatusCode::SERVICE_UNAVAILABLE, ANSWER_WAIT);
    };
    let Some((number, place)) = resolved else {
        metrics.lookups_untold.increment(1);
        return StatusCode::GONE.into_response();
    };
    metrics.lookups_told.increment(1);
    let kind = |kind| match kind {
        AddressKind::Public => name(Kind::Public),
        AddressKind::BehindNat => name(Kind::BehindNat),
    };
    let told = Told {
        number: number.e164(),
        kind: place.addresses.iter().map(|told| told.kind).min().map(kind),
        addresses: place
            .addresses
            .iter()
            .map(|told| Address { address: told.address.to_string(), kind: kind(told.kind), delegated: false })
            .collect(),
        generation: Some(place.generation),
        age_ms: Some(place.age_ms),
        port: Some(place.port),
    };
    ([(CACHE_CONTROL, "no-store")], Json(told)).into_response()
}

fn whereabouts(number: Msisdn, found: Option<&Binding>) -> Told {
    let addresses = found.map_or_else(Vec::new, |binding| {
        let held = binding.addresses;
        let own = [held.v4, held.v6].into_iter().flatten().map(|held| (held, false));
        let all = own.chain(held.delegated.map(|held| (held, true)));
        all.map(|(held, delegated)| Address { address: held.prefix.text(), kind: name(held.kind), delegated }).collect()
    });
    Told {
        number: number.e164(),
        addresses,
        kind: found.map(|binding| name(binding.kind)),
        generation: found.map(|binding| binding.generation.0),
        age_ms: found.map(|binding| u64::try_from(binding.age.as_millis()).unwrap_or(u64::MAX)),
        port: None,
    }
}

const fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Public => "public",
        Kind::BehindNat => "behind_nat",
        Kind::RelayOnly => "relay_only",
    }
}

pub(crate) fn come_back(status: StatusCode, wait: Duration) -> Response {
    let mut response = status.into_response();
    let seconds = wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0));
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    response
}
