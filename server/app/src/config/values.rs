//! Value types of the configuration: spans of time, secrets, addresses that may be off, networks.

use ipnet::IpNet;
use serde::de::{Error as _, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::marker::PhantomData;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;
use tandem_model::Secret;

/// A span of time, written as a whole number and its unit: `300ms`, `45s`, `10m`, `24h`, `30d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

/// Units from the largest to the smallest, in milliseconds.
const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

impl Span {
    /// From milliseconds.
    #[must_use]
    pub const fn ms(ms: u64) -> Span {
        Span(Duration::from_millis(ms))
    }

    /// From seconds.
    #[must_use]
    pub const fn secs(secs: u64) -> Span {
        Span(Duration::from_secs(secs))
    }

    /// From hours.
    #[must_use]
    pub const fn hours(hours: u64) -> Span {
        Span(Duration::from_secs(hours * 3_600))
    }

    /// From days.
    #[must_use]
    pub const fn days(days: u64) -> Span {
        Span(Duration::from_secs(days * 86_400))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        let fits = |unit: u64| ms >= unit && ms.checked_rem(unit) == Some(0);
        let (name, unit) = UNITS.into_iter().find(|(_, unit)| fits(*unit)).unwrap_or(("ms", 1));
        write!(f, "{}{name}", ms.checked_div(unit).unwrap_or(0))
    }
}

/// A span that is not a whole number and a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a span of time is a whole number and its unit: 300ms, 45s, 10m, 24h, 30d")]
pub struct NotASpan;

impl FromStr for Span {
    type Err = NotASpan;

    fn from_str(text: &str) -> Result<Span, NotASpan> {
        let text = text.trim();
        let split = text.find(|c: char| !c.is_ascii_digit()).ok_or(NotASpan)?;
        let (number, unit) = text.split_at_checked(split).ok_or(NotASpan)?;
        let number: u64 = number.parse().map_err(|_| NotASpan)?;
        let (_, factor) = UNITS.into_iter().find(|(name, _)| *name == unit.trim()).ok_or(NotASpan)?;
        Ok(Span::ms(number.checked_mul(factor).ok_or(NotASpan)?))
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Span, D::Error> {
        let needs = |number| format!("a span of time needs a unit, e.g. \"{number}s\"");
        from.deserialize_any(Written::new("a span of time such as \"45s\"", needs))
    }
}

/// Reads a value that is written as a string, and says what is missing where a bare number stands.
struct Written<F, T> {
    number: F,
    expected: &'static str,
    value: PhantomData<T>,
}

impl<F: Fn(i64) -> String, T> Written<F, T> {
    const fn new(expected: &'static str, number: F) -> Self {
        Written { number, expected, value: PhantomData }
    }
}

impl<F: Fn(i64) -> String, T: FromStr<Err: fmt::Display>> Visitor<'_> for Written<F, T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<T, E> {
        Err(E::custom((self.number)(number)))
    }
}

/// How often something may be done: `5 per 24h` is 5 at once, and as many more spread over 24 hours. `0 per 1h` is never.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// How many at once.
    pub limit: u32,
    /// Over how long as many come back.
    pub window: Span,
}

impl Budget {
    /// So many in such a time.
    #[must_use]
    pub const fn new(limit: u32, window: Span) -> Budget {
        Budget { limit, window }
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} per {}", self.limit, self.window)
    }
}

/// A budget that is not `NUMBER per SPAN`, or whose span is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a budget is a number and a span of time above zero: 5 per 24h")]
pub struct NotABudget;

impl FromStr for Budget {
    type Err = NotABudget;

    fn from_str(text: &str) -> Result<Budget, NotABudget> {
        let (limit, window) = text.split_once(" per ").ok_or(NotABudget)?;
        let limit = limit.trim().parse().map_err(|_| NotABudget)?;
        let window: Span = window.parse().map_err(|_| NotABudget)?;
        if window.0.is_zero() {
            return Err(NotABudget);
        }
        Ok(Budget { limit, window })
    }
}

impl Serialize for Budget {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Budget {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Budget, D::Error> {
        let needs = |number| format!("a budget needs a span of time, e.g. \"{number} per 24h\"");
        from.deserialize_any(Written::new("a budget such as \"5 per 24h\"", needs))
    }
}

/// A secret of the configuration. Printing a configuration shows only whether it is set.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct ConfigSecret(pub Secret<String>);

impl ConfigSecret {
    /// Wraps a secret.
    #[must_use]
    pub fn new(value: impl Into<String>) -> ConfigSecret {
        ConfigSecret(Secret::new(value.into()))
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_unset(&self) -> bool {
        self.0.expose().is_empty()
    }
}

impl Serialize for ConfigSecret {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(if self.is_unset() { "" } else { "<secret>" })
    }
}

impl<'de> Deserialize<'de> for ConfigSecret {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<ConfigSecret, D::Error> {
        String::deserialize(from).map(ConfigSecret::new)
    }
}

/// An address to listen on, or `off`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressOrOff {
    /// Nothing listens.
    Off,
    /// Listens here; port 0 takes a free one.
    At(SocketAddr),
}

impl fmt::Display for AddressOrOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AddressOrOff::Off => f.write_str("off"),
            AddressOrOff::At(address) => address.fmt(f),
        }
    }
}

impl Serialize for AddressOrOff {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for AddressOrOff {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<AddressOrOff, D::Error> {
        let text = String::deserialize(from)?;
        if text == "off" {
            return Ok(AddressOrOff::Off);
        }
        text.parse()
            .map(AddressOrOff::At)
            .map_err(|_| D::Error::custom("an address is host:port with a numeric host, or \"off\""))
    }
}

/// IP networks in CIDR form; a single address stands for itself.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Networks(pub Vec<IpNet>);

impl Networks {
    /// Whether an address lies in one of them. An IPv4 address in IPv6 form counts as IPv4.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }
}

impl Serialize for Networks {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.0.iter().map(IpNet::to_string))
    }
}

impl<'de> Deserialize<'de> for Networks {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Networks, D::Error> {
        let read = |text: &String| {
            text.parse::<IpNet>()
                .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
                .map_err(|_| D::Error::custom(format!("`{text}` is no network such as 10.0.0.0/8")))
        };
        let texts = Vec::<String>::deserialize(from)?;
        texts.iter().map(read).collect::<Result<_, _>>().map(Networks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_reads_what_it_writes_in_its_largest_whole_unit() {
        for text in ["300ms", "45s", "10m", "24h", "30d", "1500ms", "0ms", "25h"] {
            let span: Span = text.parse().unwrap();
            let written = span.to_string();
            assert_eq!(written.parse::<Span>().unwrap(), span);
        }
        assert_eq!(Span::secs(90).to_string(), "90s");
        assert_eq!(Span::hours(24).to_string(), "1d");
        assert_eq!(Span::ms(1_500).to_string(), "1500ms");
    }

    #[test]
    fn a_span_without_a_unit_or_past_all_measure_is_refused() {
        for text in ["", "5", "s", "-5s", "1.5s", "5 parsecs", "99999999999999999999s", "18446744073709551615d"] {
            assert_eq!(text.parse::<Span>(), Err(NotASpan), "{text}");
        }
    }

    #[test]
    fn a_budget_reads_what_it_writes_and_needs_a_window() {
        assert_eq!("5 per 24h".parse::<Budget>(), Ok(Budget::new(5, Span::days(1))));
        assert_eq!(Budget::new(0, Span::hours(1)).to_string().parse::<Budget>(), Ok(Budget::new(0, Span::hours(1))));
        for text in ["5", "5 per", "five per 1h", "-1 per 1h", "5 per 0s", "4294967296 per 1h"] {
            assert_eq!(text.parse::<Budget>(), Err(NotABudget), "{text}");
        }
    }

    #[test]
    fn a_network_holds_its_addresses_also_when_written_as_ipv6() {
        let networks = Networks(vec!["10.0.0.0/8".parse().unwrap()]);
        assert!(networks.contains("10.1.2.3".parse().unwrap()));
        assert!(networks.contains("::ffff:10.1.2.3".parse().unwrap()));
        assert!(!networks.contains("11.0.0.1".parse().unwrap()));
    }
}
