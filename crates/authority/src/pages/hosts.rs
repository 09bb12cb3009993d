//! The hosts that were certified, a page at a time.

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
use crate::views::hosts::{self, HostRow};
use crate::views::{self, Time};

#[derive(Template)]
#[template(path = "hosts.html")]
struct HostsPage {
    frame: Frame,
    query: views::Query,
    hosts: views::Page<HostRow>,
    now: Time,
}

/// `GET /hosts`.
pub async fn show(
    page: Page<Look>,
    State(app): State<Administration>,
    Query(query): Query<views::Query>,
) -> page::Result<Response> {
    let asked = query.clone();
    let hosts = app.look(move |_, tx| hosts::list(tx, &asked)).await?;
    html(&HostsPage { frame: page.frame(), query, hosts, now: page.at().into() })
}

/// Its states.
pub fn samples() -> Result<Vec<Sample>, askama::Error> {
    let page = |search: &str, rows: u64, next: Option<&str>| {
        let hosts = views::Page { rows: (0..rows).map(sample::host).collect(), next: next.map(str::to_owned) };
        let query = views::Query { search: search.to_owned(), ..views::Query::default() };
        HostsPage { frame: Frame::sample(&PRODUCT, "/hosts"), query, hosts, now: sample::NOW.into() }.render()
    };
    Ok(vec![
        ("hosts-empty", page("", 0, None)?),
        ("hosts-typical", page("", 6, None)?),
        ("hosts-full", page("", 50, Some("0123456789abcdef0123456789abcdef"))?),
        ("hosts-nothing-found", page("frankfurt", 0, None)?),
    ])
}
