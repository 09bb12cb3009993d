//! Asking a provider over HTTP, with TLS wherever it is not this machine itself.
//!
//! Redirects are not followed, answers and times are bounded, and the certificates that count are the system's or those of
//! a file.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::{Request, Uri, header};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::settings::is_trusted_address;

/// A provider that takes longer is not there.
const WITHIN: Duration = Duration::from_secs(8);
/// No document of a provider is longer.
const ANSWER_MAX: usize = 512 * 1024;

/// How a provider is reached.
#[derive(Clone)]
pub struct Fetch {
    tls: Arc<ClientConfig>,
}

impl std::fmt::Debug for Fetch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fetch")
    }
}

impl Fetch {
    /// Trusts the certificates of a file in PEM, or those of the system.
    pub fn new(ca: Option<&[u8]>) -> anyhow::Result<Fetch> {
        let mut roots = RootCertStore::empty();
        match ca {
            Some(pem) => {
                for certificate in CertificateDer::pem_slice_iter(pem) {
                    roots
                        .add(certificate.context("ca_file is not in PEM")?)
                        .context("a certificate of ca_file is bad")?;
                }
                ensure!(!roots.is_empty(), "ca_file holds no certificate");
            }
            // Where the system has none, only providers on this machine can be reached, and the others fail by name.
            None => drop(roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs)),
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        Ok(Fetch { tls: Arc::new(builder.with_root_certificates(roots).with_no_client_auth()) })
    }

    /// A JSON document.
    pub async fn get(&self, url: &str) -> anyhow::Result<Value> {
        self.ask(url, Request::get(url), String::new()).await
    }

    /// The JSON answer to a form, sent with a name and a secret.
    pub async fn post(&self, url: &str, basic: &str, form: String) -> anyhow::Result<Value> {
        let request = Request::post(url)
            .header(header::AUTHORIZATION, basic)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.ask(url, request, form).await
    }

    async fn ask(&self, url: &str, request: hyper::http::request::Builder, body: String) -> anyhow::Result<Value> {
        let asked = tokio::time::timeout(WITHIN, self.exchange(url, request, body)).await;
        let asked = asked.map_err(|_| anyhow::anyhow!("it does not answer in time"));
        asked.and_then(|answer| answer).with_context(|| format!("cannot ask {url}"))
    }

    async fn exchange(&self, url: &str, request: hyper::http::request::Builder, body: String) -> anyhow::Result<Value> {
        ensure!(is_trusted_address(url), "the address is neither https:// nor on this machine");
        let uri: Uri = url.parse()?;
        let host = uri.host().context("the address names no server")?.trim_matches(['[', ']']).to_owned();
        let is_tls = uri.scheme_str() == Some("https");
        let port = uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let name = uri.authority().map_or(host.as_str(), |authority| authority.as_str());
        let request = request.uri(path).header(header::HOST, name).header(header::ACCEPT, "application/json");
        let request = request.body(Full::new(Bytes::from(body)))?;
        let stream = TcpStream::connect((host.as_str(), port)).await?;
        if is_tls {
            let connector = TlsConnector::from(Arc::clone(&self.tls));
            return talk(connector.connect(ServerName::try_from(host)?, stream).await?, request).await;
        }
        talk(stream, request).await
    }
}

async fn talk<S>(stream: S, request: Request<Full<Bytes>>) -> anyhow::Result<Value>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let answer = sender.send_request(request).await?;
    let status = answer.status();
    let body = Limited::new(answer.into_body(), ANSWER_MAX).collect().await;
    connection.abort();
    let body = body.map_err(|error| anyhow::anyhow!("{error}"))?.to_bytes();
    let json = serde_json::from_slice::<Value>(&body);
    if !status.is_success() {
        // RFC 6749, 5.2: the reason stands in `error`.
        let reason = json.ok().and_then(|json| json["error"].as_str().map(str::to_owned)).unwrap_or_default();
        bail!("it answers {status} {reason}");
    }
    json.context("it does not answer with JSON")
}
