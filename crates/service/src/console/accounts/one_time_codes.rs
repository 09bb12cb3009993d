//! Setting up one-time codes: a secret is offered, and counts once a code of it was entered.

use crate::sql::Transaction;
use askama::Template;
use axum::response::Response;
use keymuster_qr::Code;
use serde::Deserialize;

use super::Sample;
use crate::console::account::{self, Account};
use crate::console::book::Book;
use crate::console::frame::Frame;
use crate::console::page::{self, Form, Page, html, see_other, unprocessable};
use crate::console::permission::Look;
use crate::console::{Product, second_factor, totp};
use crate::database::Failure;

const HERE: &str = "/account/one-time-codes";

#[derive(Template)]
#[template(path = "one_time_codes.html")]
struct SetUpPage {
    frame: Frame,
    qr: Option<String>,
    secret: String,
    error: &'static str,
}

#[derive(Template)]
#[template(path = "recovery_codes.html")]
struct RecoveryPage {
    frame: Frame,
    codes: Vec<String>,
}

/// What somebody enters.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Entered {
    code: String,
}

/// `POST /account/one-time-codes/offer`.
pub async fn offer(page: Page<Look>) -> page::Result<Response> {
    page.confirmed("/account")?;
    let (name, secret) = (page.account().name.clone(), totp::new_secret(page.console().env()));
    let work = move |tx: &Transaction<'_>| match account::named(tx, &name)? {
        Some(account) => account::update(tx, &Account { totp_offered: Some(secret), ..account }),
        None => Ok(()),
    };
    page.console().pool().write(work).await?;
    Ok(see_other(HERE))
}

/// `GET /account/one-time-codes`.
pub async fn show(page: Page<Look>) -> page::Result<Response> {
    page.confirmed(HERE)?;
    match &page.account().totp_offered {
        Some(secret) => html(&SetUpPage::new(&page, secret, "")),
        None => Ok(see_other("/account")),
    }
}

/// `POST /account/one-time-codes`.
pub async fn turn_on(page: Page<Look>, Form(entered): Form<Entered>) -> page::Result<Response> {
    page.confirmed(HERE)?;
    let Some(secret) = page.account().totp_offered.clone() else { return Ok(see_other("/account")) };
    let (name, by, record) = (page.account().name.clone(), page.by(), page.console().product().record);
    let env = page.console().env().clone();
    let work = move |tx: &Transaction<'_>| -> Result<Option<Vec<String>>, Failure> {
        let Some(mut account) = account::named(tx, &name)? else { return Ok(None) };
        let codes = second_factor::turn_on(tx, &mut account, &entered.code, by.at(), &env)?;
        if codes.is_some() {
            Book { tx, record }.note(&by, "one-time codes turned on", &name, "")?;
        }
        Ok(codes)
    };
    match page.console().pool().write(work).await? {
        Some(codes) => html(&RecoveryPage { frame: page.frame(), codes }),
        None => {
            unprocessable(&SetUpPage::new(&page, &secret, "this is not the code of this minute; is the clock right?"))
        }
    }
}

/// `POST /account/one-time-codes/off`.
pub async fn turn_off(page: Page<Look>) -> page::Result<Response> {
    page.confirmed("/account")?;
    let (name, by, record) = (page.account().name.clone(), page.by(), page.console().product().record);
    let work = move |tx: &Transaction<'_>| -> Result<(), Failure> {
        if let Some(mut account) = account::named(tx, &name)? {
            second_factor::turn_off(tx, &mut account)?;
            Book { tx, record }.note(&by, "one-time codes turned off", &name, "")?;
        }
        Ok(())
    };
    page.console().pool().write(work).await?;
    page.done("One-time codes are off.", "/account").await
}

impl SetUpPage {
    fn new(page: &Page<Look>, secret: &str, error: &'static str) -> SetUpPage {
        let frame = page.frame();
        let issuer = format!("{} {}", frame.product, frame.site);
        let qr = Code::of_text(&totp::link(&issuer, &page.account().name, secret)).map(|code| code.svg());
        SetUpPage { qr, secret: totp::secret_words(secret), frame, error }
    }
}

/// Its states.
pub fn samples(product: &'static Product) -> Result<Vec<Sample>, askama::Error> {
    let secret = "3132333435363738393031323334353637383930";
    let set_up = |error| SetUpPage {
        frame: Frame::sample(product, "/account"),
        qr: Code::of_text(&totp::link(product.name, "ada", secret)).map(|code| code.svg()),
        secret: totp::secret_words(secret),
        error,
    };
    let codes = (0..8).map(|number| format!("0000-0000-0000-000{number}")).collect();
    Ok(vec![
        ("one-time-codes-typical", set_up("").render()?),
        ("one-time-codes-wrong", set_up("this is not the code of this minute; is the clock right?").render()?),
        ("recovery-codes", RecoveryPage { frame: Frame::sample(product, "/account"), codes }.render()?),
    ])
}
