//! One proposal: what it takes away, and whether the person at the page may confirm it.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use keymuster_service::console::Page;
use keymuster_service::console::api::Path;
use keymuster_service::console::frame::Frame;
use keymuster_service::console::page::{self, html};
use keymuster_service::console::permission::Settings;

use super::{PRODUCT, Sample, samples as sample};
use crate::acts::proposal::{check_second, confirm, withdraw};
use crate::administration::Administration;
use crate::store;
use crate::views::Time;
use crate::views::proposals::{self, ProposalRow};

#[derive(Template)]
#[template(path = "proposal.html")]
struct ProposalPage {
    frame: Frame,
    proposal: ProposalRow,
    /// Why this person cannot confirm it; empty where they can.
    why_not: String,
    now: Time,
}

/// `GET /proposals/{number}`.
pub async fn show(
    page: Page<Settings>,
    State(app): State<Administration>,
    Path(number): Path<u64>,
) -> page::Result<Response> {
    let by = page.by();
    let loaded = app.look(move |_, tx| {
        let row = proposals::load(tx, number, by.at())?;
        let stored = store::proposal::find(tx, number)?;
        let why_not = stored.and_then(|stored| check_second(tx, &stored, &by).err());
        Ok((row, why_not.map(|error| error.to_string()).unwrap_or_default()))
    });
    let (proposal, why_not) = loaded.await?;
    html(&ProposalPage { frame: page.frame(), proposal, why_not, now: page.at().into() })
}

/// `POST /proposals/{number}/confirm`.
pub async fn agree(
    page: Page<Settings>,
    State(app): State<Administration>,
    Path(number): Path<u64>,
) -> page::Result<Response> {
    let to = format!("/proposals/{number}");
    page.confirmed(&to)?;
    let list = app.act(page.by(), move |authority, db, by| confirm(authority, db, number, by)).await?;
    let list = list.map(|list| format!(" Revocation list {} says so.", list.sequence)).unwrap_or_default();
    page.done(format!("Confirmed and done.{list}"), to).await
}

/// `POST /proposals/{number}/withdraw`.
pub async fn drop_it(
    page: Page<Settings>,
    State(app): State<Administration>,
    Path(number): Path<u64>,
) -> page::Result<Response> {
    app.act(page.by(), move |_, db, by| withdraw(db, number, by)).await?;
    page.done("The proposal is withdrawn; nothing has changed.", format!("/proposals/{number}")).await
}

/// Its states.
pub fn samples() -> Result<Vec<Sample>, askama::Error> {
    let page = |n: u64, why_not: &str| {
        let (frame, now) = (Frame::sample(&PRODUCT, "/revocations"), sample::NOW.into());
        ProposalPage { frame, proposal: sample::proposal(n), why_not: why_not.to_owned(), now }.render()
    };
    Ok(vec![
        ("proposal-waits", page(0, "")?),
        ("proposal-own", page(5, "ada has proposed this, and somebody else has to confirm it")?),
        ("proposal-confirmed", page(2, "")?),
        ("proposal-expired", page(4, "")?),
    ])
}
