//! The certificate that a server makes itself: its key names the server to everybody who holds a signed document with the
//! key's hash, so it stays the same for as long as the data directory does.

use std::io;
use std::path::Path;

use keymuster_core::time::{DAY, Timestamp};
use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::pki_types::PrivateKeyDer;
use time::OffsetDateTime;

use super::certificate::read_key;
use super::{Certificate, Unusable};
use crate::files;

const KEY_FILE: &str = "tls.key";
const CERTIFICATE_FILE: &str = "tls.pem";
/// From its making on. Who goes by the key's hash does not look at the dates, and people who told their browser to trust the
/// certificate are not to be asked again.
const VALID_SECS: u64 = 10 * 365 * DAY;
/// Before its making, for clocks that are behind.
const BACKDATED_SECS: u64 = 2 * DAY;

/// The certificate of the server in `data_dir`, made at its first start: for `names` of this machine, in the name of
/// `subject`.
///
/// The key is made first and never replaced; a lost certificate is made anew for the same key.
pub fn own(data_dir: &Path, subject: &str, names: Vec<String>, now: Timestamp) -> Result<Certificate, Unusable> {
    let (key, certificate) = (data_dir.join(KEY_FILE), data_dir.join(CERTIFICATE_FILE));
    if !key.try_exists()? {
        let made = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256);
        let made = made.map_err(|_| io::Error::other("the system gives no random numbers"))?;
        files::write_private(&key, made.serialize_pem().as_bytes())?;
    }
    if !certificate.try_exists()? {
        let made = self_signed(&key, subject, names, now)?;
        files::write_private(&certificate, made.as_bytes())?;
    }
    Certificate::read(&certificate, &key)
}

/// A certificate in PEM form, issued by itself.
fn self_signed(key: &Path, subject: &str, names: Vec<String>, now: Timestamp) -> Result<String, Unusable> {
    let not_ours =
        || Unusable::NoKey { path: key.to_owned(), why: ": it is not one that this program makes".to_owned() };
    let PrivateKeyDer::Pkcs8(pkcs8) = read_key(key)? else { return Err(not_ours()) };
    let pair = KeyPair::from_pkcs8_der_and_sign_algo(&pkcs8, &PKCS_ECDSA_P256_SHA256).map_err(|_| not_ours())?;
    let not_made = |error: &dyn std::fmt::Display| io::Error::other(format!("no certificate can be made: {error}"));
    let time = |time: Timestamp| {
        let secs = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
        OffsetDateTime::from_unix_timestamp(secs).map_err(|error| not_made(&error))
    };
    let mut wanted = CertificateParams::new(names).map_err(|error| not_made(&error))?;
    wanted.distinguished_name = DistinguishedName::new();
    wanted.distinguished_name.push(DnType::CommonName, subject);
    wanted.not_before = time(now.minus(BACKDATED_SECS))?;
    wanted.not_after = time(now.plus(VALID_SECS))?;
    wanted.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Ok(wanted.self_signed(&pair).map_err(|error| not_made(&error))?.pem())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rustls::RootCertStore;
    use rustls::client::WebPkiServerVerifier;
    use rustls::client::danger::ServerCertVerifier as _;
    use rustls::pki_types::{ServerName, UnixTime};

    use super::*;
    use crate::tls::{provider, read_chain};

    const NOW: Timestamp = Timestamp::from_secs(1_795_398_900);

    fn names() -> Vec<String> {
        ["host.example", "localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec()
    }

    #[test]
    fn it_is_made_once_and_its_key_is_never_replaced() {
        use std::os::unix::fs::PermissionsExt as _;

        let directory = tempfile::tempdir().unwrap();
        let data_dir = directory.path();
        let made = own(data_dir, "host 01", names(), NOW).unwrap();
        let mode = data_dir.join(KEY_FILE).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(made.facts.not_before, NOW.minus(2 * DAY));
        assert_eq!(made.facts.not_after, NOW.plus(3650 * DAY));
        assert_eq!(own(data_dir, "host 01", names(), NOW.plus(DAY)).unwrap().facts, made.facts, "the same");

        std::fs::remove_file(data_dir.join(CERTIFICATE_FILE)).unwrap();
        let anew = own(data_dir, "host 01", names(), NOW.plus(DAY)).unwrap();
        assert_eq!(anew.facts.spki, made.facts.spki);
        assert_ne!(anew.facts.fingerprint, made.facts.fingerprint);

        std::fs::write(data_dir.join(KEY_FILE), "rubbish").unwrap();
        let error = own(data_dir, "host 01", names(), NOW).unwrap_err();
        assert!(error.to_string().ends_with("tls.key has no private key in PEM form"), "{error}");
    }

    /// Whoever takes the certificate as its own root finds it in order, for its names and within its time.
    #[test]
    fn others_find_it_in_order() {
        let directory = tempfile::tempdir().unwrap();
        let long = format!("{}.example", "a".repeat(60));
        let many: Vec<String> =
            (0..40).map(|number| format!("host-{number}.example")).chain(names()).chain([long]).collect();
        own(directory.path(), "host 01", many, NOW).unwrap();
        let chain = read_chain(&directory.path().join(CERTIFICATE_FILE)).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(chain[0].clone()).unwrap();
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider()).build().unwrap();
        for (name, at, is_in_order) in [
            ("host.example", NOW, true),
            ("host-39.example", NOW, true),
            ("127.0.0.1", NOW, true),
            ("::1", NOW, true),
            ("other.example", NOW, false),
            ("127.0.0.2", NOW, false),
            ("host.example", NOW.minus(3 * DAY), false),
            ("host.example", NOW.plus(3649 * DAY), true),
            ("host.example", NOW.plus(3651 * DAY), false),
        ] {
            let time = UnixTime::since_unix_epoch(std::time::Duration::from_secs(at.as_secs()));
            let verified = verifier.verify_server_cert(&chain[0], &[], &ServerName::try_from(name).unwrap(), &[], time);
            assert_eq!(verified.is_ok(), is_in_order, "{name} at {at}: {verified:?}");
        }
    }

    #[test]
    fn wrong_files_are_refused_with_what_is_wrong() {
        let directory = tempfile::tempdir().unwrap();
        let (a, b) = (directory.path().join("a"), directory.path().join("b"));
        for each in [&a, &b] {
            std::fs::create_dir(each).unwrap();
            own(each, "x", names(), NOW).unwrap();
        }
        let file = |name: &str, text: &str| {
            let path = directory.path().join(name);
            crate::files::write_private(&path, text.as_bytes()).unwrap();
            path
        };
        let (certificate, key) = (a.join(CERTIFICATE_FILE), a.join(KEY_FILE));
        let both = std::fs::read_to_string(&certificate).unwrap() + &std::fs::read_to_string(&key).unwrap();
        let both = file("both.pem", &both);
        let damaged = file("damaged.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
        let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
        let encrypted = file("encrypted.pem", encrypted);
        for (certificate, key, expected) in [
            (&certificate, &key, None),
            (&both, &both, None),
            (&certificate, &b.join(KEY_FILE), Some("does not belong to the first certificate")),
            (&key, &key, Some("has no certificate in PEM form")),
            (&certificate, &certificate, Some("has no private key in PEM form")),
            (&damaged, &key, Some("its content is damaged")),
            (&certificate, &encrypted, Some("decrypt it with openssl pkey")),
            (&a.join("nothing"), &key, Some("cannot read")),
        ] {
            let read = Certificate::read(certificate, key);
            let error = read.as_ref().err().map(ToString::to_string);
            let is_expected = match expected {
                None => error.is_none(),
                Some(words) => error.as_ref().is_some_and(|error| error.contains(words)),
            };
            assert!(is_expected, "{certificate:?} {key:?}: {error:?}");
        }
    }
}
