//! `GET /healthz`: the process is alive. `GET /readyz`: it can serve. `GET /metrics`, on a listener of its own.

use crate::event::{Event, Readiness};
use crate::gateway::Gateway;
use crate::metrics::Metrics;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::timeout;

/// How long readiness may take to be found out.
const READY_WAIT: Duration = Duration::from_secs(2);

/// Alive: this answers.
pub async fn alive() -> &'static str {
    std::future::ready("alive\n").await
}

/// Ready: the store answers, verification texts can be sent or none are configured, and the server is not going down.
pub async fn ready(State(gateway): State<Arc<Gateway>>) -> Response {
    let (reply, answered) = oneshot::channel();
    let asked = async {
        gateway.events.send(Event::Readiness(reply)).await.ok()?;
        answered.await.ok()
    };
    let silent = Readiness { store: false, sms: None, stopping: true };
    let readiness = timeout(READY_WAIT, asked).await.ok().flatten().unwrap_or(silent);
    let status = if readiness.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let sms = match readiness.sms {
        Some(true) => "up",
        Some(false) => "down",
        None => "not configured",
    };
    let body = serde_json::json!({
        "ready": readiness.is_ready(),
        "store": if readiness.store { "answers" } else { "silent" },
        "sms": sms,
        "stopping": readiness.stopping,
    });
    (status, Json(body)).into_response()
}

/// The text a scrape gets.
pub async fn scrape(State(metrics): State<Arc<Metrics>>) -> Response {
    let text = std::future::ready(metrics.render()).await;
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}
