//! What can be wrong with a configuration. Each problem names the key and says what to do about it.

use std::fmt;
use std::path::PathBuf;

/// One thing to put right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigProblem {
    /// The file cannot be read.
    #[error("cannot read {}: {why}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        why: String,
    },
    /// The file is not TOML.
    #[error("line {line}: this is not TOML: {why}")]
    Syntax {
        /// From 1.
        line: usize,
        /// What the parser says.
        why: String,
    },
    /// A key nobody knows.
    #[error("line {line}: there is no key `{key}`{}", meant(nearest.as_deref()))]
    UnknownKey {
        /// With its section.
        key: String,
        /// From 1.
        line: usize,
        /// What was probably meant.
        nearest: Option<String>,
    },
    /// A key whose value cannot be read.
    #[error("line {line}: `{key}`: {why}")]
    BadValue {
        /// With its section.
        key: String,
        /// From 1.
        line: usize,
        /// What is wrong, never with a secret in it.
        why: String,
    },
    /// A value out of its range.
    #[error("`{key}` is {value}; it must be from {least} to {most}")]
    OutOfRange {
        /// With its section.
        key: String,
        /// What it is.
        value: String,
        /// The least it may be.
        least: String,
        /// The most it may be.
        most: String,
    },
    /// A value that cannot hold together with the rest.
    #[error("`{key}` {why}")]
    CannotHold {
        /// With its section.
        key: String,
        /// Why not, and what would.
        why: String,
    },
}

impl ConfigProblem {
    /// The key whose value is missing because of this.
    #[must_use]
    pub fn meant_key(&self) -> Option<&str> {
        match self {
            ConfigProblem::UnknownKey { nearest, .. } => nearest.as_deref(),
            ConfigProblem::BadValue { key, .. } | ConfigProblem::CannotHold { key, .. } => Some(key),
            ConfigProblem::Unreadable { .. } | ConfigProblem::Syntax { .. } | ConfigProblem::OutOfRange { .. } => None,
        }
    }
}

fn meant(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |key| format!("; did you mean `{key}`?"))
}

/// Everything wrong with a configuration, at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError(pub Vec<ConfigProblem>);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}
