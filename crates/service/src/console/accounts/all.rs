//! All accounts, for administrators, and adding one.

use crate::sql::Transaction;
use askama::Template;
use axum::response::Response;
use keymuster_core::time::{DAY, Timestamp};
use serde::Deserialize;

use super::Sample;
use crate::Problem;
use crate::console::Product;
use crate::console::account::{self, Account};
use crate::console::book::Book;
use crate::console::frame::Frame;
use crate::console::page::{self, Form, Page, html, unprocessable};
use crate::console::permission::{Accounts, Role};

/// For how long somebody has time to choose a password with a one-time token that an administrator made, in seconds.
pub const HANDED_OVER_SECS: u64 = DAY;

#[derive(Template)]
#[template(path = "accounts.html")]
struct AccountsPage {
    frame: Frame,
    accounts: Vec<Account>,
}

#[derive(Template)]
#[template(path = "account_new.html")]
struct NewPage {
    frame: Frame,
    name: String,
    role: Role,
    error: String,
}

/// A one-time token, shown once.
#[derive(Template)]
#[template(path = "one_time_token.html")]
pub struct OneTimeToken {
    pub frame: Frame,
    pub name: String,
    pub token: String,
    pub until: Timestamp,
}

/// What an administrator enters.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Entered {
    name: String,
    role: String,
}

/// `GET /accounts`.
pub async fn show(page: Page<Accounts>) -> page::Result<Response> {
    let accounts = page.console().pool().read(account::all).await?;
    html(&AccountsPage { frame: page.frame(), accounts })
}

/// `GET /accounts/new`.
pub async fn ask(page: Page<Accounts>) -> page::Result<Response> {
    page.confirmed("/accounts/new")?;
    html(&NewPage { frame: page.frame(), name: String::new(), role: Role::Viewer, error: String::new() })
}

/// `POST /accounts/new`.
pub async fn add(page: Page<Accounts>, Form(entered): Form<Entered>) -> page::Result<Response> {
    page.confirmed("/accounts/new")?;
    let Entered { name, role } = entered;
    let role: Role = role.parse().unwrap_or(Role::Viewer);
    let (by, record, env) = (page.by(), page.console().product().record, page.console().env().clone());
    let wanted = name.clone();
    let work = move |tx: &Transaction<'_>| -> Result<(Account, String), Problem> {
        let book = Book { tx, record };
        let account = book.add(&by, &wanted, role, None)?;
        let token = book.offer_reset(&by, &account.name, HANDED_OVER_SECS, &env)?;
        Ok((account, token))
    };
    match page.console().pool().write(work).await {
        Ok((account, token)) => {
            let until = page.at().plus(HANDED_OVER_SECS);
            html(&OneTimeToken { frame: page.frame(), name: account.name, token, until })
        }
        Err(problem) if problem.status().is_client_error() => {
            unprocessable(&NewPage { frame: page.frame(), name, role, error: problem.detail().to_owned() })
        }
        Err(problem) => Err(problem.into()),
    }
}

impl AccountsPage {
    fn means(&self, account: &Account) -> String {
        let means = [
            (account.password.is_some(), "password"),
            (account.totp_secret.is_some(), "one-time codes"),
            (account.openid_subject.is_some(), "organisation"),
        ];
        let means: Vec<&str> = means.into_iter().filter_map(|(has, name)| has.then_some(name)).collect();
        if means.is_empty() { "nothing yet".to_owned() } else { means.join(", ") }
    }
}

impl NewPage {
    fn roles(&self) -> [Role; 3] {
        Role::ALL
    }
}

/// Its states.
pub fn samples(product: &'static Product) -> Result<Vec<Sample>, askama::Error> {
    let now = Timestamp::from_secs(1_800_000_000);
    let frame = || Frame::sample(product, "/accounts");
    let account = |number: u64| {
        let role = Role::ALL[usize::try_from(number % 3).unwrap_or(0)];
        let account = Account::new(format!("person-{number}"), role, "ada", now);
        let disabled_at = (number % 4 == 3).then_some(now);
        Account {
            password: number.is_multiple_of(2).then(String::new),
            signed_in_at: disabled_at,
            disabled_at,
            ..account
        }
    };
    let page = |count| AccountsPage { frame: frame(), accounts: (0..count).map(account).collect() };
    let new = |name: &str, error: &str| NewPage {
        frame: frame(),
        name: name.to_owned(),
        role: Role::Operator,
        error: error.to_owned(),
    };
    let (name, token) = ("olaf".to_owned(), "0000-1111-2222-3333-4444-5555-6666".to_owned());
    Ok(vec![
        ("accounts-typical", page(3).render()?),
        ("accounts-full", page(60).render()?),
        ("account-new", new("", "").render()?),
        ("account-new-taken", new("olaf", "there is an account olaf already").render()?),
        ("one-time-token", OneTimeToken { frame: frame(), name, token, until: now }.render()?),
    ])
}
