//! Installing a host key. It is checked here before anything is sent anywhere.
//!
//! The key is a secret, so no page shows it again: after a mistake the sentence says which symbol is wrong.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use keymuster_core::codes;
use keymuster_core::key::ProductKey;
use keymuster_core::time::Timestamp;
use keymuster_service::console::Page;
use keymuster_service::console::frame::Frame;
use keymuster_service::console::page::Form;
use keymuster_service::console::page::{self, html, unprocessable};
use keymuster_service::console::permission::Keys;
use serde::Deserialize;

use super::keys::sample_publisher;
use super::parts::Failed;
use super::{PRODUCT, Sample};
use crate::acts;
use crate::administration::Administration;
use crate::views::keys::{self, PublisherName};

#[derive(Template)]
#[template(path = "install.html")]
struct InstallPage {
    frame: Frame,
    publishers: Vec<PublisherName>,
    /// The publisher that was chosen.
    publisher: String,
    failed: Option<Failed>,
}

/// What the form sends.
#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
pub struct Input {
    key: String,
    publisher: String,
}

/// `GET /keys/install`.
pub async fn show(page: Page<Keys>, State(app): State<Administration>) -> page::Result<Response> {
    html(&load(&page, &app, String::new(), None).await?)
}

/// `POST /keys/install`.
pub async fn act(
    page: Page<Keys>,
    State(app): State<Administration>,
    Form(input): Form<Input>,
) -> page::Result<Response> {
    let Input { key, publisher } = input;
    let named = publisher.clone();
    let installed = app.act(page.by(), move |home, by| acts::keys::install_text(home, by, &named, &key)).await;
    match installed {
        Ok(installed) => {
            let acts::keys::Installed { last_five, group, publisher, id, .. } = installed;
            let notice = format!("Installed the host key that ends in {last_five} for {group}. Now activate it.");
            page.done(notice, format!("/keys/activate?publisher={publisher}&key={id}")).await
        }
        Err(problem) => unprocessable(&load(&page, &app, publisher, Some(Failed::of(problem)?)).await?),
    }
}

async fn load(
    page: &Page<Keys>,
    app: &Administration,
    publisher: String,
    failed: Option<Failed>,
) -> page::Result<InstallPage> {
    let now: Timestamp = page.at();
    let publishers = app.console.pool().read(move |tx| keys::load(tx, now)).await?.publishers;
    Ok(InstallPage { frame: page.frame(), publishers, publisher, failed })
}

/// Its states.
pub fn samples() -> Result<Vec<Sample>, askama::Error> {
    let aurora = || sample_publisher("aurora", "Aurora Systems");
    let page = |publishers, failed| InstallPage {
        frame: Frame::sample(&PRODUCT, "/keys"),
        publishers,
        publisher: String::new(),
        failed,
    };
    let mistyped = ProductKey::parse("GDVC8-QHX68-689TG-DTXQ8-6K264").err();
    let mistyped = mistyped.map(|error| Failed::sample(error.code(), &error.to_string()));
    let covered = "the key that ends in 7M4QX is of Aurora Server C 2026, which covers Aurora Desk 2026";
    let covered = Failed::sample(&codes::KEY_ALREADY_COVERED, covered);
    let two = vec![aurora(), sample_publisher("borealis", "Borealis")];
    Ok(vec![
        ("install-empty", page(Vec::new(), None).render()?),
        ("install-typical", page(vec![aurora()], None).render()?),
        ("install-full", page(two, Some(covered)).render()?),
        ("install-error", page(vec![aurora()], mistyped).render()?),
    ])
}
