//! Sections about verification texts: which driver sends them and what they say.

use super::schema::section;
use super::values::{ConfigSecret, Span};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use tandem_sms::verification::TemplateConfig;

/// What sends verification texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DriverKind {
    /// Nothing: registrations are refused, and the server says so when it starts.
    #[default]
    None,
    /// An SMSC over SMPP 3.4.
    Smpp,
    /// A gateway over HTTP.
    Http,
}

section! {
    /// Verification texts.
    pub struct Sms {
        /// `none` (registrations are refused), `smpp` or `http`.
        driver: DriverKind = DriverKind::None;
        /// Numbers that are served begin with one of these digits, such as `["49", "4366"]`; empty serves all. A bound on
        /// the SMS bill beside the budgets in [registration].
        served_prefixes: Vec<String> = Vec::new();
        /// Texts being handed to the driver at once; the next registration is told to wait.
        submits_max: u32 = 1_024 => [1, 65_536];
    }
}

/// How a sender is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SenderKind {
    /// Up to 11 letters, digits and spaces.
    #[default]
    Alphanumeric,
    /// An international number, digits only.
    International,
    /// A short code of this network.
    Short,
}

section! {
    /// The SMSC, for `sms.driver = "smpp"`.
    pub struct Smpp {
        /// `host:port`.
        address: String = "127.0.0.1:2775".to_owned();
        /// The account's name, at most 15 characters.
        system_id: String = String::new();
        /// The account's password, at most 8 characters. Better in password_file or in TANDEM_SMPP_PASSWORD, which win.
        password: ConfigSecret = ConfigSecret::default();
        /// A file whose first line is the password.
        password_file: PathBuf = PathBuf::new();
        /// What kind of client this is, at most 12 characters; most SMSCs want it empty.
        system_type: String = String::new();
        /// Who the texts are from.
        sender: String = "Tandem".to_owned();
        /// How the sender is written: `alphanumeric`, `international` or `short`.
        sender_kind: SenderKind = SenderKind::Alphanumeric;
        /// TLS to the SMSC. Without it, only over a private link: SMPP has no integrity of its own.
        tls: bool = false;
        /// The name the SMSC's certificate must carry; empty takes the host of the address.
        tls_server_name: String = String::new();
        /// PEM file of the roots the SMSC's certificate must lead to. Needed with tls.
        tls_roots: PathBuf = PathBuf::new();
        /// Submits that may be unanswered at once.
        window: u32 = 10 => [1, 1_000];
        /// Texts that may wait for the window or the link.
        queue_max: u32 = 1_000 => [1, 100_000];
        /// Silence after which the link is checked.
        enquire_link_after: Span = Span::secs(30) => [Span::ms(100), Span::secs(600)];
        /// How long the SMSC may take to answer anything.
        answer_wait: Span = Span::secs(10) => [Span::ms(100), Span::secs(120)];
        /// First wait before connecting again; it doubles up to reconnect_wait_max.
        reconnect_wait: Span = Span::ms(500) => [Span::ms(10), Span::secs(60)];
        /// Longest wait before connecting again.
        reconnect_wait_max: Span = Span::secs(60) => [Span::ms(10), Span::secs(3_600)];
        /// First pause after the SMSC said "throttled"; it doubles up to throttle_wait_max.
        throttle_wait: Span = Span::ms(250) => [Span::ms(10), Span::secs(60)];
        /// Longest pause after "throttled".
        throttle_wait_max: Span = Span::secs(30) => [Span::ms(10), Span::secs(600)];
        /// Tries of one throttled text before it is given back.
        throttle_tries: u32 = 8 => [1, 100];
        /// Accepted texts whose receipts can still be matched.
        receipts_remembered: u32 = 10_000 => [1, 1_000_000];
        /// How long a text from a phone that repeats an earlier one counts as its repetition.
        incoming_repeat_window: Span = Span::secs(60) => [Span::ms(0), Span::hours(1)];
    }
}

section! {
    /// The gateway, for `sms.driver = "http"`: one request a text.
    pub struct SmsHttp {
        /// Where requests go; `https` unless the gateway is on a private link.
        url: String = String::new();
        /// `POST` or `PUT`.
        method: String = "POST".to_owned();
        /// The request's JSON, with `{to}` (digits without plus), `{text}` and `{ref}` in its strings.
        json_body: String = r#"{"to":"+{to}","text":"{text}","reference":"{ref}"}"#.to_owned();
        /// Form fields instead of JSON, such as `["to=+{to}", "text={text}"]`; empty sends json_body.
        form_body: Vec<String> = Vec::new();
        /// The `authorization` header. Better in authorization_file or in TANDEM_SMS_HTTP_AUTHORIZATION, which win.
        authorization: ConfigSecret = ConfigSecret::default();
        /// A file whose first line is the `authorization` header.
        authorization_file: PathBuf = PathBuf::new();
        /// Statuses that mean the text was taken.
        success: Vec<u16> = vec![200, 201, 202];
        /// Statuses that mean "too fast".
        throttle: Vec<u16> = vec![429, 503];
        /// Statuses that mean that this number cannot be reached: the person is told so, and that trying again is no use.
        unreachable: Vec<u16> = vec![404, 422];
        /// Statuses that mean refused for good by a fault on this side, which is logged; the person is told to try later.
        /// Any other status of 400 to 499 means the same; 401 and 403 take the SMS link down as well.
        permanent: Vec<u16> = vec![400];
        /// How often the gateway is asked whether it is there, by an OPTIONS request without text, number or secret.
        check_link_after: Span = Span::secs(30) => [Span::ms(100), Span::secs(600)];
        /// JSON pointer to the gateway's id in its answer; empty when there is none.
        id_pointer: String = "/id".to_owned();
        /// How long a request may take before its outcome is unknown.
        answer_wait: Span = Span::secs(15) => [Span::ms(100), Span::secs(120)];
        /// The wait when a throttling gateway does not say how long.
        retry_after: Span = Span::secs(5) => [Span::ms(10), Span::hours(1)];
        /// Requests under way at once.
        concurrency: u32 = 32 => [1, 1_024];
        /// PEM file of the roots the gateway's certificate must lead to; empty for the system's.
        tls_roots: PathBuf = PathBuf::new();
    }
}

section! {
    /// What a verification text says. Each must fit one GSM-7 segment at its longest; this is checked at start.
    pub struct SmsTemplate {
        /// For phones whose dialer reads the message itself. Has `{code}` and `t:{token}`.
        generic: String = TemplateConfig::default().generic;
        /// For Android's SMS Retriever; ends with `{app_hash}` on a line of its own.
        android: String = TemplateConfig::default().android;
        /// For Apple's autofill; its last line is `@{domain} #{code}`.
        apple: String = TemplateConfig::default().apple;
        /// The 11-character hash of the integrator's Android dialer; empty sends Android phones the generic text.
        app_hash: String = String::new();
        /// The domain of the integrator's Apple app; empty sends Apple phones the generic text.
        domain: String = String::new();
    }
}
