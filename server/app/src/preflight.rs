//! `--check`: opens what can be opened without serving anybody, and names everything that would stop a start.

use crate::config::Config;
use crate::config::values::AddressOrOff;
use crate::start_error::StartError;
use crate::{listener, sms_driver, store_open, tls};
use tandem_model::Secret;

/// Every problem found, each naming its key or file. Nothing is served, no text is sent, no file is made and
/// none is changed.
#[must_use]
pub fn check(config: &Config) -> Vec<String> {
    let mut problems = Vec::new();
    if let Err(error) = config.check() {
        problems.extend(error.0.iter().map(ToString::to_string));
    }
    if let Err(error) = tls::server_config(&config.tls, &config.listen.public_host) {
        problems.push(error.to_string());
    }
    if let Err(error) = tls::radsec_config(&config.radsec, config.resolver.certificates()) {
        problems.push(error.to_string());
    }
    if let Err(error) = sms_driver::templates(&config.sms_template) {
        problems.push(format!("[sms_template]: {error}"));
    }
    if let Err(error) = sms_driver::prepare(config) {
        problems.push(error.to_string());
    }
    if let Err(error) = store_open::inspect(&config.store) {
        problems.push(error.to_string());
    }
    if let Err((key, why)) = config.turn_server(Secret::new(vec![0; 32])) {
        problems.push(format!("{key}: {why}"));
    }
    problems.extend(check_addresses(config));
    problems.dedup();
    problems
}

/// Makes a new `server.key` where there is none.
///
/// # Errors
/// Why it cannot be made.
pub fn make_key(config: &Config) -> Result<(), StartError> {
    Ok(store_open::make_key(&config.store)?)
}

/// Binds each address for a moment. One that is taken is reported, also when it is this very server that runs already.
fn check_addresses(config: &Config) -> Vec<String> {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        return vec!["the system gives no runtime".to_owned()];
    };
    let _inside = runtime.enter();
    let mut wanted = vec![("listen.address", config.listen.address)];
    if let AddressOrOff::At(address) = config.metrics.listen {
        wanted.push(("metrics.listen", address));
    }
    for (key, listen) in [("radsec.listen", config.radsec.listen), ("dns.listen", config.dns.listen)] {
        if let AddressOrOff::At(address) = listen {
            wanted.push((key, address));
        }
    }
    let mut problems = Vec::new();
    for (key, address) in wanted {
        if let Err(why) = listener::bind(address) {
            problems.push(format!("{key}: cannot listen on {address}: {why}"));
        }
    }
    let datagrams = [
        ("turn.listen", config.turn.listen),
        ("resolver.listen", config.resolver.listen),
        ("dns.listen", config.dns.listen),
        ("lookup.listen", config.lookup.listen),
    ];
    for (key, listen) in datagrams {
        if let AddressOrOff::At(address) = listen
            && let Err(why) = std::net::UdpSocket::bind(address)
        {
            problems.push(format!("{key}: cannot listen on {address}: {why}"));
        }
    }
    problems
}
