//! `POST /v1/register`: one request, one reply, both protobuf.

use crate::event::Event;
use crate::gateway::Gateway;
use crate::source::source_of;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, State};
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use std::net::SocketAddr;
use std::sync::Arc;
use tandem_wire::frame::RegisterRefusal;
use tandem_wire::limits::REGISTER_MAX;
use tandem_wire::{RegisterReply, RegisterRequest, decode_register_request, encode_register_reply};
use tokio::sync::oneshot;
use tokio::time::timeout;
use tracing::debug;

/// What a body is called, both ways.
pub const MEDIA_TYPE: &str = "application/octet-stream";

/// What a client is told to wait when too many ask at once.
const BUSY_WAIT_MS: u32 = 2_000;

/// Takes a request in and waits for its reply.
pub async fn register(
    State(gateway): State<Arc<Gateway>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let Ok(_slot) = gateway.register_slots.try_acquire() else {
        gateway.metrics.register_busy.increment(1);
        return come_back();
    };
    if !headers.get(CONTENT_TYPE).is_some_and(is_our_media_type) {
        return malformed(&gateway, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
    let body = match timeout(gateway.body_wait, to_bytes(body, REGISTER_MAX)).await {
        Ok(Ok(body)) => body,
        Ok(Err(_)) => return malformed(&gateway, StatusCode::PAYLOAD_TOO_LARGE),
        Err(_) => return malformed(&gateway, StatusCode::REQUEST_TIMEOUT),
    };
    let request = match decode_register_request(&body) {
        Ok(request) => request,
        Err(error) => {
            debug!(%error, "malformed registration request");
            return malformed(&gateway, StatusCode::BAD_REQUEST);
        }
    };
    let source = source_of(gateway.proxies.phone_address(peer, &headers));
    match ask(&gateway, source, request).await {
        Some(reply) => answer(StatusCode::OK, &reply),
        None => come_back(),
    }
}

/// Parameters and case do not change what a media type is (RFC 9110, 8.3.1).
fn is_our_media_type(value: &HeaderValue) -> bool {
    let bare = value.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default();
    bare.trim_ascii().eq_ignore_ascii_case(MEDIA_TYPE.as_bytes())
}

async fn ask(gateway: &Gateway, source: tandem_logic::Source, request: RegisterRequest) -> Option<RegisterReply> {
    let (reply, answered) = oneshot::channel();
    gateway.events.send(Event::Register { source, request, reply }).await.ok()?;
    timeout(gateway.answer_wait, answered).await.ok()?.ok()
}

fn malformed(gateway: &Gateway, status: StatusCode) -> Response {
    gateway.metrics.register_bad.increment(1);
    answer(status, &RegisterReply::Refused { reason: RegisterRefusal::Invalid, retry_after_ms: 0 })
}

fn come_back() -> Response {
    let reply = RegisterReply::Refused { reason: RegisterRefusal::Storage, retry_after_ms: BUSY_WAIT_MS };
    let mut response = answer(StatusCode::SERVICE_UNAVAILABLE, &reply);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(BUSY_WAIT_MS / 1_000));
    response
}

fn answer(status: StatusCode, reply: &RegisterReply) -> Response {
    (status, [(CONTENT_TYPE, MEDIA_TYPE)], encode_register_reply(reply)).into_response()
}
