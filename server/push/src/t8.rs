//! 3GPP device triggering over T8 (TS 29.122, `3gpp-device-triggering` v1).

mod auth;
mod report;

pub use auth::T8Auth;
pub use report::{BadReport, T8Report};

use std::time::Duration;

use async_trait::async_trait;
use data_encoding::BASE64;
use reqwest::header::{AUTHORIZATION, LOCATION};
use reqwest::{Client, RequestBuilder, Response, Url};
use serde_json::{Value, json};
use tandem_model::Secret;

use crate::activation::NetworkActivation;
use crate::activation::{ActivationId, ActivationOutcome, ActivationRefusal, ActivationRequest, ActivationState};
use crate::answer::{asked_wait, is_refused, throttled_wait};
use crate::outgoing::{ConfigError, Outgoing, base, below, read_bounded};
use auth::Auth;
use report::{Problem, state_of};

/// What an operator says about the SCEF or NEF.
#[derive(Debug, Clone)]
pub struct T8Config {
    /// `{apiRoot}`: https, or http on a private link.
    pub api_root: String,
    /// `{scsAsId}`, as agreed with the network's operator.
    pub scs_as_id: String,
    /// Where the network reports to: a path of this server.
    pub notify_url: String,
    /// The port of the phone's trigger listener, 0 to 65535.
    pub application_port: u16,
    /// What the trigger carries; the phone only has to come back, so it says nothing of anybody.
    pub payload: Vec<u8>,
    /// How this server says who it is.
    pub auth: T8Auth,
    /// How the network is reached.
    pub outgoing: Outgoing,
}

/// The T8 driver.
pub struct T8 {
    client: Client,
    transactions: Url,
    auth: Auth,
    notify_url: Url,
    application_port: u16,
    payload: String,
}

impl T8 {
    /// Checks the configuration and makes the client.
    ///
    /// # Errors
    /// [`ConfigError`] of what cannot hold.
    pub fn new(config: &T8Config) -> Result<Self, ConfigError> {
        let root = base(&config.api_root, &["https", "http"])?;
        if !config.outgoing.guard.allows_url(&root) {
            return Err(ConfigError::Url);
        }
        if config.scs_as_id.is_empty() {
            return Err(ConfigError::Name);
        }
        Ok(Self {
            client: config.outgoing.client()?,
            transactions: below(&root, ["3gpp-device-triggering", "v1", &config.scs_as_id, "transactions"]),
            auth: Auth::new(&config.auth)?,
            notify_url: Url::parse(&config.notify_url).map_err(|_| ConfigError::Url)?,
            application_port: config.application_port,
            payload: BASE64.encode(&config.payload),
        })
    }

    /// Reads what the network posts to `notify_url`.
    ///
    /// # Errors
    /// [`BadReport`] when it is none, or of no transaction this driver can have made.
    pub fn report(&self, body: &[u8]) -> Result<T8Report, BadReport> {
        report::read(body, &self.transactions)
    }

    fn body(&self, request: &ActivationRequest) -> Value {
        json!({
            "msisdn": request.number.e164().trim_start_matches('+'),
            "validityPeriod": request.validity.as_secs().max(1),
            "priority": if request.urgent { "PRIORITY" } else { "NO_PRIORITY" },
            "applicationPortId": self.application_port,
            "triggerPayload": self.payload,
            "notificationDestination": self.notify_url.as_str(),
        })
    }

    /// Sends with the account's token, once more when the token is not taken.
    async fn send(&self, request: RequestBuilder) -> Result<Response, ActivationOutcome> {
        for _ in 0..2 {
            let bearer = self.auth.bearer(&self.client).await?;
            let mut attempt = request.try_clone().ok_or(ActivationOutcome::Temporary)?;
            if let Some(bearer) = &bearer {
                attempt = attempt.header(AUTHORIZATION, bearer);
            }
            let response = attempt.send().await.map_err(|error| no_answer(&error))?;
            if response.status().as_u16() != 401 || !self.auth.forget(bearer.as_ref()).await {
                return Ok(response);
            }
        }
        Err(ActivationOutcome::Permanent(ActivationRefusal::Credentials))
    }

    async fn judge(&self, response: Response) -> ActivationOutcome {
        let (status, asked) = (response.status().as_u16(), asked_wait(&response));
        match status {
            201 => {
                let place = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
                return place
                    .and_then(|place| self.transaction(place))
                    .map_or(ActivationOutcome::Permanent(ActivationRefusal::EndpointRefused), |id| {
                        ActivationOutcome::Accepted { id }
                    });
            }
            300..=399 => return ActivationOutcome::Permanent(ActivationRefusal::Redirected),
            429 => return ActivationOutcome::Throttled { retry_after: throttled_wait(asked) },
            500..=599 => {
                return asked.map_or(ActivationOutcome::Temporary, |wait| ActivationOutcome::Throttled {
                    retry_after: throttled_wait(Some(wait)),
                });
            }
            401 => return ActivationOutcome::Permanent(ActivationRefusal::Credentials),
            _ => {}
        }
        let problem = Problem::read(&read_bounded(response).await.unwrap_or_default());
        match status {
            _ if problem.is_unknown_subscriber() => ActivationOutcome::UnknownSubscriber,
            403 => ActivationOutcome::Permanent(ActivationRefusal::Credentials),
            400 | 411 | 413 | 415 => ActivationOutcome::Permanent(ActivationRefusal::Malformed),
            other => ActivationOutcome::Permanent(ActivationRefusal::Other(other)),
        }
    }

    /// A transaction's address, relative or absolute, only where this driver's own transactions are.
    fn transaction(&self, place: &str) -> Option<ActivationId> {
        report::within(&self.transactions, place).map(ActivationId)
    }
}

#[async_trait]
impl NetworkActivation for T8 {
    async fn activate(&self, request: &ActivationRequest) -> ActivationOutcome {
        match self.send(self.client.post(self.transactions.clone()).json(&self.body(request))).await {
            Ok(response) => self.judge(response).await,
            Err(outcome) => outcome,
        }
    }

    async fn state(&self, id: &ActivationId) -> Option<ActivationState> {
        let response = self.send(self.client.get(below(&self.transactions, [id.0.as_str()]))).await.ok()?;
        if response.status().as_u16() != 200 {
            return None;
        }
        let answer: Value = serde_json::from_slice(&read_bounded(response).await?).ok()?;
        Some(answer.get("deliveryResult").and_then(Value::as_str).map_or(ActivationState::Underway, state_of))
    }

    async fn withdraw(&self, id: &ActivationId) {
        let _unheard = self.send(self.client.delete(below(&self.transactions, [id.0.as_str()]))).await;
    }
}

fn no_answer(error: &reqwest::Error) -> ActivationOutcome {
    if is_refused(error) {
        ActivationOutcome::Permanent(ActivationRefusal::EndpointRefused)
    } else {
        ActivationOutcome::Temporary
    }
}

impl Default for T8Config {
    fn default() -> Self {
        Self {
            api_root: String::new(),
            scs_as_id: String::new(),
            notify_url: String::new(),
            application_port: 0,
            payload: b"tandem".to_vec(),
            auth: T8Auth::Bearer(Secret::default()),
            outgoing: Outgoing { timeout: Duration::from_secs(5), ..Outgoing::default() },
        }
    }
}
