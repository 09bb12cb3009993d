//! Asking a provider over HTTP, with TLS wherever it is not this machine itself.

use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use hyper::body::Bytes;
use hyper::http::request::Builder;
use hyper::{Request, header};
use serde_json::Value;

use super::settings::is_trusted_address;
use crate::https::Https;

/// A provider that takes longer is not there.
const WITHIN: Duration = Duration::from_secs(8);
/// No document of a provider is longer.
const ANSWER_MAX: usize = 512 * 1024;

/// How a provider is reached.
#[derive(Clone, Debug)]
pub struct Fetch(Https);

impl Fetch {
    /// Trusts the certificates of a file in PEM, or those of the system.
    pub fn new(ca: Option<&[u8]>) -> anyhow::Result<Fetch> {
        Https::new(ca, WITHIN, ANSWER_MAX).map(Fetch).context("ca_file")
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

    async fn ask(&self, url: &str, request: Builder, body: String) -> anyhow::Result<Value> {
        ensure!(is_trusted_address(url), "cannot ask {url}: the address is neither https:// nor on this machine");
        let request = request.header(header::ACCEPT, "application/json").body(Bytes::from(body))?;
        let answer = self.0.send(request).await?;
        let (status, body) = (answer.status(), answer.into_body());
        let json = serde_json::from_slice::<Value>(&body);
        if !status.is_success() {
            // RFC 6749, 5.2: the reason stands in `error`.
            let reason = json.ok().and_then(|json| json["error"].as_str().map(str::to_owned)).unwrap_or_default();
            bail!("cannot ask {url}: it answers {status} {reason}");
        }
        json.with_context(|| format!("cannot ask {url}: it does not answer with JSON"))
    }
}
