//! Telephone numbers in E.164 form, read the way the SIM's country reads them.

use rlibphonenumber::{NumberLengthType, PHONE_NUMBER_UTIL, PhoneNumberFormat, Region};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A country by its two letters (ISO 3166-1 alpha-2), such as `DE`: where a SIM is at home.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Country([u8; 2]);

impl Country {
    /// No country: only international numbers can be read in it.
    pub const UNKNOWN: Country = Country(*b"ZZ");

    /// Takes two ASCII letters of either case.
    #[must_use]
    pub fn parse(raw: &str) -> Option<Country> {
        match *raw.trim().as_bytes() {
            [a, b] if a.is_ascii_alphabetic() && b.is_ascii_alphabetic() => {
                Some(Country([a.to_ascii_uppercase(), b.to_ascii_uppercase()]))
            }
            _ => None,
        }
    }

    /// The two letters, in upper case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("ZZ")
    }
}

impl fmt::Debug for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A subscriber's number: 5 to 15 digits with the country code first and no prefix (ITU-T E.164).
///
/// `Debug` shows its last two digits only and there is no `Display`; [`Msisdn::e164`] is the one way out.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct Msisdn(u64);

/// Why a string is not a number that a subscriber can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NumberError {
    /// No telephone number at all.
    #[error("this is not a telephone number")]
    NotANumber,
    /// Fewer digits than any number of its country; short and local-only numbers are among these.
    #[error("this number is too short")]
    TooShort,
    /// More digits than any number of its country.
    #[error("this number is too long")]
    TooLong,
    /// An unknown country code, or none where the SIM's country is unknown.
    #[error("this number has no known country code")]
    UnknownCountry,
}

const SMALLEST: u64 = 10_000;
const LARGEST: u64 = 999_999_999_999_999;

impl Msisdn {
    /// Below or equal to every number there can be: where a range over numbers begins.
    pub const SMALLEST: Msisdn = Msisdn(SMALLEST);

    /// The smallest number there can be: where ranges over numbers begin.
    pub const MIN: Msisdn = Msisdn(SMALLEST);

    /// Reads what a person typed or a contact holds: national, international with `+` or the country's own prefix, with
    /// any punctuation. `home` is the SIM's country.
    ///
    /// # Errors
    /// [`NumberError`] names what is wrong; nothing is guessed.
    pub fn parse(raw: &str, home: Country) -> Result<Msisdn, NumberError> {
        if raw.len() > 64 {
            return Err(NumberError::TooLong);
        }
        let region = Region::from_str(home.as_str()).ok();
        let parsed = PHONE_NUMBER_UTIL.parse(raw, region).map_err(number_error)?;
        match PHONE_NUMBER_UTIL.is_possible_number_with_reason(&parsed) {
            Ok(NumberLengthType::IsPossible) => {}
            Ok(NumberLengthType::IsPossibleLocalOnly) => return Err(NumberError::TooShort),
            Err(rlibphonenumber::ValidationError::TooLong) => return Err(NumberError::TooLong),
            Err(rlibphonenumber::ValidationError::InvalidCountryCode) => {
                return Err(NumberError::UnknownCountry);
            }
            Err(_) => return Err(NumberError::TooShort),
        }
        Msisdn::from_e164(&PHONE_NUMBER_UTIL.format(&parsed, PhoneNumberFormat::E164))
    }

    /// Reads the E.164 form that peers exchange: `+` and 5 to 15 digits, nothing else.
    ///
    /// # Errors
    /// [`NumberError`] when it is anything else.
    pub fn from_e164(raw: &str) -> Result<Msisdn, NumberError> {
        let digits = raw.strip_prefix('+').ok_or(NumberError::NotANumber)?;
        if digits.starts_with('0') || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(NumberError::NotANumber);
        }
        match digits.len() {
            0..=4 => Err(NumberError::TooShort),
            5..=15 => digits.parse().map(Msisdn).map_err(|_| NumberError::NotANumber),
            _ => Err(NumberError::TooLong),
        }
    }

    /// The E.164 form with its `+`. For the wire, the database and the host's ports; never for a log.
    #[must_use]
    pub fn e164(self) -> String {
        format!("+{}", self.0)
    }

    /// The digits as one integer: how the wire and the databases hold a number.
    #[must_use]
    pub const fn as_u64(self) -> u64 {
        self.0
    }

    /// The first `digits` digits: what budgets by prefix count under.
    #[must_use]
    pub fn prefix(self, digits: usize) -> u64 {
        let mut value = self.0;
        let mut length = value.checked_ilog10().map_or(1, |log| log as usize + 1);
        while length > digits {
            value /= 10;
            length -= 1;
        }
        value
    }
}

impl TryFrom<u64> for Msisdn {
    type Error = NumberError;

    fn try_from(digits: u64) -> Result<Self, NumberError> {
        match digits {
            0..SMALLEST => Err(NumberError::TooShort),
            SMALLEST..=LARGEST => Ok(Msisdn(digits)),
            _ => Err(NumberError::TooLong),
        }
    }
}

impl From<Msisdn> for u64 {
    fn from(number: Msisdn) -> u64 {
        number.0
    }
}

impl fmt::Debug for Msisdn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "+…{:02}", self.0 % 100)
    }
}

fn number_error(error: rlibphonenumber::ParseError) -> NumberError {
    use rlibphonenumber::ParseError;
    match error {
        ParseError::InvalidCountryCode => NumberError::UnknownCountry,
        ParseError::NotANumber(_) => NumberError::NotANumber,
        ParseError::TooShortAfterIdd | ParseError::TooShortNsn => NumberError::TooShort,
        ParseError::TooLongNsn => NumberError::TooLong,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home(code: &str) -> Country {
        Country::parse(code).unwrap()
    }

    #[test]
    fn a_national_number_is_read_in_the_sims_country() {
        let number = Msisdn::parse("0151 23456789", home("DE")).unwrap();
        assert_eq!(number.e164(), "+4915123456789");
        assert_eq!(Msisdn::parse("+49 (151) 2345-6789", home("US")).unwrap(), number);
        assert_eq!(Msisdn::parse("011 49 151 23456789", home("US")).unwrap(), number);
    }

    #[test]
    fn garbage_is_named_and_never_guessed() {
        assert_eq!(Msisdn::parse("hello", home("DE")), Err(NumberError::NotANumber));
        assert_eq!(Msisdn::parse("", home("DE")), Err(NumberError::NotANumber));
        assert_eq!(Msisdn::parse("112", home("DE")), Err(NumberError::TooShort));
        assert_eq!(Msisdn::parse("+999 1234567", home("DE")), Err(NumberError::UnknownCountry));
        assert_eq!(Msisdn::parse(&"1".repeat(65), home("DE")), Err(NumberError::TooLong));
        assert_eq!(Msisdn::from_e164("4915123456789"), Err(NumberError::NotANumber));
        assert_eq!(Msisdn::from_e164("+0123456"), Err(NumberError::NotANumber));
        assert_eq!(Msisdn::try_from(9_999), Err(NumberError::TooShort));
        assert_eq!(Msisdn::try_from(LARGEST + 1), Err(NumberError::TooLong));
    }

    #[test]
    fn debug_shows_two_digits_at_most() {
        let number = Msisdn::from_e164("+4915123456789").unwrap();
        assert_eq!(format!("{number:?}"), "+…89");
    }

    #[test]
    fn a_prefix_is_cut_from_the_front() {
        let number = Msisdn::from_e164("+4915123456789").unwrap();
        assert_eq!(number.prefix(5), 49151);
        assert_eq!(number.prefix(40), number.as_u64());
    }
}
