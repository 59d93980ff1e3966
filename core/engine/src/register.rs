//! Registration requests over HTTPS. Any answer that is none means "unknown": the machine asks again with the same request.

use crate::address::ServerAddress;
use crate::config::StartError;
use rustls::ClientConfig;
use std::time::Duration;
use tandem_wire::limits::REGISTER_MAX;
use tandem_wire::{RegisterReply, RegisterRequest, decode_register_reply, encode_register_request};
use tracing::debug;

/// What a body is called, both ways.
const MEDIA_TYPE: &str = "application/octet-stream";

/// Posts registration requests.
#[derive(Clone)]
pub(crate) struct Registrar {
    client: reqwest::Client,
    url: String,
}

impl Registrar {
    pub(crate) fn new(address: &ServerAddress, tls: ClientConfig, give_up: Duration) -> Result<Registrar, StartError> {
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(give_up)
            .pool_max_idle_per_host(1)
            .build()
            .map_err(|_| StartError::BadRoots)?;
        Ok(Registrar { client, url: address.register_url.clone() })
    }

    /// Asks once.
    pub(crate) async fn ask(&self, request: &RegisterRequest) -> Option<RegisterReply> {
        let posted = self
            .client
            .post(&self.url)
            .header(reqwest::header::CONTENT_TYPE, MEDIA_TYPE)
            .body(encode_register_request(request))
            .send()
            .await;
        let mut response = match posted {
            Ok(response) => response,
            Err(error) => {
                // The error's own text may hold the address and nothing of the request.
                debug!(
                    timeout = error.is_timeout(),
                    connect = error.is_connect(),
                    "no answer to a registration request"
                );
                return None;
            }
        };
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.ok()? {
            if body.len() + chunk.len() > REGISTER_MAX {
                debug!("an answer to a registration request is too long");
                return None;
            }
            body.extend_from_slice(&chunk);
        }
        decode_register_reply(&body).ok()
    }
}
