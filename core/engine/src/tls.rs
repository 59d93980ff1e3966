//! Whom to trust, as one rustls configuration for sessions and registrations.

use crate::config::{Roots, StartError};
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;
use std::sync::Arc;

pub(crate) fn client_config(roots: &Roots, tls: bool) -> Result<ClientConfig, StartError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| StartError::BadRoots)?;
    let mut store = RootCertStore::empty();
    match roots {
        Roots::System if tls => {
            return Ok(builder.with_platform_verifier().map_err(|_| StartError::BadRoots)?.with_no_client_auth());
        }
        // Nothing is trusted where nothing is encrypted.
        Roots::System => {}
        Roots::Explicit(certificates) => {
            for certificate in certificates {
                store.add(CertificateDer::from(certificate.clone())).map_err(|_| StartError::BadRoots)?;
            }
        }
    }
    Ok(builder.with_root_certificates(store).with_no_client_auth())
}
