//! A certificate chain with its private key, from two PEM files or one, checked before it is used.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::verify_server_name;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys};

use super::{Facts, facts, provider};
use crate::files;

/// Longer files are no certificates, or nobody's who means well.
const FILE_BYTES_MAX: usize = 256 * 1024;
/// More certificates than lead to any root.
const CHAIN_MAX: usize = 10;

/// A certificate that a server can show.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// What it says, for people.
    pub facts: Facts,
    pub(super) key: Arc<CertifiedKey>,
}

/// Why a certificate and its key cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unusable {
    /// A file cannot be read.
    #[error("{0}")]
    Unreadable(#[from] std::io::Error),
    /// The file has no certificate, or what it has is none.
    #[error("{path} has no certificate in PEM form{why}", path = path.display())]
    NoCertificate {
        /// The file.
        path: PathBuf,
        /// What is wrong, where something is there.
        why: String,
    },
    /// The file has no private key, or what it has is none.
    #[error("{path} has no private key in PEM form{why}", path = path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
        /// What is wrong, where something is there.
        why: String,
    },
    /// The key is another one's.
    #[error("the key in {} does not belong to the first certificate in {}", key.display(), certificate.display())]
    NotAPair {
        /// The file with the certificate.
        certificate: PathBuf,
        /// The file with the key.
        key: PathBuf,
    },
}

impl Certificate {
    /// Whether it is for a name, or an address, of this machine.
    pub fn is_for(&self, name: &str) -> bool {
        let Ok(name) = ServerName::try_from(name) else { return false };
        let end_entity = self.key.cert.first().and_then(|der| ParsedCertificate::try_from(der).ok());
        end_entity.is_some_and(|certificate| verify_server_name(&certificate, &name).is_ok())
    }

    /// Reads a chain, the server's own certificate first, and its key; both may be in one file.
    pub fn read(certificate: &Path, key: &Path) -> Result<Certificate, Unusable> {
        let chain = read_chain(certificate)?;
        let private = read_key(key)?;
        let not_a_pair = || Unusable::NotAPair { certificate: certificate.to_owned(), key: key.to_owned() };
        let no_key = |error: &Error| Unusable::NoKey { path: key.to_owned(), why: format!(": {error}") };
        let facts = facts::of(&chain[0]).ok_or_else(|| no_certificate(certificate, ": its content is damaged"))?;
        let signing = provider().key_provider.load_private_key(private).map_err(|error| no_key(&error))?;
        let certified = CertifiedKey::new(chain, signing);
        match certified.keys_match() {
            Ok(()) => Ok(Certificate { facts, key: Arc::new(certified) }),
            Err(Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => Err(not_a_pair()),
            Err(error) => Err(no_certificate(certificate, &format!(": {error}"))),
        }
    }
}

/// Reads a chain alone.
pub fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, Unusable> {
    let bytes = files::read_private(path, FILE_BYTES_MAX)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).take(CHAIN_MAX).collect();
    let chain = chain.map_err(|error| no_certificate(path, &format!(": {error}")))?;
    if chain.is_empty() { Err(no_certificate(path, "")) } else { Ok(chain) }
}

/// Reads a key alone.
pub fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, Unusable> {
    let bytes = files::read_private(path, FILE_BYTES_MAX)?;
    let key = PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| {
        let is_encrypted = bytes.windows(9).any(|window| window == b"ENCRYPTED");
        let why = match error {
            _ if is_encrypted => ": it is encrypted; decrypt it with openssl pkey".to_owned(),
            rustls::pki_types::pem::Error::NoItemsFound => String::new(),
            other => format!(": {other}"),
        };
        Unusable::NoKey { path: path.to_owned(), why }
    })?;
    // A file without a key is no secret, and is told to have none.
    files::refuse_open_secret(path)?;
    Ok(key)
}

fn no_certificate(path: &Path, why: &str) -> Unusable {
    Unusable::NoCertificate { path: path.to_owned(), why: why.to_owned() }
}
