//! One account, for administrators: its role, its access, a new password.
//!
//! Everything here is done to others, so it asks first whether it is really the administrator who sits there.

use crate::sql::Transaction;
use askama::Template;
use axum::response::Response;
use keymuster_core::codes;
use keymuster_core::time::Timestamp;
use serde::Deserialize;

use super::super::page::Path;
use super::Sample;
use super::all::{HANDED_OVER_SECS, OneTimeToken};
use crate::Problem;
use crate::console::account::Account;
use crate::console::book::Book;
use crate::console::by::By;
use crate::console::frame::Frame;
use crate::console::page::{self, Form, Page, html, unprocessable};
use crate::console::permission::{Accounts, Role};
use crate::console::{Product, session, token};

#[derive(Template)]
#[template(path = "account_one.html")]
struct AccountPage {
    frame: Frame,
    account: Account,
    sessions: usize,
    tokens: usize,
    error: String,
}

/// Which role.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Chosen {
    role: String,
}

/// `GET /accounts/{name}`.
pub async fn show(page: Page<Accounts>, Path(name): Path<String>) -> page::Result<Response> {
    html(&AccountPage::load(&page, name, String::new()).await?)
}

/// `POST /accounts/{name}/role`.
pub async fn set_role(
    page: Page<Accounts>,
    Path(name): Path<String>,
    Form(chosen): Form<Chosen>,
) -> page::Result<Response> {
    let role: Role = chosen.role.parse().map_err(|why: String| Problem::new(&codes::INPUT_INVALID, why))?;
    let done = format!("The role of {name} is {role}.");
    act(page, name, done, move |book, by, name| book.set_role(by, name, role).map(drop)).await
}

/// `POST /accounts/{name}/disable`.
pub async fn disable(page: Page<Accounts>, Path(name): Path<String>) -> page::Result<Response> {
    let done = format!("{name} is disabled, and the sessions have ended.");
    act(page, name, done, |book, by, name| book.disable(by, name).map(drop)).await
}

/// `POST /accounts/{name}/enable`.
pub async fn enable(page: Page<Accounts>, Path(name): Path<String>) -> page::Result<Response> {
    let done = format!("{name} may sign in again.");
    act(page, name, done, |book, by, name| book.enable(by, name).map(drop)).await
}

/// `POST /accounts/{name}/sessions`.
pub async fn end_sessions(page: Page<Accounts>, Path(name): Path<String>) -> page::Result<Response> {
    let done = format!("All sessions of {name} have ended.");
    act(page, name, done, |book, by, name| book.end_sessions(by, name)).await
}

/// `POST /accounts/{name}/reset`.
pub async fn reset(page: Page<Accounts>, Path(name): Path<String>) -> page::Result<Response> {
    page.confirmed(&format!("/accounts/{name}"))?;
    let (by, record, env) = (page.by(), page.console().product().record, page.console().env().clone());
    let of = name.clone();
    let work = move |tx: &Transaction<'_>| Book { tx, record }.offer_reset(&by, &of, HANDED_OVER_SECS, &env);
    let token = page.console().pool().write(work).await?;
    let until = page.at().plus(HANDED_OVER_SECS);
    html(&OneTimeToken { frame: page.frame(), name, token, until })
}

async fn act(
    page: Page<Accounts>,
    name: String,
    done: String,
    act: impl FnOnce(&Book<'_>, &By<Accounts>, &str) -> Result<(), Problem> + Send + 'static,
) -> page::Result<Response> {
    let here = format!("/accounts/{name}");
    page.confirmed(&here)?;
    let (by, record, of) = (page.by(), page.console().product().record, name.clone());
    let acted = page.console().pool().write(move |tx| act(&Book { tx, record }, &by, &of)).await;
    match acted {
        Ok(()) => page.done(done, here).await,
        Err(problem) if problem.code() == &codes::INPUT_INVALID => {
            unprocessable(&AccountPage::load(&page, name, problem.detail().to_owned()).await?)
        }
        Err(problem) => Err(problem.into()),
    }
}

impl AccountPage {
    async fn load(page: &Page<Accounts>, name: String, error: String) -> Result<AccountPage, Problem> {
        let (record, now) = (page.console().product().record, page.at());
        let read = move |tx: &Transaction<'_>| -> Result<_, Problem> {
            let account = Book { tx, record }.account(&name)?;
            let sessions = session::of_account(tx, &name, now)?.len();
            let tokens = token::all(tx)?;
            let tokens = tokens.iter().filter(|token| token.account == name && token.is_alive(now)).count();
            Ok((account, sessions, tokens))
        };
        let (account, sessions, tokens) = page.console().pool().read(read).await?;
        Ok(AccountPage { frame: page.frame(), account, sessions, tokens, error })
    }

    fn roles(&self) -> [Role; 3] {
        Role::ALL
    }
}

/// Its states.
pub fn samples(product: &'static Product) -> Result<Vec<Sample>, askama::Error> {
    let now = Timestamp::from_secs(1_800_000_000);
    let page = |account: Account, error: &str| AccountPage {
        frame: Frame::sample(product, "/accounts"),
        account,
        sessions: 2,
        tokens: 1,
        error: error.to_owned(),
    };
    let olaf = || Account::new("olaf".to_owned(), Role::Operator, "ada", now);
    let last = "olaf is the last administrator; appoint another first";
    Ok(vec![
        ("account-one-typical", page(olaf(), "").render()?),
        ("account-one-disabled", page(Account { disabled_at: Some(now), ..olaf() }, "").render()?),
        ("account-one-last", page(Account { role: Role::Administrator, ..olaf() }, last).render()?),
    ])
}
