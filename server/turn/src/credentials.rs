//! Credentials of one side of one call: `expiry:call:side`, and base64 of HMAC-SHA1 over it.
//!
//! The form is that of coturn's REST interface, so an operator may put coturn in our place. Here a credential must also be on
//! the list of those granted, so that it ends with its call and not only with its time.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use data_encoding::{BASE64, HEXLOWER};
use hmac::{Hmac, Mac};
use sha1::Sha1;
use tandem_model::{CallId, Mono, Secret};
use turn_types::stun::attribute::Userhash;

/// Which phone of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CallSide {
    /// The one that called.
    Caller,
    /// The one that is called.
    Callee,
}

impl CallSide {
    const fn word(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Callee => "callee",
        }
    }
}

/// What a phone presents to the relay.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// `expiry:call:side`: Unix seconds, the call id in hexadecimal, `caller` or `callee`.
    pub username: String,
    /// The derived password.
    pub password: Secret<String>,
    /// The realm they hold in.
    pub realm: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(..)")
    }
}

/// Why no credential was granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GrantRefused {
    /// As many calls as allowed hold credentials.
    #[error("as many calls as allowed hold relay credentials")]
    Full,
    /// One call was granted too many.
    #[error("this call was granted as many relay credentials as it may hold")]
    CallFull,
}

/// Credentials one call may hold at once, renewals included.
const GRANTS_PER_CALL: usize = 8;

/// The credentials that hold now.
#[derive(Debug)]
pub(crate) struct Grants {
    realm: String,
    secret: Secret<Vec<u8>>,
    most: usize,
    by_username: BTreeMap<String, Grant>,
}

#[derive(Debug, Clone)]
pub(crate) struct Grant {
    pub(crate) call: CallId,
    pub(crate) password: Secret<String>,
    userhash: [u8; 32],
    /// Until when it opens relays.
    pub(crate) opens_until: Mono,
    /// Until when it keeps the relays it opened.
    pub(crate) holds_until: Mono,
}

impl Grants {
    pub(crate) const fn new(realm: String, secret: Secret<Vec<u8>>, most: usize) -> Self {
        Self { realm, secret, most, by_username: BTreeMap::new() }
    }

    /// Adds a credential. `expiry_unix_seconds` is what the username shows; the monotonic times are what counts.
    pub(crate) fn grant(
        &mut self,
        call: CallId,
        side: CallSide,
        expiry_unix_seconds: u64,
        (opens_for, holds_for): (Duration, Duration),
        now: Mono,
    ) -> Result<Credentials, GrantRefused> {
        let username = format!("{expiry_unix_seconds}:{}:{}", HEXLOWER.encode(&call.0), side.word());
        if !self.by_username.contains_key(&username) {
            if self.by_username.len() >= self.most {
                return Err(GrantRefused::Full);
            }
            if self.by_username.values().filter(|grant| grant.call == call).count() >= GRANTS_PER_CALL {
                return Err(GrantRefused::CallFull);
            }
        }
        let password = Secret::new(password(self.secret.expose(), &username));
        let grant = Grant {
            call,
            password: password.clone(),
            userhash: Userhash::compute(&username, &self.realm),
            opens_until: now.after(opens_for),
            holds_until: now.after(holds_for),
        };
        self.by_username.insert(username.clone(), grant);
        Ok(Credentials { username, password, realm: self.realm.clone() })
    }

    /// Takes back every credential of a call.
    pub(crate) fn revoke(&mut self, call: CallId) {
        self.by_username.retain(|_, grant| grant.call != call);
    }

    pub(crate) fn by_username(&self, username: &str) -> Option<&Grant> {
        self.by_username.get(username)
    }

    /// The username behind its hash (RFC 8489, 14.4).
    pub(crate) fn by_userhash(&self, hash: &[u8; 32]) -> Option<&str> {
        self.by_username.iter().find(|(_, grant)| grant.userhash == *hash).map(|(username, _)| username.as_str())
    }

    /// Drops what neither opens nor holds anything any more.
    pub(crate) fn forget(&mut self, now: Mono, holds_a_relay: impl Fn(&str) -> bool) {
        self.by_username
            .retain(|username, grant| grant.opens_until > now || (grant.holds_until > now && holds_a_relay(username)));
    }

    pub(crate) fn len(&self) -> usize {
        self.by_username.len()
    }
}

fn password(secret: &[u8], username: &str) -> String {
    // HMAC takes a key of any length, so this holds for every secret.
    let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(secret) else { return String::new() };
    mac.update(username.as_bytes());
    BASE64.encode(&mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALL: CallId = CallId([0xAB; 16]);
    const TIMES: (Duration, Duration) = (Duration::from_secs(600), Duration::from_secs(3_600));

    fn grants(most: usize) -> Grants {
        Grants::new("tandem".to_owned(), Secret::new(b"0123456789abcdef".to_vec()), most)
    }

    #[test]
    fn a_password_is_what_coturn_derives() {
        // printf '%s' 1700000000:abc:caller | openssl dgst -sha1 -hmac 0123456789abcdef -binary | base64
        assert_eq!(password(b"0123456789abcdef", "1700000000:abc:caller"), "mZTdmGVP8bhbncz+DDAVDS97l4I=");
    }

    #[test]
    fn the_sides_of_a_call_have_credentials_of_their_own_that_end_together() {
        let mut grants = grants(10);
        let caller = grants.grant(CALL, CallSide::Caller, 1_700_000_000, TIMES, Mono(0)).unwrap();
        let callee = grants.grant(CALL, CallSide::Callee, 1_700_000_000, TIMES, Mono(0)).unwrap();
        let other = grants.grant(CallId([1; 16]), CallSide::Caller, 1_700_000_000, TIMES, Mono(0)).unwrap();
        assert_eq!(caller.username, "1700000000:abababababababababababababababab:caller");
        assert_ne!(caller.password, callee.password);
        grants.revoke(CALL);
        assert!(grants.by_username(&caller.username).is_none());
        assert!(grants.by_username(&callee.username).is_none());
        assert!(grants.by_username(&other.username).is_some());
    }

    #[test]
    fn credentials_are_bounded_in_all_and_for_a_call() {
        let mut grants = grants(10);
        for index in 0..8 {
            grants.grant(CALL, CallSide::Caller, index, TIMES, Mono(0)).unwrap();
        }
        assert_eq!(grants.grant(CALL, CallSide::Caller, 8, TIMES, Mono(0)), Err(GrantRefused::CallFull));
        assert!(grants.grant(CALL, CallSide::Caller, 7, TIMES, Mono(0)).is_ok(), "the same one again is no more");
        grants.grant(CallId([1; 16]), CallSide::Caller, 0, TIMES, Mono(0)).unwrap();
        grants.grant(CallId([2; 16]), CallSide::Caller, 0, TIMES, Mono(0)).unwrap();
        assert_eq!(grants.grant(CallId([3; 16]), CallSide::Caller, 0, TIMES, Mono(0)), Err(GrantRefused::Full));
    }

    #[test]
    fn a_credential_is_forgotten_when_its_time_is_over_and_it_holds_nothing() {
        let mut grants = grants(10);
        grants.grant(CALL, CallSide::Caller, 1, TIMES, Mono(0)).unwrap();
        grants.forget(Mono(599_999), |_| false);
        assert_eq!(grants.len(), 1);
        grants.forget(Mono(600_000), |_| true);
        assert_eq!(grants.len(), 1, "its relay is still there");
        grants.forget(Mono(3_599_999), |_| true);
        assert_eq!(grants.len(), 1);
        grants.forget(Mono(3_600_000), |_| true);
        assert_eq!(grants.len(), 0);
    }

    #[test]
    fn a_username_is_found_by_its_hash() {
        let mut grants = grants(10);
        let credentials = grants.grant(CALL, CallSide::Caller, 1, TIMES, Mono(0)).unwrap();
        let hash = Userhash::compute(&credentials.username, "tandem");
        assert_eq!(grants.by_userhash(&hash), Some(credentials.username.as_str()));
        assert_eq!(grants.by_userhash(&[0; 32]), None);
    }

    #[test]
    fn credentials_do_not_show() {
        let credentials = grants(1).grant(CALL, CallSide::Caller, 1, TIMES, Mono(0)).unwrap();
        assert_eq!(format!("{credentials:?}"), "Credentials(..)");
    }
}
