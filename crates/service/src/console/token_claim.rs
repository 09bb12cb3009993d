//! Using a one-time token: the first administrator chooses a name and a password, others a new password.

use crate::sql::Transaction;
use askama::Template;
use axum::response::Response;
use serde::Deserialize;

use super::Product;
use super::account;
use super::accounts::Sample;
use super::book::Book;
use super::by::By;
use super::claim::{self, Purpose};
use super::frame::Frame;
use super::page::{self, Form, unprocessable};
use super::password;
use super::permission::{Accounts, Role};
use super::visitor::Visitor;
use crate::Problem;

/// What somebody enters.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub struct Entered {
    token: String,
    name: String,
    password: String,
    again: String,
}

#[derive(Template)]
#[template(path = "claim.html")]
struct ClaimPage {
    frame: Frame,
    program: &'static str,
    is_first: bool,
    name: String,
    errors: Errors,
}

/// What is wrong with each field, or nothing.
#[derive(Default)]
struct Errors {
    token: String,
    name: String,
    password: String,
    again: String,
}

/// `GET /claim`.
pub async fn show(visitor: Visitor) -> page::Result<Response> {
    let is_first = !visitor.is_claimed().await?;
    page::html(&ClaimPage::new(&visitor, is_first, String::new(), Errors::default()))
}

/// `POST /claim`.
pub async fn take(visitor: Visitor, Form(entered): Form<Entered>) -> page::Result<Response> {
    let Entered { token, name, password, again } = entered;
    let is_first = !visitor.is_claimed().await?;
    let refuse = |errors| unprocessable(&ClaimPage::new(&visitor, is_first, name.clone(), errors));
    let account = match check(&name, &password, &again) {
        Ok(account) => account,
        Err(errors) => return refuse(errors),
    };
    let purpose = {
        let (token, now) = (token.clone(), visitor.at);
        visitor.console.pool().read(move |tx| claim::find(tx, &token, now)).await?
    };
    let is_meant = match purpose {
        Some(Purpose::First) => is_first,
        Some(Purpose::Reset(of)) => of == account,
        None => false,
    };
    if !is_meant {
        return refuse(unknown_token());
    }
    // Only whoever has a token makes the server work for a digest.
    let console = visitor.console.clone();
    let digest = console.passwords().digest(password, console.env().clone()).await?;
    let visitor_inside = visitor.clone();
    let begun = console.pool().write(move |tx| begin(tx, &visitor_inside, &token, &account, digest)).await?;
    match begun {
        Some(secret) => Ok(visitor.enter(&secret, "/")),
        None => refuse(unknown_token()),
    }
}

/// The name of the account, where everything that was entered can be taken.
fn check(name: &str, password: &str, again: &str) -> Result<String, Errors> {
    let mut errors = Errors::default();
    let parsed = account::parse_name(name);
    if let Err(why) = password::check(password, parsed.as_deref().unwrap_or("\0")) {
        errors.password = why;
    } else if password != again {
        errors.again = "the two passwords differ".to_owned();
    }
    match parsed {
        Ok(name) if errors.password.is_empty() && errors.again.is_empty() => Ok(name),
        Ok(_) => Err(errors),
        Err(why) => Err(Errors { name: why, ..errors }),
    }
}

fn unknown_token() -> Errors {
    let why = "this token does not count for this name: it is mistyped, was used, or is older than its time";
    Errors { token: why.to_owned(), ..Errors::default() }
}

/// Uses the token, unless somebody else did meanwhile, and begins a session.
fn begin(
    tx: &Transaction<'_>,
    visitor: &Visitor,
    token: &str,
    name: &str,
    digest: String,
) -> Result<Option<String>, Problem> {
    let book = Book { tx, record: visitor.console.product().record };
    let Some(purpose) = claim::find(tx, token, visitor.at)? else { return Ok(None) };
    claim::withdraw(tx, &purpose)?;
    let by = By::<Accounts>::account(name, visitor.at);
    let account = match purpose {
        Purpose::First if account::is_any(tx)? => return Ok(None),
        Purpose::First => book.add(&by, name, Role::Administrator, Some(digest))?,
        Purpose::Reset(account) => book.reset_password(&by, &account, digest)?,
    };
    Ok(Some(visitor.begin(tx, account, "by a one-time token")?))
}

impl ClaimPage {
    fn new(visitor: &Visitor, is_first: bool, name: String, errors: Errors) -> ClaimPage {
        let frame = Frame::bare(&visitor.console);
        ClaimPage { frame, program: visitor.console.product().program, is_first, name, errors }
    }
}

/// Its states.
pub fn samples(product: &'static Product) -> Result<Vec<Sample>, askama::Error> {
    let page = |is_first, name: &str, errors| ClaimPage {
        frame: Frame::sample(product, ""),
        program: product.program,
        is_first,
        name: name.to_owned(),
        errors,
    };
    let wrong = Errors { again: "the two passwords differ".to_owned(), ..unknown_token() };
    Ok(vec![
        ("claim-first", page(true, "", Errors::default()).render()?),
        ("claim-reset", page(false, "", Errors::default()).render()?),
        ("claim-wrong", page(false, "olaf", wrong).render()?),
    ])
}
