//! Exchanging requests for activations by a MAK: as a file for the publisher, or straight at its authority.
//!
//! The MAK is a secret, so no page shows it again.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use keymuster_core::bundle::EXCHANGE_MAX;
use keymuster_core::codes;
use keymuster_core::key::ProductKey;
use keymuster_service::console::Page;
use keymuster_service::console::frame::Frame;
use keymuster_service::console::page::Form;
use keymuster_service::console::page::{self, html, unprocessable};
use keymuster_service::console::permission::Handle;
use keymuster_service::console::upload::SecretFile;
use serde::Deserialize;

use super::exchange::{sample_open, words};
use super::keys::sample_publisher;
use super::parts::Failed;
use super::{PRODUCT, Sample};
use crate::acts::exchange::{self as acts, Ordered};
use crate::administration::Administration;
use crate::site::Site;
use crate::views::exchange::{self, OpenEdition};
use crate::views::keys::{self, PublisherName};

#[derive(Template)]
#[template(path = "exchange_send.html")]
struct SendPage {
    frame: Frame,
    open: Vec<OpenEdition>,
    publishers: Vec<PublisherName>,
    input: Input,
    failed: Option<Failed>,
}

impl SendPage {
    /// Whether what waits for one edition may need more than one file.
    fn is_long(&self) -> bool {
        self.open.iter().any(|open| open.requests > EXCHANGE_MAX as u64)
    }

    fn authorities(&self) -> String {
        let known = self.publishers.iter().filter_map(|held| held.authority.as_deref());
        known.collect::<Vec<_>>().join(", ")
    }
}

/// What the form sends; the MAK is never shown again.
#[derive(Clone, Deserialize)]
#[serde(default)]
#[derive(Default)]
pub struct Input {
    mak: String,
    publisher: String,
    file: String,
    authority: String,
}

impl Input {
    fn ordered(self) -> Ordered {
        let file = self.file.trim().parse().unwrap_or(1);
        Ordered { publisher: self.publisher, mak: self.mak, edition: None, file: Some(file) }
    }
}

/// `GET /exchange/send`.
pub async fn show(page: Page<Handle>, State(app): State<Administration>) -> page::Result<Response> {
    html(&load(&page, &app, Input::default(), None).await?)
}

/// `POST /exchange/export`.
pub async fn export(
    page: Page<Handle>,
    State(app): State<Administration>,
    Form(input): Form<Input>,
) -> page::Result<Response> {
    let ordered = input.clone().ordered();
    match app.act(page.by(), move |home, by| acts::export(home, by, &ordered)).await {
        Ok(exported) => Ok(SecretFile { name: exported.name(), bytes: exported.file }.answer()),
        Err(problem) => unprocessable(&load(&page, &app, input, Some(Failed::of(problem)?)).await?),
    }
}

/// `POST /exchange/send`.
pub async fn send(
    page: Page<Handle>,
    State(app): State<Administration>,
    Form(input): Form<Input>,
) -> page::Result<Response> {
    let ordered = Ordered { file: None, ..input.clone().ordered() };
    let url = input.authority.trim().to_owned();
    let sent = app.act(page.by(), move |home, by| {
        acts::send_ordered(home, by, &ordered, Some(url.as_str()).filter(|url| !url.is_empty()))
    });
    match sent.await {
        Ok(report) => page.done(words(&report), "/exchange").await,
        Err(problem) => unprocessable(&load(&page, &app, input, Some(Failed::of(problem)?)).await?),
    }
}

async fn load(
    page: &Page<Handle>,
    app: &Administration,
    input: Input,
    failed: Option<Failed>,
) -> page::Result<SendPage> {
    let now = page.at();
    let loaded = app.console.pool().read(move |tx| {
        let site = Site::load(tx)?;
        Ok::<_, keymuster_service::database::Failure>((exchange::open(tx, &site, now)?, keys::publishers(&site)))
    });
    let (open, publishers) = loaded.await?;
    // What the template does not have, it cannot show.
    let input = Input { mak: String::new(), ..input };
    Ok(SendPage { frame: page.frame(), open, publishers, input, failed })
}

/// Its states.
pub fn samples() -> Result<Vec<Sample>, askama::Error> {
    let page = |open, failed| SendPage {
        frame: Frame::sample(&PRODUCT, "/exchange"),
        open,
        publishers: vec![sample_publisher("aurora", "Aurora Systems")],
        input: Input::default(),
        failed,
    };
    let mistyped = ProductKey::parse("GDVC8-QHX68-689TG-DTXQ8-6K264").err();
    let mistyped = mistyped.map(|error| Failed::sample(error.code(), &error.to_string()));
    let two = || vec![sample_publisher("aurora", "Aurora Systems"), sample_publisher("borealis", "Borealis")];
    let detail = "the MAK would travel to http://192.0.2.1 over a connection that this version cannot encrypt";
    let failed = Some(Failed::sample(&codes::SECRET_OVER_PLAIN_HTTP, detail));
    Ok(vec![
        ("exchange-send-empty", page(Vec::new(), None).render()?),
        ("exchange-send-typical", page(vec![sample_open(12)], None).render()?),
        ("exchange-send-full", SendPage { publishers: two(), ..page(vec![sample_open(9800)], failed) }.render()?),
        ("exchange-send-error", page(vec![sample_open(12)], mistyped).render()?),
    ])
}
