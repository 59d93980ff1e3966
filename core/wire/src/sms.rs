//! The verification SMS: one format for the server that writes it and the phone that reads it.
//!
//! | platform | text |
//! |---|---|
//! | any | `Tandem code 12345678. t:ABCDEFGHIJKLMNOPQRSTUVWXYZ` |
//! | Android | the same, a line feed, and the 11 characters of the app hash |
//! | Apple | the same, a line feed, and `@example.com #12345678` |
//!
//! The token is 16 bytes in base32 (RFC 4648, upper case, no padding): 26 characters that every SMSC carries unharmed. All
//! of it is in the GSM 7-bit alphabet and fits one segment of 160 septets with the longest last line allowed.
//!
//! An operator may put other words around both, so a reader looks for these alone: the code is the first run of exactly 8
//! ASCII digits, the token is what follows `t:` at the start of a word and ends that word.

use std::fmt;

use data_encoding::BASE32_NOPAD;
use tandem_model::SmsToken;

use crate::frame::SmsPlatform;
use crate::limits::CODE_DIGITS;

/// Septets of one SMS segment (3GPP TS 23.038).
pub const SEGMENT_SEPTETS: usize = 160;

/// Characters of the token in the text.
pub const TOKEN_CHARACTERS: usize = 26;

/// Longest SMS looked into, in bytes: ten segments. Longer ones are not ours.
const READ_MAX: usize = 1_600;

/// What a verification SMS carries.
#[derive(Clone, PartialEq, Eq)]
pub struct Found {
    /// For the phone to send back.
    pub token: SmsToken,
    /// Eight digits for a person to read.
    pub code: String,
}

impl fmt::Debug for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Found(..)")
    }
}

/// Writes the text. `code` is eight digits.
#[must_use]
pub fn render(token: &SmsToken, code: &str, platform: &SmsPlatform) -> String {
    let text = format!("Tandem code {code}. t:{}", BASE32_NOPAD.encode(&token.0));
    match platform {
        SmsPlatform::Dialer => text,
        SmsPlatform::Android { app_hash } => format!("{text}\n{app_hash}"),
        SmsPlatform::Apple { domain } => format!("{text}\n@{domain} #{code}"),
    }
}

/// Finds token and code; `None` when the text is no verification SMS.
#[must_use]
pub fn parse(text: &str) -> Option<Found> {
    if text.len() > READ_MAX {
        return None;
    }
    let code = text.split(|c: char| !c.is_ascii_digit()).find(|run| run.len() == CODE_DIGITS)?;
    let token = text.split_whitespace().filter_map(|word| word.strip_prefix("t:")).find_map(read_token)?;
    Some(Found { token, code: code.to_owned() })
}

fn read_token(word: &str) -> Option<SmsToken> {
    if word.len() != TOKEN_CHARACTERS {
        return None;
    }
    let bytes = BASE32_NOPAD.decode(word.as_bytes()).ok()?;
    bytes.try_into().ok().map(SmsToken)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::DOMAIN_MAX;
    use proptest::prelude::*;

    const TOKEN: SmsToken = SmsToken([0xFF; 16]);

    fn android() -> SmsPlatform {
        SmsPlatform::Android { app_hash: "FA+9qCX9VSu".to_owned() }
    }

    /// Septets of `text`, or `None` when it leaves the part of the alphabet the format uses.
    fn septets(text: &str) -> Option<usize> {
        let known = |c: char| c.is_ascii_alphanumeric() || " .:\n+/@#-".contains(c);
        text.chars().all(known).then(|| text.chars().count())
    }

    #[test]
    fn each_platform_gets_the_text_it_can_read() {
        let plain = "Tandem code 12345678. t:77777777777777777777777774";
        assert_eq!(render(&TOKEN, "12345678", &SmsPlatform::Dialer), plain);
        assert_eq!(render(&TOKEN, "12345678", &android()), format!("{plain}\nFA+9qCX9VSu"));
        let apple = SmsPlatform::Apple { domain: "tandem.example.com".to_owned() };
        assert_eq!(render(&TOKEN, "12345678", &apple), format!("{plain}\n@tandem.example.com #12345678"));
    }

    #[test]
    fn the_longest_last_line_still_fits_one_segment() {
        let longest = SmsPlatform::Apple { domain: format!("{}.x", "a".repeat(DOMAIN_MAX - 2)) };
        let text = render(&TOKEN, "12345678", &longest);
        assert_eq!(septets(&text), Some(126));
        for platform in [SmsPlatform::Dialer, android(), longest] {
            assert!(septets(&render(&TOKEN, "00000000", &platform)).is_some_and(|septets| septets <= SEGMENT_SEPTETS));
        }
    }

    #[test]
    fn an_android_text_fits_what_the_sms_retriever_reads() {
        assert!(render(&TOKEN, "12345678", &android()).len() <= 140);
    }

    #[test]
    fn other_words_and_other_line_ends_do_not_matter() {
        let text = "Ihr Code: 00000007\r\nt:AAAAAAAAAAAAAAAAAAAAAAAAAA\r\nFA+9qCX9VSu";
        assert_eq!(parse(text), Some(Found { token: SmsToken([0; 16]), code: "00000007".to_owned() }));
    }

    #[test]
    fn what_is_not_whole_is_not_found() {
        let token = "77777777777777777777777774";
        for text in [
            String::new(),
            format!("t:{token}"),
            format!("1234567 t:{token}"),
            format!("123456789 t:{token}"),
            format!("12345678 x:{token}"),
            format!("12345678 st:{token}"),
            format!("12345678 t:{token}."),
            format!("12345678 t:{}", token.to_lowercase().replace('7', "a")),
            "12345678 t:7777777777777777777777777".to_owned(),
            // The spare bits of the last character are not zero.
            "12345678 t:77777777777777777777777777".to_owned(),
            format!("12345678 t:{token}{}", " ".repeat(READ_MAX)),
        ] {
            assert_eq!(parse(&text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_written_is_read_again(token: [u8; 16], code in "[0-9]{8}", android_phone: bool) {
            let platform = if android_phone { android() } else { SmsPlatform::Dialer };
            let text = render(&SmsToken(token), &code, &platform);
            prop_assert!(septets(&text).is_some());
            prop_assert_eq!(parse(&text), Some(Found { token: SmsToken(token), code }));
        }

        #[test]
        fn no_text_breaks_the_reader(text in "\\PC{0,200}") {
            let _ = parse(&text);
        }
    }
}
