//! The verification text: what is written, and how a phone finds the code and the token in it.
//!
//! # The format
//!
//! | platform | text |
//! |---|---|
//! | any | `Tandem code 12345678. t:ABCDEFGHIJKLMNOPQRSTUVWXYZ` |
//! | Android | the same, a line feed, and the 11 characters of the app hash, which end the message |
//! | Apple | the same, a line feed, and `@example.com #12345678`, which is the last line |
//!
//! * The **code** is the first run of exactly 8 ASCII digits that has no digit beside it.
//! * The **token** is 128 bits in base32 of RFC 4648, upper case, without padding: exactly 26 characters of `A-Z2-7`. It
//!   follows the marker `t:`, which stands at the start of the text or after white space; after it come white space or the
//!   end. The last character carries 3 bits of the token and 2 zero bits, and a reader refuses a token whose spare bits are
//!   not zero.
//! * Every character is in the GSM 7-bit default alphabet, and the whole fits one segment of 160 septets. An Android text is
//!   also at most 140 bytes, as the SMS Retriever asks.
//! * There is no link in it.
//!
//! An operator may change the words around the placeholders `{code}`, `{token}`, `{app_hash}` and `{domain}`; the rules above
//! are checked when the server starts and hold for any text [`Templates`] renders. Base32 is used, not base64url, because an
//! SMSC that mistakes the alphabet garbles `_` and leaves letters and digits alone.

use std::fmt;

use data_encoding::BASE32_NOPAD;
use serde::{Deserialize, Serialize};
use tandem_model::SmsToken;

use crate::gsm7;

/// Digits of the code a person can type.
pub const CODE_DIGITS: usize = 8;

/// Characters of the token in the text: 128 bits in base32 without padding.
pub const TOKEN_CHARACTERS: usize = 26;

/// The most bytes of an Android text, by the SMS Retriever.
pub const ANDROID_MAX_BYTES: usize = 140;

/// The code a person can type, for when the text cannot be read automatically.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct HumanCode(u32);

impl HumanCode {
    /// One more than the largest code.
    const COUNT: u32 = 100_000_000;

    /// A code from a uniformly random number. The bias is below 2^-37.
    pub fn from_random(random: u64) -> Self {
        Self(u32::try_from(random % u64::from(Self::COUNT)).unwrap_or(0))
    }

    /// The code as its 8 digits, leading zeros kept. The caller promises not to log them.
    pub fn digits(self) -> String {
        format!("{:08}", self.0)
    }
}

impl fmt::Debug for HumanCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HumanCode(..)")
    }
}

/// The token as it stands in the text.
pub fn encode_token(token: &SmsToken) -> String {
    BASE32_NOPAD.encode(&token.0)
}

/// The operator's texts. Every key has a default, so an empty table is a working configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TemplateConfig {
    /// For phones that read the message themselves.
    pub generic: String,
    /// For Android's SMS Retriever; must end with `{app_hash}` on a line of its own.
    pub android: String,
    /// For Apple's autofill; the last line must be `@{domain} #{code}`.
    pub apple: String,
    /// The 11-character hash of the integrator's Android dialer. Without it Android phones get the generic text.
    pub app_hash: Option<String>,
    /// The domain the integrator's Apple app is associated with. Without it Apple phones get the generic text.
    pub domain: Option<String>,
}

impl Default for TemplateConfig {
    fn default() -> Self {
        Self {
            generic: "Tandem code {code}. t:{token}".to_owned(),
            android: "Tandem code {code}. t:{token}\n{app_hash}".to_owned(),
            apple: "Tandem code {code}. t:{token}\n@{domain} #{code}".to_owned(),
            app_hash: None,
            domain: None,
        }
    }
}

/// Which of the texts a phone gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TemplateKind {
    /// [`TemplateConfig::generic`].
    Generic,
    /// [`TemplateConfig::android`].
    Android,
    /// [`TemplateConfig::apple`].
    Apple,
}

impl fmt::Display for TemplateKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Generic => "generic",
            Self::Android => "android",
            Self::Apple => "apple",
        })
    }
}

/// A template that cannot hold. The server refuses to start and shows this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the {kind} verification template {fault}")]
pub struct TemplateError {
    /// Which template.
    pub kind: TemplateKind,
    /// What is wrong with it.
    pub fault: TemplateFault,
}

/// What is wrong with a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TemplateFault {
    /// More than one segment.
    #[error("takes {septets} septets, and one segment holds 160")]
    TwoSegments {
        /// Its length when rendered.
        septets: usize,
    },
    /// More bytes than the SMS Retriever reads.
    #[error("takes {bytes} bytes, and Android's SMS Retriever reads 140")]
    TooLongForAndroid {
        /// Its length when rendered.
        bytes: usize,
    },
    /// A character outside the alphabet.
    #[error("has characters outside the GSM 7-bit alphabet")]
    NotGsm7,
    /// Something in braces that is not a placeholder of this template.
    #[error("has a brace that is no placeholder of this template")]
    UnknownPlaceholder,
    /// The code cannot be found in it.
    #[error("must have {{code}}, and no other 8 digits before it")]
    CodeNotFound,
    /// The token cannot be found in it.
    #[error("must have t:{{token}} once, with white space or nothing on both sides")]
    TokenNotFound,
    /// The platform's own last line is missing.
    #[error("must end with the line its platform looks for: {{app_hash}}, or @{{domain}} #{{code}}")]
    WrongEnding,
    /// A link, which phones and networks treat as an attack.
    #[error("must not have a link")]
    HasLink,
    /// `app_hash` is not 11 characters of base64.
    #[error("needs app_hash to be 11 characters of A-Z, a-z, 0-9, + and /")]
    BadAppHash,
    /// `domain` is not a host name.
    #[error("needs domain to be a host name of lower-case letters, digits, dots and hyphens")]
    BadDomain,
}

/// The operator's texts, checked. Every text it renders keeps the rules of this module's format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Templates {
    config: TemplateConfig,
}

impl Templates {
    /// Checks every template at its longest. Called when the server starts.
    ///
    /// # Errors
    /// The first of [`Templates::problems`].
    pub fn new(config: TemplateConfig) -> Result<Self, TemplateError> {
        Self::problems(&config).first().map_or(Ok(Self { config }), |first| Err(*first))
    }

    /// Everything that cannot hold: a wrong hash or domain once, and at most one thing more of each template.
    #[must_use]
    pub fn problems(config: &TemplateConfig) -> Vec<TemplateError> {
        let mut problems = Vec::new();
        let mut sound = config.clone();
        if sound.app_hash.take_if(|hash| !is_app_hash(hash)).is_some() {
            problems.push(TemplateError { kind: TemplateKind::Android, fault: TemplateFault::BadAppHash });
        }
        if sound.domain.take_if(|domain| !is_host_name(domain)).is_some() {
            problems.push(TemplateError { kind: TemplateKind::Apple, fault: TemplateFault::BadDomain });
        }
        let templates = Self { config: sound };
        for kind in [TemplateKind::Generic, TemplateKind::Android, TemplateKind::Apple] {
            problems.extend(templates.check(kind).err().map(|fault| TemplateError { kind, fault }));
        }
        problems
    }

    /// The text for a phone of this kind. A kind whose `app_hash` or `domain` is not configured gets the generic text.
    pub fn render(&self, kind: TemplateKind, code: HumanCode, token: &SmsToken) -> String {
        let app_hash = self.config.app_hash.as_deref();
        let domain = self.config.domain.as_deref();
        let template = match (kind, app_hash, domain) {
            (TemplateKind::Android, Some(_), _) => &self.config.android,
            (TemplateKind::Apple, _, Some(_)) => &self.config.apple,
            (TemplateKind::Generic | TemplateKind::Android | TemplateKind::Apple, _, _) => &self.config.generic,
        };
        fill(template, &code.digits(), &encode_token(token), app_hash.unwrap_or_default(), domain.unwrap_or_default())
    }

    fn check(&self, kind: TemplateKind) -> Result<(), TemplateFault> {
        let app_hash = self.config.app_hash.as_deref().unwrap_or("ABCDEFGHIJK");
        let domain = self.config.domain.as_deref().unwrap_or("example.com");
        let template = match kind {
            TemplateKind::Generic => &self.config.generic,
            TemplateKind::Android => &self.config.android,
            TemplateKind::Apple => &self.config.apple,
        };
        check_placeholders(template, kind)?;
        let (code, token) = ("8".repeat(CODE_DIGITS), "A".repeat(TOKEN_CHARACTERS));
        let text = fill(template, &code, &token, app_hash, domain);
        check_length(&text, kind)?;
        check_readable(template, &text, &code, &token)?;
        check_ending(template, kind)?;
        let lower = text.to_ascii_lowercase();
        if ["http:", "https:", "www."].iter().any(|link| lower.contains(link)) {
            return Err(TemplateFault::HasLink);
        }
        Ok(())
    }
}

fn fill(template: &str, code: &str, token: &str, app_hash: &str, domain: &str) -> String {
    template
        .replace("{code}", code)
        .replace("{token}", token)
        .replace("{app_hash}", app_hash)
        .replace("{domain}", domain)
}

fn check_placeholders(template: &str, kind: TemplateKind) -> Result<(), TemplateFault> {
    let (app_hash, domain) = match kind {
        TemplateKind::Generic => ("{app_hash}", "{domain}"),
        TemplateKind::Android => ("", "{domain}"),
        TemplateKind::Apple => ("{app_hash}", ""),
    };
    let foreign =
        [app_hash, domain].iter().any(|placeholder| !placeholder.is_empty() && template.contains(placeholder));
    let stray = fill(template, "", "", "", "").contains(['{', '}']);
    if foreign || stray { Err(TemplateFault::UnknownPlaceholder) } else { Ok(()) }
}

fn check_length(text: &str, kind: TemplateKind) -> Result<(), TemplateFault> {
    let septets = gsm7::septets(text).map_err(|_| TemplateFault::NotGsm7)?;
    if septets > gsm7::SEGMENT_SEPTETS {
        return Err(TemplateFault::TwoSegments { septets });
    }
    if kind == TemplateKind::Android && text.len() > ANDROID_MAX_BYTES {
        return Err(TemplateFault::TooLongForAndroid { bytes: text.len() });
    }
    Ok(())
}

/// A reader that knows only the module's rules must find the code and the token.
fn check_readable(template: &str, text: &str, code: &str, token: &str) -> Result<(), TemplateFault> {
    let first_code = text.split(|character: char| !character.is_ascii_digit()).find(|run| run.len() == CODE_DIGITS);
    if first_code != Some(code) {
        return Err(TemplateFault::CodeNotFound);
    }
    let mut tokens = text.split_whitespace().filter_map(|word| word.strip_prefix("t:"));
    if tokens.next() != Some(token) || tokens.next().is_some() || template.matches("{token}").count() != 1 {
        return Err(TemplateFault::TokenNotFound);
    }
    Ok(())
}

fn check_ending(template: &str, kind: TemplateKind) -> Result<(), TemplateFault> {
    let holds = match kind {
        TemplateKind::Generic => true,
        TemplateKind::Android => template.ends_with("\n{app_hash}"),
        TemplateKind::Apple => template.ends_with("\n@{domain} #{code}"),
    };
    if holds { Ok(()) } else { Err(TemplateFault::WrongEnding) }
}

fn is_app_hash(text: &str) -> bool {
    text.len() == 11 && text.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'+' || octet == b'/')
}

fn is_host_name(text: &str) -> bool {
    let is_label = |label: &str| {
        let plain = label.bytes().all(|octet| octet.is_ascii_lowercase() || octet.is_ascii_digit() || octet == b'-');
        !label.is_empty() && plain && !label.starts_with('-') && !label.ends_with('-')
    };
    text.contains('.') && text.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: SmsToken = SmsToken([0xFF; 16]);

    fn complete() -> TemplateConfig {
        TemplateConfig {
            app_hash: Some("FA+9qCX9VSu".to_owned()),
            domain: Some("tandem.example.com".to_owned()),
            ..TemplateConfig::default()
        }
    }

    fn fault(change: impl FnOnce(&mut TemplateConfig)) -> TemplateError {
        let mut config = complete();
        change(&mut config);
        Templates::new(config).unwrap_err()
    }

    #[test]
    fn each_platform_gets_the_text_it_can_read() {
        let templates = Templates::new(complete()).unwrap();
        let code = HumanCode::from_random(12_345_678);
        let text = |kind| templates.render(kind, code, &TOKEN);
        assert_eq!(text(TemplateKind::Generic), "Tandem code 12345678. t:77777777777777777777777774");
        assert_eq!(text(TemplateKind::Android), "Tandem code 12345678. t:77777777777777777777777774\nFA+9qCX9VSu");
        assert_eq!(
            text(TemplateKind::Apple),
            "Tandem code 12345678. t:77777777777777777777777774\n@tandem.example.com #12345678"
        );
    }

    #[test]
    fn without_a_hash_or_a_domain_the_generic_text_is_sent() {
        let templates = Templates::new(TemplateConfig::default()).unwrap();
        let code = HumanCode::from_random(7);
        for kind in [TemplateKind::Android, TemplateKind::Apple] {
            assert_eq!(templates.render(kind, code, &TOKEN), templates.render(TemplateKind::Generic, code, &TOKEN));
        }
    }

    #[test]
    fn a_code_keeps_its_leading_zeros() {
        assert_eq!(HumanCode::from_random(7).digits(), "00000007");
        assert_eq!(HumanCode::from_random(100_000_000).digits(), "00000000");
        assert_eq!(HumanCode::from_random(99_999_999).digits(), "99999999");
    }

    #[test]
    fn a_template_is_refused_at_the_septet_after_the_segment() {
        let padded = |padding: usize| {
            let mut config = complete();
            config.generic = format!("{}{}", "x".repeat(padding), " {code} t:{token}");
            Templates::new(config)
        };
        // The rest takes 1 + 8 + 1 + 2 + 26 = 38 septets.
        assert!(padded(121).is_ok());
        assert!(padded(122).is_ok());
        assert_eq!(padded(123).unwrap_err().fault, TemplateFault::TwoSegments { septets: 161 });
    }

    #[test]
    fn an_android_template_is_refused_past_what_the_retriever_reads() {
        let padded = |padding: usize| {
            let mut config = complete();
            config.android = format!("{} {{code}} t:{{token}}\n{{app_hash}}", "x".repeat(padding));
            Templates::new(config)
        };
        assert!(padded(90).is_ok());
        assert_eq!(padded(91).unwrap_err().fault, TemplateFault::TooLongForAndroid { bytes: 141 });
    }

    #[test]
    fn what_a_phone_could_not_read_is_refused_with_its_reason() {
        use TemplateFault as Fault;
        let generic = |text: &str| fault(|config| config.generic = text.to_owned()).fault;
        assert_eq!(generic("t:{token}"), Fault::CodeNotFound);
        assert_eq!(generic("11112222 {code} t:{token}"), Fault::CodeNotFound);
        assert_eq!(generic("1{code} t:{token}"), Fault::CodeNotFound);
        assert_eq!(generic("{code} {token}"), Fault::TokenNotFound);
        assert_eq!(generic("{code} t:{token}."), Fault::TokenNotFound);
        assert_eq!(generic("{code} t:{token} t:{token}"), Fault::TokenNotFound);
        assert_eq!(generic("{code} t:{token} {domain}"), Fault::UnknownPlaceholder);
        assert_eq!(generic("{code} t:{token} {who}"), Fault::UnknownPlaceholder);
        assert_eq!(generic("好 {code} t:{token}"), Fault::NotGsm7);
        assert_eq!(generic("https://x {code} t:{token}"), Fault::HasLink);
        let android = fault(|config| config.android = "{app_hash} {code} t:{token}".to_owned());
        assert_eq!(android, TemplateError { kind: TemplateKind::Android, fault: Fault::WrongEnding });
        let apple = fault(|config| config.apple = "{code} t:{token}\n@{domain} #{code}\n".to_owned());
        assert_eq!(apple, TemplateError { kind: TemplateKind::Apple, fault: Fault::WrongEnding });
        assert_eq!(fault(|config| config.app_hash = Some("short".to_owned())).fault, Fault::BadAppHash);
        assert_eq!(fault(|config| config.domain = Some("no dots".to_owned())).fault, Fault::BadDomain);
    }

    #[test]
    fn a_refused_template_is_named_in_words() {
        let error = fault(|config| config.apple = "x".repeat(200) + "{code} t:{token}");
        assert_eq!(error.to_string(), "the apple verification template takes 237 septets, and one segment holds 160");
    }
}
