//! What must hold between keys: refused at start, by name, rather than found out by a phone.

use super::Config;
use super::error::ConfigProblem;
use super::sms::DriverKind;
use super::values::AddressOrOff;
use crate::sms_driver;
use axum::http::HeaderName;
use std::net::IpAddr;

/// Adds a problem for everything that cannot hold together.
pub fn check_together(config: &Config, problems: &mut Vec<ConfigProblem>) {
    let mut refuse = |key: &str, why: String| {
        problems.push(ConfigProblem::CannotHold { key: key.to_owned(), why });
    };
    check_listen(config, &mut refuse);
    check_sms(config, &mut refuse);
    check_turn(config, &mut refuse);
    super::resolver::check(config, &mut refuse);
    super::lookup::check(config, &mut refuse);
    super::phone_lookup::check(config, &mut refuse);
    super::dns::check(config, &mut refuse);
    super::key_holder::check(config, &mut refuse);
    check_decisions(config, &mut refuse);
}

fn check_listen(config: &Config, refuse: &mut impl FnMut(&str, String)) {
    let prefix = &config.listen.path_prefix;
    let plain = prefix.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/-_.".contains(&byte));
    if !prefix.is_empty() && (!prefix.starts_with('/') || prefix.ends_with('/') || !plain) {
        refuse(
            "listen.path_prefix",
            "must begin with / and not end with it, of letters, digits, - _ . and /".to_owned(),
        );
    }
    if HeaderName::from_bytes(config.listen.forwarded_header.as_bytes()).is_err() {
        refuse("listen.forwarded_header", "is no header name".to_owned());
    }
    match (config.tls.certificate.as_os_str().is_empty(), config.tls.key.as_os_str().is_empty()) {
        (true, true) | (false, false) => {}
        (false, true) => refuse("tls.key", "is needed together with tls.certificate".to_owned()),
        (true, false) => refuse("tls.certificate", "is needed together with tls.key".to_owned()),
    }
    if let AddressOrOff::At(metrics) = config.metrics.listen
        && metrics == config.listen.address
        && metrics.port() != 0
    {
        refuse("metrics.listen", "must not be the address phones connect to".to_owned());
    }
}

fn check_sms(config: &Config, refuse: &mut impl FnMut(&str, String)) {
    for prefix in &config.sms.served_prefixes {
        let digits = (1..=15).contains(&prefix.len()) && prefix.bytes().all(|byte| byte.is_ascii_digit());
        if !digits || prefix.starts_with('0') {
            refuse(
                "sms.served_prefixes",
                format!("`{prefix}` is not the first digits of an international number, without +"),
            );
        }
    }
    match config.sms.driver {
        DriverKind::None => {}
        DriverKind::Smpp if config.smpp.system_id.is_empty() => {
            refuse("smpp.system_id", "is needed with sms.driver = \"smpp\"".to_owned());
        }
        DriverKind::Smpp if config.smpp.tls && config.smpp.tls_roots.as_os_str().is_empty() => {
            refuse("smpp.tls_roots", "is needed with smpp.tls = true".to_owned());
        }
        DriverKind::Http if config.sms_http.url.is_empty() => {
            refuse("sms_http.url", "is needed with sms.driver = \"http\"".to_owned());
        }
        DriverKind::Smpp | DriverKind::Http => {}
    }
    for (key, why) in sms_driver::wrong_keys(config) {
        refuse(key, why);
    }
}

fn check_turn(config: &Config, refuse: &mut impl FnMut(&str, String)) {
    let AddressOrOff::At(listen) = config.turn.listen else { return };
    for (key, why) in config.turn_problems() {
        refuse(key, why);
    }
    let host = &config.turn.public_host;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-".contains(&byte);
    if host.len() > 200 || (host.parse::<IpAddr>().is_err() && !host.bytes().all(plain)) {
        refuse("turn.public_host", "must be a host name or an IP address".to_owned());
    }
    if listen.ip().is_unspecified() && host.is_empty() {
        refuse("turn.public_host", "is needed when turn.listen is every address: phones must be told one".to_owned());
    }
}

fn check_decisions(config: &Config, refuse: &mut impl FnMut(&str, String)) {
    let mut ordered = |low_key: &str, low: bool, high_key: &str| {
        if !low {
            refuse(low_key, format!("must be below {high_key}"));
        }
    };
    ordered("gate.low_from_kbps", config.gate.low_from_kbps < config.gate.full_from_kbps, "gate.full_from_kbps");
    ordered("session.keepalive", config.session.keepalive < config.session.silence_max, "session.silence_max");
    ordered("text.life", config.text.life < config.text.remember, "text.remember");
    ordered("house.drain_wait", config.house.drain_wait < config.house.shutdown_wait, "house.shutdown_wait");
    ordered("marks.lease_step", config.marks.lease_step < config.marks.lease, "marks.lease");
    ordered(
        "registration.resend_after",
        config.registration.resend_after < config.registration.attempt_life,
        "registration.attempt_life",
    );
}
