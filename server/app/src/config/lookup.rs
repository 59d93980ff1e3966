//! Section about lookups by datagram.

use super::Config;
use super::schema::section;
use super::values::{AddressOrOff, Span};

section! {
    /// Lookups by datagram for network servers that ask a lot: sessions are agreed on over `POST /v1/resolve/session` with a key of
    /// `[[resolver.api_keys]]`, whose rights and budget hold here too, and every datagram is sealed. Serve the agreement over TLS: it
    /// has the session's keys. Off by default.
    pub struct Lookup {
        /// Address and port, UDP, or `off`. Askers are told the port and take the host they agreed with.
        listen: AddressOrOff = AddressOrOff::Off;
        /// Threads that answer, each with a socket of its own on the same port. With more than one, what comes from one address and
        /// port is always the same thread's.
        threads: u32 = 1 => [1, 64];
        /// A session is over so long after it was agreed on.
        session_life: Span = Span::hours(1) => [Span::secs(1), Span::days(1)];
        /// Sessions of one key that stand at most; its oldest gives way to one more.
        sessions_per_key: u32 = 64 => [1, 1_024];
    }
}

/// Refuses what cannot hold.
pub fn check(config: &Config, refuse: &mut impl FnMut(&str, String)) {
    if config.lookup.listen == AddressOrOff::Off {
        return;
    }
    if !config.has_resolver() {
        refuse(
            "lookup.listen",
            "needs resolver.listen or resolver.reporters: it answers for numbers that are attached".to_owned(),
        );
    }
    if config.resolver.api_keys.is_empty() {
        refuse("resolver.api_keys", "is needed with lookup.listen: nobody else may ask".to_owned());
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    fn told(text: &str) -> String {
        Config::from_toml(text, &|_| None).err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn it_needs_somebody_who_reports_and_somebody_who_may_ask() {
        let told = told("[lookup]\nlisten = \"127.0.0.1:0\"\n");
        assert!(told.contains("lookup.listen") && told.contains("resolver.api_keys"), "{told}");
    }
}
