//! What the world's numbering plans say about digits: what can be dialed at all, and which numbers are services.

use crate::msisdn::{Country, Msisdn};
use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumberType, Region};
use std::str::FromStr;

/// Numbers of companies and services, which no subscriber's SIM can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ServiceClass {
    /// Free for the caller.
    TollFree,
    /// Charged above the usual rate.
    PremiumRate,
    /// Charged partly to the called.
    SharedCost,
    /// Access to a voicemail box.
    Voicemail,
    /// One number for all of a company's offices.
    UniversalAccess,
}

/// International services by their country code: freephone, shared cost, premium rate (ITU-T E.164.1), and the trial
/// and emergency codes of E.164's list.
const INTERNATIONAL_SERVICES: [(u64, ServiceClass); 3] =
    [(800, ServiceClass::TollFree), (808, ServiceClass::SharedCost), (979, ServiceClass::PremiumRate)];

impl Msisdn {
    /// Which service a number is, by its country's numbering plan; `None` for what a subscriber can have.
    #[must_use]
    pub fn service_class(self) -> Option<ServiceClass> {
        let prefix = self.prefix(3);
        if let Some((_, class)) = INTERNATIONAL_SERVICES.iter().find(|(code, _)| *code == prefix) {
            return Some(*class);
        }
        let parsed = PHONE_NUMBER_UTIL.parse(self.e164(), None).ok()?;
        match PHONE_NUMBER_UTIL.get_number_type(&parsed) {
            PhoneNumberType::TollFree => Some(ServiceClass::TollFree),
            PhoneNumberType::PremiumRate => Some(ServiceClass::PremiumRate),
            PhoneNumberType::SharedCost => Some(ServiceClass::SharedCost),
            PhoneNumberType::VoiceMail => Some(ServiceClass::Voicemail),
            PhoneNumberType::UAN => Some(ServiceClass::UniversalAccess),
            PhoneNumberType::FixedLine
            | PhoneNumberType::Mobile
            | PhoneNumberType::FixedLineOrMobile
            | PhoneNumberType::VoIP
            | PhoneNumberType::PersonalNumber
            | PhoneNumberType::Pager
            | PhoneNumberType::Unknown => None,
        }
    }
}

/// Digits of a mobile number as a country's subscribers have them, without any prefix; `None` for unknown countries.
#[must_use]
pub fn mobile_digits(country: Country) -> Option<usize> {
    let region = Region::from_str(country.as_str()).ok()?;
    let example = PHONE_NUMBER_UTIL.get_example_number_for_type_and_region(region, PhoneNumberType::Mobile).ok()?;
    Some(rlibphonenumber::get_national_significant_number_owned(&example).len())
}

/// The ASCII digit that a digit of any script stands for.
#[must_use]
pub fn ascii_digit(c: char) -> Option<char> {
    if c.is_ascii() {
        return c.is_ascii_digit().then_some(c);
    }
    // Numerals such as fractions and Roman ones are numeric too: the library takes decimal digits only.
    if !c.is_numeric() {
        return None;
    }
    PHONE_NUMBER_UTIL.normalize_digits_only(c.encode_utf8(&mut [0; 4])).chars().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(raw: &str) -> Option<ServiceClass> {
        Msisdn::from_e164(raw).unwrap().service_class()
    }

    #[test]
    fn services_are_told_from_subscribers_by_the_countrys_plan() {
        assert_eq!(class("+498001234567"), Some(ServiceClass::TollFree));
        assert_eq!(class("+499001123456"), Some(ServiceClass::PremiumRate));
        assert_eq!(class("+18005550199"), Some(ServiceClass::TollFree));
        assert_eq!(class("+19005551234"), Some(ServiceClass::PremiumRate));
        assert_eq!(class("+80012345678"), Some(ServiceClass::TollFree));
        assert_eq!(class("+979123456789"), Some(ServiceClass::PremiumRate));
        assert_eq!(class("+4915123456789"), None);
        assert_eq!(class("+12125550123"), None);
        assert_eq!(class("+447400123456"), None);
    }

    #[test]
    fn digits_of_every_script_are_digits_and_other_numerals_are_not() {
        assert_eq!(ascii_digit('7'), Some('7'));
        assert_eq!(ascii_digit('٧'), Some('7'));
        assert_eq!(ascii_digit('９'), Some('9'));
        assert_eq!(ascii_digit('१'), Some('1'));
        assert_eq!(ascii_digit('Ⅷ'), None);
        assert_eq!(ascii_digit('½'), None);
        assert_eq!(ascii_digit('a'), None);
    }

    #[test]
    fn countries_know_how_long_a_mobile_number_is() {
        assert_eq!(mobile_digits(Country::parse("DE").unwrap()), Some(11));
        assert_eq!(mobile_digits(Country::parse("FO").unwrap()), Some(6));
        assert_eq!(mobile_digits(Country::parse("QQ").unwrap()), None);
    }
}
