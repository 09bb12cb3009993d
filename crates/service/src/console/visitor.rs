//! Somebody before a form that needs no session: where they are, and how a session of theirs begins.

use std::net::SocketAddr;

use crate::sql::Transaction;
use axum::extract::{ConnectInfo, FromRef, FromRequestParts};
use axum::http::{HeaderMap, HeaderValue, header, request::Parts};
use axum::response::Response;
use keymuster_core::time::Timestamp;

use super::account::Account;
use super::page::{PageError, see_other};
use super::secure::{cookie_name, cookie_shown, is_secure};
use super::session::{self, Session};
use super::{Console, account, back_off, book};
use crate::Problem;
use crate::database::Failure;

/// How much of what a browser calls itself is kept, in characters.
const AGENT_MAX: usize = 200;
/// How much of an address is kept, in characters; an IPv6 address has 39.
const ADDRESS_MAX: usize = 45;

/// Somebody who may or may not have a session.
#[derive(Clone, Debug)]
pub struct Visitor {
    /// The console they came to.
    pub console: Console,
    /// The time of the request.
    pub at: Timestamp,
    /// From where: what a proxy on this machine says, or the other end of the connection.
    pub address: String,
    /// What the browser calls itself.
    pub agent: String,
    /// Whether the browser asked over TLS.
    is_secure: bool,
    /// The digest of the session that the browser holds, if it holds one.
    held: Option<String>,
}

impl<S> FromRequestParts<S> for Visitor
where
    S: Send + Sync,
    Console: FromRef<S>,
{
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Visitor, PageError> {
        let console = Console::from_ref(state);
        let headers = &parts.headers;
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0);
        let agent = text(headers, header::USER_AGENT.as_str()).unwrap_or("unknown").chars().take(AGENT_MAX).collect();
        let held =
            cookie_shown(&parts.extensions, headers, console.product().cookie).map(|secret| session::digest(&secret));
        let is_secure = is_secure(&parts.extensions, headers);
        let at = console.env().now();
        Ok(Visitor { address: address(peer, headers), agent, is_secure, held, at, console })
    }
}

/// The other end of the connection; or, where that is this machine, whom a proxy on it names last. Whoever sends such a
/// header without a proxy is on this machine already, and escapes the delays of an address, not those of an account.
fn address(peer: Option<SocketAddr>, headers: &HeaderMap) -> String {
    let forwarded = text(headers, "x-forwarded-for").and_then(|list| list.rsplit(',').next()).map(str::trim);
    match (peer, forwarded) {
        (Some(peer), Some(name)) if peer.ip().is_loopback() && !name.is_empty() => {
            name.chars().take(ADDRESS_MAX).collect()
        }
        (Some(peer), _) => peer.ip().to_string(),
        (None, _) => "unknown".to_owned(),
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

impl Visitor {
    /// Begins a session with an id of its own, whatever the browser held before, and returns the id.
    pub fn begin(&self, tx: &Transaction<'_>, mut account: Account, how: &str) -> Result<String, Failure> {
        let now = self.at;
        book::prune(tx, now)?;
        if let Some(held) = &self.held {
            session::end(tx, held)?;
        }
        back_off::succeeded(tx, &account.name, &self.address)?;
        account.signed_in_at = Some(now);
        account::update(tx, &account)?;
        let secret = session::new_secret(self.console.env());
        let session = Session {
            digest: session::digest(&secret),
            account: account.name.clone(),
            started_at: now,
            seen_at: now,
            confirmed_at: now,
            address: self.address.clone(),
            agent: self.agent.clone(),
            notice: None,
        };
        session::begin(tx, &session)?;
        let detail = format!("from {}, {how}", self.address);
        let entry = super::audit::Entry {
            actor: &account.name,
            act: "signed in",
            subject: &account.name,
            detail: &detail,
            at: now,
        };
        (self.console.product().record)(tx, &entry)?;
        Ok(secret)
    }

    /// Leads to a page of this server with the cookie of a session that has begun.
    pub fn enter(&self, secret: &str, to: &str) -> Response {
        let mut response = see_other(to);
        response.headers_mut().insert(header::SET_COOKIE, self.cookie(secret));
        response
    }

    /// Ends the session that the browser holds, if it holds one, and takes its cookie away.
    pub async fn leave(&self, to: &str) -> Result<Response, Problem> {
        if let Some(held) = self.held.clone() {
            self.console.pool().write(move |tx| session::end(tx, &held)).await?;
        }
        let mut response = see_other(to);
        let value = self.cookie("").to_str().map(|cookie| format!("{cookie}; Max-Age=0")).unwrap_or_default();
        let value = HeaderValue::from_str(&value).expect("a cookie with an end is visible ASCII as well");
        response.headers_mut().insert(header::SET_COOKIE, value);
        Ok(response)
    }

    /// The cookie of a session. Without TLS it cannot be `Secure`.
    pub fn cookie(&self, secret: &str) -> HeaderValue {
        let secure = if self.is_secure { "; Secure" } else { "" };
        let name = cookie_name(self.console.product().cookie, self.is_secure);
        let text = format!("{name}={secret}; HttpOnly; SameSite=Strict; Path=/{secure}");
        HeaderValue::from_str(&text).expect("the cookie's name and a secret in Base64 are visible ASCII")
    }

    /// What a form without a session says where the database cannot be read.
    pub async fn is_claimed(&self) -> Result<bool, Problem> {
        Ok(self.console.pool().read(account::is_any).await?)
    }
}
