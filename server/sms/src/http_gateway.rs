//! A generic HTTP SMS gateway: one request a text, built from a template, judged by its status.
//!
//! The template's `{to}`, `{text}` and `{ref}` are filled inside JSON strings or form values, so no text can break out of
//! its place. There are no receipts on this driver.

mod link;

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Method, Response, StatusCode, Url};
use tandem_model::Secret;
use tokio::sync::{Semaphore, mpsc};

use crate::driver::{PermanentReason, SmsDriver, SmsEvent, SmsSubmit, SubmitOutcome, SubmitRefused};
use crate::gsm7;
use link::{Link, Seen};

/// The longest answer read; ids are short.
const MAX_ANSWER_OCTETS: usize = 64 * 1024;

/// The longest wait a gateway may ask for.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(3_600);

/// A gateway that is away is looked for at least this often.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// What an operator says about the gateway.
#[derive(Debug, Clone)]
pub struct HttpGatewayConfig {
    /// Where requests go; `https` unless the gateway is on a private link.
    pub url: String,
    /// `POST` or `PUT`.
    pub method: String,
    /// What a request carries.
    pub body: BodyTemplate,
    /// Headers by name, such as `authorization`. Their values are secrets.
    pub headers: BTreeMap<String, Secret<String>>,
    /// Statuses that mean the text was taken.
    pub success: Vec<u16>,
    /// Statuses that mean "too fast": nothing was sent, try later.
    pub throttle: Vec<u16>,
    /// Statuses that mean this text is refused for good. Any other status of 400 to 499 means the same.
    pub permanent: Vec<u16>,
    /// Statuses that mean this number cannot be reached, also when they are listed as permanent.
    pub unreachable: Vec<u16>,
    /// JSON pointer (RFC 6901) to the gateway's id in its answer, such as `/messages/0/id`.
    pub id_pointer: Option<String>,
    /// How often the gateway is asked whether it is there, without a text.
    pub check_link_after: Duration,
    /// How long a request may take before its outcome is unknown.
    pub timeout: Duration,
    /// The wait when a throttling gateway does not say how long.
    pub default_retry_after: Duration,
    /// Requests under way at once. One more is refused by name.
    pub concurrency: usize,
    /// Roots to trust, in PEM; empty for the platform's.
    pub tls_roots_pem: Vec<u8>,
}

impl Default for HttpGatewayConfig {
    fn default() -> Self {
        let json = serde_json::json!({ "to": "+{to}", "text": "{text}", "reference": "{ref}" });
        Self {
            url: String::new(),
            method: "POST".to_owned(),
            body: BodyTemplate::Json(json),
            headers: BTreeMap::new(),
            success: vec![200, 201, 202],
            throttle: vec![429, 503],
            permanent: vec![400],
            unreachable: vec![404, 422],
            check_link_after: Duration::from_secs(30),
            id_pointer: Some("/id".to_owned()),
            timeout: Duration::from_secs(15),
            default_retry_after: Duration::from_secs(5),
            concurrency: 32,
            tls_roots_pem: Vec::new(),
        }
    }
}

/// What a request carries, with `{to}` (digits, no plus), `{text}` and `{ref}` in its strings.
#[derive(Debug, Clone, PartialEq)]
pub enum BodyTemplate {
    /// `application/json`.
    Json(serde_json::Value),
    /// `application/x-www-form-urlencoded`.
    Form(Vec<(String, String)>),
}

/// Why a configuration cannot hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HttpGatewayConfigError {
    /// Not an absolute http or https URL, or one with a password in it.
    #[error("url must be an http or https URL without credentials in it")]
    Url,
    /// Neither `POST` nor `PUT`.
    #[error("method must be POST or PUT")]
    Method,
    /// A name or value no HTTP header can have.
    #[error("a header has an impossible name or value")]
    Header,
    /// `{to}` or `{text}` is missing from the template.
    #[error("the body must have {{to}} and {{text}}")]
    Body,
    /// One status cannot mean two things.
    #[error("a status is listed under more than one meaning")]
    Statuses,
    /// The roots are not PEM certificates, or there is no TLS at all.
    #[error("tls_roots_pem must be PEM certificates")]
    Tls,
}

impl HttpGatewayConfig {
    /// Everything that cannot hold.
    #[must_use]
    pub fn problems(&self) -> Vec<HttpGatewayConfigError> {
        let throttled = |status: &u16| self.throttle.contains(status);
        let taken = |status: &u16| self.success.contains(status);
        let mut refusals = self.permanent.iter().chain(&self.unreachable);
        let doubled = self.throttle.iter().any(taken) || refusals.any(|status| taken(status) || throttled(status));
        [
            url(&self.url).err(),
            method(&self.method).err(),
            headers(self).err(),
            (!has_both(&self.body)).then_some(HttpGatewayConfigError::Body),
            doubled.then_some(HttpGatewayConfigError::Statuses),
            roots(&self.tls_roots_pem).err(),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// The HTTP driver.
#[derive(Debug)]
pub struct HttpGateway {
    client: Client,
    url: Url,
    method: Method,
    headers: HeaderMap,
    config: HttpGatewayConfig,
    slots: Semaphore,
    link: Link,
}

impl HttpGateway {
    /// Checks the configuration and makes the client.
    ///
    /// # Errors
    /// The first of [`HttpGatewayConfig::problems`].
    pub fn new(config: HttpGatewayConfig) -> Result<Self, HttpGatewayConfigError> {
        if let Some(first) = config.problems().first() {
            return Err(*first);
        }
        Ok(Self {
            client: client(&config)?,
            url: url(&config.url)?,
            method: method(&config.method)?,
            headers: headers(&config)?,
            slots: Semaphore::new(config.concurrency.max(1)),
            link: Link::new(),
            config,
        })
    }

    /// Looks after the link from now on, until the driver is dropped or shut down.
    #[must_use]
    pub fn start(self) -> Arc<Self> {
        let gateway = Arc::new(self);
        tokio::spawn(watch(Arc::downgrade(&gateway)));
        gateway
    }

    /// Asks whether the gateway is there: any answer will do. The request carries no text, number or secret.
    async fn look(&self) {
        let answer = self.client.request(Method::OPTIONS, self.url.clone()).send().await;
        self.link.saw(if answer.is_ok() { Seen::Answers } else { Seen::Away }, Instant::now());
    }

    async fn judge(&self, response: Response) -> SubmitOutcome {
        let status = response.status();
        let code = status.as_u16();
        if self.config.success.contains(&code) {
            self.link.saw(Seen::TookText, Instant::now());
            return SubmitOutcome::Accepted { smsc_id: self.gateway_id(response).await };
        }
        if self.config.throttle.contains(&code) {
            return SubmitOutcome::Throttled { retry_after: self.retry_after(&response) };
        }
        if self.config.unreachable.contains(&code) {
            return SubmitOutcome::Permanent { reason: PermanentReason::InvalidDestination };
        }
        if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            self.link.saw(Seen::RefusesUs, Instant::now());
        }
        if self.config.permanent.contains(&code) || status.is_client_error() {
            return SubmitOutcome::Permanent { reason: permanent_reason(status) };
        }
        // A server error does not say how far the request got.
        SubmitOutcome::Unknown
    }

    async fn gateway_id(&self, response: Response) -> String {
        let Some(pointer) = &self.config.id_pointer else { return String::new() };
        let Some(octets) = read_bounded(response).await else { return String::new() };
        let answer: serde_json::Value = serde_json::from_slice(&octets).unwrap_or_default();
        match answer.pointer(pointer) {
            Some(serde_json::Value::String(id)) => id.chars().take(64).collect(),
            Some(serde_json::Value::Number(id)) => id.to_string(),
            Some(_) | None => String::new(),
        }
    }

    fn retry_after(&self, response: &Response) -> Duration {
        let asked = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.trim().parse().ok());
        asked.map_or(self.config.default_retry_after, Duration::from_secs).min(MAX_RETRY_AFTER)
    }
}

#[async_trait]
impl SmsDriver for HttpGateway {
    async fn submit(&self, sms: SmsSubmit) -> Result<SubmitOutcome, SubmitRefused> {
        let septets = gsm7::septets(&sms.body).map_err(|_| SubmitRefused::NotGsm7)?;
        if septets > gsm7::SEGMENT_SEPTETS {
            return Err(SubmitRefused::TooLong);
        }
        let _slot = self.slots.try_acquire().map_err(|error| match error {
            tokio::sync::TryAcquireError::NoPermits => SubmitRefused::QueueFull,
            tokio::sync::TryAcquireError::Closed => SubmitRefused::ShutDown,
        })?;
        let request = self.client.request(self.method.clone(), self.url.clone()).headers(self.headers.clone());
        let request = match &self.config.body {
            BodyTemplate::Json(template) => request.json(&filled_json(template, &sms)),
            BodyTemplate::Form(pairs) => request
                .header(reqwest::header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(filled_form(pairs, &sms)),
        };
        Ok(match request.send().await {
            Ok(response) => self.judge(response).await,
            // The request never left, so nothing was sent.
            Err(error) if error.is_connect() => {
                self.link.saw(Seen::Away, Instant::now());
                SubmitOutcome::Temporary
            }
            Err(error) if error.is_builder() => SubmitOutcome::Temporary,
            Err(_) => SubmitOutcome::Unknown,
        })
    }

    fn take_events(&self) -> Option<mpsc::Receiver<SmsEvent>> {
        self.link.take_events()
    }

    async fn shutdown(&self) {
        self.slots.close();
        // Requests under way end by their own timeout.
        tokio::task::yield_now().await;
    }
}

async fn watch(gateway: Weak<HttpGateway>) {
    while let Some(here) = gateway.upgrade().filter(|here| !here.slots.is_closed()) {
        here.look().await;
        let often = here.config.check_link_after;
        let wait = if here.link.is_up() { often } else { often.min(LOOK_AGAIN) };
        drop(here);
        tokio::time::sleep(wait).await;
    }
}

fn client(config: &HttpGatewayConfig) -> Result<Client, HttpGatewayConfigError> {
    // Another part of the process may have installed the same provider before.
    let _installed = rustls::crypto::ring::default_provider().install_default();
    let mut builder = Client::builder()
        .timeout(config.timeout)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy();
    if !config.tls_roots_pem.is_empty() {
        builder = builder.tls_certs_only(roots(&config.tls_roots_pem)?);
    }
    builder.build().map_err(|_| HttpGatewayConfigError::Tls)
}

/// None at all in a file that is named would trust nobody.
fn roots(pem: &[u8]) -> Result<Vec<reqwest::Certificate>, HttpGatewayConfigError> {
    let roots = reqwest::Certificate::from_pem_bundle(pem).map_err(|_| HttpGatewayConfigError::Tls)?;
    if roots.is_empty() && !pem.is_empty() { Err(HttpGatewayConfigError::Tls) } else { Ok(roots) }
}

fn url(text: &str) -> Result<Url, HttpGatewayConfigError> {
    let url = Url::parse(text).map_err(|_| HttpGatewayConfigError::Url)?;
    if !matches!(url.scheme(), "http" | "https") || url.password().is_some() || !url.username().is_empty() {
        return Err(HttpGatewayConfigError::Url);
    }
    Ok(url)
}

fn method(name: &str) -> Result<Method, HttpGatewayConfigError> {
    match name {
        "POST" => Ok(Method::POST),
        "PUT" => Ok(Method::PUT),
        _ => Err(HttpGatewayConfigError::Method),
    }
}

fn headers(config: &HttpGatewayConfig) -> Result<HeaderMap, HttpGatewayConfigError> {
    let mut headers = HeaderMap::new();
    for (name, value) in &config.headers {
        let name = HeaderName::try_from(name.as_str()).map_err(|_| HttpGatewayConfigError::Header)?;
        let mut value = HeaderValue::try_from(value.expose().as_str()).map_err(|_| HttpGatewayConfigError::Header)?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Ok(headers)
}

fn has_both(body: &BodyTemplate) -> bool {
    let text = match body {
        BodyTemplate::Json(value) => value.to_string(),
        BodyTemplate::Form(pairs) => pairs.iter().map(|(_, value)| value.as_str()).collect::<Vec<_>>().join("\n"),
    };
    text.contains("{to}") && text.contains("{text}")
}

const fn permanent_reason(status: StatusCode) -> PermanentReason {
    match status.as_u16() {
        400 | 413 | 415 | 422 => PermanentReason::Malformed,
        other => PermanentReason::Other(other as u32),
    }
}

/// One pass, so that a text that has `{to}` in it stays as it is.
fn filled(template: &str, sms: &SmsSubmit) -> String {
    let mut out = String::with_capacity(template.len() + sms.body.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let known = [("to}", sms.to.as_str()), ("text}", sms.body.as_str())];
        if let Some((after, value)) = known.iter().find_map(|(name, value)| Some((after.strip_prefix(name)?, *value))) {
            out.push_str(value);
            rest = after;
        } else if let Some(after) = after.strip_prefix("ref}") {
            out.push_str(&sms.message_ref.to_string());
            rest = after;
        } else {
            out.push('{');
            rest = after;
        }
    }
    out.push_str(rest);
    out
}

fn filled_json(template: &serde_json::Value, sms: &SmsSubmit) -> serde_json::Value {
    use serde_json::Value;
    match template {
        Value::String(text) => Value::String(filled(text, sms)),
        Value::Array(items) => items.iter().map(|item| filled_json(item, sms)).collect(),
        Value::Object(fields) => {
            Value::Object(fields.iter().map(|(key, value)| (key.clone(), filled_json(value, sms))).collect())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => template.clone(),
    }
}

fn filled_form(pairs: &[(String, String)], sms: &SmsSubmit) -> String {
    let mut encoded = reqwest::Url::parse("form:").map(|url| (url, ())).ok();
    let Some((url, ())) = encoded.as_mut() else { return String::new() };
    url.query_pairs_mut().extend_pairs(pairs.iter().map(|(key, value)| (key.as_str(), filled(value, sms))));
    url.query().unwrap_or_default().to_owned()
}

async fn read_bounded(mut response: Response) -> Option<Vec<u8>> {
    let mut octets = Vec::new();
    while let Some(chunk) = response.chunk().await.ok()? {
        if octets.len() + chunk.len() > MAX_ANSWER_OCTETS {
            return None;
        }
        octets.extend_from_slice(&chunk);
    }
    Some(octets)
}
