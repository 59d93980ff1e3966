//! The HTTP client all drivers share: no redirects, no proxies, no retries, bounded answers, guarded addresses.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use reqwest::{Client, Response, Url};

use crate::guard::{AddressGuard, GuardedResolver};

/// The longest answer read; errors are short.
const ANSWER_MAX: usize = 64 * 1_024;

/// Why a configuration cannot hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Not an absolute URL of a scheme the driver speaks, or one with a password, query or fragment in it.
    #[error("url must be an https URL without credentials, query or fragment")]
    Url,
    /// The key is not what the driver signs with.
    #[error("the key cannot be read")]
    Key,
    /// A name the service needs is missing or has a character it cannot have.
    #[error("a name is missing or impossible")]
    Name,
    /// The contact of VAPID is neither `mailto:` nor `https:`.
    #[error("subject must be a mailto: or https: URL")]
    Subject,
    /// The roots are not PEM certificates, or there is no TLS at all.
    #[error("tls_roots_pem must be PEM certificates")]
    Tls,
}

/// What all drivers are configured with.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// How long a request may take before its outcome is unknown.
    pub timeout: Duration,
    /// Which hosts and addresses may be reached.
    pub guard: AddressGuard,
    /// Roots to trust, in PEM; empty for the platform's.
    pub tls_roots_pem: Vec<u8>,
}

impl Default for Outgoing {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(10), guard: AddressGuard::default(), tls_roots_pem: Vec::new() }
    }
}

impl Outgoing {
    /// A client that reaches what the guard allows.
    ///
    /// # Errors
    /// [`ConfigError::Tls`].
    pub(crate) fn client(&self) -> Result<Client, ConfigError> {
        // Another part of the process may have installed the same provider before.
        let _installed = rustls::crypto::ring::default_provider().install_default();
        let mut builder = Client::builder()
            .timeout(self.timeout)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .dns_resolver(GuardedResolver(Arc::new(self.guard.clone())));
        if !self.tls_roots_pem.is_empty() {
            let roots = reqwest::Certificate::from_pem_bundle(&self.tls_roots_pem).map_err(|_| ConfigError::Tls)?;
            if roots.is_empty() {
                return Err(ConfigError::Tls);
            }
            builder = builder.tls_certs_only(roots);
        }
        builder.build().map_err(|_| ConfigError::Tls)
    }
}

/// The base of a service's paths. `http` only where a driver serves a private link.
pub(crate) fn base(text: &str, schemes: &[&str]) -> Result<Url, ConfigError> {
    let url = Url::parse(text).map_err(|_| ConfigError::Url)?;
    let clean = url.query().is_none() && url.fragment().is_none() && is_plain(&url);
    if clean && schemes.contains(&url.scheme()) && url.has_host() { Ok(url) } else { Err(ConfigError::Url) }
}

/// Without a user or password in it.
pub(crate) fn is_plain(url: &Url) -> bool {
    url.username().is_empty() && url.password().is_none()
}

/// A base with more segments, each escaped, so that no name can leave its place.
pub(crate) fn below<'a>(base: &Url, segments: impl IntoIterator<Item = &'a str>) -> Url {
    let mut url = base.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(segments);
    }
    url
}

/// The whole answer, unless it is too long or breaks off.
pub(crate) async fn read_bounded(mut response: Response) -> Option<Vec<u8>> {
    let mut octets = Vec::new();
    while let Some(chunk) = response.chunk().await.ok()? {
        if octets.len().saturating_add(chunk.len()) > ANSWER_MAX {
            return None;
        }
        octets.extend_from_slice(&chunk);
    }
    Some(octets)
}

/// Seconds since the Unix epoch, for tokens that others check.
pub(crate) fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_cannot_leave_its_place() {
        let base = base("https://push.example/api/", &["https"]).unwrap();
        assert_eq!(below(&base, ["a/../b", "c?d"]).as_str(), "https://push.example/api/a%2F..%2Fb/c%3Fd");
        assert!(below(&base, [".."]).as_str().starts_with("https://push.example/api"));
    }

    #[test]
    fn a_base_is_of_a_known_scheme_and_holds_no_secrets() {
        for bad in ["", "push", "http://p.example", "https://u:p@p.example", "https://p.example?q", "file:///etc"] {
            assert_eq!(base(bad, &["https"]), Err(ConfigError::Url), "{bad}");
        }
        assert!(base("http://ggsn.internal:8080", &["https", "http"]).is_ok());
    }

    #[test]
    fn roots_that_are_none_are_refused() {
        let outgoing = Outgoing { tls_roots_pem: b"not a certificate".to_vec(), ..Outgoing::default() };
        assert_eq!(outgoing.client().err(), Some(ConfigError::Tls));
    }
}
