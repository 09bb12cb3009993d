//! A form for a new customer.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use keymuster_core::id::{Label, Slug};
use keymuster_service::console::Page;
use keymuster_service::console::frame::Frame;
use keymuster_service::console::page::Form;
use keymuster_service::console::page::{self, html, unprocessable};
use keymuster_service::console::permission::Keys;
use serde::Deserialize;

use super::parts::Failed;
use super::{PRODUCT, Sample};
use crate::acts::customer_add::add_customer;
use crate::administration::Administration;

/// What is entered.
#[derive(Clone, Default, Debug, Deserialize)]
pub struct Entered {
    customer: String,
    name: String,
}

#[derive(Template)]
#[template(path = "customer_add.html")]
struct AddPage {
    frame: Frame,
    form: Entered,
    failed: Option<Failed>,
}

/// `GET /add-customer`.
pub async fn show(page: Page<Keys>) -> page::Result<Response> {
    html(&AddPage { frame: page.frame(), form: Entered::default(), failed: None })
}

/// `POST /add-customer`.
pub async fn add(
    page: Page<Keys>,
    State(app): State<Administration>,
    Form(form): Form<Entered>,
) -> page::Result<Response> {
    let failed = match read(&form) {
        Ok((slug, name)) => {
            let to = format!("/customers/{slug}");
            let notice = format!("{name} is a customer. The next thing it needs is a key.");
            match app.act(page.by(), |_, db, by| add_customer(db, slug, name, by)).await {
                Ok(_) => return page.done(notice, to).await,
                Err(problem) => Failed::of(problem)?,
            }
        }
        Err(failed) => failed,
    };
    unprocessable(&AddPage { frame: page.frame(), form, failed: Some(failed) })
}

fn read(form: &Entered) -> Result<(Slug, Label), Failed> {
    let slug = form.customer.trim().parse();
    let slug = slug.map_err(|error| Failed::field("customer", format!("{error}")))?;
    let name = form.name.trim().parse().map_err(|error| Failed::field("name", format!("{error}")))?;
    Ok((slug, name))
}

/// Its states.
pub fn samples() -> Result<Vec<Sample>, askama::Error> {
    let page = |customer: &str, name: &str, failed| {
        let form = Entered { customer: customer.to_owned(), name: name.to_owned() };
        AddPage { frame: Frame::sample(&PRODUCT, "/customers"), form, failed }.render()
    };
    let wrong = Failed::field("customer", "a slug has small letters, digits and dashes");
    Ok(vec![
        ("customer-add-empty", page("", "", None)?),
        ("customer-add-error", page("Muster & Sons", "Muster & Sons", Some(wrong))?),
    ])
}
