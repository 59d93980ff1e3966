//! Numbers as domain names (RFC 6116, 3.2): the digits in reverse, a label each, under an apex of the operator's.

use tandem_model::Msisdn;

/// The digits of the longest number (E.164, 6.2.1).
const DIGITS_MAX: usize = 15;

/// What a name under the apex stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    /// A number.
    Number(Msisdn),
    /// Digits that are no number. Names of numbers may lie beneath, so that it must not be said that there is no such name
    /// (RFC 8020).
    Digits,
    /// Nothing, and nothing lies beneath.
    Nothing,
}

/// Reads the labels below the apex, the last digit first.
pub fn named<'a>(labels: impl IntoIterator<Item = &'a [u8]>) -> Named {
    let mut digits = Vec::new();
    for label in labels {
        match label {
            [digit] if digit.is_ascii_digit() && digits.len() < DIGITS_MAX => digits.push(char::from(*digit)),
            _ => return Named::Nothing,
        }
    }
    let number: String = std::iter::once('+').chain(digits.into_iter().rev()).collect();
    Msisdn::from_e164(&number).map_or(Named::Digits, Named::Number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str) -> Named {
        named(name.split('.').filter(|label| !label.is_empty()).map(str::as_bytes))
    }

    #[test]
    fn a_number_is_its_digits_in_reverse() {
        let number = Msisdn::from_e164("+15551230001").unwrap();
        assert_eq!(read("1.0.0.0.3.2.1.5.5.5.1"), Named::Number(number));
    }

    #[test]
    fn what_numbers_may_lie_beneath_is_no_missing_name() {
        assert_eq!(read("1"), Named::Digits);
        assert_eq!(read(""), Named::Digits);
        assert_eq!(read("0.0.0.0.0.0.0.0.0.0.0.0.0.0.0"), Named::Digits, "no country begins with 0");
        assert_eq!(read("0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1"), Named::Nothing, "longer than any number");
    }

    #[test]
    fn anything_but_single_digits_names_nothing() {
        for name in ["10.0.0.0.3.2.1.5.5.5.1", "a.1", "*.1", "_sip.1", "-.5.5.5.1"] {
            assert_eq!(read(name), Named::Nothing, "{name}");
        }
    }
}
