//! One key: what it is worth, and where it is used.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use keymuster_service::console::Page;
use keymuster_service::console::api::{Path, Query};
use keymuster_service::console::frame::Frame;
use keymuster_service::console::page::{self, html};
use keymuster_service::console::permission::Look;

use super::parts::May;
use super::{PRODUCT, Sample, samples as sample};
use crate::administration::Administration;
use crate::views::keys::{self, ActivationRow, KeyDetail, KeyHost, PoolRow};
use crate::views::{self, Time};

#[derive(Template)]
#[template(path = "key.html")]
struct KeyPage {
    frame: Frame,
    key: KeyDetail,
    may: May,
    now: Time,
}

#[derive(Template)]
#[template(path = "activations.html")]
struct ActivationsPage {
    frame: Frame,
    key: KeyDetail,
    query: views::Query,
    activations: views::Page<ActivationRow>,
}

impl ActivationsPage {
    fn path(&self) -> String {
        format!("/keys/{}/activations", self.key.row.key)
    }
}

/// `GET /keys/{key}`.
pub async fn show(
    page: Page<Look>,
    State(app): State<Administration>,
    Path(id): Path<String>,
) -> page::Result<Response> {
    let key = app.look(move |authority, tx| keys::load(authority, tx, &id)).await?;
    html(&KeyPage { frame: page.frame(), key, may: May::of(&page), now: page.at().into() })
}

/// `GET /keys/{key}/activations`.
pub async fn activations(
    page: Page<Look>,
    State(app): State<Administration>,
    Path(id): Path<String>,
    Query(query): Query<views::Query>,
) -> page::Result<Response> {
    let asked = query.clone();
    let load =
        app.look(move |authority, tx| Ok((keys::load(authority, tx, &id)?, keys::activations(tx, &id, &asked)?)));
    let (key, activations) = load.await?;
    html(&ActivationsPage { frame: page.frame(), key, query, activations })
}

/// Its states.
pub fn samples() -> Result<Vec<Sample>, askama::Error> {
    let detail = |n: u64, hosts: u64, pools: u32| KeyDetail {
        row: sample::key(n),
        term_secs: (n % 3 != 2).then_some(225 * 86_400),
        activations_max: (n % 3 != 2).then_some(10),
        clients_max: (pools > 0).then_some(5000),
        threshold: (pools > 0).then_some(3),
        pools: (0..pools)
            .map(|n| PoolRow { pool: format!("render-farm-{n}"), seats: 8 + n, term_secs: 3600, guard_secs: 600 })
            .collect(),
        hosts: (0..hosts).map(|n| KeyHost { host: sample::host(n), activations: n + 1 }).collect(),
    };
    let page = |key: KeyDetail| {
        KeyPage { frame: Frame::sample(&PRODUCT, "/keys"), key, may: May::ALL, now: sample::NOW.into() }.render()
    };
    let activation = |n: u64| ActivationRow {
        client: sample::host(n).host,
        counted: n % 3 + 1,
        counted_at: sample::ago(n),
        issued_at: sample::ago(n / 2),
        place: format!("{n:064x}"),
    };
    let list = |rows: u64, next: Option<&str>| {
        let (frame, query) = (Frame::sample(&PRODUCT, "/keys"), views::Query::default());
        let activations = views::Page { rows: (0..rows).map(activation).collect(), next: next.map(str::to_owned) };
        ActivationsPage { frame, key: detail(2, 0, 0), query, activations }.render()
    };
    Ok(vec![
        ("key-empty", page(detail(0, 0, 0))?),
        ("key-typical", page(detail(1, 2, 1))?),
        ("key-full", page(detail(3, 12, 4))?),
        ("key-mak", page(detail(2, 0, 0))?),
        ("activations-empty", list(0, None)?),
        ("activations-typical", list(4, None)?),
        ("activations-full", list(50, Some("aa"))?),
    ])
}
