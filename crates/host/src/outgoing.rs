//! Requests that the host itself sends: over TLS to whom the certificate says it is, and secrets in no other way.
//!
//! Proxies of the environment are not used and redirects are not followed: what is sent goes where its secrecy was checked,
//! or nowhere.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use keymuster_core::codes;
use keymuster_service::exit::Coded;
use keymuster_service::tls;
use rustls::pki_types::CertificateDer;
use ureq::http::Uri;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

/// Who vouches for the server that is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trust {
    /// The system's certificate authorities, or those in the file that `SSL_CERT_FILE` names.
    System,
    /// Nobody: the answer is signed, and is verified by its signature.
    Signature,
}

/// Asks `url`, and those below it, each within a time.
pub fn agent(url: &str, within: Duration, trust: Trust) -> Result<ureq::Agent, Coded> {
    let config = ureq::Agent::config_builder().timeout_global(Some(within)).http_status_as_error(false);
    let config = config.proxy(None).max_redirects(0);
    if !url.starts_with("https://") {
        return Ok(config.build().into());
    }
    let with_provider = TlsConfig::builder().unversioned_rustls_crypto_provider(tls::provider());
    let tls = match trust {
        Trust::System => with_provider.root_certs(RootCerts::Specific(Arc::new(system_roots(url)?))),
        Trust::Signature => with_provider.disable_verification(true),
    };
    Ok(config.tls_config(tls.build()).build().into())
}

fn system_roots(url: &str) -> Result<Vec<Certificate<'static>>, Coded> {
    let found = rustls_native_certs::load_native_certs();
    if found.certs.is_empty() {
        let why = found.errors.first().map_or_else(|| "there are none".to_owned(), ToString::to_string);
        let detail = format!("{url} cannot be recognised without the system's certificate authorities: {why}");
        return Err(Coded { code: &codes::CERTIFICATE_UNTRUSTED, detail });
    }
    let owned = |der: &CertificateDer<'static>| Certificate::from_der(der).to_owned();
    Ok(found.certs.iter().map(owned).collect())
}

/// A secret would be readable on the way without TLS, except on this machine itself.
pub fn check_secrecy(url: &str, secret: &str) -> Result<(), Coded> {
    let uri = url.parse::<Uri>().ok();
    let scheme = uri.as_ref().and_then(Uri::scheme_str);
    let host = uri.as_ref().and_then(Uri::host).map(|host| host.trim_matches(['[', ']']));
    let is_local = |host: &str| host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
    match (scheme, host) {
        (Some("https"), Some(_)) => Ok(()),
        (Some("http"), Some(host)) if is_local(host) => Ok(()),
        _ => {
            let detail = format!("the {secret} would travel to {url} unencrypted; take an address with https://");
            Err(Coded { code: &codes::SECRET_OVER_PLAIN_HTTP, detail })
        }
    }
}

/// Why nothing came back: because nobody vouches for the server, or for any other reason with the code `other`.
pub fn failure(who: &str, error: &ureq::Error, other: &'static codes::Code) -> Coded {
    if let Some(why) = certificate_error(error) {
        let detail = format!("{who} cannot be recognised, so that nothing was sent: {why}");
        return Coded { code: &codes::CERTIFICATE_UNTRUSTED, detail };
    }
    Coded { code: other, detail: format!("{who} does not answer: {error}") }
}

/// What is wrong with the server's certificate, if that ended the connection.
fn certificate_error(error: &ureq::Error) -> Option<String> {
    let tls = match error {
        ureq::Error::Rustls(error) => error,
        ureq::Error::Io(error) => io::Error::get_ref(error)?.downcast_ref::<rustls::Error>()?,
        _ => return None,
    };
    let is_certificate = matches!(tls, rustls::Error::InvalidCertificate(_));
    is_certificate.then(|| tls.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_goes_to_this_machine_or_over_tls() {
        for url in [
            "http://127.0.0.1:1690",
            "http://127.0.0.1/",
            "http://localhost:1690/",
            "http://[::1]:1690",
            "https://127.0.0.1:1690",
            "https://authority.example",
        ] {
            assert!(check_secrecy(url, "MAK").is_ok(), "{url}");
        }
        for url in [
            "http://192.0.2.1:1690",
            "http://authority.example",
            "http://127.0.0.1.example:1690",
            "http://localhost:1690@authority.example",
            "http://localhost:x@192.0.2.1/",
            "https://",
            "ftp://127.0.0.1",
            "127.0.0.1:1690",
            "",
        ] {
            assert_eq!(check_secrecy(url, "MAK").unwrap_err().code, &codes::SECRET_OVER_PLAIN_HTTP, "{url}");
        }
    }
}
