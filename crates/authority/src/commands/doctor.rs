//! `doctor`: whether this authority can do its work, what will keep it from that, and what to do about it.
//!
//! Nothing is signed, counted or written.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use keymuster_core::codes;
use keymuster_core::finding::{Finding, Verdict};
use keymuster_service::doctor::certificate::{self, Shown};
use keymuster_service::doctor::{self as shared, clock, machine};
use keymuster_service::exit;
use keymuster_service::tls::Certificate;
use serde_json::json;

use super::Site;
use crate::administration::ADMINISTRATION_PORT;
use crate::doctor::{self, Facts, Listener};
use crate::error::Error;
use crate::output::Output;
use crate::store;

/// The options of `doctor`.
#[derive(Debug, Args)]
pub struct Options {
    /// Where the server listens, instead of the address that hosts and clients are told
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Where administrators reach it
    #[arg(long, value_name = "ADDRESS", default_value_t = SocketAddr::from(([127, 0, 0, 1], ADMINISTRATION_PORT)))]
    admin_listen: SocketAddr,
    /// The file with the certificate that the server was started with, in PEM form
    #[arg(long, value_name = "FILE")]
    tls_certificate: Option<PathBuf>,
    /// The file with the certificate's private key; by default the file of the certificate
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    tls_key: Option<PathBuf>,
}

/// How long a connection and an answer may take.
const WITHIN: Duration = Duration::from_secs(4);
/// Longer heads are nobody's answer to this question.
const ANSWER_BYTES_MAX: u64 = 16 * 1024;
/// The files that nobody else may read.
const SECRETS: [&str; 4] = ["root.key", "issuer.key", "tags.key", "tls.key"];

impl Options {
    pub fn run(self, site: &Site) -> Result<Output, Error> {
        if !site.dir.is_initialised() {
            let place = site.dir.path().display();
            return Err(Error::Rule(format!(
                "there is no authority in {place} yet; make one with keymuster-authority init"
            )));
        }
        let mut findings = Vec::new();
        let mut url = None;
        match self.facts(site) {
            Ok((facts, told)) => {
                findings.extend(doctor::examine(&facts));
                url = told;
            }
            Err(error) => findings.push(unloadable(&error)),
        }
        findings.extend(doctor::listeners(&self.listeners(url.as_deref())));
        if url.is_none() {
            findings
                .push(Finding::well("listener", "hosts and clients are told no address: they are answered by files"));
        }
        findings.extend(self.certificate(site));
        findings.extend(clock::examine(&[], clock::is_synchronised(), &codes::CLOCK_SKEW));
        let database = site.dir.database();
        let name = database.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        findings.extend(machine::examine(&machine::look(site.dir.path(), name, &SECRETS)));
        let works = "This authority can sign and answers";
        let diagnosis = shared::diagnosis(works, "This authority does not do its work", findings);
        let code = match diagnosis.verdict() {
            Verdict::Well => exit::OK,
            Verdict::Warning => exit::WARNING,
            Verdict::Broken => exit::BROKEN,
        };
        Ok(Output::new(shared::json(&diagnosis, json!({ "address": url })), diagnosis.text()).exiting(code))
    }

    /// What the data directory says, and the address that hosts and clients are told.
    fn facts(&self, site: &Site) -> Result<(Facts, Option<String>), Error> {
        let (authority, mut db) = site.authority()?;
        let catalogue = authority.newest_catalogue(&store::begin(&mut db)?)?;
        let facts = Facts {
            sign_until: authority.issuer.sign_until,
            catalogue: catalogue.map(|catalogue| catalogue.version),
            has_root_key: site.dir.root_key().exists(),
            now: site.env.now(),
        };
        Ok((facts, authority.trust.authority))
    }

    fn listeners(&self, url: Option<&str>) -> Vec<Listener> {
        let public = match (self.listen, url) {
            (Some(listen), _) => Some((listen.to_string(), Ok(vec![listen]))),
            (None, Some(url)) => Some((url.to_owned(), addresses(url))),
            (None, None) => None,
        };
        let public = public.map(|(address, addresses)| {
            let failure = addresses.and_then(|addresses| ask(&addresses, !address.starts_with("https://"))).err();
            Listener { name: "listener", address, failure }
        });
        let administration = Listener {
            name: "administration",
            address: self.admin_listen.to_string(),
            failure: ask(&[self.admin_listen], true).err(),
        };
        public.into_iter().chain([administration]).collect()
    }

    /// The certificate that was set, or else the one that the server made itself.
    fn certificate(&self, site: &Site) -> Option<Finding> {
        let own = || (site.dir.path().join("tls.pem"), site.dir.path().join("tls.key"));
        let (certificate, key) = match &self.tls_certificate {
            Some(file) => (file.clone(), self.tls_key.clone().unwrap_or_else(|| file.clone())),
            None => own(),
        };
        let is_own = self.tls_certificate.is_none();
        if is_own && !certificate.exists() {
            return None;
        }
        Some(match Certificate::read(&certificate, &key) {
            Ok(read) => {
                let shown = Shown { is_own, not_after: read.facts.not_after, problem: None, is_ordered: false };
                certificate::examine(&shown, site.env.now())
            }
            Err(error) => Finding::broken("certificate", error.to_string()).coded(&codes::TLS_CERTIFICATE_UNUSABLE),
        })
    }
}

/// Why the authority cannot work with what it has.
fn unloadable(error: &Error) -> Finding {
    let finding = Finding::broken("authority", error.to_string());
    match error.code() {
        Some(code) => finding.coded(code),
        None => finding.because("the authority does not start with this", "restore the file from a backup"),
    }
}

/// Where an authority's URL leads.
fn addresses(url: &str) -> Result<Vec<SocketAddr>, String> {
    let (scheme, rest) = url.split_once("://").ok_or("this is no URL")?;
    let host = rest.split('/').next().unwrap_or_default();
    let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    let port = if scheme == "https" { 443 } else { 80 };
    let host = if has_port { host.to_owned() } else { format!("{host}:{port}") };
    Ok(host.to_socket_addrs().map_err(|error| error.to_string())?.collect())
}

/// Connects, and asks whether the server lives where that can be asked without TLS.
fn ask(addresses: &[SocketAddr], is_plain: bool) -> Result<(), String> {
    let mut last = "the name has no address".to_owned();
    for address in addresses {
        match ask_one(*address, is_plain) {
            Ok(()) => return Ok(()),
            Err(why) => last = why,
        }
    }
    Err(last)
}

fn ask_one(address: SocketAddr, is_plain: bool) -> Result<(), String> {
    let failed = |error: std::io::Error| error.to_string();
    let mut stream = TcpStream::connect_timeout(&address, WITHIN).map_err(failed)?;
    if !is_plain {
        return Ok(());
    }
    stream.set_read_timeout(Some(WITHIN)).and_then(|()| stream.set_write_timeout(Some(WITHIN))).map_err(failed)?;
    let request = format!("GET /livez HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).map_err(failed)?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer).map_err(failed)?;
    let answer = String::from_utf8_lossy(&answer);
    let is_alive = answer.starts_with("HTTP/1.1 200") && answer.trim_end().ends_with("ok");
    if is_alive { Ok(()) } else { Err("what answers there is no authority".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_leads_to_its_port_or_that_of_its_scheme() {
        for (url, expected) in [
            ("http://127.0.0.1:1690", Some("127.0.0.1:1690")),
            ("http://127.0.0.1", Some("127.0.0.1:80")),
            ("https://127.0.0.1/", Some("127.0.0.1:443")),
            ("https://[::1]:1690/x", Some("[::1]:1690")),
            ("127.0.0.1", None),
        ] {
            let found = addresses(url).ok().and_then(|found| found.first().copied());
            assert_eq!(found, expected.map(|expected| expected.parse().unwrap()), "{url}");
        }
    }
}
