//! Asking another server: one request over HTTP/1.1, with TLS wherever its address says so.
//!
//! Proxies are not used, redirects are not followed, and time and length of the answer are bounded. What addresses may be
//! asked in plain HTTP is for the caller to decide.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow, ensure};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::{Request, Response, header};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// How servers are asked.
#[derive(Clone)]
pub(crate) struct Https {
    tls: Arc<ClientConfig>,
    /// A server that takes longer for one answer is not there.
    within: Duration,
    /// No answer is longer.
    answer_max: usize,
}

impl std::fmt::Debug for Https {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Https")
    }
}

impl Https {
    /// Trusts the certificates of a text in PEM, or those of the system or of the file that `SSL_CERT_FILE` names.
    pub fn new(ca: Option<&[u8]>, within: Duration, answer_max: usize) -> anyhow::Result<Https> {
        let mut roots = RootCertStore::empty();
        match ca {
            Some(pem) => {
                for certificate in CertificateDer::pem_slice_iter(pem) {
                    roots.add(certificate.context("it is not in PEM")?).context("a certificate is bad")?;
                }
                ensure!(!roots.is_empty(), "it holds no certificate");
            }
            // Where the system has none, servers over TLS fail by name.
            None => drop(roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs)),
        }
        let builder =
            ClientConfig::builder_with_provider(crate::tls::provider()).with_safe_default_protocol_versions()?;
        let tls = Arc::new(builder.with_root_certificates(roots).with_no_client_auth());
        Ok(Https { tls, within, answer_max })
    }

    /// Asks the server that the request's address names, and reads its whole answer, whatever its status.
    pub async fn send(&self, request: Request<Bytes>) -> anyhow::Result<Response<Bytes>> {
        let url = request.uri().to_string();
        let answer = tokio::time::timeout(self.within, self.exchange(request)).await;
        let answer = answer.unwrap_or_else(|_| Err(anyhow!("it does not answer in time")));
        answer.with_context(|| format!("cannot ask {url}"))
    }

    async fn exchange(&self, request: Request<Bytes>) -> anyhow::Result<Response<Bytes>> {
        let (mut parts, body) = request.into_parts();
        let uri = std::mem::take(&mut parts.uri);
        let is_tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(anyhow!("the address begins with neither https:// nor http://")),
        };
        let host = uri.host().context("the address names no server")?.trim_matches(['[', ']']).to_owned();
        let authority = uri.authority().context("the address names no server")?;
        parts.headers.insert(header::HOST, authority.as_str().parse()?);
        parts.uri = uri.path_and_query().map_or("/", |path| path.as_str()).parse()?;
        let request = Request::from_parts(parts, Full::new(body));
        let port = uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        let stream = TcpStream::connect((host.as_str(), port)).await?;
        if is_tls {
            let connector = TlsConnector::from(Arc::clone(&self.tls));
            let stream = connector.connect(ServerName::try_from(host)?, stream).await?;
            return self.talk(stream, request).await;
        }
        self.talk(stream, request).await
    }

    async fn talk<S>(&self, stream: S, request: Request<Full<Bytes>>) -> anyhow::Result<Response<Bytes>>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let connection = tokio::spawn(connection);
        let answer = sender.send_request(request).await?;
        let (parts, body) = answer.into_parts();
        let body = Limited::new(body, self.answer_max).collect().await;
        connection.abort();
        let body = body.map_err(|error| anyhow!("{error}"))?.to_bytes();
        Ok(Response::from_parts(parts, body))
    }
}
