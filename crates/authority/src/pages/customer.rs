//! One customer, with all that a support desk wants to know of it.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use keymuster_core::id::Slug;
use keymuster_service::console::Page;
use keymuster_service::console::api::Path;
use keymuster_service::console::frame::Frame;
use keymuster_service::console::page::{self, html};
use keymuster_service::console::permission::{Look, Settings};

use super::parts::May;
use super::{PRODUCT, Sample, samples as sample};
use crate::acts::revoke::resume;
use crate::administration::Administration;
use crate::error::Error;
use crate::views::Time;
use crate::views::customers::{self, CustomerDetail};

#[derive(Template)]
#[template(path = "customer.html")]
struct CustomerPage {
    frame: Frame,
    detail: CustomerDetail,
    may: May,
    now: Time,
}

impl CustomerPage {
    /// The page's query to lists of what belongs to this customer.
    fn query(&self) -> String {
        form_urlencoded::Serializer::new(String::new()).append_pair("customer", &self.detail.customer.customer).finish()
    }
}

/// `GET /customers/{customer}`.
pub async fn show(
    page: Page<Look>,
    State(app): State<Administration>,
    Path(slug): Path<String>,
) -> page::Result<Response> {
    let detail = app.look(move |authority, tx| customers::load(authority, tx, &slug)).await?;
    html(&CustomerPage { frame: page.frame(), detail, may: May::of(&page), now: page.at().into() })
}

/// `POST /customers/{customer}/resume`.
pub async fn lift_stop(
    page: Page<Settings>,
    State(app): State<Administration>,
    Path(slug): Path<String>,
) -> page::Result<Response> {
    page.confirmed(&format!("/customers/{slug}"))?;
    let (notice, to) = (format!("The stop of {slug} is lifted."), format!("/customers/{slug}"));
    app.act(page.by(), move |authority, db, by| {
        let slug: Slug = slug.parse().map_err(|_| Error::Rule(format!("there is no customer {slug}")))?;
        resume(authority, db, &slug, by)
    })
    .await?;
    page.done(notice, to).await
}

/// Its states.
pub fn samples() -> Result<Vec<Sample>, askama::Error> {
    let page = |n: u64, rows: u64, may: May| {
        let detail = CustomerDetail {
            customer: sample::customer(n),
            newest_keys: (0..rows).map(sample::key).collect(),
            newest_hosts: (0..rows).map(sample::host).collect(),
            newest_refusals: (0..rows).map(sample::refusal).collect(),
        };
        CustomerPage { frame: Frame::sample(&PRODUCT, "/customers"), detail, may, now: sample::NOW.into() }.render()
    };
    Ok(vec![
        ("customer-empty", page(0, 0, May::ALL)?),
        ("customer-typical", page(1, 3, May::ALL)?),
        ("customer-full", page(4, 20, May::ALL)?),
        ("customer-stopped", page(6, 2, May::NONE)?),
    ])
}
