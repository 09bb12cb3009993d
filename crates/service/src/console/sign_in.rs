//! Signing in: name, password and, where the account uses them, a one-time code.
//!
//! Whatever was wrong, the answer is the same; so are the work and the delays for names that nobody has.

use crate::sql::Transaction;
use askama::Template;
use axum::response::Response;
use keymuster_core::codes;
use serde::Deserialize;

use super::Product;
use super::account::{self, Account};
use super::accounts::Sample;
use super::back_off::{self, Subject};
use super::frame::Frame;
use super::page::Query;
use super::page::{self, Form, local_path, see_other, unprocessable};
use super::second_factor;
use super::visitor::Visitor;
use crate::Problem;
use crate::database::Failure;

/// The most characters of a name that is looked up.
const NAME_MAX: usize = 64;

/// Where to go afterwards.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Wanted {
    then: String,
}

/// What somebody enters.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub struct Entered {
    name: String,
    password: String,
    code: String,
    then: String,
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    frame: Frame,
    name: String,
    then: String,
    /// The way to the organisation's provider, where there is one.
    provider: Option<String>,
    error: Option<&'static str>,
}

const WRONG: &str = "name, password or one-time code is wrong";

/// `GET /sign-in`.
pub async fn show(visitor: Visitor, Query(wanted): Query<Wanted>) -> page::Result<Response> {
    if !visitor.is_claimed().await? {
        return Ok(see_other("/claim"));
    }
    let then = local_path(&wanted.then).to_owned();
    page::html(&SignInPage::new(&visitor, String::new(), then, None))
}

/// `POST /sign-in`.
pub async fn enter(visitor: Visitor, Form(entered): Form<Entered>) -> page::Result<Response> {
    let Entered { name, password, code, then } = entered;
    let then = local_path(&then).to_owned();
    let known: String = name.trim().to_lowercase().chars().take(NAME_MAX).collect();
    let account = knock(&visitor, &known).await?;
    let stored = account.as_ref().and_then(|account| account.password.clone());
    let is_right = visitor.console.passwords().is_right(password, stored).await?;
    let Some(account) = account.filter(|account| is_right && account.disabled_at.is_none()) else {
        tracing::warn!(name = known, address = visitor.address, "somebody failed to sign in");
        return refuse(&visitor, name, then);
    };
    let visitor_inside = visitor.clone();
    let work = move |tx: &Transaction<'_>| begin(tx, &visitor_inside, &account, &code);
    match visitor.console.pool().write(work).await? {
        Some(secret) => Ok(visitor.enter(&secret, &then)),
        None => refuse(&visitor, name, then),
    }
}

fn refuse(visitor: &Visitor, name: String, then: String) -> page::Result<Response> {
    unprocessable(&SignInPage::new(visitor, name, then, Some(WRONG)))
}

/// Counts an attempt, which is refused where it comes too early, and looks for the account.
pub async fn knock(visitor: &Visitor, name: &str) -> Result<Option<Account>, Problem> {
    let (name, address, now) = (name.to_owned(), visitor.address.clone(), visitor.at);
    let work = move |tx: &Transaction<'_>| -> Result<_, Failure> {
        let subjects = [Subject::Account(&name), Subject::Address(&address)];
        Ok(match back_off::begin(tx, &subjects, now)? {
            Ok(()) => Ok(account::named(tx, &name)?),
            Err(wait_secs) => Err(wait_secs),
        })
    };
    visitor.console.pool().write(work).await?.map_err(too_early)
}

fn too_early(wait_secs: u64) -> Problem {
    let detail = format!("too many attempts to sign in have failed; the next one is looked at in {wait_secs} seconds");
    Problem::new(&codes::RATE_LIMITED, detail).retry_after(wait_secs)
}

/// Begins a session, unless a one-time code is missing or wrong, or the account has changed since `known` was read.
fn begin(tx: &Transaction<'_>, visitor: &Visitor, known: &Account, code: &str) -> Result<Option<String>, Failure> {
    let Some(mut account) = account::named(tx, &known.name)? else { return Ok(None) };
    if account.password != known.password || account.disabled_at.is_some() {
        return Ok(None);
    }
    if !second_factor::prove(tx, &mut account, code, visitor.at)? {
        return Ok(None);
    }
    visitor.begin(tx, account, "by password").map(Some)
}

impl SignInPage {
    fn new(visitor: &Visitor, name: String, then: String, error: Option<&'static str>) -> SignInPage {
        let query = form_urlencoded::Serializer::new(String::new()).append_pair("then", &then).finish();
        let provider = visitor.console.provider().map(|_| format!("/openid/start?{query}"));
        SignInPage { frame: Frame::bare(&visitor.console), name, then, provider, error }
    }
}

/// Its states.
pub fn samples(product: &'static Product) -> Result<Vec<Sample>, askama::Error> {
    let page = |name: &str, provider: Option<&str>, error| SignInPage {
        frame: Frame::sample(product, ""),
        name: name.to_owned(),
        then: "/".to_owned(),
        provider: provider.map(str::to_owned),
        error,
    };
    Ok(vec![
        ("sign-in", page("", None, None).render()?),
        ("sign-in-organisation", page("", Some("/openid/start?then=%2F"), None).render()?),
        ("sign-in-wrong", page("ada", None, Some(WRONG)).render()?),
    ])
}
