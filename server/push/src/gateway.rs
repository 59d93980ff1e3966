//! Activation in a GPRS core: the HTTP API of a gateway that asks the GGSN, which pages the phone through its SGSN. The
//! API is written down in `docs/protocol/push.md`.

use async_trait::async_trait;
use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{Client, RequestBuilder, Response, Url};
use serde::Deserialize;
use serde_json::json;
use tandem_model::Secret;

use crate::activation::{ActivationFailure, ActivationId, ActivationOutcome, ActivationRefusal, ActivationRequest};
use crate::activation::{ActivationState, NetworkActivation};
use crate::answer::{asked_wait, is_refused, throttled_wait};
use crate::outgoing::{ConfigError, Outgoing, base, below, read_bounded};

/// What an operator says about the gateway.
#[derive(Debug, Clone)]
pub struct GatewayConfig {
    /// Where its API begins: https, or http on a private link.
    pub url: String,
    /// Who this server is to it; empty where the link says so.
    pub bearer: Secret<String>,
    /// How it is reached.
    pub outgoing: Outgoing,
}

/// The driver.
pub struct Gateway {
    client: Client,
    activations: Url,
    bearer: Option<HeaderValue>,
}

#[derive(Deserialize)]
struct Accepted {
    id: String,
}

#[derive(Deserialize)]
struct Seen {
    state: String,
    #[serde(default)]
    cause: String,
}

impl Gateway {
    /// Checks the configuration and makes the client.
    ///
    /// # Errors
    /// [`ConfigError`] of what cannot hold.
    pub fn new(config: &GatewayConfig) -> Result<Self, ConfigError> {
        let root = base(&config.url, &["https", "http"])?;
        if !config.outgoing.guard.allows_url(&root) {
            return Err(ConfigError::Url);
        }
        Ok(Self {
            client: config.outgoing.client()?,
            activations: below(&root, ["v1", "activations"]),
            bearer: bearer(config.bearer.expose())?,
        })
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, ActivationOutcome> {
        let request = match &self.bearer {
            Some(bearer) => request.header(AUTHORIZATION, bearer),
            None => request,
        };
        request.send().await.map_err(|error| {
            if is_refused(&error) {
                ActivationOutcome::Permanent(ActivationRefusal::EndpointRefused)
            } else {
                ActivationOutcome::Temporary
            }
        })
    }
}

#[async_trait]
impl NetworkActivation for Gateway {
    async fn activate(&self, request: &ActivationRequest) -> ActivationOutcome {
        let body = json!({
            "number": request.number.e164(),
            "validity_s": request.validity.as_secs().max(1),
            "urgent": request.urgent,
        });
        match self.send(self.client.post(self.activations.clone()).json(&body)).await {
            Ok(response) => judge(response).await,
            Err(outcome) => outcome,
        }
    }

    async fn state(&self, id: &ActivationId) -> Option<ActivationState> {
        let response = self.send(self.client.get(below(&self.activations, [id.0.as_str()]))).await.ok()?;
        if response.status().as_u16() != 200 {
            return None;
        }
        let seen: Seen = serde_json::from_slice(&read_bounded(response).await?).ok()?;
        Some(match seen.state.as_str() {
            "requested" | "paging" => ActivationState::Underway,
            "active" => ActivationState::Succeeded,
            "failed" => ActivationState::Failed(failure(&seen.cause)),
            _ => ActivationState::Unknown,
        })
    }

    async fn withdraw(&self, id: &ActivationId) {
        let _unheard = self.send(self.client.delete(below(&self.activations, [id.0.as_str()]))).await;
    }
}

async fn judge(response: Response) -> ActivationOutcome {
    let asked = asked_wait(&response);
    match response.status().as_u16() {
        202 => {
            let octets = read_bounded(response).await.unwrap_or_default();
            let id = serde_json::from_slice::<Accepted>(&octets).ok().map(|accepted| accepted.id);
            id.filter(|id| is_id(id))
                .map_or(ActivationOutcome::Temporary, |id| ActivationOutcome::Accepted { id: ActivationId(id) })
        }
        300..=399 => ActivationOutcome::Permanent(ActivationRefusal::Redirected),
        404 => ActivationOutcome::UnknownSubscriber,
        429 => ActivationOutcome::Throttled { retry_after: throttled_wait(asked) },
        503 if asked.is_some() => ActivationOutcome::Throttled { retry_after: throttled_wait(asked) },
        500..=599 => ActivationOutcome::Temporary,
        400 | 413 | 415 | 422 => ActivationOutcome::Permanent(ActivationRefusal::Malformed),
        401 | 403 => ActivationOutcome::Permanent(ActivationRefusal::Credentials),
        other => ActivationOutcome::Permanent(ActivationRefusal::Other(other)),
    }
}

/// The causes a GGSN or SGSN gives (TS 29.060, 7.7.1), in the API's words.
fn failure(cause: &str) -> ActivationFailure {
    match cause {
        "ms_not_reachable" | "ms_detached" => ActivationFailure::NotReachable,
        "ms_refuses" | "not_allowed" => ActivationFailure::Refused,
        "congestion" => ActivationFailure::Congested,
        "expired" => ActivationFailure::Expired,
        "withdrawn" => ActivationFailure::Withdrawn,
        _ => ActivationFailure::Unspecified,
    }
}

/// What may stand in a path: short, and no path of its own.
fn is_id(id: &str) -> bool {
    let plain = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    (1..=64).contains(&id.len()) && plain
}

fn bearer(token: &str) -> Result<Option<HeaderValue>, ConfigError> {
    if token.is_empty() {
        return Ok(None);
    }
    let mut value = HeaderValue::try_from(format!("Bearer {token}")).map_err(|_| ConfigError::Key)?;
    value.set_sensitive(true);
    Ok(Some(value))
}
