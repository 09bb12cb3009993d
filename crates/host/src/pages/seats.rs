//! Seat pools: who holds what, what is free, who was refused; and reclaiming a seat.

use askama::Template;
use axum::extract::State as Shared;
use axum::response::Response;
use keymuster_core::codes;
use keymuster_core::id::ClientId;
use keymuster_core::time::{Timestamp, duration_words};
use keymuster_service::Problem;
use keymuster_service::console::Page;
use keymuster_service::console::bounded;
use keymuster_service::console::chart::{Bar, Markup, Part, Tone, bar};
use keymuster_service::console::frame::Frame;
use keymuster_service::console::page::{self, Form, html, unprocessable};
use keymuster_service::console::page::{Path, Query};
use keymuster_service::console::permission::{Handle, Look, Permission};
use keymuster_service::database::Failure;
use serde::Deserialize;

use super::client::{named, reason};
use super::parts::{When, counted, sample_id};
use super::{PRODUCT, Sample};
use crate::acts;
use crate::administration::Administration;
use crate::site::Site;
use crate::views::pools::{self, Holder, PoolPage, PoolRow};

#[derive(Template)]
#[template(path = "seats.html")]
struct SeatsPage {
    frame: Frame,
    pools: Vec<PoolRow>,
}

#[derive(Template)]
#[template(path = "pool.html")]
struct OnePool {
    frame: Frame,
    page: PoolPage,
    after: u64,
    may_handle: bool,
    now: Timestamp,
}

#[derive(Template)]
#[template(path = "reclaim.html")]
struct ReclaimPage {
    frame: Frame,
    pool: PoolRow,
    holder: Holder,
    reason: String,
    error: String,
    now: Timestamp,
}

/// Where a page of holders begins.
#[derive(Clone, Default, Debug, Deserialize)]
#[serde(default)]
pub struct From {
    #[serde(deserialize_with = "bounded::number::<0, { bounded::LARGEST }, _, _>")]
    after: Option<u64>,
}

/// What an administrator enters.
#[derive(Clone, Default, Debug, Deserialize)]
#[serde(default)]
pub struct Entered {
    reason: String,
}

impl SeatsPage {
    /// How many of the seats are held.
    fn bar(&self, pool: &PoolRow) -> Markup {
        let tone = match self.kind(pool) {
            "bad" => Tone::Bad,
            "warn" => Tone::Warn,
            _ => Tone::First,
        };
        let parts = [
            Part { name: "Held", count: pool.held, tone, href: None },
            Part { name: "Free", count: pool.free, tone: Tone::Quiet, href: None },
        ];
        bar(&Bar { title: &counted(pool.seats.into(), "seat"), parts: &parts })
    }

    fn kind(&self, pool: &PoolRow) -> &'static str {
        match (pool.free, pool.free * 10 <= u64::from(pool.seats)) {
            (0, _) => "bad",
            (_, true) => "warn",
            _ => "good",
        }
    }
}

impl OnePool {
    fn when(&self, secs: &u64) -> When {
        When::near(*secs, self.now)
    }

    fn length(&self, secs: &u64) -> String {
        duration_words(*secs)
    }

    fn shown(&self) -> String {
        format!("{} on this page", counted(self.page.holders.len() as u64, "holder"))
    }

    fn path(&self) -> String {
        format!("/seats/{}/{}", self.page.pool.publisher, self.page.pool.pool)
    }

    fn first(&self) -> String {
        if self.after > 0 { self.path() } else { String::new() }
    }

    fn next(&self) -> String {
        self.page.next.map_or_else(String::new, |after| format!("{}?after={after}", self.path()))
    }
}

impl ReclaimPage {
    fn when(&self, secs: &u64) -> When {
        When::near(*secs, self.now)
    }
}

/// `GET /seats`.
pub async fn show(page: Page<Look>, Shared(app): Shared<Administration>) -> page::Result<Response> {
    let now = page.at();
    let read = move |tx: &keymuster_service::sql::Transaction<'_>| pools::all(tx, &Site::load(tx)?, now);
    let pools = app.console.pool().read::<_, Failure, _>(read).await?;
    html(&SeatsPage { frame: page.frame(), pools })
}

/// `GET /seats/{publisher}/{pool}`.
pub async fn show_one(
    page: Page<Look>,
    Shared(app): Shared<Administration>,
    Path((publisher, pool)): Path<(String, String)>,
    Query(from): Query<From>,
) -> page::Result<Response> {
    let after = from.after.unwrap_or(0);
    let found = read(&app, (publisher, pool), after, page.at()).await?;
    let may_handle = page.account().role.permissions().contains(&Permission::Handle);
    html(&OnePool { frame: page.frame(), page: found, after, may_handle, now: page.at() })
}

/// A pool with the holders behind a fence.
pub(crate) async fn read(
    app: &Administration,
    (publisher, pool): (String, String),
    after: u64,
    now: Timestamp,
) -> Result<PoolPage, Problem> {
    let unknown = Problem::new(&codes::RECORD_UNKNOWN, format!("there is no pool {pool} of publisher {publisher}"));
    let read = move |tx: &keymuster_service::sql::Transaction<'_>| {
        pools::one(tx, &Site::load(tx)?, (&publisher, &pool), after, now)
    };
    app.console.pool().read::<_, Failure, _>(read).await?.ok_or(unknown)
}

/// `GET /seats/{publisher}/{pool}/{client}`: asks for the reason.
pub async fn ask(
    page: Page<Handle>,
    Shared(app): Shared<Administration>,
    Path(whose): Path<(String, String, String)>,
) -> page::Result<Response> {
    html(&reclaim_page(&page, &app, whose, String::new(), String::new()).await?)
}

async fn reclaim_page(
    page: &Page<Handle>,
    app: &Administration,
    (publisher, pool, client): (String, String, String),
    reason: String,
    error: String,
) -> Result<ReclaimPage, Problem> {
    let (_, id) = named(&publisher, &client)?;
    let now = page.at();
    let (pool, holder) = holder_of(app, (publisher, pool), id, now).await?;
    Ok(ReclaimPage { frame: page.frame(), pool, holder, reason, error, now })
}

/// A pool, and the seat that a client holds in it.
pub(crate) async fn holder_of(
    app: &Administration,
    (publisher, pool): (String, String),
    client: ClientId,
    now: Timestamp,
) -> Result<(PoolRow, Holder), Problem> {
    let unknown = Problem::new(&codes::RECORD_UNKNOWN, format!("client {client} holds no seat of pool {pool}"));
    let read = move |tx: &keymuster_service::sql::Transaction<'_>| {
        pools::holder_of(tx, &Site::load(tx)?, (&publisher, &pool), client, now)
    };
    app.console.pool().read::<_, Failure, _>(read).await?.ok_or(unknown)
}

/// `POST /seats/{publisher}/{pool}/{client}`: reclaims the seat.
pub async fn reclaim(
    page: Page<Handle>,
    Shared(app): Shared<Administration>,
    Path((publisher, pool, client)): Path<(String, String, String)>,
    Form(entered): Form<Entered>,
) -> page::Result<Response> {
    let (slug, id) = named(&publisher, &client)?;
    let acted = match (reason(&entered.reason), pool.parse()) {
        (Ok(reason), Ok(pool)) => {
            let act = app.act(page.by(), move |home, by| acts::seat::reclaim(home, by, (&slug, &pool), id, &reason));
            act.await.map_err(|problem| problem.detail().to_owned())
        }
        (Err(why), _) => Err(why),
        (_, Err(error)) => Err(error.to_string()),
    };
    match acted {
        Ok(free_at) => {
            let done =
                format!("The seat is reclaimed. It is free at {free_at}, or as soon as its holder gives it back.");
            page.done(done, format!("/seats/{publisher}/{pool}")).await
        }
        Err(why) => unprocessable(&reclaim_page(&page, &app, (publisher, pool, client), entered.reason, why).await?),
    }
}

/// Their states.
pub fn samples() -> Result<Vec<Sample>, askama::Error> {
    let frame = || Frame::sample(&PRODUCT, "/seats");
    let row = |number: u64| PoolRow {
        publisher: "aurora".to_owned(),
        pool: format!("cad-{number}"),
        edition: "cad-2026".to_owned(),
        edition_name: "Aurora CAD 2026".to_owned(),
        seats: 20,
        held: 20 - number.min(20),
        free: number.min(20),
        term_secs: 3600,
        guard_secs: 600,
    };
    let holder = |number: u64| Holder {
        client: sample_id(number),
        name: (number % 4 != 2).then(|| format!("ws-{number:04}.example.com")),
        address: Some(format!("10.4.2.{}", number % 250)),
        fence: number,
        taken_at: (number % 5 != 3).then_some(1_799_990_000),
        free_at: 1_800_000_000 + number * 60,
        reclaimed_at: (number % 7 == 5).then_some(1_799_999_000),
    };
    let now = Timestamp::from_secs(1_800_000_000);
    let one = |holders: Vec<Holder>, next, waiting: u64| OnePool {
        frame: frame(),
        page: PoolPage {
            pool: row(20 - holders.len().min(20) as u64),
            holders,
            next,
            waiting: (1..=waiting).map(super::refusals::sample).collect(),
        },
        after: 0,
        may_handle: true,
        now,
    };
    let reclaim = |reason: &str, error: &str| ReclaimPage {
        frame: frame(),
        pool: row(0),
        holder: holder(1),
        reason: reason.to_owned(),
        error: error.to_owned(),
        now,
    };
    Ok(vec![
        ("seats-empty", SeatsPage { frame: frame(), pools: Vec::new() }.render()?),
        ("seats-typical", SeatsPage { frame: frame(), pools: vec![row(0), row(12)] }.render()?),
        ("seats-full", SeatsPage { frame: frame(), pools: (0..30).map(row).collect() }.render()?),
        ("pool-empty", one(Vec::new(), None, 0).render()?),
        ("pool-typical", one((1..9).map(holder).collect(), None, 2).render()?),
        ("pool-full", one((1..=pools::HOLDERS.into()).map(holder).collect(), Some(60), 20).render()?),
        ("reclaim-typical", reclaim("", "").render()?),
        ("reclaim-error", reclaim(" ", "say why, for those who read the audit later").render()?),
    ])
}
