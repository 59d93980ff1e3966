//! What an operator reads first when a server is up.

use crate::config::Config;
use crate::config::policy::MarkPolicy;
use crate::config::resolver::LookupPolicy;
use crate::config::sms::DriverKind;
use crate::launch::Started;
use tracing::{info, warn};

/// What an operator should know at once. No secret, and no number, is among it.
pub fn greet(config: &Config, told: &Started) {
    info!(
        version = env!("CARGO_PKG_VERSION"),
        phones = %told.addr,
        metrics = ?told.metrics_addr,
        turn = ?told.turn_addr,
        accounting = ?told.resolver_addr,
        radsec = ?told.radsec_addr,
        enum_dns = ?told.dns_addr,
        lookups = ?told.lookup_addr,
        tls = !config.tls.certificate.as_os_str().is_empty(),
        store = %config.store.dsn,
        sms = ?config.sms.driver,
        marks = ?config.marks.policy,
        "tandem-server is up"
    );
    if config.sms.driver == DriverKind::None {
        warn!("sms.driver is none: verification texts cannot be sent and registrations are refused");
    }
    if config.tls.certificate.as_os_str().is_empty() && !told.addr.ip().is_loopback() {
        warn!("phones are served without TLS on an address others can reach: put a proxy that has it in front");
    }
    if config.marks.policy == MarkPolicy::Registered {
        warn!(
            "marks.policy is registered: whoever holds a number learns whether it is registered, up to marks.new_numbers"
        );
    }
    if told.metrics_addr.is_some_and(|address| !address.ip().is_loopback()) {
        warn!("metrics are served on an address others may reach");
    }
    if told.lookup_addr.is_some() && config.tls.certificate.as_os_str().is_empty() && !told.addr.ip().is_loopback() {
        warn!("keys of lookup sessions are given out without TLS: put a proxy that has it in front");
    }
    if told.resolver_addr.is_some() && config.resolver.policy == LookupPolicy::Open {
        warn!("resolver.policy is open: every key is told where every number is");
    }
    if !config.turn.allowed_peers.0.is_empty() {
        warn!("turn.allowed_peers opens special networks to relays");
    }
}
