//! The certificate files of an administrator, read again when they change; whatever goes wrong with new ones, the
//! certificate before goes on.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use keymuster_core::codes;
use keymuster_core::id::to_hex;

use super::{Certificate, Certificates};

/// How often files are looked at, which change without a word: one look at a directory each.
pub const INTERVAL: Duration = Duration::from_secs(2);

/// A server's certificates, as its files are.
#[derive(Debug)]
pub struct Files {
    /// What is shown.
    pub certificates: Certificates,
    /// Why the administrator's certificate is not shown, or not its newest state.
    pub problem: Option<String>,
    seen: Vec<Seen>,
}

/// A file, when it was last written, and how long it is.
#[derive(Clone, PartialEq, Debug)]
struct Seen {
    path: PathBuf,
    state: Option<(SystemTime, u64)>,
}

impl Files {
    /// Nothing but the server's own, until the first [`Files::look`].
    pub fn new(own: Certificate) -> Files {
        Files { certificates: Certificates { own, administrators: None }, problem: None, seen: Vec::new() }
    }

    /// Looks at the files of the administrator's certificate and its key, if there are such files; whether anything has
    /// changed since the last look.
    pub fn look(&mut self, files: Option<(&Path, &Path)>) -> bool {
        let paths = files.map_or_else(Vec::new, |(certificate, key)| vec![certificate, key]);
        let seen: Vec<Seen> = paths.into_iter().map(Seen::now).collect();
        if seen == self.seen {
            return false;
        }
        self.seen = seen;
        match files.map(|(certificate, key)| Certificate::read(certificate, key)).transpose() {
            Ok(certificate) => {
                if let Some(facts) = certificate.as_ref().map(|certificate| &certificate.facts) {
                    let fingerprint = to_hex(&facts.fingerprint);
                    tracing::info!(until = %facts.not_after, fingerprint, "the administrator's certificate is shown");
                }
                self.certificates.administrators = certificate;
                self.problem = None;
            }
            Err(why) => {
                let code = &codes::TLS_CERTIFICATE_UNUSABLE;
                tracing::error!(code = code.name, %why, "cannot use the certificate that is set; the one before goes on");
                self.problem = Some(format!("{why} ({code})"));
            }
        }
        true
    }
}

impl Seen {
    fn now(path: &Path) -> Seen {
        let state = || {
            let metadata = path.metadata().ok()?;
            Some((metadata.modified().ok()?, metadata.len()))
        };
        Seen { path: path.to_owned(), state: state() }
    }
}
