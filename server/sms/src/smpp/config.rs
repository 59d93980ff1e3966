//! What an operator says about the SMSC.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tandem_model::Secret;

/// One SMSC account and how to treat it.
#[derive(Debug, Clone)]
pub struct SmppConfig {
    /// `host:port` of the SMSC.
    pub address: String,
    /// The account's name, at most 15 characters.
    pub system_id: String,
    /// The account's password, at most 8 characters (SMPP 3.4, 5.2.2).
    pub password: Secret<String>,
    /// What kind of client this is, at most 12 characters; most SMSCs want it empty.
    pub system_type: String,
    /// Who the texts are from.
    pub sender: Sender,
    /// TLS, when the SMSC is not on a private link.
    pub tls: Option<SmppTls>,
    /// Submits that may be unanswered at once.
    pub window: usize,
    /// Texts that may wait for the window or the link. One more is refused by name.
    pub queue_capacity: usize,
    /// Silence after which the link is checked with `enquire_link`.
    pub enquire_link_after: Duration,
    /// How long the SMSC may take to connect, to answer a bind, a submit, an `enquire_link` or an `unbind`.
    pub answer_timeout: Duration,
    /// The first and the longest wait before connecting again.
    pub reconnect_wait: (Duration, Duration),
    /// The first and the longest pause after "throttled" or "queue full".
    pub throttle_wait: (Duration, Duration),
    /// Tries of one text that the SMSC throttles before it is given back as throttled.
    pub throttle_tries: u32,
    /// Accepted texts whose receipts can still be matched; the oldest is forgotten first.
    pub receipt_memory: usize,
    /// How long a text from a phone that is exactly like an earlier one counts as its repetition.
    pub incoming_repeat_window: Duration,
}

impl Default for SmppConfig {
    fn default() -> Self {
        Self {
            address: "127.0.0.1:2775".to_owned(),
            system_id: String::new(),
            password: Secret::new(String::new()),
            system_type: String::new(),
            sender: Sender::Alphanumeric("Tandem".to_owned()),
            tls: None,
            window: 10,
            queue_capacity: 1_000,
            enquire_link_after: Duration::from_secs(30),
            answer_timeout: Duration::from_secs(10),
            reconnect_wait: (Duration::from_millis(500), Duration::from_secs(60)),
            throttle_wait: (Duration::from_millis(250), Duration::from_secs(30)),
            throttle_tries: 8,
            receipt_memory: 10_000,
            incoming_repeat_window: Duration::from_secs(60),
        }
    }
}

/// Who a text is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sender {
    /// Up to 11 letters and digits (type of number 5).
    Alphanumeric(String),
    /// An international number, digits only (type of number 1, plan 1).
    International(String),
    /// A short code of this network (type of number 3).
    ShortCode(String),
}

impl Sender {
    /// Type of number, numbering plan, address (SMPP 3.4, 5.2.5 to 5.2.8).
    pub(crate) fn parts(&self) -> (u8, u8, &str) {
        match self {
            Self::Alphanumeric(name) => (5, 0, name),
            Self::International(digits) => (1, 1, digits),
            Self::ShortCode(digits) => (3, 0, digits),
        }
    }
}

/// How TLS to the SMSC is done. The roots and the crypto provider are the server's choice.
#[derive(Clone)]
pub struct SmppTls {
    /// The name the certificate must carry.
    pub server_name: ServerName<'static>,
    /// Roots, versions, client certificate.
    pub client: Arc<rustls::ClientConfig>,
}

impl fmt::Debug for SmppTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SmppTls").field("server_name", &self.server_name).finish_non_exhaustive()
    }
}

/// Why a configuration cannot hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SmppConfigError {
    /// Longer than the field, or not ASCII.
    #[error("system_id must be at most 15 ASCII characters")]
    SystemId,
    /// Longer than the field, or not ASCII.
    #[error("password must be at most 8 ASCII characters")]
    Password,
    /// Longer than the field, or not ASCII.
    #[error("system_type must be at most 12 ASCII characters")]
    SystemType,
    /// Neither a name of up to 11 characters nor up to 20 digits.
    #[error("the sender must be up to 11 ASCII letters, digits and spaces, or up to 20 digits")]
    Sender,
    /// A bound of zero would stop everything.
    #[error("window, queue_capacity, throttle_tries and every duration must be more than zero")]
    Zero,
}

impl SmppConfig {
    /// Refuses what cannot be sent. Called when the server starts.
    ///
    /// # Errors
    /// The first of [`SmppConfig::problems`].
    pub fn check(&self) -> Result<(), SmppConfigError> {
        self.problems().first().map_or(Ok(()), |first| Err(*first))
    }

    /// Everything that cannot be sent.
    #[must_use]
    pub fn problems(&self) -> Vec<SmppConfigError> {
        let fits = |text: &str, most: usize| text.len() <= most && text.is_ascii() && !text.contains('\0');
        let is_digits = |text: &str| (1..=20).contains(&text.len()) && text.bytes().all(|octet| octet.is_ascii_digit());
        let sender_holds = match &self.sender {
            Sender::Alphanumeric(name) => {
                (1..=11).contains(&name.len())
                    && name.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b' ')
            }
            Sender::International(digits) | Sender::ShortCode(digits) => is_digits(digits),
        };
        let waits = [self.enquire_link_after, self.answer_timeout, self.reconnect_wait.0, self.throttle_wait.0];
        let counts = [self.window, self.queue_capacity];
        let some = !counts.contains(&0) && self.throttle_tries != 0 && !waits.contains(&Duration::ZERO);
        let holds = [
            (fits(&self.system_id, 15), SmppConfigError::SystemId),
            (fits(self.password.expose(), 8), SmppConfigError::Password),
            (fits(&self.system_type, 12), SmppConfigError::SystemType),
            (sender_holds, SmppConfigError::Sender),
            (some, SmppConfigError::Zero),
        ];
        holds.into_iter().filter(|(holds, _)| !holds).map(|(_, problem)| problem).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(change: impl FnOnce(&mut SmppConfig)) -> SmppConfigError {
        let mut config = SmppConfig::default();
        config.check().unwrap();
        change(&mut config);
        config.check().unwrap_err()
    }

    #[test]
    fn what_cannot_go_on_the_wire_is_refused_by_name() {
        assert_eq!(refused(|config| config.system_id = "x".repeat(16)), SmppConfigError::SystemId);
        assert_eq!(refused(|config| config.password = Secret::new("x".repeat(9))), SmppConfigError::Password);
        assert_eq!(refused(|config| config.system_type = "ü".to_owned()), SmppConfigError::SystemType);
        assert_eq!(
            refused(|config| config.sender = Sender::Alphanumeric("TwelveLetter".to_owned())),
            SmppConfigError::Sender
        );
        assert_eq!(refused(|config| config.sender = Sender::ShortCode("12a".to_owned())), SmppConfigError::Sender);
        assert_eq!(refused(|config| config.window = 0), SmppConfigError::Zero);
    }

    #[test]
    fn everything_that_cannot_go_on_the_wire_is_told_at_once() {
        let config = SmppConfig {
            system_id: "x".repeat(16),
            system_type: "ü".to_owned(),
            sender: Sender::ShortCode(String::new()),
            window: 0,
            ..SmppConfig::default()
        };
        let told =
            [SmppConfigError::SystemId, SmppConfigError::SystemType, SmppConfigError::Sender, SmppConfigError::Zero];
        assert_eq!(config.problems(), told);
        assert_eq!(SmppConfig::default().problems(), []);
    }

    #[test]
    fn the_password_does_not_show() {
        let config = SmppConfig { password: Secret::new("hunter2".to_owned()), ..SmppConfig::default() };
        assert!(!format!("{config:?}").contains("hunter2"));
    }
}
