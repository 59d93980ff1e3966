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
            // A phone's own list may hold a certificate this reader does not take; the others are trusted all the same.
            let (_added, unread) =
                store.add_parsable_certificates(certificates.iter().map(|der| CertificateDer::from(der.as_slice())));
            if unread > 0 && store.is_empty() {
                return Err(StartError::BadRoots);
            }
        }
    }
    Ok(builder.with_root_certificates(store).with_no_client_auth())
}
