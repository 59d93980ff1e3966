//! `POST /v1/resolve/session`: keys for lookups by datagram, for whoever shows a key.

use crate::gateway::Gateway;
use crate::lookup_sessions::Agreed;
use crate::resolve::{come_back, shown_key};
use axum::Json;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use std::fmt::Write as _;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tandem_resolver::datagram::NUMBERS_MAX;

/// When an asker that met no randomness should come back.
const COME_BACK: Duration = Duration::from_secs(1);

/// What an asker needs for a session.
#[derive(Serialize)]
struct Terms {
    session: String,
    cipher: &'static str,
    ask_key: String,
    answer_key: String,
    expires_in_ms: u64,
    port: u16,
    numbers_max: usize,
}

/// Agrees on a session. It costs the key's budget as much as one number.
pub fn agree(State(gateway): State<Arc<Gateway>>, headers: HeaderMap) -> Ready<Response> {
    ready(answer(&gateway, &headers))
}

fn answer(gateway: &Gateway, headers: &HeaderMap) -> Response {
    let resolving = gateway.resolving.as_ref();
    let Some((resolving, agreeing)) = resolving.and_then(|own| Some((own, own.agreeing.as_ref()?))) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let Some(holder) = shown_key(headers).and_then(|key| resolving.askers.find(key)) else {
        gateway.metrics.lookups_unknown.increment(1);
        return (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, "Bearer")]).into_response();
    };
    if let Err(wait) = holder.allowance.charge(1, Instant::now()) {
        gateway.metrics.lookups_spent.increment(1);
        return come_back(StatusCode::TOO_MANY_REQUESTS, wait);
    }
    match agreeing.agree(holder) {
        Some(agreed) => ([(CACHE_CONTROL, "no-store")], Json(terms(&agreed))).into_response(),
        None => come_back(StatusCode::SERVICE_UNAVAILABLE, COME_BACK),
    }
}

fn terms(agreed: &Agreed) -> Terms {
    Terms {
        session: format!("{:016x}", agreed.id.0),
        cipher: "aes-128-gcm",
        ask_key: hex(agreed.ask_key.expose()),
        answer_key: hex(agreed.answer_key.expose()),
        expires_in_ms: u64::try_from(agreed.life.as_millis()).unwrap_or(u64::MAX),
        port: agreed.port,
        numbers_max: NUMBERS_MAX,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _always_written = write!(text, "{byte:02x}");
        text
    })
}
