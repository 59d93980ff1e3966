//! What the OS tells of a SIM.

use crate::ids::Line;
use crate::msisdn::{Country, Msisdn};
use std::fmt;

/// International Mobile Subscriber Identity: 5 to 15 digits (ITU-T E.212). Identifies, never authenticates, and never
/// leaves the phone as it is.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Imsi(String);

impl Imsi {
    /// Takes 5 to 15 ASCII digits; anything else is not an IMSI.
    #[must_use]
    pub fn parse(raw: &str) -> Option<Imsi> {
        let digits = raw.trim();
        ((5..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()))
            .then(|| Imsi(digits.to_owned()))
    }

    /// The digits, for keying a token. Never log them.
    #[must_use]
    pub fn digits(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Imsi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Imsi(..)")
    }
}

/// One SIM as the OS reports it. Everything may be missing: a refused IMSI and an empty number are values (DESIGN 5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimSlot {
    /// Which slot.
    pub line: Line,
    /// The number stored on the SIM or known to the OS, already normalised; often absent.
    pub number: Option<Msisdn>,
    /// Absent when the OS refuses it.
    pub imsi: Option<Imsi>,
    /// The SIM's home country: numbers typed on this line are read in it.
    pub country: Country,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_imsi_is_five_to_fifteen_digits_and_hides_itself() {
        assert!(Imsi::parse("1234").is_none());
        assert!(Imsi::parse("12345").is_some());
        assert!(Imsi::parse("123456789012345").is_some());
        assert!(Imsi::parse("1234567890123456").is_none());
        assert!(Imsi::parse("12345x").is_none());
        assert_eq!(format!("{:?}", Imsi::parse("001010123456789")), "Some(Imsi(..))");
    }
}
