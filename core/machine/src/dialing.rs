//! Which of the things a person can dial may ever travel over data. Only a subscriber's number may.
//!
//! ```text
//! "tel:", pauses, punctuation, digits of any script  ──>  + * # and ASCII digits
//!        the host's emergency list ──> built-in list ──> * or # ──> short ──> the country's plan
//!              Emergency                Emergency         Mmi       Short     Service | Subscriber | Unreadable
//! ```
//!
//! The host's list holds where the phone is, the built-in one where its SIM is at home; either makes an emergency.

mod emergency;

pub use emergency::{ALWAYS, WITHOUT_SIM};
use tandem_model::numbering::{ascii_digit, mobile_digits};
use tandem_model::{Country, Msisdn, NumberError};

/// What was dialed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialed {
    /// Help: through the carrier at once, waiting for nothing.
    Emergency,
    /// A code to the network (`*` and `#`), such as USSD.
    Mmi,
    /// A short code or a local number: only the carrier knows whose it is.
    Short,
    /// A company's or a paid number.
    Service,
    /// A number a subscriber can have: the only one that may travel over data.
    Subscriber(Msisdn),
    /// No number that can be read here. The carrier may still know it when there is any digit.
    Unreadable {
        /// Whether the carrier could be asked to dial it at all.
        dialable: bool,
    },
}

/// Digits typed without a country code, of which fewer are never a subscriber's whole number outside of countries whose
/// mobile numbers are that short themselves.
const NATIONAL_DIGITS_MIN: usize = 7;

/// Digits with the country code of the shortest subscriber numbers in use (Niue: 683 and 4).
const INTERNATIONAL_DIGITS_MIN: usize = 7;

/// Prefixes that hide or show the caller's number in front of a call (3GPP TS 22.030): what follows is dialed.
const CALLER_ID_PREFIXES: [&str; 4] = ["*31#", "#31#", "*67", "*82"];

/// Sorts what was dialed. `host_emergency` is the OS's list; `country` the SIM's home, `None` without a SIM.
#[must_use]
pub fn classify(digits: &str, host_emergency: &[String], country: Option<Country>) -> Dialed {
    let keys = Keys::read(digits);
    if is_emergency(&keys, host_emergency, country) {
        return Dialed::Emergency;
    }
    if keys.network.is_empty() {
        return Dialed::Unreadable { dialable: false };
    }
    if keys.network.contains(['*', '#']) {
        return Dialed::Mmi;
    }
    if keys.letters {
        return Dialed::Unreadable { dialable: keys.network.contains(|c: char| c.is_ascii_digit()) };
    }
    let international = keys.network.starts_with('+');
    if !international && is_short(&keys.network, country) {
        return Dialed::Short;
    }
    subscriber(&keys.network, country)
}

fn subscriber(network: &str, country: Option<Country>) -> Dialed {
    // Without a SIM only international numbers can be read; "ZZ" is no country's code.
    let home = country.or_else(|| Country::parse("ZZ"));
    let parsed = home.map_or(Err(NumberError::UnknownCountry), |home| Msisdn::parse(network, home));
    match parsed {
        Ok(number) if number.e164().len() <= INTERNATIONAL_DIGITS_MIN => Dialed::Short,
        Ok(number) if number.service_class().is_some() => Dialed::Service,
        Ok(number) => Dialed::Subscriber(number),
        Err(NumberError::TooShort) => Dialed::Short,
        Err(NumberError::NotANumber | NumberError::TooLong | NumberError::UnknownCountry) => {
            Dialed::Unreadable { dialable: true }
        }
    }
}

fn is_short(national: &str, country: Option<Country>) -> bool {
    let shortest =
        country.and_then(mobile_digits).map_or(NATIONAL_DIGITS_MIN, |digits| digits.min(NATIONAL_DIGITS_MIN));
    national.len() < shortest
}

fn is_emergency(keys: &Keys, host_emergency: &[String], country: Option<Country>) -> bool {
    let called =
        CALLER_ID_PREFIXES.iter().find_map(|prefix| keys.network.strip_prefix(prefix)).unwrap_or(&keys.network);
    let called = called.strip_prefix('+').unwrap_or(called);
    [called, keys.all.as_str()].into_iter().any(|digits| {
        !digits.is_empty()
            && (host_emergency.iter().any(|listed| Keys::read(listed).all_is(digits))
                || emergency::is_emergency(digits, country))
    })
}

/// What a keypad would send: nothing but `+`, `*`, `#` and ASCII digits.
#[derive(Debug)]
struct Keys {
    /// Up to the first pause after a digit: what the network is asked for (the rest is sent as tones in the call).
    network: String,
    /// All digits there are, and only digits.
    all: String,
    /// There are letters among them.
    letters: bool,
}

/// Longer than anything dialable: what follows is not read, so that a hostile contact costs nothing.
const KEYS_MAX: usize = 64;

impl Keys {
    fn read(raw: &str) -> Keys {
        let raw = raw.trim();
        let raw = match raw.get(..4) {
            Some(scheme) if scheme.eq_ignore_ascii_case("tel:") => raw.get(4..).unwrap_or(""),
            _ => raw,
        };
        let mut keys = Keys { network: String::new(), all: String::new(), letters: false };
        let mut tones = false;
        for c in raw.chars() {
            if keys.all.len() >= KEYS_MAX || keys.network.len() >= KEYS_MAX {
                keys.letters = true;
                break;
            }
            let key = match c {
                '*' | '＊' => Some('*'),
                '#' | '＃' => Some('#'),
                '+' | '＋' if keys.network.is_empty() => Some('+'),
                // Pauses: comma and semicolon, and the p and w of SIM phone books.
                ',' | ';' | 'p' | 'P' | 'w' | 'W' => {
                    tones |= !keys.network.is_empty();
                    None
                }
                c => {
                    keys.letters |= c.is_alphabetic() && !tones;
                    ascii_digit(c)
                }
            };
            let Some(key) = key else { continue };
            if key.is_ascii_digit() {
                keys.all.push(key);
            }
            if !tones {
                keys.network.push(key);
            }
        }
        keys
    }

    fn all_is(&self, digits: &str) -> bool {
        self.all == digits
    }
}

#[cfg(test)]
#[path = "dialing/tests.rs"]
mod tests;
