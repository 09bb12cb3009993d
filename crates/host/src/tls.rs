//! TLS of a running host: its own certificate, the administrator's beside it, and what is set about both.
//!
//! Whatever goes wrong with new files, the certificate before goes on.

use std::net::SocketAddr;
use std::path::Path;

use keymuster_core::id::{HostId, to_hex};
use keymuster_core::time::Timestamp;
use keymuster_service::Stop;
use keymuster_service::acme::{Line, Wanted};
use keymuster_service::tls::{self, Certificate, Files, Plain, Tls, Unusable, Versions};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use utoipa::ToSchema;

use crate::settings::{ACME_NAME, HostSettings, TlsPolicy, TlsSettings, full_name};

/// The host's own certificate, made at its first start.
pub fn own(data_dir: &Path, host: HostId, now: Timestamp) -> Result<Certificate, Unusable> {
    let mut names: Vec<String> = full_name().into_iter().collect();
    names.extend(["localhost", "127.0.0.1", "::1"].map(str::to_owned));
    tls::own(data_dir, &format!("Keymuster host {}", &host.to_string()[..8]), names, now)
}

/// How the running server speaks TLS, for those who look from outside.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct TlsReport {
    /// `offer`, `require` or `off`, for clients.
    pub policy: String,
    /// Whether browsers and tools are shown the host's own certificate.
    pub is_own: bool,
    /// Until when the one that they are shown holds, in seconds since 1970.
    pub not_after: u64,
    /// SHA-256 of the certificate that they are shown, as browsers show it.
    pub fingerprint: String,
    /// SHA-256 of the host's own key, as entitlements name it.
    pub own_key: String,
    /// Why the administrator's certificate is not shown, or not its newest state.
    pub problem: Option<String>,
}

/// Keeps the listeners as the settings say.
#[derive(Debug)]
pub struct Keeper {
    files: Files,
    /// Of the clients' listener.
    clients: Tls,
    /// Of the administrators'.
    administrators: Tls,
    seen: Option<TlsSettings>,
    acme: Acme,
}

/// What becomes of a certificate that an ACME server gives.
#[derive(Debug)]
pub struct Acme {
    /// To whoever orders it.
    pub line: Line,
    /// Where the proof is answered.
    pub listen: SocketAddr,
}

impl Keeper {
    /// For two listeners, which speak TLS from the first [`Keeper::look`] on.
    pub fn new(own: Certificate, clients: Tls, administrators: Tls, acme: Acme) -> Keeper {
        Keeper { files: Files::new(own), clients, administrators, seen: None, acme }
    }

    /// Looks at the settings and the files, and changes the listeners where something has changed.
    pub fn look(&mut self, settings: &TlsSettings) -> TlsReport {
        let is_new = self.seen.as_ref() != Some(settings);
        self.acme.want(settings);
        let ordered = self.acme.line.file.clone();
        let ordered = Some((&*ordered, &*ordered)).filter(|(file, _)| settings.acme().is_some() && file.exists());
        if self.files.look(settings.files().or(ordered)) || is_new {
            self.apply(settings);
            self.seen = Some(settings.clone());
        }
        self.report(settings)
    }

    fn apply(&self, settings: &TlsSettings) {
        let versions = if settings.is_12_spoken { Versions::From12 } else { Versions::Newest };
        let offer = |tls: &Tls, plain| tls.offer(self.files.certificates.clone(), versions, plain);
        match settings.policy {
            TlsPolicy::Offer => offer(&self.clients, Plain::Served),
            TlsPolicy::Require => offer(&self.clients, Plain::HealthOnly),
            TlsPolicy::Off => self.clients.turn_off(),
        }
        offer(&self.administrators, Plain::FromThisMachine);
    }

    fn report(&self, settings: &TlsSettings) -> TlsReport {
        let certificates = &self.files.certificates;
        let shown = &certificates.shown().facts;
        TlsReport {
            policy: settings.policy.name().to_owned(),
            is_own: certificates.administrators.is_none(),
            not_after: shown.not_after.as_secs(),
            fingerprint: to_hex(&shown.fingerprint),
            own_key: to_hex(&certificates.own.facts.spki),
            problem: self.files.problem.clone().or_else(|| self.acme.problem(settings)),
        }
    }

    /// Follows settings and files until the stop, and tells how TLS is spoken.
    pub async fn follow(
        mut self,
        mut settings: watch::Receiver<HostSettings>,
        reports: watch::Sender<TlsReport>,
        stop: Stop,
    ) {
        loop {
            let set = settings.borrow_and_update().tls.clone();
            let report = self.look(&set);
            reports.send_if_modified(|known| std::mem::replace(known, report.clone()) != report);
            tokio::select! {
                () = stop.asked() => return,
                Ok(()) = settings.changed() => {}
                () = tokio::time::sleep(tls::INTERVAL) => {}
            }
        }
    }
}

impl Acme {
    fn want(&self, settings: &TlsSettings) {
        let (Some(directory), Some(name)) = settings.acme().unzip() else { return self.replace(None) };
        let wanted = name.map(|name| Wanted { directory: directory.to_owned(), name, listen: self.listen });
        self.replace(wanted);
    }

    fn replace(&self, wanted: Option<Wanted>) {
        self.line.wanted.send_if_modified(|before| {
            let is_new = *before != wanted;
            *before = wanted;
            is_new
        });
    }

    fn problem(&self, settings: &TlsSettings) -> Option<String> {
        let (_, name) = settings.acme()?;
        let nameless =
            || format!("no certificate is ordered until {ACME_NAME} is set, as this machine has no full name");
        if name.is_none() { Some(nameless()) } else { self.line.problem.borrow().clone() }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::time::SystemTime;

    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_795_398_900);

    fn certificate(directory: &Path, name: &str) -> (PathBuf, PathBuf) {
        let data_dir = directory.join(name);
        std::fs::create_dir(&data_dir).unwrap();
        own(&data_dir, HostId::from_bytes([1; 16]), NOW).unwrap();
        (data_dir.join("tls.pem"), data_dir.join("tls.key"))
    }

    #[test]
    fn the_certificate_before_goes_on_until_the_new_one_fits() {
        let directory = tempfile::tempdir().unwrap();
        let [first, second] = ["first", "second"].map(|name| certificate(directory.path(), name));
        let fingerprint = |(certificate, key): &(PathBuf, PathBuf)| {
            to_hex(&Certificate::read(certificate, key).unwrap().facts.fingerprint)
        };
        let data_dir = directory.path().join("host");
        std::fs::create_dir(&data_dir).unwrap();
        let own = own(&data_dir, HostId::from_bytes([2; 16]), NOW).unwrap();
        let own_print = to_hex(&own.facts.fingerprint);
        let (_orders, line) = keymuster_service::acme::Keeper::new(&data_dir, keymuster_service::Env::system());
        let acme = Acme { line, listen: "127.0.0.1:0".parse().unwrap() };
        let mut keeper = Keeper::new(own, Tls::default(), Tls::default(), acme);

        let mut settings = TlsSettings::default();
        let report = keeper.look(&settings);
        assert_eq!((report.fingerprint, report.is_own, report.problem), (own_print.clone(), true, None));

        // The two files are set one after the other, and in between they do not fit.
        settings.certificate_file = Some(first.0.clone());
        let report = keeper.look(&settings);
        assert!(report.is_own && report.problem.unwrap().contains("has no private key in PEM form (KM-437"));
        settings.key_file = Some(first.1.clone());
        let report = keeper.look(&settings);
        assert_eq!((report.fingerprint, report.is_own, report.problem), (fingerprint(&first), false, None));

        // The files themselves change, one after the other.
        let before = fingerprint(&first);
        std::fs::copy(&second.0, &first.0).unwrap();
        let report = keeper.look(&settings);
        assert_eq!(report.fingerprint, before);
        assert!(report.problem.unwrap().contains("does not belong to the first certificate"));
        std::fs::copy(&second.1, &first.1).unwrap();
        std::fs::File::options().append(true).open(&first.1).unwrap().set_modified(SystemTime::now()).unwrap();
        let report = keeper.look(&settings);
        assert_eq!((report.fingerprint, report.problem), (fingerprint(&second), None));

        assert_eq!(keeper.look(&TlsSettings::default()).fingerprint, own_print, "the choice was taken back");
    }
}
