//! Secrets from outside the file: the environment first, then a file of their own, then the configuration.

use super::Config;
use super::error::ConfigProblem;
use super::values::ConfigSecret;
use std::path::Path;

/// Environment variable that holds the SMSC's password.
pub const SMPP_PASSWORD_ENV: &str = "TANDEM_SMPP_PASSWORD";

/// Environment variable that holds the HTTP gateway's `authorization` header.
pub const HTTP_AUTHORIZATION_ENV: &str = "TANDEM_SMS_HTTP_AUTHORIZATION";

/// Longest secret read from a file, in bytes.
const SECRET_MAX: u64 = 4_096;

/// Fills in the secrets. `environment` looks a variable up.
///
/// Gives a problem for every secret file that cannot be read, by its key.
pub fn resolve(config: &mut Config, environment: &dyn Fn(&str) -> Option<String>) -> Vec<ConfigProblem> {
    let mut problems = Vec::new();
    let mut fill = |variable: &str, file: &Path, key: &str, secret: &mut ConfigSecret| {
        if let Some(value) = Some(variable).filter(|variable| !variable.is_empty()).and_then(environment) {
            *secret = ConfigSecret::new(value);
        } else if !file.as_os_str().is_empty() {
            match read_first_line(file) {
                Ok(value) => *secret = ConfigSecret::new(value),
                Err(why) => problems.push(ConfigProblem::CannotHold {
                    key: key.to_owned(),
                    why: format!("cannot be read from {}: {why}", file.display()),
                }),
            }
        }
    };
    fill(SMPP_PASSWORD_ENV, &config.smpp.password_file, "smpp.password_file", &mut config.smpp.password);
    fill(
        HTTP_AUTHORIZATION_ENV,
        &config.sms_http.authorization_file,
        "sms_http.authorization_file",
        &mut config.sms_http.authorization,
    );
    for nas in &mut config.resolver.nas {
        fill("", &nas.secret_file, "resolver.nas", &mut nas.secret);
    }
    for reporter in &mut config.resolver.reporters {
        fill("", &reporter.key_file, "resolver.reporters", &mut reporter.key);
    }
    for key in &mut config.resolver.api_keys {
        fill("", &key.key_file, "resolver.api_keys", &mut key.key);
    }
    problems
}

fn read_first_line(path: &Path) -> Result<String, String> {
    let size = std::fs::metadata(path).map_err(|error| error.kind().to_string())?.len();
    if size > SECRET_MAX {
        return Err(format!("it holds more than {SECRET_MAX} bytes"));
    }
    let text = std::fs::read_to_string(path).map_err(|error| error.kind().to_string())?;
    match text.lines().next().map(str::trim) {
        Some(line) if !line.is_empty() => Ok(line.to_owned()),
        Some(_) | None => Err("its first line is empty".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_wins_over_the_file_and_the_file_over_the_key() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("password");
        std::fs::write(&file, "from-file\nsecond line\n").unwrap();
        let mut config = Config::default();
        config.smpp.password = ConfigSecret::new("from-key");
        assert_eq!(resolve(&mut config, &|_| None), []);
        assert_eq!(config.smpp.password.0.expose(), "from-key");
        config.smpp.password_file = file;
        assert_eq!(resolve(&mut config, &|_| None), []);
        assert_eq!(config.smpp.password.0.expose(), "from-file");
        let environment = |name: &str| (name == SMPP_PASSWORD_ENV).then(|| "from-env".to_owned());
        assert_eq!(resolve(&mut config, &environment), []);
        assert_eq!(config.smpp.password.0.expose(), "from-env");
    }

    #[test]
    fn a_missing_or_empty_secret_file_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.smpp.password_file = directory.path().join("nowhere");
        let error = resolve(&mut config, &|_| None)[0].to_string();
        assert!(error.contains("smpp.password_file"), "{error}");
        let empty = directory.path().join("empty");
        std::fs::write(&empty, "\n").unwrap();
        config.smpp.password_file = empty;
        let error = resolve(&mut config, &|_| None)[0].to_string();
        assert!(error.contains("first line is empty"), "{error}");
    }
}
