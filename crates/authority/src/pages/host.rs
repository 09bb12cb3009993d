//! One host: what it was granted, and what was refused to it.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use keymuster_service::console::Page;
use keymuster_service::console::api::Path;
use keymuster_service::console::frame::Frame;
use keymuster_service::console::page::{self, html};
use keymuster_service::console::permission::Look;

use super::parts::May;
use super::{PRODUCT, Sample, samples as sample};
use crate::administration::Administration;
use crate::views::Time;
use crate::views::hosts::{self, EntitlementRow, HostDetail};

#[derive(Template)]
#[template(path = "host.html")]
struct HostPage {
    frame: Frame,
    detail: HostDetail,
    may: May,
    now: Time,
}

impl HostPage {
    /// By what people know it.
    fn title(&self) -> &str {
        self.detail.host.name.as_deref().unwrap_or(&self.detail.host.host)
    }
}

/// `GET /hosts/{host}`.
pub async fn show(
    page: Page<Look>,
    State(app): State<Administration>,
    Path(id): Path<String>,
) -> page::Result<Response> {
    let detail = app.look(move |authority, tx| hosts::load(authority, tx, &id)).await?;
    html(&HostPage { frame: page.frame(), detail, may: May::of(&page), now: page.at().into() })
}

/// Its states.
pub fn samples() -> Result<Vec<Sample>, askama::Error> {
    let entitlement = |n: u64| EntitlementRow {
        entitlement: format!("{n:032x}"),
        key: format!("50007820{n:05x}"),
        last_five: "7M4QX".to_owned(),
        issued_at: sample::ago(n * 100),
        stop_at: sample::ahead(225 - 20 * n.min(11)),
    };
    let page = |n: u64, rows: u64| {
        let detail = HostDetail {
            host: sample::host(n),
            entitlements: (0..rows).map(entitlement).collect(),
            refusals: (0..rows).map(sample::refusal).collect(),
        };
        HostPage { frame: Frame::sample(&PRODUCT, "/hosts"), detail, may: May::ALL, now: sample::NOW.into() }.render()
    };
    Ok(vec![
        ("host-empty", page(3, 0)?),
        ("host-typical", page(1, 2)?),
        ("host-full", page(0, 20)?),
        ("host-revoked", page(4, 1)?),
    ])
}
