//! The keys that were minted, a page at a time.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use keymuster_service::console::Page;
use keymuster_service::console::api::Query;
use keymuster_service::console::frame::Frame;
use keymuster_service::console::page::{self, html};
use keymuster_service::console::permission::Look;

use super::parts::May;
use super::{PRODUCT, Sample, samples as sample};
use crate::administration::Administration;
use crate::views;
use crate::views::keys::{self, KeyRow};

#[derive(Template)]
#[template(path = "keys.html")]
struct KeysPage {
    frame: Frame,
    query: views::Query,
    keys: views::Page<KeyRow>,
    may: May,
}

/// `GET /keys`.
pub async fn show(
    page: Page<Look>,
    State(app): State<Administration>,
    Query(query): Query<views::Query>,
) -> page::Result<Response> {
    let asked = query.clone();
    let keys = app.look(move |authority, tx| keys::list(authority, tx, &asked)).await?;
    html(&KeysPage { frame: page.frame(), query, keys, may: May::of(&page) })
}

/// Its states.
pub fn samples() -> Result<Vec<Sample>, askama::Error> {
    let page = |search: &str, rows: u64, next: Option<&str>| {
        let keys = views::Page { rows: (0..rows).map(sample::key).collect(), next: next.map(str::to_owned) };
        let query = views::Query { search: search.to_owned(), ..views::Query::default() };
        KeysPage { frame: Frame::sample(&PRODUCT, "/keys"), query, keys, may: May::ALL }.render()
    };
    Ok(vec![
        ("keys-empty", page("", 0, None)?),
        ("keys-typical", page("", 6, None)?),
        ("keys-full", page("", 50, Some("500078200002b"))?),
        ("keys-nothing-found", page("7M4QX", 0, None)?),
    ])
}
