//! Requests to an ACME server: over TLS to whom the system's certificate authorities vouch for, within limits.

use std::pin::Pin;
use std::time::Duration;

use anyhow::ensure;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::{Request, Response};
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};

use crate::https::Https;

/// A server that takes longer for one answer is not there.
const WITHIN: Duration = Duration::from_secs(20);
/// No answer of an ACME server is longer.
const ANSWER_MAX: usize = 256 * 1024;

/// How ACME servers are asked.
pub(super) struct Http(Https);

impl Http {
    /// Trusts the system's certificate authorities, or those in the file that `SSL_CERT_FILE` names.
    pub fn new() -> anyhow::Result<Http> {
        Https::new(None, WITHIN, ANSWER_MAX).map(Http)
    }
}

impl HttpClient for Http {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let https = self.0.clone();
        Box::pin(async move {
            let answer = ask(&https, request).await;
            // One line, because the library shows no causes.
            answer.map(BytesResponse::from).map_err(|error| Error::Other(format!("{error:#}").into()))
        })
    }
}

async fn ask(https: &Https, request: Request<BodyWrapper<Bytes>>) -> anyhow::Result<Response<Full<Bytes>>> {
    let uri = request.uri();
    ensure!(uri.scheme_str() == Some("https"), "cannot ask {uri}: the address does not begin with https://");
    let (parts, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    Ok(https.send(Request::from_parts(parts, body)).await?.map(Full::new))
}
