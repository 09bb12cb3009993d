//! What a certificate says that a server tells people or signs: until when it holds, and the hash of its key.
//!
//! Whether a certificate deserves trust is not decided here: that is for those to whom it is shown.

use keymuster_core::time::Timestamp;
use rustls::pki_types::CertificateDer;
use sha2::{Digest as _, Sha256};
use x509_parser::parse_x509_certificate;
use x509_parser::time::ASN1Time;

/// What a certificate says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Facts {
    /// From when it holds.
    pub not_before: Timestamp,
    /// Until when.
    pub not_after: Timestamp,
    /// SHA-256 of the certificate, as browsers show it.
    pub fingerprint: [u8; 32],
    /// SHA-256 of its key (SubjectPublicKeyInfo), as entitlements name it.
    pub spki: [u8; 32],
}

/// Reads them; `None` where this is no certificate.
pub(super) fn of(certificate: &CertificateDer<'_>) -> Option<Facts> {
    let (_, read) = parse_x509_certificate(certificate).ok()?;
    // A time before 1970 is 1970.
    let time = |time: ASN1Time| Timestamp::from_secs(u64::try_from(time.timestamp()).unwrap_or(0));
    let hash = |bytes: &[u8]| Sha256::digest(bytes).into();
    Some(Facts {
        not_before: time(read.validity().not_before),
        not_after: time(read.validity().not_after),
        fingerprint: hash(certificate),
        spki: hash(read.public_key().raw),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_certificate_has_no_facts() {
        let directory = tempfile::tempdir().unwrap();
        super::super::own(directory.path(), "x", vec!["host.example".to_owned()], Timestamp::from_secs(5)).unwrap();
        let whole = &super::super::read_chain(&directory.path().join("tls.pem")).unwrap()[0];
        assert!(of(whole).is_some());
        for len in 0..whole.len() {
            assert_eq!(of(&CertificateDer::from(whole[..len].to_vec())), None, "{len} bytes");
        }
        assert_eq!(of(&CertificateDer::from(b"rubbish".to_vec())), None);
    }
}
