//! Everything that is wrong with the chosen driver's keys and with the texts, each with its key: an operator puts all of it
//! right at once.

use super::{DriverError, http_config, read_roots, smpp_config, smpp_server_name, smpp_tls, template_config};
use crate::config::Config;
use crate::config::sms::DriverKind;
use crate::config::turn::WrongKey;
use tandem_sms::http_gateway::{BodyTemplate, HttpGatewayConfig, HttpGatewayConfigError};
use tandem_sms::smpp::SmppConfigError;
use tandem_sms::verification::{TemplateError, TemplateFault, TemplateKind, Templates};

/// What cannot hold, as far as no file need be opened to tell.
#[must_use]
pub fn wrong_keys(config: &Config) -> Vec<WrongKey> {
    let mut wrong: Vec<WrongKey> =
        Templates::problems(&template_config(&config.sms_template)).into_iter().map(of_template).collect();
    match config.sms.driver {
        DriverKind::None => {}
        DriverKind::Smpp => wrong.extend(of_smpp(config)),
        DriverKind::Http => wrong.extend(of_http(config)),
    }
    wrong
}

/// Keys that name files which cannot be used.
#[must_use]
pub fn wrong_files(config: &Config) -> Vec<DriverError> {
    let wrong = match config.sms.driver {
        DriverKind::None => None,
        DriverKind::Smpp => smpp_tls(config).err(),
        DriverKind::Http => http_roots(config).err(),
    };
    wrong.into_iter().collect()
}

fn http_roots(config: &Config) -> Result<(), DriverError> {
    let path = &config.sms_http.tls_roots;
    let roots = HttpGatewayConfig { tls_roots_pem: read_roots(path)?, ..HttpGatewayConfig::default() };
    if roots.problems().contains(&HttpGatewayConfigError::Tls) {
        return Err(DriverError::Roots { key: "sms_http.tls_roots", path: path.display().to_string() });
    }
    Ok(())
}

fn of_template(TemplateError { kind, fault }: TemplateError) -> WrongKey {
    match fault {
        TemplateFault::BadAppHash => {
            ("sms_template.app_hash", "must be 11 characters of A-Z, a-z, 0-9, + and /".to_owned())
        }
        TemplateFault::BadDomain => {
            ("sms_template.domain", "must be a host name of lower-case letters, digits, dots and hyphens".to_owned())
        }
        TemplateFault::TwoSegments { .. }
        | TemplateFault::TooLongForAndroid { .. }
        | TemplateFault::NotGsm7
        | TemplateFault::UnknownPlaceholder
        | TemplateFault::CodeNotFound
        | TemplateFault::TokenNotFound
        | TemplateFault::WrongEnding
        | TemplateFault::HasLink => {
            let key = match kind {
                TemplateKind::Generic => "sms_template.generic",
                TemplateKind::Android => "sms_template.android",
                TemplateKind::Apple => "sms_template.apple",
            };
            (key, fault.to_string())
        }
    }
}

fn of_smpp(config: &Config) -> Vec<WrongKey> {
    let own = &config.smpp;
    let mut wrong: Vec<WrongKey> = Vec::new();
    let has_port = |port: &str| port.parse::<u16>().is_ok_and(|port| port > 0);
    if own.address.rsplit_once(':').is_none_or(|(host, port)| host.is_empty() || !has_port(port)) {
        wrong.push(("smpp.address", "must be host:port".to_owned()));
    } else if own.tls && smpp_server_name(own).is_none() {
        let key = if own.tls_server_name.is_empty() { "smpp.address" } else { "smpp.tls_server_name" };
        wrong.push((key, "must have a host name or an IP address, as the SMSC's certificate does".to_owned()));
    }
    wrong.extend(smpp_config(config).problems().into_iter().map(|problem| {
        let (key, why) = match problem {
            SmppConfigError::SystemId => ("smpp.system_id", "must be at most 15 ASCII characters"),
            SmppConfigError::Password => ("smpp.password", "must be at most 8 ASCII characters"),
            SmppConfigError::SystemType => ("smpp.system_type", "must be at most 12 ASCII characters"),
            SmppConfigError::Sender => (
                "smpp.sender",
                "must be up to 11 ASCII letters, digits and spaces, or, as smpp.sender_kind says, up to 20 digits",
            ),
            SmppConfigError::Zero => return ("smpp", problem.to_string()),
        };
        (key, why.to_owned())
    }));
    wrong
}

fn of_http(config: &Config) -> Vec<WrongKey> {
    let own = &config.sms_http;
    let mut wrong: Vec<WrongKey> = Vec::new();
    let (gateway, body_is_read) = match http_config(config) {
        Ok(gateway) => (gateway, true),
        Err(DriverError::Body { key, why }) => {
            wrong.push((key, why.to_owned()));
            // The rest of it is looked at with a body that holds.
            let mut rest = config.clone();
            (rest.sms_http.json_body, rest.sms_http.form_body) = (String::from("{}"), Vec::new());
            match http_config(&rest) {
                Ok(gateway) => (gateway, false),
                Err(_) => return wrong,
            }
        }
        Err(error @ (DriverError::Smpp(_) | DriverError::Http(_) | DriverError::Roots { .. })) => {
            return vec![("sms_http", error.to_string())];
        }
    };
    let body_key = match gateway.body {
        BodyTemplate::Json(_) => "sms_http.json_body",
        BodyTemplate::Form(_) => "sms_http.form_body",
    };
    for problem in gateway.problems() {
        let (key, why) = match problem {
            // That there is none is told by whoever looks at what is needed.
            HttpGatewayConfigError::Url if own.url.is_empty() => continue,
            HttpGatewayConfigError::Body if !body_is_read => continue,
            HttpGatewayConfigError::Url => ("sms_http.url", "must be an http or https URL without credentials in it"),
            HttpGatewayConfigError::Method => ("sms_http.method", "must be POST or PUT"),
            HttpGatewayConfigError::Header => ("sms_http.authorization", "is nothing a header can hold"),
            HttpGatewayConfigError::Body => (body_key, "must have {to} and {text}"),
            HttpGatewayConfigError::Statuses => {
                ("sms_http.success", "and throttle, unreachable and permanent must not have a status in common")
            }
            HttpGatewayConfigError::Tls => ("sms_http.tls_roots", "must be PEM certificates"),
        };
        wrong.push((key, why.to_owned()));
    }
    wrong
}
