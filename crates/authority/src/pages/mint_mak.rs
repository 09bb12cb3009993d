//! A form for a new MAK, which is then shown once.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use keymuster_core::duration::Duration;
use keymuster_core::id::to_hex;
use keymuster_service::console::Page;
use keymuster_service::console::api::Query;
use keymuster_service::console::frame::Frame;
use keymuster_service::console::page::Form;
use keymuster_service::console::page::{self, html, unprocessable};
use keymuster_service::console::permission::Keys;
use serde::Deserialize;

use super::mint_host_key::For;
use super::minted::Minted;
use super::parts::Failed;
use super::{PRODUCT, Sample};
use crate::acts::key_mint::{MakOrder, mint_mak};
use crate::administration::Administration;
use crate::store::product_key::MakWorth;
use crate::views::pack::{self, EditionRow};

/// What is entered.
#[derive(Clone, Default, Debug, Deserialize)]
#[serde(default)]
pub struct Entered {
    /// Drawn with the form, so that sending it twice mints one key.
    form: String,
    customer: String,
    edition: String,
    activations: String,
    valid: String,
}

#[derive(Template)]
#[template(path = "mint_mak.html")]
struct MintPage {
    frame: Frame,
    form: Entered,
    editions: Vec<EditionRow>,
    failed: Option<Failed>,
}

/// `GET /mint-mak`.
pub async fn show(
    page: Page<Keys>,
    State(app): State<Administration>,
    Query(asked): Query<For>,
) -> page::Result<Response> {
    let form = to_hex(&app.console.env().random::<16>());
    let form = Entered { form, customer: asked.customer, ..Entered::default() };
    html(&MintPage { frame: page.frame(), form, editions: editions(&app).await?, failed: None })
}

/// `POST /mint-mak`. The key is in the answer and nowhere else, so the answer is the page itself.
pub async fn mint(
    page: Page<Keys>,
    State(app): State<Administration>,
    Form(form): Form<Entered>,
) -> page::Result<Response> {
    let failed = match read(&form) {
        Ok(order) => match app.act(page.by(), |authority, db, by| mint_mak(authority, db, order, by)).await {
            Ok((key, minted)) => return Minted::new(page.frame(), &key, &minted, form.edition).answer(),
            Err(problem) => Failed::of(problem)?,
        },
        Err(failed) => failed,
    };
    unprocessable(&MintPage { frame: page.frame(), form, editions: editions(&app).await?, failed: Some(failed) })
}

async fn editions(app: &Administration) -> page::Result<Vec<EditionRow>> {
    let pack = app.look(pack::load).await?;
    Ok(pack.map(|pack| pack.editions).unwrap_or_default())
}

fn read(form: &Entered) -> Result<MakOrder, Failed> {
    let customer = form.customer.trim().parse();
    let valid = form.valid.trim();
    let valid: Option<Result<Duration, _>> = (!valid.is_empty()).then(|| valid.parse());
    let activations = form.activations.trim().parse().ok().filter(|number| *number > 0);
    Ok(MakOrder {
        form: Some(form.form.clone()).filter(|form| !form.is_empty()),
        customer: customer.map_err(|error| Failed::field("customer", format!("{error}")))?,
        edition: form.edition.parse().map_err(|_| Failed::field("edition", "choose one"))?,
        worth: MakWorth {
            activations_max: activations.ok_or_else(|| Failed::field("activations", "a whole number from 1"))?,
            term_secs: valid
                .transpose()
                .map_err(|error| Failed::field("valid", error.to_string()))?
                .map(Duration::as_secs),
        },
    })
}

/// Its states.
pub fn samples() -> Result<Vec<Sample>, askama::Error> {
    let edition = |n: u16| EditionRow {
        edition: format!("edition-{n}"),
        number: n,
        name: format!("Edition {n}"),
        threshold: 25,
        setup_key: "FJ6B3-QVQCM-YCVB7-BJB3P-8KDBJ".to_owned(),
    };
    let page = |editions: u16, form: Entered, failed| {
        let editions = (0..editions).map(edition).collect();
        MintPage { frame: Frame::sample(&PRODUCT, "/keys"), form, editions, failed }.render()
    };
    let filled = Entered {
        customer: "muster-works".to_owned(),
        edition: "edition-2".to_owned(),
        activations: "500".to_owned(),
        valid: "a year".to_owned(),
        ..Entered::default()
    };
    let wrong = Failed::field("valid", "a duration is a number and a unit, as in 30 days");
    Ok(vec![
        ("mint-mak-empty", page(0, Entered::default(), None)?),
        ("mint-mak-typical", page(4, Entered { valid: String::new(), ..filled.clone() }, None)?),
        ("mint-mak-error", page(4, filled, Some(wrong))?),
    ])
}
