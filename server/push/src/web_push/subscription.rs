//! Where a device is pushed to, and the keys it gave (W3C Push API; RFC 8291, 3.1).

use std::fmt;

use reqwest::Url;

use crate::outgoing::is_plain;

/// The longest endpoint taken, in bytes.
const ENDPOINT_MAX: usize = 1_024;

/// An uncompressed point on P-256 (X9.62).
const POINT: u8 = 4;

/// A device's subscription.
#[derive(Clone, PartialEq, Eq)]
pub struct Subscription {
    url: Url,
    pub(super) public: [u8; 65],
    pub(super) auth: [u8; 16],
}

/// Why a subscription is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadSubscription {
    /// Not an https URL, too long, or with a password or fragment in it.
    #[error("the endpoint is no https URL that may be pushed to")]
    Endpoint,
    /// Not an uncompressed point of 65 bytes. Whether it is on the curve shows when something is encrypted to it.
    #[error("the public key is no uncompressed point")]
    PublicKey,
}

impl Subscription {
    /// Takes the endpoint, the `p256dh` key and the `auth` secret as the device registered them.
    ///
    /// # Errors
    /// [`BadSubscription`].
    pub fn new(endpoint: &str, public: [u8; 65], auth: [u8; 16]) -> Result<Subscription, BadSubscription> {
        let url = Url::parse(endpoint).map_err(|_| BadSubscription::Endpoint)?;
        let fits = endpoint.len() <= ENDPOINT_MAX && url.scheme() == "https" && url.has_host();
        if !fits || !is_plain(&url) || url.fragment().is_some() {
            return Err(BadSubscription::Endpoint);
        }
        if public.first() != Some(&POINT) {
            return Err(BadSubscription::PublicKey);
        }
        Ok(Subscription { url, public, auth })
    }

    pub(super) const fn url(&self) -> &Url {
        &self.url
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Subscription(<secret>)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_https_and_holds_no_password() {
        let make = |text: &str| Subscription::new(text, [4; 65], [0; 16]).map(|_| ());
        assert_eq!(make("https://push.example/s/1?x=y"), Ok(()));
        let long = format!("https://push.example/{}", "a".repeat(ENDPOINT_MAX));
        for bad in
            ["http://push.example/", "push", "https://", "https://u@push.example/", "https://p.example/#f", &long]
        {
            assert_eq!(make(bad), Err(BadSubscription::Endpoint), "{bad}");
        }
    }

    #[test]
    fn a_key_that_is_no_uncompressed_point_is_refused() {
        let made = Subscription::new("https://push.example/", [2; 65], [0; 16]);
        assert_eq!(made.err(), Some(BadSubscription::PublicKey));
    }
}
