//! TLS for phones: rustls on ring, from two PEM files.

mod pinned;

use self::pinned::Pinned;
use crate::config::house::Tls;
use crate::config::key_holder::KeyHolder;
use crate::config::resolver::Radsec;
use crate::config::values::AddressOrOff;
use crate::keyd::KeydArguments;
use rustls::client::verify_server_name;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::ParsedCertificate;
use rustls::{ClientConfig, ServerConfig};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tandem_resolver::Fingerprint;
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// Why TLS cannot be offered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// The certificate file cannot be read or has no certificate.
    #[error("tls.certificate: no certificate can be read from {}", .0.display())]
    Certificate(PathBuf),
    /// The key file cannot be read or has no key.
    #[error("tls.key: no private key can be read from {}", .0.display())]
    Key(PathBuf),
    /// The key is not the certificate's, or of a kind that cannot be used.
    #[error("tls.key: this key does not go with tls.certificate")]
    Mismatch,
    /// The certificate does not name the host phones connect to.
    #[error("tls.certificate: the certificate does not name listen.public_host {0}")]
    WrongName(String),
    /// The certificate file of RadSec cannot be read or has no certificate.
    #[error("radsec.certificate: no certificate can be read from {}", .0.display())]
    RadsecCertificate(PathBuf),
    /// The key file of RadSec cannot be read, has no key, or another certificate's.
    #[error("radsec.key: no private key of radsec.certificate can be read from {}", .0.display())]
    RadsecKey(PathBuf),
    /// The certificate or the key towards the key holder cannot be used.
    #[error("key_holder.certificate, key_holder.key: no certificate with its key can be read from {}", .0.display())]
    KeyHolder(PathBuf),
    /// The key holder's own certificate or key, or a fingerprint it was given, cannot be used.
    #[error("--certificate, --key, --client: no certificate with its key and the fingerprints of its clients")]
    Keyd,
    /// The host is none.
    #[error("listen.public_host: {0} is no host name")]
    BadHost(String),
}

/// The TLS side of the listener; `None` when there is none configured.
///
/// # Errors
/// [`TlsError`] names the key of the configuration.
pub fn server_config(tls: &Tls, public_host: &str) -> Result<Option<Arc<ServerConfig>>, TlsError> {
    if tls.certificate.as_os_str().is_empty() {
        return Ok(None);
    }
    let chain = read_chain(&tls.certificate)?;
    let key = PrivateKeyDer::from_pem_file(&tls.key).map_err(|_| TlsError::Key(tls.key.clone()))?;
    if let (false, Some(leaf)) = (public_host.is_empty(), chain.first()) {
        check_name(leaf, public_host, &tls.certificate)?;
    }
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|_| TlsError::Mismatch)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|_| TlsError::Mismatch)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Some(Arc::new(config)))
}

/// Everything that keeps phones' TLS from being offered, each with its key.
#[must_use]
pub fn problems(tls: &Tls, public_host: &str) -> Vec<TlsError> {
    if tls.certificate.as_os_str().is_empty() {
        return Vec::new();
    }
    let chain = read_chain(&tls.certificate);
    let key = PrivateKeyDer::from_pem_file(&tls.key).map_err(|_| TlsError::Key(tls.key.clone()));
    if chain.is_ok() && key.is_ok() {
        return server_config(tls, public_host).err().into_iter().collect();
    }
    let leaf = chain.as_ref().ok().and_then(|chain| chain.first());
    let name = leaf.filter(|_| !public_host.is_empty()).map(|leaf| check_name(leaf, public_host, &tls.certificate));
    let name = name.and_then(Result::err);
    chain.err().into_iter().chain(name).chain(key.err()).collect()
}

/// The TLS side of RadSec, which lets in the clients that are known; `None` when it is off.
///
/// # Errors
/// [`TlsError`] names the key of the configuration.
pub fn radsec_config(section: &Radsec, known: BTreeSet<Fingerprint>) -> Result<Option<Arc<ServerConfig>>, TlsError> {
    if section.listen == AddressOrOff::Off {
        return Ok(None);
    }
    let chain =
        read_chain(&section.certificate).map_err(|_| TlsError::RadsecCertificate(section.certificate.clone()))?;
    let no_key = || TlsError::RadsecKey(section.key.clone());
    let key = PrivateKeyDer::from_pem_file(&section.key).map_err(|_| no_key())?;
    let provider = Arc::new(ring::default_provider());
    let verifier = Pinned { known, provider: Arc::clone(&provider) };
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| no_key())?
        .with_client_cert_verifier(Arc::new(verifier))
        .with_single_cert(chain, key)
        .map_err(|_| no_key())?;
    Ok(Some(Arc::new(config)))
}

/// TLS to a key holder on another host: each side knows the other's certificate itself.
///
/// # Errors
/// [`TlsError::KeyHolder`].
pub fn key_holder_connector(section: &KeyHolder) -> Result<TlsConnector, TlsError> {
    let unusable = || TlsError::KeyHolder(section.certificate.clone());
    let chain = read_chain(&section.certificate).map_err(|_| unusable())?;
    let key = PrivateKeyDer::from_pem_file(&section.key).map_err(|_| unusable())?;
    let known = Fingerprint::parse(&section.peer).into_iter().collect();
    let provider = Arc::new(ring::default_provider());
    let verifier = Pinned { known, provider: Arc::clone(&provider) };
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|_| unusable())?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_client_auth_cert(chain, key)
        .map_err(|_| unusable())?;
    Ok(TlsConnector::from(Arc::new(config)))
}

/// The other side of it.
///
/// # Errors
/// [`TlsError::Keyd`].
pub fn keyd_acceptor(arguments: &KeydArguments) -> Result<TlsAcceptor, TlsError> {
    let unusable = || TlsError::Keyd;
    let (Some(certificate), Some(key)) = (&arguments.certificate, &arguments.key) else { return Err(unusable()) };
    let chain = read_chain(certificate).map_err(|_| unusable())?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(|_| unusable())?;
    let known: Option<BTreeSet<Fingerprint>> = arguments.client.iter().map(|text| Fingerprint::parse(text)).collect();
    let known = known.filter(|known| !known.is_empty()).ok_or_else(unusable)?;
    let provider = Arc::new(ring::default_provider());
    let verifier = Pinned { known, provider: Arc::clone(&provider) };
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|_| unusable())?
        .with_client_cert_verifier(Arc::new(verifier))
        .with_single_cert(chain, key)
        .map_err(|_| unusable())?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let unreadable = || TlsError::Certificate(path.to_owned());
    let chain: Vec<_> = CertificateDer::pem_file_iter(path)
        .map_err(|_| unreadable())?
        .collect::<Result<_, _>>()
        .map_err(|_| unreadable())?;
    if chain.is_empty() { Err(unreadable()) } else { Ok(chain) }
}

fn check_name(leaf: &CertificateDer<'_>, host: &str, path: &Path) -> Result<(), TlsError> {
    let parsed = ParsedCertificate::try_from(leaf).map_err(|_| TlsError::Certificate(path.to_owned()))?;
    let name = ServerName::try_from(host).map_err(|_| TlsError::BadHost(host.to_owned()))?;
    verify_server_name(&parsed, &name).map_err(|_| TlsError::WrongName(host.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(host: &str) -> (tempfile::TempDir, Tls) {
        let directory = tempfile::tempdir().unwrap();
        let made = rcgen::generate_simple_self_signed(vec![host.to_owned()]).unwrap();
        let tls = Tls { certificate: directory.path().join("cert.pem"), key: directory.path().join("key.pem") };
        std::fs::write(&tls.certificate, made.cert.pem()).unwrap();
        std::fs::write(&tls.key, made.signing_key.serialize_pem()).unwrap();
        (directory, tls)
    }

    #[test]
    fn a_certificate_must_name_the_host_phones_connect_to() {
        let (_directory, tls) = written("tandem.example.com");
        assert!(server_config(&tls, "tandem.example.com").unwrap().is_some());
        assert!(server_config(&tls, "").unwrap().is_some());
        let wrong = server_config(&tls, "other.example.com").unwrap_err();
        assert_eq!(wrong, TlsError::WrongName("other.example.com".to_owned()));
    }

    #[test]
    fn another_certificates_key_and_files_without_pem_are_named() {
        let (_one, tls) = written("tandem.example.com");
        let (_other, foreign) = written("tandem.example.com");
        let mixed = Tls { key: foreign.key.clone(), ..tls.clone() };
        assert_eq!(server_config(&mixed, "").unwrap_err(), TlsError::Mismatch);
        let no_key = Tls { key: tls.certificate.clone(), ..tls.clone() };
        assert_eq!(server_config(&no_key, "").unwrap_err(), TlsError::Key(tls.certificate.clone()));
        let no_certificate = Tls { certificate: tls.key.clone(), ..tls.clone() };
        assert_eq!(server_config(&no_certificate, "").unwrap_err(), TlsError::Certificate(tls.key.clone()));
    }

    #[test]
    fn both_files_that_cannot_be_read_are_told_and_a_wrong_name_beside_a_wrong_key() {
        let nowhere = Tls { certificate: PathBuf::from("/no.pem"), key: PathBuf::from("/no.key") };
        let told = [TlsError::Certificate(nowhere.certificate.clone()), TlsError::Key(nowhere.key.clone())];
        assert_eq!(problems(&nowhere, ""), told);
        let (_directory, tls) = written("tandem.example.com");
        assert_eq!(problems(&tls, "tandem.example.com"), []);
        let no_key = Tls { key: nowhere.key.clone(), ..tls };
        let told = [TlsError::WrongName("other.example.com".to_owned()), TlsError::Key(nowhere.key)];
        assert_eq!(problems(&no_key, "other.example.com"), told);
    }

    #[test]
    fn without_files_there_is_no_tls() {
        assert!(server_config(&Tls::default(), "anything").unwrap().is_none());
    }
}
