//! What is taken back, what waits for a second person, and the newest signed list.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use keymuster_service::console::Page;
use keymuster_service::console::frame::Frame;
use keymuster_service::console::page::{self, html};
use keymuster_service::console::permission::Look;

use super::parts::May;
use super::{PRODUCT, Sample, samples as sample};
use crate::administration::Administration;
use crate::views::proposals::{self, LimitsView, ProposalRow};
use crate::views::revocations::{self, RevocationRow, RevocationsView};
use crate::views::{self, Time};

/// Acts that are shown; the rest is a link away.
const ROWS: u32 = 10;
/// Things that are shown, so that the page stays small.
const ENTRIES: usize = 100;

#[derive(Template)]
#[template(path = "revocations.html")]
struct RevocationsPage {
    frame: Frame,
    pending: Vec<ProposalRow>,
    recent: Vec<ProposalRow>,
    taken: RevocationsView,
    left_out: usize,
    limits: LimitsView,
    may: May,
    now: Time,
}

/// `GET /revocations`.
pub async fn show(page: Page<Look>, State(app): State<Administration>) -> page::Result<Response> {
    let at = page.at();
    let loaded = app.look(move |_, tx| {
        let query = views::Query { limit: Some(ROWS), ..views::Query::default() };
        let recent = proposals::list(tx, &query, at)?.rows;
        Ok((proposals::pending(tx, at)?, recent, revocations::load(tx)?, proposals::limits(tx)?))
    });
    let (pending, recent, mut taken, limits) = loaded.await?;
    let left_out = taken.entries.len().saturating_sub(ENTRIES);
    taken.entries.truncate(ENTRIES);
    let (frame, may, now) = (page.frame(), May::of(&page), at.into());
    html(&RevocationsPage { frame, pending, recent, taken, left_out, limits, may, now })
}

/// Its states.
pub fn samples() -> Result<Vec<Sample>, askama::Error> {
    let entry = |n: u64| RevocationRow {
        kind: ["key", "host", "customer"][n as usize % 3],
        name: sample::host(n).host,
        at: sample::ago(n),
        reason: "the contract has ended".to_owned(),
    };
    let page = |pending: u64, recent: u64, entries: u64| {
        RevocationsPage {
            frame: Frame::sample(&PRODUCT, "/revocations"),
            pending: (0..pending).map(|n| sample::proposal(n * 5)).collect(),
            recent: (0..recent).map(sample::proposal).collect(),
            taken: RevocationsView { sequence: entries, entries: (0..entries).map(entry).collect() },
            left_out: entries as usize / 100 * 7,
            limits: LimitsView { hosts: 10, machines: 1000 },
            may: May::ALL,
            now: sample::NOW.into(),
        }
        .render()
    };
    Ok(vec![
        ("revocations-empty", page(0, 0, 0)?),
        ("revocations-typical", page(1, 5, 4)?),
        ("revocations-full", page(4, 10, 100)?),
    ])
}
