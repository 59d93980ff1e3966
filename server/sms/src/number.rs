//! Numbers as an SMS network wants them: digits with the country code and no sign.

use std::fmt;

/// A number in E.164 as digits alone, 1 to 15 of them, without `+`.
///
/// `Debug` shows nothing of it and there is no `Display`: a number leaves only through [`E164Digits::as_str`].
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct E164Digits(String);

/// The text is not 1 to 15 digits, with or without a leading `+`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a number must be 1 to 15 digits, optionally after a plus sign")]
pub struct NotE164Digits;

impl E164Digits {
    /// The most digits E.164 allows.
    pub const MAX_DIGITS: usize = 15;

    /// Reads `+` and digits, or digits alone. It does not ask whether the number exists in a numbering plan.
    pub fn parse(text: &str) -> Result<Self, NotE164Digits> {
        let digits = text.strip_prefix('+').unwrap_or(text);
        let plausible =
            (1..=Self::MAX_DIGITS).contains(&digits.len()) && digits.bytes().all(|octet| octet.is_ascii_digit());
        if plausible { Ok(Self(digits.to_owned())) } else { Err(NotE164Digits) }
    }

    /// The digits, for the wire. The caller promises not to log them.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for E164Digits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<number>")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plus_is_dropped_and_anything_but_digits_is_refused() {
        assert_eq!(E164Digits::parse("+4915112345678").unwrap().as_str(), "4915112345678");
        assert_eq!(E164Digits::parse("4915112345678").unwrap().as_str(), "4915112345678");
        for refused in ["", "+", "++49", "49 151", "49-151", "1234567890123456", "٤٩", "abc"] {
            assert_eq!(E164Digits::parse(refused), Err(NotE164Digits), "{refused}");
        }
    }

    #[test]
    fn debug_shows_no_digit() {
        assert_eq!(format!("{:?}", E164Digits::parse("+4915112345678").unwrap()), "<number>");
    }
}
