//! To the provider and back: signing in, linking one's account, and proving anew who one is.
//!
//! The cookie of a session does not travel with a request that another site caused (`SameSite=Strict`), and the way back is
//! one. So a cookie of its own, which does, binds the round to the browser, and a page of this server leads on.

use std::sync::Arc;

use crate::sql::Transaction;
use askama::Template;
use axum::http::{HeaderValue, header, request::Parts};
use axum::response::{Html, IntoResponse as _, Response};
use keymuster_core::codes;
use serde::Deserialize;
use serde_json::Value;

use super::super::page::Query;
use super::Provider;
use super::rounds::{Purpose, ROUND_SECS, Round};
use super::sign_in::{self, refused};
use crate::Problem;
use crate::console::account;
use crate::console::book::Book;
use crate::console::by::By;
use crate::console::frame::Frame;
use crate::console::page::{self, Page, local_path, see_other};
use crate::console::permission::Look;
use crate::console::secure::{cookie_name, cookie_shown, is_secure};
use crate::console::visitor::Visitor;
use crate::console::{Console, session};

/// Where the provider leads back to.
pub const BACK: &str = "/openid/back";

/// Where to go afterwards.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Wanted {
    then: String,
}

/// What the provider hands back.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub struct Handed {
    code: String,
    state: String,
    error: String,
}

/// Leads on from within this server, so that the browser sends the cookie of the session.
#[derive(Template)]
#[template(path = "entered.html")]
struct EnteredPage {
    frame: Frame,
    to: String,
}

/// `GET /openid/start`.
pub async fn start(visitor: Visitor, asked: Parts, Query(wanted): Query<Wanted>) -> page::Result<Response> {
    send(&visitor.console, &asked, Purpose::SignIn(local_path(&wanted.then).to_owned())).await
}

/// `GET /account/openid/link`.
pub async fn link(page: Page<Look>, asked: Parts) -> page::Result<Response> {
    page.confirmed("/account")?;
    send(page.console(), &asked, Purpose::Link(page.session().digest.clone())).await
}

/// `POST /account/openid/unlink`.
pub async fn unlink(page: Page<Look>) -> page::Result<Response> {
    page.confirmed("/account")?;
    if page.account().password.is_none() {
        return Err(refused("this account has no password, so nobody could sign in to it".to_owned()).into());
    }
    let (by, record, name) = (page.by(), page.console().product().record, page.account().name.clone());
    page.console().pool().write(move |tx| Book { tx, record }.link(&by, &name, None)).await?;
    page.done("The link with your organisation's account is gone.", "/account").await
}

/// `GET /confirm/openid`.
pub async fn confirm(page: Page<Look>, asked: Parts, Query(wanted): Query<Wanted>) -> page::Result<Response> {
    let then = local_path(&wanted.then).to_owned();
    send(page.console(), &asked, Purpose::Confirm(page.session().digest.clone(), then)).await
}

/// `GET /openid/back`.
pub async fn back(visitor: Visitor, asked: Parts, Query(handed): Query<Handed>) -> page::Result<Response> {
    let provider = provider(&visitor.console)?;
    let held = cookie_shown(&asked.extensions, &asked.headers, &round_cookie(&visitor.console)).unwrap_or_default();
    // Whoever led somebody here with a code of their own cannot know what the state is the digest of.
    let is_own = session::digest(&held) == handed.state;
    let round = is_own.then(|| provider.rounds.end(&handed.state, visitor.at)).flatten();
    let round = round.ok_or_else(|| refused("this way back is over; begin again at the sign-in page".to_owned()))?;
    if !handed.error.is_empty() {
        return Err(refused(format!("the provider says {:?}", handed.error)).into());
    }
    let claims = provider.receive(&round, &handed.code, visitor.at).await.map_err(|error| failed(&error))?;
    let inside = (visitor.clone(), Arc::clone(&provider));
    let arrived = move |tx: &Transaction<'_>| arrive(tx, &inside.0, &inside.1, round, &claims);
    let (secret, to) = visitor.console.pool().write(arrived).await?;
    let page = EnteredPage { frame: Frame::bare(&visitor.console), to };
    let text = page.render().map_err(|_| Problem::new(&codes::INTERNAL_FAILURE, "the page cannot be shown"))?;
    let mut response = Html(text).into_response();
    let is_secure = is_secure(&asked.extensions, &asked.headers);
    response.headers_mut().append(header::SET_COOKIE, set_round_cookie(&visitor.console, is_secure, "", 0));
    if let Some(secret) = secret {
        response.headers_mut().append(header::SET_COOKIE, visitor.cookie(&secret));
    }
    Ok(response)
}

/// Does what the round was for: the secret of a session that has begun, if one has, and where to go.
fn arrive(
    tx: &Transaction<'_>,
    visitor: &Visitor,
    provider: &Provider,
    round: Round,
    claims: &Value,
) -> Result<(Option<String>, String), Problem> {
    let book = Book { tx, record: visitor.console.product().record };
    let settings = &provider.settings;
    match round.purpose {
        Purpose::SignIn(then) => {
            let account = sign_in::account(&book, settings, claims, visitor.at)?;
            Ok((Some(visitor.begin(tx, account, "by the organisation's provider")?), then))
        }
        Purpose::Link(digest) => {
            let account = of_session(tx, visitor, &digest)?;
            let subject = sign_in::subject(settings, claims);
            if account::of_subject(tx, &subject)?.is_some_and(|other| other.name != account.name) {
                return Err(refused("another account here is linked with it already".to_owned()));
            }
            book.link(&By::<Look>::account(&account.name, visitor.at), &account.name, Some(subject))?;
            session::notify(tx, &digest, "Your account is linked with that of your organisation.")?;
            Ok((None, "/account".to_owned()))
        }
        Purpose::Confirm(digest, then) => {
            let account = of_session(tx, visitor, &digest)?;
            if account.openid_subject != Some(sign_in::subject(settings, claims)) {
                return Err(refused("that is somebody else".to_owned()));
            }
            session::confirm(tx, &digest, visitor.at)?;
            Ok((None, then))
        }
    }
}

/// The account of the session that began a round, if it still counts.
fn of_session(tx: &Transaction<'_>, visitor: &Visitor, digest: &str) -> Result<account::Account, Problem> {
    let session = session::find(tx, digest)?.filter(|session| session.is_alive(visitor.at));
    let account = match session {
        Some(session) => account::named(tx, &session.account)?.filter(|account| account.disabled_at.is_none()),
        None => None,
    };
    account.ok_or_else(|| Problem::new(&codes::NOT_SIGNED_IN, "the session has ended meanwhile; sign in again"))
}

async fn send(console: &Console, asked: &Parts, purpose: Purpose) -> page::Result<Response> {
    let provider = provider(console)?;
    let is_secure = is_secure(&asked.extensions, &asked.headers);
    let scheme = if is_secure { "https" } else { "http" };
    // The guard has held this name against the list of those that are ours.
    let name = asked.headers.get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let here = format!("{scheme}://{name}");
    let sent = provider.send(purpose, &here, BACK, console.env()).await.map_err(|error| failed(&error))?;
    let mut response = see_other(&sent.to);
    response.headers_mut().append(header::SET_COOKIE, set_round_cookie(console, is_secure, &sent.secret, ROUND_SECS));
    Ok(response)
}

fn provider(console: &Console) -> Result<Arc<Provider>, Problem> {
    let detail = "this console knows no organisation's provider; serve --openid-file FILE names one";
    console.provider().ok_or_else(|| Problem::new(&codes::RECORD_UNKNOWN, detail))
}

fn failed(error: &anyhow::Error) -> Problem {
    tracing::error!(error = format!("{error:#}"), "signing in with the organisation's provider failed");
    Problem::new(&codes::PROVIDER_FAILED, format!("{error:#}"))
}

fn round_cookie(console: &Console) -> String {
    format!("{}-openid", console.product().cookie)
}

/// Browsers take a cookie with the prefix of `cookie_name` for all paths only.
fn set_round_cookie(console: &Console, is_secure: bool, secret: &str, secs: u64) -> HeaderValue {
    let name = cookie_name(&round_cookie(console), is_secure);
    let place = if is_secure { "/; Secure" } else { BACK };
    let text = format!("{name}={secret}; HttpOnly; SameSite=Lax; Path={place}; Max-Age={secs}");
    HeaderValue::from_str(&text).expect("the cookie's name and a secret in Base64 are visible ASCII")
}
