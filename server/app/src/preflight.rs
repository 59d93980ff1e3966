//! `--check`: opens what can be opened without serving anybody, and names everything that would stop a start.

use crate::clock::Clock;
use crate::config::values::AddressOrOff;
use crate::config::{Config, ConfigProblem};
use crate::start_error::StartError;
use crate::{listener, sms_driver, store_open, tls};
use std::path::Path;
use std::time::Duration;
use tandem_model::Msisdn;
use tandem_server_store::sqlite::Filler;

/// Every problem found with a configuration, or with the default, each naming its key or file: first everything that the
/// keys and the files they name tell, at once; where that holds, what of the system would stop a start. Nothing is served, no
/// text is sent, no file is made and none is changed.
#[must_use]
pub fn check(file: Option<&Path>) -> Vec<String> {
    let (config, wrong) = match Config::examine(file) {
        Ok(examined) => examined,
        Err(unreadable) => return vec![unreadable.to_string()],
    };
    let known: Vec<&str> = wrong.iter().filter_map(ConfigProblem::meant_key).collect();
    let follows = |problem: &String| known.iter().any(|key| key.contains('.') && problem.starts_with(*key));
    let mut problems: Vec<String> = wrong.iter().map(ToString::to_string).collect();
    problems.extend(wrong_files(&config).into_iter().filter(|problem| !follows(problem)));
    if problems.is_empty() {
        let mut store = store_open::inspect(&config.store);
        if config.has_resolver() {
            store = store.and_then(|()| store_open::inspect_feed(&config.store));
        }
        problems.extend(store.err().map(|error| error.to_string()));
        problems.extend(check_addresses(&config));
    }
    problems
}

/// Keys that name files which cannot be used.
fn wrong_files(config: &Config) -> Vec<String> {
    let tls = tls::problems(&config.tls, &config.listen.public_host);
    let radsec = tls::radsec_config(&config.radsec, config.resolver.certificates()).err();
    let drivers = sms_driver::wrong_files(config);
    let tls = tls.into_iter().chain(radsec).map(|error| error.to_string());
    tls.chain(drivers.into_iter().map(|error| error.to_string())).collect()
}

/// Makes a new `server.key` where there is none.
///
/// # Errors
/// Why it cannot be made.
pub fn make_key(config: &Config) -> Result<(), StartError> {
    Ok(store_open::make_key(&config.store)?)
}

/// Fills the database of a configuration with owners, for a benchmark.
///
/// # Errors
/// Why it cannot be filled, in words.
pub fn fill(file: Option<&Path>, owners: u64, tokens_each: u64, first: u64) -> Result<(), String> {
    let config = match file {
        Some(path) => Config::load(path),
        None => Config::from_toml("", &|_| None),
    };
    let config = config.map_err(|error| error.to_string())?;
    let first = Msisdn::try_from(first).map_err(|error| error.to_string())?;
    let lease_until = Clock::start().now().server.after(Duration::from_secs(30 * 86_400));
    store_open::fill(&config.store, &Filler { owners, tokens_each, first, lease_until })
        .map_err(|error| error.to_string())
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
