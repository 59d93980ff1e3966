//! The operator's configuration: a TOML file where every key has a default, checked as a whole before anything starts.

mod check;
pub mod dns;
pub mod error;
pub mod house;
pub mod key_holder;
mod logic;
pub mod lookup;
mod parse;
pub mod phone_lookup;
pub mod policy;
pub mod resolver;
pub mod schema;
pub mod secrets;
pub mod sms;
pub mod turn;
pub mod values;

pub use error::{ConfigError, ConfigProblem};

use schema::sections;
use std::path::Path;

sections! {
    /// Everything an operator can set.
    pub struct Config {
        /// Where phones connect.
        listen: house::Listen;
        /// TLS for phones.
        tls: house::Tls;
        /// What is kept.
        store: house::Store;
        /// Verification texts.
        sms: sms::Sms;
        /// The SMSC.
        smpp: sms::Smpp;
        /// The HTTP gateway.
        sms_http: sms::SmsHttp;
        /// What a verification text says.
        sms_template: sms::SmsTemplate;
        /// Proving numbers.
        registration: policy::Registration;
        /// Sessions of registered phones.
        session: policy::Session;
        /// Marks.
        marks: policy::Marks;
        /// Who holds the keys of marks.
        key_holder: key_holder::KeyHolder;
        /// Measuring the path to a phone.
        measure: policy::Measure;
        /// The callee's gate.
        gate: policy::Gate;
        /// Calls.
        call: policy::Call;
        /// Texts.
        text: policy::Text;
        /// STUN and TURN.
        turn: turn::Turn;
        /// Where numbers are.
        resolver: resolver::Resolver;
        /// The same over TLS.
        radsec: resolver::Radsec;
        /// Lookups by datagram.
        lookup: lookup::Lookup;
        /// Lookups by phones.
        phone_lookup: phone_lookup::PhoneLookup;
        /// ENUM.
        dns: dns::Dns;
        /// Metrics.
        metrics: house::Metrics;
        /// Log lines.
        log: house::Log;
        /// Housekeeping and the end.
        house: house::House;
    }
}

/// Largest configuration file, in bytes.
const FILE_MAX: u64 = 1024 * 1024;

/// The file's text, or why there is none, in words for whoever named it.
fn read_file(path: &Path) -> Result<String, String> {
    use std::io::ErrorKind;
    let words = |error: std::io::Error| {
        if error.kind() == ErrorKind::NotFound {
            "there is no such file".to_owned()
        } else if error.kind() == ErrorKind::PermissionDenied {
            "this user may not read it".to_owned()
        } else {
            error.kind().to_string()
        }
    };
    let there = std::fs::metadata(path).map_err(words)?;
    if there.is_dir() {
        return Err("it is a directory, and a file is needed".to_owned());
    }
    if there.len() > FILE_MAX {
        return Err(format!("it holds more than {FILE_MAX} bytes"));
    }
    let bytes = std::fs::read(path).map_err(words)?;
    String::from_utf8(bytes).map_err(|error| {
        format!("it is not text in UTF-8, as TOML must be: byte {} fits none", error.utf8_error().valid_up_to() + 1)
    })
}

impl Config {
    /// Whether anybody may report where numbers are.
    #[must_use]
    pub fn has_resolver(&self) -> bool {
        let on = |listen| listen != values::AddressOrOff::Off;
        on(self.resolver.listen) || on(self.radsec.listen) || !self.resolver.reporters.is_empty()
    }

    /// Reads a file, fills in secrets from the environment and their files, and checks everything.
    ///
    /// # Errors
    /// Every problem found, each with the key's name.
    pub fn load(path: &Path) -> Result<Config, ConfigError> {
        let (config, problems) = Config::examine(Some(path)).map_err(|unreadable| ConfigError(vec![unreadable]))?;
        if problems.is_empty() { Ok(config) } else { Err(ConfigError(problems)) }
    }

    /// What a file says, or the default without one, with the default for every key that cannot be read, and every problem
    /// of it.
    ///
    /// # Errors
    /// [`ConfigProblem::Unreadable`].
    pub fn examine(file: Option<&Path>) -> Result<(Config, Vec<ConfigProblem>), ConfigProblem> {
        let unreadable = |why| ConfigProblem::Unreadable { path: file.map(Path::to_owned).unwrap_or_default(), why };
        let text = file.map_or(Ok(String::new()), read_file).map_err(unreadable)?;
        Ok(Config::read(&text, &|name| std::env::var(name).ok()))
    }

    /// The same from a text and a given environment.
    ///
    /// # Errors
    /// Every problem found, each with the key's name.
    pub fn from_toml(text: &str, environment: &dyn Fn(&str) -> Option<String>) -> Result<Config, ConfigError> {
        let (config, problems) = Config::read(text, environment);
        if problems.is_empty() { Ok(config) } else { Err(ConfigError(problems)) }
    }

    fn read(text: &str, environment: &dyn Fn(&str) -> Option<String>) -> (Config, Vec<ConfigProblem>) {
        let (mut config, mut problems) = parse::parse(text);
        problems.extend(secrets::resolve(&mut config, environment));
        // A key that could not be read has its default by now: what follows from that alone is not worth saying.
        // A section is no such key: it would hide whatever else is wrong in it.
        let keys = problems.iter().filter_map(ConfigProblem::meant_key).filter(|key| key.contains('.'));
        let known: Vec<String> = keys.map(str::to_owned).collect();
        let follows = |problem: &ConfigProblem| known.iter().any(|key| problem.to_string().contains(key.as_str()));
        let checked = config.check().err().map(|error| error.0).unwrap_or_default();
        problems.extend(checked.into_iter().filter(|problem| !follows(problem)));
        (config, problems)
    }

    /// Checks ranges, and what must hold between keys.
    ///
    /// # Errors
    /// Every problem found, each with the key's name.
    pub fn check(&self) -> Result<(), ConfigError> {
        let mut problems = Vec::new();
        self.check_ranges(&mut problems);
        check::check_together(self, &mut problems);
        if problems.is_empty() { Ok(()) } else { Err(ConfigError(problems)) }
    }

    /// The default configuration as a commented file.
    #[must_use]
    pub fn commented_defaults() -> String {
        schema::commented_defaults(&Config::reference())
    }
}
