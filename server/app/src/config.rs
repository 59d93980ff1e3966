//! The operator's configuration: a TOML file where every key has a default, checked as a whole before anything starts.

mod check;
pub mod error;
pub mod house;
mod logic;
mod parse;
pub mod policy;
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

impl Config {
    /// Reads a file, fills in secrets from the environment and their files, and checks everything.
    ///
    /// # Errors
    /// Every problem found, each with the key's name.
    pub fn load(path: &Path) -> Result<Config, ConfigError> {
        let unreadable = |why: String| ConfigError(vec![ConfigProblem::Unreadable { path: path.to_owned(), why }]);
        let size = std::fs::metadata(path).map_err(|error| unreadable(error.kind().to_string()))?.len();
        if size > FILE_MAX {
            return Err(unreadable(format!("it holds more than {FILE_MAX} bytes")));
        }
        let text = std::fs::read_to_string(path).map_err(|error| unreadable(error.kind().to_string()))?;
        Config::from_toml(&text, &|name| std::env::var(name).ok())
    }

    /// The same from a text and a given environment.
    ///
    /// # Errors
    /// Every problem found, each with the key's name.
    pub fn from_toml(text: &str, environment: &dyn Fn(&str) -> Option<String>) -> Result<Config, ConfigError> {
        let mut config = parse::parse(text)?;
        secrets::resolve(&mut config, environment)?;
        config.check()?;
        Ok(config)
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
