//! One client: everything that a support desk asks; releasing it, and taking the release back.

use askama::Template;
use axum::extract::State as Shared;
use axum::response::Response;
use keymuster_core::codes;
use keymuster_core::id::{ClientId, Label, Slug};
use keymuster_core::time::Timestamp;
use keymuster_service::Problem;
use keymuster_service::console::Page;
use keymuster_service::console::frame::Frame;
use keymuster_service::console::page::Path;
use keymuster_service::console::page::{self, Form, html, unprocessable};
use keymuster_service::console::permission::{Handle, Look, Needs, Permission};
use serde::Deserialize;

use super::parts::When;
use super::{PRODUCT, Sample};
use crate::acts;
use crate::administration::Administration;
use crate::site::Site;
use crate::views::client::{self, Detail, Edition, Entry, History, Lease};
use crate::views::clients::State;
use crate::views::clones::{self, Lineage};

#[derive(Template)]
#[template(path = "client.html")]
struct ClientPage {
    frame: Frame,
    client: Detail,
    lineage: Option<Lineage>,
    may_handle: bool,
    reason: String,
    /// What is wrong with the reason, or with the act.
    error: String,
    now: Timestamp,
}

/// What an administrator enters.
#[derive(Clone, Default, Debug, Deserialize)]
#[serde(default)]
pub struct Entered {
    reason: String,
}

impl ClientPage {
    fn title(&self) -> &str {
        self.client.name.as_deref().unwrap_or(&self.client.client)
    }

    fn when(&self, secs: &u64) -> When {
        When::near(*secs, self.now)
    }

    fn act(&self) -> &'static str {
        if self.client.released_at.is_some() { "keep" } else { "release" }
    }
}

/// A publisher and a client of it, as they stand in a path.
pub(crate) fn named(publisher: &str, client: &str) -> Result<(Slug, ClientId), Problem> {
    let unknown =
        || Problem::new(&codes::RECORD_UNKNOWN, format!("no client {client} of publisher {publisher} is known"));
    let publisher = publisher.parse().map_err(|_| unknown())?;
    Ok((publisher, client.parse().map_err(|_| unknown())?))
}

/// What is known of a client.
pub(crate) async fn read(
    app: &Administration,
    publisher: &str,
    client: &str,
    now: Timestamp,
) -> Result<(Detail, Option<Lineage>), Problem> {
    let (publisher, id) = named(publisher, client)?;
    app.console
        .pool()
        .read(move |tx| {
            let site = Site::load(tx)?;
            let unknown =
                || Problem::new(&codes::RECORD_UNKNOWN, format!("no client {id} of publisher {publisher} is known"));
            let held = site.publisher(&publisher).ok_or_else(unknown)?;
            let detail = client::load(tx, &site, held, id, now)?.ok_or_else(unknown)?;
            Ok((detail, clones::of_client(tx, &site, held.number, id)?))
        })
        .await
}

/// `GET /clients/{publisher}/{client}`.
pub async fn show(
    page: Page<Look>,
    Shared(app): Shared<Administration>,
    Path((publisher, client)): Path<(String, String)>,
) -> page::Result<Response> {
    html(&load(&page, &app, (&publisher, &client), Entered::default(), String::new()).await?)
}

async fn load<P: Needs>(
    page: &Page<P>,
    app: &Administration,
    (publisher, client): (&str, &str),
    entered: Entered,
    error: String,
) -> Result<ClientPage, Problem> {
    let (client, lineage) = read(app, publisher, client, page.at()).await?;
    let may_handle = page.account().role.permissions().contains(&Permission::Handle);
    Ok(ClientPage { frame: page.frame(), client, lineage, may_handle, reason: entered.reason, error, now: page.at() })
}

/// `POST /clients/{publisher}/{client}/release`.
pub async fn release(
    page: Page<Handle>,
    Shared(app): Shared<Administration>,
    Path((publisher, client)): Path<(String, String)>,
    Form(entered): Form<Entered>,
) -> page::Result<Response> {
    let done = "The client is released: it is not counted any more, and not renewed.";
    act(&page, &app, (&publisher, &client), entered, (acts::client::release, done)).await
}

/// `POST /clients/{publisher}/{client}/keep`.
pub async fn keep(
    page: Page<Handle>,
    Shared(app): Shared<Administration>,
    Path((publisher, client)): Path<(String, String)>,
    Form(entered): Form<Entered>,
) -> page::Result<Response> {
    let done = "The release is taken back: the client is counted as before, and renewed when it asks.";
    act(&page, &app, (&publisher, &client), entered, (acts::client::keep, done)).await
}

type Act =
    fn(&mut crate::site::Home, &keymuster_service::console::By<Handle>, &Slug, ClientId, &Label) -> anyhow::Result<()>;

async fn act(
    page: &Page<Handle>,
    app: &Administration,
    (publisher, client): (&str, &str),
    entered: Entered,
    (act, done): (Act, &'static str),
) -> page::Result<Response> {
    let (slug, id) = named(publisher, client)?;
    let acted = match reason(&entered.reason) {
        Ok(reason) => {
            let acted = app.act(page.by(), move |home, by| act(home, by, &slug, id, &reason)).await;
            acted.map_err(|problem| problem.detail().to_owned())
        }
        Err(why) => Err(why),
    };
    match acted {
        Ok(()) => page.done(done, format!("/clients/{publisher}/{client}")).await,
        Err(why) => unprocessable(&load(page, app, (publisher, client), entered, why).await?),
    }
}

/// The reason of an act, which nobody may leave out.
pub(crate) fn reason(entered: &str) -> Result<Label, String> {
    let entered = entered.trim();
    if entered.is_empty() {
        return Err("say why, for those who read the audit later".to_owned());
    }
    entered.parse().map_err(|error| format!("{error}"))
}

fn entry(sequence: u64) -> Entry {
    Entry {
        sequence,
        at: 1_780_000_000 + sequence * 3600,
        act: "granted",
        edition: "desk-2026".to_owned(),
        expires: Some(1_800_000_000 + sequence * 3600),
        count: Some([31, 25]),
        seat: None,
    }
}

/// Its states.
pub fn samples() -> Result<Vec<Sample>, askama::Error> {
    let now = Timestamp::from_secs(1_800_000_000);
    let lease = Lease {
        sequence: 4711,
        issued: 1_799_500_000,
        renew_after: 1_800_104_800,
        expires: 1_815_052_000,
        count: 31,
        threshold: 25,
        seat: None,
    };
    let edition = |lease: Option<Lease>, state| Edition {
        edition: "desk-2026".to_owned(),
        name: "Aurora Desk 2026".to_owned(),
        state: Some(state),
        product_version: Some("1.4.2".to_owned()),
        first_asked: Some(1_790_000_000),
        last_asked: Some(1_799_500_000),
        lease,
        refusal: None,
    };
    let detail = |editions: Vec<Edition>, entries: Vec<Entry>| Detail {
        publisher: "aurora".to_owned(),
        client: super::parts::sample_id(142),
        key_fingerprint: Some(super::parts::sample_id(7_142)),
        name: Some("ws-0142.example.com".to_owned()),
        address: Some("10.4.2.17".to_owned()),
        system: Some("Linux 6.1".to_owned()),
        editions,
        is_shared: false,
        released_at: None,
        history: History { entries, is_complete: true },
    };
    let sample = |client: Detail| ClientPage {
        frame: Frame::sample(&PRODUCT, "/clients"),
        client,
        lineage: None,
        may_handle: true,
        reason: String::new(),
        error: String::new(),
        now,
    };
    let licensed = || detail(vec![edition(Some(lease.clone()), State::Licensed)], vec![entry(4711), entry(4100)]);
    let refused = || {
        let mut waiting = edition(None, State::Refused);
        waiting.refusal = Some(super::refusals::sample(7));
        let mut detail = detail(vec![waiting], Vec::new());
        (detail.name, detail.system) = (None, None);
        detail
    };
    let mut full = licensed();
    full.editions.extend(["Aurora CAD 2026", "Aurora Studio 2026", "Aurora Server 2026"].map(|name| {
        let mut edition = refused().editions.remove(0);
        edition.name = name.to_owned();
        edition
    }));
    full.history.entries = (1..51).rev().map(entry).collect();
    full.history.is_complete = false;
    (full.is_shared, full.released_at) = (true, Some(1_799_990_000));
    let full = ClientPage { lineage: Some(super::clones::sample(3)), ..sample(full) };
    let why = "say why, for those who read the audit later".to_owned();
    Ok(vec![
        ("client-empty", sample(refused()).render()?),
        ("client-typical", sample(licensed()).render()?),
        ("client-full", full.render()?),
        ("client-error", ClientPage { error: why, ..sample(licensed()) }.render()?),
    ])
}
