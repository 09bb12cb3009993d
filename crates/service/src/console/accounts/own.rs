//! One's own account: password, second factor, sessions.

use crate::sql::Transaction;
use askama::Template;
use axum::response::Response;
use keymuster_core::time::Timestamp;
use serde::Deserialize;

use super::Sample;
use crate::Problem;
use crate::console::account::{self, Account};
use crate::console::book::Book;
use crate::console::frame::Frame;
use crate::console::page::{self, Form, Page, html, unprocessable};
use crate::console::permission::{Look, Permission, Role};
use crate::console::session::{self, Session};
use crate::console::sign_in::knock;
use crate::console::visitor::Visitor;
use crate::console::{Product, password, second_factor};
use crate::database::Failure;

/// How much of a session's digest names it in a form.
const SHORT: usize = 16;

#[derive(Template)]
#[template(path = "account.html")]
struct OwnPage {
    frame: Frame,
    account: Account,
    permissions: String,
    has_provider: bool,
    recovery_codes: u64,
    sessions: Vec<Session>,
    this: String,
    errors: Errors,
}

/// What is wrong with each field of the password form.
#[derive(Default)]
struct Errors {
    current: String,
    password: String,
    again: String,
}

/// What somebody enters to change their password.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Change {
    current: String,
    password: String,
    again: String,
}

/// Which session is to end; without one, all others.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct End {
    session: String,
}

/// `GET /account`.
pub async fn show(page: Page<Look>) -> page::Result<Response> {
    html(&OwnPage::load(&page, Errors::default()).await?)
}

/// `POST /account/password`.
pub async fn change_password(page: Page<Look>, visitor: Visitor, Form(change): Form<Change>) -> page::Result<Response> {
    let Change { current, password, again } = change;
    let account = page.account().clone();
    let mut errors = Errors::default();
    if let Err(why) = password::check(&password, &account.name) {
        errors.password = why;
    } else if password != again {
        errors.again = "the two passwords differ".to_owned();
    } else {
        // Only a form that could be taken is an attempt.
        knock(&visitor, &account.name).await?;
        if !page.console().passwords().is_right(current, account.password.clone()).await? {
            errors.current = "this is not your password".to_owned();
        }
    }
    if !errors.is_empty() {
        return unprocessable(&OwnPage::load(&page, errors).await?);
    }
    let digest = page.console().passwords().digest(password, page.console().env().clone()).await?;
    let (by, record, inside) = (page.by(), page.console().product().record, visitor.clone());
    let work = move |tx: &Transaction<'_>| -> Result<String, Problem> {
        let account = Book { tx, record }.set_password(&by, &account.name, digest)?;
        Ok(inside.begin(tx, account, "by the change of the password")?)
    };
    let secret = page.console().pool().write(work).await?;
    Ok(visitor.enter(&secret, "/account"))
}

/// `POST /account/sessions/end`.
pub async fn end_sessions(page: Page<Look>, Form(end): Form<End>) -> page::Result<Response> {
    let (by, record, this) = (page.by(), page.console().product().record, page.session().digest.clone());
    let name = page.account().name.clone();
    let work = move |tx: &Transaction<'_>| -> Result<usize, Failure> {
        let is_meant = |digest: &str| digest != this && (end.session.is_empty() || short(digest) == end.session);
        let mut ended = session::of_account(tx, &name, by.at())?;
        ended.retain(|session| is_meant(&session.digest));
        for session in &ended {
            session::end(tx, &session.digest)?;
            Book { tx, record }.note(&by, "session ended", &name, &format!("that from {}", session.address))?;
        }
        Ok(ended.len())
    };
    match page.console().pool().write(work).await? {
        1 => page.done("One session has ended.", "/account").await,
        count => page.done(format!("{count} sessions have ended."), "/account").await,
    }
}

fn short(digest: &str) -> &str {
    digest.get(..SHORT).unwrap_or(digest)
}

impl Errors {
    fn is_empty(&self) -> bool {
        [&self.current, &self.password, &self.again].iter().all(|error| error.is_empty())
    }
}

impl OwnPage {
    async fn load(page: &Page<Look>, errors: Errors) -> Result<OwnPage, Failure> {
        let (name, now) = (page.account().name.clone(), page.at());
        let read = move |tx: &Transaction<'_>| -> Result<_, Failure> {
            Ok((
                second_factor::recovery_codes(tx, &name)?,
                session::of_account(tx, &name, now)?,
                account::named(tx, &name)?,
            ))
        };
        let (recovery_codes, sessions, account) = page.console().pool().read(read).await?;
        Ok(OwnPage {
            frame: page.frame(),
            permissions: permissions(page.account().role),
            account: account.unwrap_or_else(|| page.account().clone()),
            has_provider: page.console().provider().is_some(),
            recovery_codes,
            sessions,
            this: page.session().digest.clone(),
            errors,
        })
    }

    fn is_this(&self, session: &Session) -> bool {
        session.digest == self.this
    }

    fn short<'a>(&self, session: &'a Session) -> &'a str {
        short(&session.digest)
    }
}

fn permissions(role: Role) -> String {
    role.permissions().iter().map(|permission| Permission::name(*permission)).collect::<Vec<_>>().join(", ")
}

/// Its states.
pub fn samples(product: &'static Product) -> Result<Vec<Sample>, askama::Error> {
    let now = Timestamp::from_secs(1_800_000_000);
    let session = |number: u64| Session {
        digest: format!("{number:064}"),
        account: "ada".to_owned(),
        started_at: now.minus(number * 900),
        seen_at: now.minus(number * 60),
        confirmed_at: now,
        address: format!("192.0.2.{number}"),
        agent: "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0".to_owned(),
        notice: None,
    };
    let sample = |sessions: u64, totp: Option<&str>, has_provider, errors| {
        let account = Account::new("ada".to_owned(), Role::Administrator, "server", now);
        OwnPage {
            frame: Frame::sample(product, "/account"),
            account: Account { password: Some(String::new()), totp_secret: totp.map(str::to_owned), ..account },
            permissions: permissions(Role::Administrator),
            has_provider,
            recovery_codes: 7,
            sessions: (0..sessions).map(session).collect(),
            this: session(0).digest,
            errors,
        }
    };
    let wrong = Errors { current: "this is not your password".to_owned(), ..Errors::default() };
    Ok(vec![
        ("account-typical", sample(1, None, false, Errors::default()).render()?),
        ("account-full", sample(9, Some("00"), true, Errors::default()).render()?),
        ("account-wrong-password", sample(2, None, true, wrong).render()?),
    ])
}
