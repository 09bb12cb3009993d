//! Proving once more who one is, before acts that destroy something: whoever finds an open browser does not get there.

use crate::sql::Transaction;
use askama::Template;
use axum::response::Response;
use serde::Deserialize;

use super::Product;
use super::account;
use super::accounts::Sample;
use super::back_off;
use super::frame::Frame;
use super::page::Query;
use super::page::{self, Form, Page, local_path, see_other, unprocessable};
use super::permission::Look;
use super::second_factor;
use super::session;
use super::sign_in::knock;
use super::visitor::Visitor;
use crate::Problem;

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
    proof: String,
    then: String,
}

#[derive(Template)]
#[template(path = "confirm.html")]
struct ConfirmPage {
    frame: Frame,
    name: String,
    then: String,
    has_password: bool,
    has_codes: bool,
    provider: Option<String>,
    error: &'static str,
}

const WRONG: &str = "that is neither the password nor a one-time code that counts";

/// `GET /confirm`.
pub async fn show(page: Page<Look>, Query(wanted): Query<Wanted>) -> page::Result<Response> {
    page::html(&ConfirmPage::new(&page, &wanted.then, ""))
}

/// `POST /confirm`.
pub async fn prove(page: Page<Look>, visitor: Visitor, Form(entered): Form<Entered>) -> page::Result<Response> {
    let Entered { proof, then } = entered;
    let name = page.account().name.clone();
    knock(&visitor, &name).await?;
    // The password or a one-time code; either is something that a stranger at an open browser lacks.
    let stored = page.account().password.clone();
    let is_password = page.console().passwords().is_right(proof.clone(), stored).await?;
    let (digest, address, at) = (page.session().digest.clone(), visitor.address.clone(), page.at());
    let work = move |tx: &Transaction<'_>| -> Result<bool, Problem> {
        let Some(mut account) = account::named(tx, &name)? else { return Ok(false) };
        let has_codes = account.totp_secret.is_some();
        let is_proved = is_password || has_codes && second_factor::prove(tx, &mut account, &proof, at)?;
        if is_proved {
            back_off::succeeded(tx, &name, &address)?;
            session::confirm(tx, &digest, at)?;
        }
        Ok(is_proved)
    };
    if page.console().pool().write(work).await? {
        return Ok(see_other(local_path(&then)));
    }
    unprocessable(&ConfirmPage::new(&page, &then, WRONG))
}

impl ConfirmPage {
    fn new(page: &Page<Look>, then: &str, error: &'static str) -> ConfirmPage {
        let account = page.account();
        let query = form_urlencoded::Serializer::new(String::new()).append_pair("then", local_path(then)).finish();
        let is_linked = account.openid_subject.is_some() && page.console().provider().is_some();
        let provider = is_linked.then(|| format!("/confirm/openid?{query}"));
        ConfirmPage {
            frame: page.frame(),
            name: account.name.clone(),
            then: local_path(then).to_owned(),
            has_password: account.password.is_some(),
            has_codes: account.totp_secret.is_some(),
            provider,
            error,
        }
    }
}

/// Its states.
pub fn samples(product: &'static Product) -> Result<Vec<Sample>, askama::Error> {
    let page = |has_password, has_codes, provider: Option<&str>, error| ConfirmPage {
        frame: Frame::sample(product, ""),
        name: "ada".to_owned(),
        then: "/".to_owned(),
        has_password,
        has_codes,
        provider: provider.map(str::to_owned),
        error,
    };
    Ok(vec![
        ("confirm-password", page(true, false, None, "").render()?),
        ("confirm-code", page(true, true, None, WRONG).render()?),
        ("confirm-organisation", page(false, false, Some("/confirm/openid?then=%2F"), "").render()?),
    ])
}
