//! The section about who holds the keys of marks.

use super::Config;
use super::schema::section;
use super::values::Span;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use tandem_resolver::Fingerprint;

/// Where the key holder runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyHolderPlace {
    /// In a process that the server starts, watches and ends.
    #[default]
    Child,
    /// On another host, where an operator runs it.
    Remote,
    /// Nowhere: no phone can learn which of its contacts are registered.
    Off,
}

section! {
    /// Who holds the keys that phones' books are matched by (see "Private marks" above).
    pub struct KeyHolder {
        /// `child`: a process of the server's own, with the directory `keyd` in store.data_dir. `remote`: `tandem-server keyd` on
        /// another host. `off`: no marks but those that show already.
        place: KeyHolderPlace = KeyHolderPlace::Child;
        /// Host and port of a remote one.
        address: String = String::new();
        /// PEM file of the certificate this server shows a remote one; the remote one knows it by its fingerprint.
        certificate: PathBuf = PathBuf::new();
        /// PEM file of its private key.
        key: PathBuf = PathBuf::new();
        /// SHA-256 fingerprint of the remote one's certificate; whoever signed it does not matter.
        peer: String = String::new();
        /// Evaluations of one account under one key within 365 days: given to a child, as are the three below; a remote one is
        /// told its own.
        evaluations_a_year: u32 = 50_000 => [0, 100_000_000];
        /// Evaluations of one account under one key in a day of UTC.
        evaluations_a_day: u32 = 10_000 => [0, 100_000_000];
        /// Pairs that one account may have checked in a day of UTC.
        checks_a_day: u32 = 20_000 => [0, 100_000_000];
        /// Everything for all accounts in an hour.
        all_an_hour: u32 = 5_000_000 => [0, 4_000_000_000];
        /// One that cannot be reached or that ended is tried again after this, then after twice as long, and so on.
        retry_least: Span = Span::ms(100) => [Span::ms(10), Span::secs(60)];
        /// And after this at the latest.
        retry_most: Span = Span::secs(10) => [Span::ms(10), Span::secs(600)];
        /// A question whether it is there, and with which keys, is asked this often.
        look_interval: Span = Span::secs(60) => [Span::ms(100), Span::hours(1)];
    }
}

/// Adds a problem for everything that cannot hold together.
pub fn check(config: &Config, refuse: &mut impl FnMut(&str, String)) {
    let own = &config.key_holder;
    if own.retry_most < own.retry_least {
        refuse("key_holder.retry_most", "must not be below key_holder.retry_least".to_owned());
    }
    if own.place != KeyHolderPlace::Remote {
        return;
    }
    let needed = |key: &str| (key.to_owned(), "is needed with key_holder.place = \"remote\"".to_owned());
    for (missing, key) in [
        (own.address.is_empty(), "key_holder.address"),
        (own.certificate.as_os_str().is_empty(), "key_holder.certificate"),
        (own.key.as_os_str().is_empty(), "key_holder.key"),
    ] {
        if missing {
            let (key, why) = needed(key);
            refuse(&key, why);
        }
    }
    if Fingerprint::parse(&own.peer).is_none() {
        refuse("key_holder.peer", "must be the SHA-256 fingerprint of the remote one's certificate".to_owned());
    }
}
