//! The server's address, taken apart once at start.

use crate::config::{REGISTER_PATH, SESSION_PATH, StartError};

/// Where sessions are opened and registrations are posted to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServerAddress {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) tls: bool,
    /// The WebSocket's address in full.
    pub(crate) session_url: String,
    /// Where registration requests are posted to.
    pub(crate) register_url: String,
}

impl ServerAddress {
    pub(crate) fn parse(server: &str, register_url: Option<&str>) -> Result<ServerAddress, StartError> {
        let url = reqwest::Url::parse(server).map_err(|_| StartError::BadServer)?;
        let tls = match url.scheme() {
            "wss" => true,
            "ws" => false,
            _ => return Err(StartError::BadServer),
        };
        let bare = url.path().trim_matches('/').is_empty() && url.query().is_none() && url.username().is_empty();
        let host = url.host_str().filter(|_| bare).ok_or(StartError::BadServer)?;
        let port = url.port_or_known_default().ok_or(StartError::BadServer)?;
        let web = if tls { "https" } else { "http" };
        let register_url = match register_url {
            Some(given) => {
                let given = reqwest::Url::parse(given).map_err(|_| StartError::BadServer)?;
                if !matches!(given.scheme(), "http" | "https") {
                    return Err(StartError::BadServer);
                }
                given.to_string()
            }
            None => format!("{web}://{host}:{port}{REGISTER_PATH}"),
        };
        Ok(ServerAddress {
            // An IPv6 literal is bracketed in an address and bare for a socket.
            host: host.trim_matches(['[', ']']).to_owned(),
            port,
            tls,
            session_url: format!("{}://{host}:{port}{SESSION_PATH}", url.scheme()),
            register_url,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_gives_both_ways_in() {
        let address = ServerAddress::parse("wss://tandem.example", None).unwrap();
        assert_eq!((address.host.as_str(), address.port, address.tls), ("tandem.example", 443, true));
        assert_eq!(address.session_url, "wss://tandem.example:443/v1/session");
        assert_eq!(address.register_url, "https://tandem.example:443/v1/register");
        let local = ServerAddress::parse("ws://[::1]:8080", Some("http://127.0.0.1:9/r")).unwrap();
        assert_eq!((local.host.as_str(), local.port, local.tls), ("::1", 8080, false));
        assert_eq!(local.register_url, "http://127.0.0.1:9/r");
    }

    #[test]
    fn anything_else_is_refused_by_name() {
        for wrong in ["", "tandem.example", "https://tandem.example", "ws://", "ws://h/path", "ws://u@h", "ws://h?q"] {
            assert_eq!(ServerAddress::parse(wrong, None), Err(StartError::BadServer), "{wrong}");
        }
        assert_eq!(ServerAddress::parse("ws://h", Some("ftp://h")), Err(StartError::BadServer));
    }
}
