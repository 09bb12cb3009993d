//! What was refused lately, a page at a time.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use keymuster_service::console::Page;
use keymuster_service::console::api::Query;
use keymuster_service::console::frame::Frame;
use keymuster_service::console::page::{self, html};
use keymuster_service::console::permission::Look;

use super::{PRODUCT, Sample, samples as sample};
use crate::administration::Administration;
use crate::views;
use crate::views::refusals::{self, RefusalRow};

#[derive(Template)]
#[template(path = "refusals.html")]
struct RefusalsPage {
    frame: Frame,
    query: views::Query,
    refusals: views::Page<RefusalRow>,
}

/// `GET /refusals`.
pub async fn show(
    page: Page<Look>,
    State(app): State<Administration>,
    Query(query): Query<views::Query>,
) -> page::Result<Response> {
    let asked = query.clone();
    let refusals = app.look(move |_, tx| refusals::list(tx, &asked)).await?;
    html(&RefusalsPage { frame: page.frame(), query, refusals })
}

/// Its states.
pub fn samples() -> Result<Vec<Sample>, askama::Error> {
    let page = |customer: &str, rows: u64, next: Option<&str>| {
        let refusals = views::Page { rows: (0..rows).map(sample::refusal).collect(), next: next.map(str::to_owned) };
        let query = views::Query { customer: customer.to_owned(), ..views::Query::default() };
        RefusalsPage { frame: Frame::sample(&PRODUCT, "/refusals"), query, refusals }.render()
    };
    Ok(vec![
        ("refusals-empty", page("", 0, None)?),
        ("refusals-typical", page("muster-works", 5, None)?),
        ("refusals-full", page("", 50, Some("12"))?),
    ])
}
