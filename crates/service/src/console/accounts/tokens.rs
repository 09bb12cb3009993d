//! Tokens of programs: everybody sees and makes their own, administrators see those of everybody.

use std::collections::BTreeMap;

use crate::sql::Transaction;
use askama::Template;
use axum::response::Response;
use keymuster_core::time::{DAY, Timestamp};

use super::super::page::Path;
use super::Sample;
use crate::console::Product;
use crate::console::book::{Book, NewToken};
use crate::console::frame::Frame;
use crate::console::page::{self, Form, Page, html, unprocessable};
use crate::console::permission::{Accounts, Look, Permission, Role};
use crate::console::token::{self, Token};

/// For how long a token is made unless somebody chooses, in days.
const DAYS: u64 = 90;

#[derive(Template)]
#[template(path = "tokens.html")]
struct TokensPage {
    frame: Frame,
    tokens: Vec<Token>,
    now: Timestamp,
}

#[derive(Template)]
#[template(path = "token_new.html")]
struct NewPage {
    frame: Frame,
    role: Role,
    name: String,
    chosen: Vec<Permission>,
    days: String,
    error: String,
}

#[derive(Template)]
#[template(path = "token_made.html")]
struct MadePage {
    frame: Frame,
    token: Token,
    secret: String,
    start: &'static str,
}

/// `GET /tokens`.
pub async fn show(page: Page<Look>) -> page::Result<Response> {
    let mut tokens = page.console().pool().read(token::all).await?;
    if !page.account().may::<Accounts>() {
        tokens.retain(|token| token.account == page.account().name);
    }
    html(&TokensPage { frame: page.frame(), tokens, now: page.at() })
}

/// `GET /tokens/new`.
pub async fn ask(page: Page<Look>) -> page::Result<Response> {
    page.confirmed("/tokens/new")?;
    let (role, name, error) = (page.account().role, String::new(), String::new());
    html(&NewPage { frame: page.frame(), role, name, chosen: vec![Permission::Look], days: DAYS.to_string(), error })
}

/// `POST /tokens/new`. Each scope that is chosen is a field of its own.
pub async fn make(page: Page<Look>, Form(fields): Form<BTreeMap<String, String>>) -> page::Result<Response> {
    page.confirmed("/tokens/new")?;
    let field = |name: &str| fields.get(name).cloned().unwrap_or_default();
    let (name, days) = (field("name"), field("days"));
    let chosen: Vec<Permission> =
        Permission::ALL.into_iter().filter(|scope| fields.contains_key(scope.name())).collect();
    // What is no number of days is no time at all, and refused as such.
    let secs = days.trim().parse::<u64>().unwrap_or(0).saturating_mul(DAY);
    let new = NewToken { name: name.clone(), scopes: chosen.clone(), expires_at: page.at().plus(secs) };
    let (by, record, env) = (page.by(), page.console().product().record, page.console().env().clone());
    let account = page.account().clone();
    let work = move |tx: &Transaction<'_>| Book { tx, record }.make_token(&by, &account, new, &env);
    match page.console().pool().write(work).await {
        Ok((token, secret)) => html(&MadePage { frame: page.frame(), token, secret, start: token::PREFIX }),
        Err(problem) if problem.status().is_client_error() => {
            let (role, error) = (page.account().role, problem.detail().to_owned());
            unprocessable(&NewPage { frame: page.frame(), role, name, chosen, days, error })
        }
        Err(problem) => Err(problem.into()),
    }
}

/// `POST /tokens/{id}/revoke`.
pub async fn revoke(page: Page<Look>, Path(id): Path<String>) -> page::Result<Response> {
    page.confirmed("/tokens")?;
    let owner = (!page.account().may::<Accounts>()).then(|| page.account().name.clone());
    let (by, record) = (page.by(), page.console().product().record);
    let work = move |tx: &Transaction<'_>| Book { tx, record }.revoke_token(&by, &id, owner.as_deref());
    let token = page.console().pool().write(work).await?;
    page.done(format!("The token {} is revoked.", token.name), "/tokens").await
}

impl NewPage {
    fn scopes(&self) -> &'static [Permission] {
        self.role.permissions()
    }

    fn meaning(&self, scope: &Permission) -> &'static str {
        match scope {
            Permission::Look => "see everything but secrets",
            Permission::Handle => "the acts of every day: reclaim a seat, carry requests and answers",
            Permission::Keys => "install, activate and remove keys; mint and issue at an authority",
            Permission::Settings => "change how the server behaves",
            Permission::Accounts => "change who may do what, and make tokens for it",
        }
    }
}

/// Its states.
pub fn samples(product: &'static Product) -> Result<Vec<Sample>, askama::Error> {
    let now = Timestamp::from_secs(1_800_000_000);
    let frame = || Frame::sample(product, "/tokens");
    let token = |number: u64| Token {
        id: format!("{number:016x}"),
        name: format!("script {number}"),
        account: "ada".to_owned(),
        scopes: vec![Permission::Look, Permission::Keys],
        created_at: now.minus(30 * DAY),
        expires_at: if number % 3 == 1 { now } else { now.plus(30 * DAY) },
        used_at: number.is_multiple_of(2).then_some(now),
        revoked_at: (number % 3 == 2).then_some(now),
    };
    let page = |count| TokensPage { frame: frame(), tokens: (0..count).map(token).collect(), now };
    let new = |error: &str| NewPage {
        frame: frame(),
        role: Role::Administrator,
        name: String::new(),
        chosen: vec![Permission::Look],
        days: DAYS.to_string(),
        error: error.to_owned(),
    };
    let secret = format!("{}{}", token::PREFIX, "0".repeat(43));
    Ok(vec![
        ("tokens-empty", page(0).render()?),
        ("tokens-typical", page(3).render()?),
        ("tokens-full", page(60).render()?),
        ("token-new", new("").render()?),
        ("token-new-wrong", new("a token has at least one scope").render()?),
        ("token-made", MadePage { frame: frame(), token: token(0), secret, start: token::PREFIX }.render()?),
    ])
}
