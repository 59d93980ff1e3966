//! The SMS driver an operator chose, made from the configuration.

mod wrong;

pub use wrong::{wrong_files, wrong_keys};

use crate::config::Config;
use crate::config::sms::{DriverKind, SenderKind, Smpp, SmsTemplate};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use tandem_sms::http_gateway::{BodyTemplate, HttpGateway, HttpGatewayConfig, HttpGatewayConfigError};
use tandem_sms::smpp::{Sender, SmppTls};
use tandem_sms::verification::{TemplateConfig, TemplateError, Templates};
use tandem_sms::{SmppConfig, SmppDriver, SmsDriver};

/// Why there is no driver. Each names its section or key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DriverError {
    /// The SMSC's section cannot hold.
    #[error("[smpp]: {0}")]
    Smpp(String),
    /// The gateway's section cannot hold.
    #[error("[sms_http]: {0}")]
    Http(#[from] HttpGatewayConfigError),
    /// A file of roots cannot be read.
    #[error("{key}: no certificate can be read from {path}")]
    Roots {
        /// Which key.
        key: &'static str,
        /// Which file.
        path: String,
    },
    /// The gateway's body is no JSON, or a form field has no `=`.
    #[error("{key} {why}")]
    Body {
        /// Which key.
        key: &'static str,
        /// What it must be.
        why: &'static str,
    },
}

/// The templates, checked at their longest.
///
/// # Errors
/// Which template cannot hold, and why.
pub fn templates(section: &SmsTemplate) -> Result<Templates, TemplateError> {
    Templates::new(template_config(section))
}

fn template_config(section: &SmsTemplate) -> TemplateConfig {
    let set = |text: &String| (!text.is_empty()).then(|| text.clone());
    TemplateConfig {
        generic: section.generic.clone(),
        android: section.android.clone(),
        apple: section.apple.clone(),
        app_hash: set(&section.app_hash),
        domain: set(&section.domain),
    }
}

/// A configuration that a driver can be started with.
#[derive(Debug)]
pub enum Prepared {
    /// No driver.
    None,
    /// An SMSC.
    Smpp(Box<SmppConfig>),
    /// A gateway.
    Http(Box<HttpGateway>),
}

/// Checks everything that can be checked without a connection.
///
/// # Errors
/// [`DriverError`].
pub fn prepare(config: &Config) -> Result<Prepared, DriverError> {
    match config.sms.driver {
        DriverKind::None => Ok(Prepared::None),
        DriverKind::Smpp => {
            let smpp = SmppConfig { tls: smpp_tls(config)?, ..smpp_config(config) };
            smpp.check().map_err(|error| DriverError::Smpp(error.to_string()))?;
            Ok(Prepared::Smpp(Box::new(smpp)))
        }
        DriverKind::Http => {
            let tls_roots_pem = read_roots(&config.sms_http.tls_roots)?;
            let gateway = HttpGatewayConfig { tls_roots_pem, ..http_config(config)? };
            Ok(Prepared::Http(Box::new(HttpGateway::new(gateway)?)))
        }
    }
}

impl Prepared {
    /// Starts the driver. `seed` drives the jitter of its waits.
    ///
    /// # Errors
    /// [`DriverError`].
    pub fn start(self, seed: u64) -> Result<Option<Arc<dyn SmsDriver>>, DriverError> {
        match self {
            Prepared::None => Ok(None),
            Prepared::Smpp(config) => {
                let driver = SmppDriver::start(*config, seed).map_err(|error| DriverError::Smpp(error.to_string()))?;
                Ok(Some(driver))
            }
            Prepared::Http(gateway) => Ok(Some(gateway.start())),
        }
    }
}

/// Without TLS, which needs a file.
fn smpp_config(config: &Config) -> SmppConfig {
    let own = &config.smpp;
    let size = |count: u32| usize::try_from(count).unwrap_or(usize::MAX);
    SmppConfig {
        address: own.address.clone(),
        system_id: own.system_id.clone(),
        password: own.password.0.clone(),
        system_type: own.system_type.clone(),
        sender: match own.sender_kind {
            SenderKind::Alphanumeric => Sender::Alphanumeric(own.sender.clone()),
            SenderKind::International => Sender::International(own.sender.clone()),
            SenderKind::Short => Sender::ShortCode(own.sender.clone()),
        },
        tls: None,
        window: size(own.window),
        queue_capacity: size(own.queue_max),
        enquire_link_after: own.enquire_link_after.0,
        answer_timeout: own.answer_wait.0,
        reconnect_wait: (own.reconnect_wait.0, own.reconnect_wait_max.0),
        throttle_wait: (own.throttle_wait.0, own.throttle_wait_max.0),
        throttle_tries: own.throttle_tries,
        receipt_memory: size(own.receipts_remembered),
        incoming_repeat_window: own.incoming_repeat_window.0,
    }
}

/// The name the SMSC's certificate must carry.
pub(crate) fn smpp_server_name(own: &Smpp) -> Option<ServerName<'static>> {
    let host = if own.tls_server_name.is_empty() {
        own.address.rsplit_once(':').map_or(own.address.as_str(), |(host, _)| host)
    } else {
        own.tls_server_name.as_str()
    };
    ServerName::try_from(host.to_owned()).ok()
}

fn smpp_tls(config: &Config) -> Result<Option<SmppTls>, DriverError> {
    let own = &config.smpp;
    if !own.tls {
        return Ok(None);
    }
    let server_name =
        smpp_server_name(own).ok_or_else(|| DriverError::Smpp("tls_server_name must be a host name".to_owned()))?;
    let mut roots = RootCertStore::empty();
    let unreadable = || DriverError::Roots { key: "smpp.tls_roots", path: own.tls_roots.display().to_string() };
    for certificate in CertificateDer::pem_file_iter(&own.tls_roots).map_err(|_| unreadable())? {
        roots.add(certificate.map_err(|_| unreadable())?).map_err(|_| unreadable())?;
    }
    if roots.is_empty() {
        return Err(unreadable());
    }
    let client = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| DriverError::Smpp(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Some(SmppTls { server_name, client: Arc::new(client) }))
}

/// Without roots, which need a file.
fn http_config(config: &Config) -> Result<HttpGatewayConfig, DriverError> {
    let own = &config.sms_http;
    let mut headers = BTreeMap::new();
    if !own.authorization.is_unset() {
        headers.insert("authorization".to_owned(), own.authorization.0.clone());
    }
    Ok(HttpGatewayConfig {
        url: own.url.clone(),
        method: own.method.clone(),
        body: http_body(&own.json_body, &own.form_body)?,
        headers,
        success: own.success.clone(),
        throttle: own.throttle.clone(),
        permanent: own.permanent.clone(),
        unreachable: own.unreachable.clone(),
        check_link_after: own.check_link_after.0,
        id_pointer: (!own.id_pointer.is_empty()).then(|| own.id_pointer.clone()),
        timeout: own.answer_wait.0,
        default_retry_after: own.retry_after.0,
        concurrency: usize::try_from(own.concurrency).unwrap_or(usize::MAX),
        tls_roots_pem: Vec::new(),
    })
}

fn http_body(json: &str, form: &[String]) -> Result<BodyTemplate, DriverError> {
    if form.is_empty() {
        let no_json = DriverError::Body { key: "sms_http.json_body", why: "must be JSON" };
        let value = serde_json::from_str(json).map_err(|_| no_json)?;
        return Ok(BodyTemplate::Json(value));
    }
    let pair = |field: &String| field.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    let fields: Option<Vec<_>> = form.iter().map(pair).collect();
    let no_fields = DriverError::Body { key: "sms_http.form_body", why: "must be fields such as to={to}" };
    fields.map(BodyTemplate::Form).ok_or(no_fields)
}

fn read_roots(path: &Path) -> Result<Vec<u8>, DriverError> {
    if path.as_os_str().is_empty() {
        return Ok(Vec::new());
    }
    let unreadable = |_| DriverError::Roots { key: "sms_http.tls_roots", path: path.display().to_string() };
    std::fs::read(path).map_err(unreadable)
}
