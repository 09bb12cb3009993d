//! The customers, a page at a time.

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
use crate::views::customers::{self, CustomerRow};

#[derive(Template)]
#[template(path = "customers.html")]
struct CustomersPage {
    frame: Frame,
    query: views::Query,
    customers: views::Page<CustomerRow>,
    may: May,
}

/// `GET /customers`.
pub async fn show(
    page: Page<Look>,
    State(app): State<Administration>,
    Query(query): Query<views::Query>,
) -> page::Result<Response> {
    let asked = query.clone();
    let customers = app.look(move |_, tx| customers::list(tx, &asked)).await?;
    html(&CustomersPage { frame: page.frame(), query, customers, may: May::of(&page) })
}

/// Its states.
pub fn samples() -> Result<Vec<Sample>, askama::Error> {
    let page = |search: &str, rows: u64, next: Option<&str>| {
        let customers = views::Page { rows: (0..rows).map(sample::customer).collect(), next: next.map(str::to_owned) };
        let query = views::Query { search: search.to_owned(), ..views::Query::default() };
        CustomersPage { frame: Frame::sample(&PRODUCT, "/customers"), query, customers, may: May::ALL }.render()
    };
    Ok(vec![
        ("customers-empty", page("", 0, None)?),
        ("customers-typical", page("", 5, None)?),
        ("customers-full", page("", 50, Some("customer-0049"))?),
        ("customers-nothing-found", page("<nobody>", 0, None)?),
    ])
}
