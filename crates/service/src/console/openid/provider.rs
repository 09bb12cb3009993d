//! The provider of an organisation: where it sends people, and what it says of those who come back.

use std::path::Path;

use anyhow::{Context as _, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use keymuster_core::time::Timestamp;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::fetch::Fetch;
use super::id_token::{self, Expected};
use super::rounds::{Purpose, Round, Rounds};
use super::settings::{OpenId, is_trusted_address};
use crate::Env;
use crate::console::session;

/// A provider, and who is on their way to it.
#[derive(Debug)]
pub struct Provider {
    pub(super) settings: OpenId,
    pub(super) rounds: Rounds,
    fetch: Fetch,
}

/// Somebody who is sent to the provider.
#[derive(Debug)]
pub struct Sent {
    /// Where to.
    pub to: String,
    /// What their browser keeps until they are back.
    pub secret: String,
}

impl Provider {
    /// The provider that a file names.
    pub fn of_file(path: &Path) -> anyhow::Result<Provider> {
        Provider::new(OpenId::read(path)?)
    }

    /// The provider that was chosen.
    fn new(settings: OpenId) -> anyhow::Result<Provider> {
        let fetch = Fetch::new(settings.ca.as_deref())?;
        Ok(Provider { settings, rounds: Rounds::default(), fetch })
    }

    /// Begins a round. `here` is where the browser reaches this server.
    pub async fn send(&self, purpose: Purpose, here: &str, back: &str, env: &Env) -> anyhow::Result<Sent> {
        let about = self.discover().await?;
        let endpoint = address(&about, "authorization_endpoint")?;
        let [secret, nonce, verifier] = [(); 3].map(|()| session::new_secret(env));
        // Only the browser that was sent knows what the state is the digest of.
        let state = session::digest(&secret);
        let here = self.settings.public_url.as_deref().unwrap_or(here);
        let redirect = format!("{here}{back}");
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()));
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("response_type", "code").append_pair("client_id", &self.settings.client_id);
        query.append_pair("redirect_uri", &redirect).append_pair("scope", &self.settings.scopes);
        query.append_pair("state", &state).append_pair("nonce", &nonce);
        query.append_pair("code_challenge", &challenge).append_pair("code_challenge_method", "S256");
        if matches!(purpose, Purpose::Confirm(..)) {
            query.append_pair("prompt", "login").append_pair("max_age", "0");
        }
        let separator = if endpoint.contains('?') { '&' } else { '?' };
        let to = format!("{endpoint}{separator}{}", query.finish());
        self.rounds.begin(state, Round { purpose, nonce, verifier, redirect, started_at: env.now() });
        Ok(Sent { to, secret })
    }

    /// What the provider says of whoever came back with this code.
    pub async fn receive(&self, round: &Round, code: &str, now: Timestamp) -> anyhow::Result<Value> {
        let about = self.discover().await?;
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "authorization_code")
            .append_pair("code", code)
            .append_pair("redirect_uri", &round.redirect)
            .append_pair("code_verifier", &round.verifier)
            .finish();
        // RFC 6749, 2.3.1: name and secret are encoded like a form before they are put together.
        let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let pair = format!("{}:{}", encode(&self.settings.client_id), encode(&self.settings.client_secret));
        let basic = format!("Basic {}", STANDARD.encode(pair));
        let tokens = self.fetch.post(&address(&about, "token_endpoint")?, &basic, form).await?;
        let token = tokens["id_token"].as_str().context("the provider gave no id token")?;
        let keys = self.fetch.get(&address(&about, "jwks_uri")?).await?;
        let is_anew = matches!(round.purpose, Purpose::Confirm(..));
        let expected = Expected {
            issuer: &self.settings.issuer,
            client_id: &self.settings.client_id,
            nonce: &round.nonce,
            proved_since: is_anew.then_some(round.started_at),
            now,
        };
        id_token::verify(token, &keys, &expected)
    }

    /// What the provider says of itself (OpenID Connect Discovery 1.0).
    async fn discover(&self) -> anyhow::Result<Value> {
        let issuer = &self.settings.issuer;
        let url = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let about = self.fetch.get(&url).await?;
        ensure!(about["issuer"].as_str() == Some(issuer), "{url} is about another issuer: {}", about["issuer"]);
        Ok(about)
    }
}

fn address(about: &Value, name: &str) -> anyhow::Result<String> {
    let url = about[name].as_str().with_context(|| format!("the provider names no {name}"))?;
    ensure!(is_trusted_address(url), "{name} of the provider is neither https:// nor on this machine: {url}");
    Ok(url.to_owned())
}
