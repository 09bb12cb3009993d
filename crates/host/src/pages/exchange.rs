//! Who waits for an activation by a MAK, what became of it, and the files that are carried.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use keymuster_core::bundle::Bundle;
use keymuster_service::Problem;
use keymuster_service::console::Page;
use keymuster_service::console::chart::number;
use keymuster_service::console::frame::Frame;
use keymuster_service::console::page::{self, html, unprocessable};
use keymuster_service::console::page::{Form, Query};
use keymuster_service::console::permission::{Handle, Look};
use keymuster_service::console::upload::Upload;
use serde::Deserialize;

use super::packs::one_file;
use super::parts::{Failed, When};
use super::{PRODUCT, Sample};
use crate::acts::exchange::{self as acts, Report};
use crate::administration::Administration;
use crate::views::exchange::{self, Counts, Exchange, OpenEdition, Request, State as Standing};

#[derive(Template)]
#[template(path = "exchange.html")]
struct ExchangePage {
    frame: Frame,
    query: exchange::Query,
    exchange: Exchange,
    may: bool,
    failed: Option<Failed>,
}

impl ExchangePage {
    /// The link to later requests.
    fn later(&self) -> String {
        let Some(next) = &self.exchange.next else { return String::new() };
        let mut link = form_urlencoded::Serializer::new("/exchange?".to_owned());
        link.append_pair("search", &self.query.search);
        if let Some(state) = self.query.state {
            link.append_pair("state", state.word());
        }
        link.append_pair("after", next).finish()
    }

    fn is_filtered(&self) -> bool {
        !self.query.search.is_empty() || self.query.state.is_some() || !self.query.after.is_empty()
    }

    fn is_state(&self, word: &str) -> bool {
        self.query.state.is_some_and(|state| state.word() == word)
    }

    fn total(&self) -> u64 {
        let Counts { waiting, exported, activated, refused } = self.exchange.counts;
        waiting + exported + activated + refused
    }

    fn badge(&self, request: &Request) -> (&'static str, &'static str) {
        match request.state {
            _ if request.is_expired => ("", "Is not asked for any more"),
            Standing::Waiting => ("warn", "Waits"),
            Standing::Exported => ("busy", "Went out"),
            Standing::Activated => ("good", "Activated"),
            Standing::Refused => ("bad", "Refused"),
        }
    }

    fn number(&self, n: &u64) -> String {
        number(*n)
    }

    fn when(&self, secs: &u64) -> When {
        When::at(*secs)
    }
}

/// `GET /exchange`.
pub async fn show(
    page: Page<Look>,
    State(app): State<Administration>,
    Query(query): Query<Asked>,
) -> page::Result<Response> {
    let may = page.account().may::<Handle>();
    html(&load(&app, page.frame(), query.into(), may).await?)
}

/// The query as the form writes it: a choice that was left open is empty.
#[derive(Clone, Default, Debug, Deserialize)]
#[serde(default)]
pub struct Asked {
    search: String,
    state: String,
    after: String,
}

impl From<Asked> for exchange::Query {
    fn from(asked: Asked) -> exchange::Query {
        let all = [Standing::Waiting, Standing::Exported, Standing::Activated, Standing::Refused];
        let state = all.into_iter().find(|state| state.word() == asked.state);
        exchange::Query { search: asked.search, state, after: asked.after, limit: None }
    }
}

/// `POST /exchange/import`.
pub async fn import(
    page: Page<Handle>,
    State(app): State<Administration>,
    upload: Result<Upload, Problem>,
) -> page::Result<Response> {
    let report = match upload.and_then(|upload| one_file(upload, "results", "publisher's answer")) {
        Ok(file) => {
            let import =
                app.act(page.by(), move |home, by| acts::import(home, by, &Bundle::parse_file(&file)?, |_, _| ()));
            import.await
        }
        Err(problem) => Err(problem),
    };
    match report {
        Ok(report) => page.done(words(&report), "/exchange").await,
        Err(problem) => {
            let failed = Some(Failed::of(problem)?);
            let page = load(&app, page.frame(), exchange::Query::default(), true).await?;
            unprocessable(&ExchangePage { failed, ..page })
        }
    }
}

/// What the buttons that forget send: one client, or nothing for all.
#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
pub struct Forget {
    client: String,
}

/// `POST /exchange/drop`.
pub async fn forget(
    page: Page<Handle>,
    State(app): State<Administration>,
    Form(Forget { client }): Form<Forget>,
) -> page::Result<Response> {
    let dropped = app.act(page.by(), move |home, by| {
        let client = if client.is_empty() { None } else { Some(client.parse()?) };
        acts::drop(home, by, client)
    });
    let dropped = dropped.await?;
    let plural = if dropped == 1 { "" } else { "s" };
    let notice = format!("Forgot {dropped} request{plural}. A machine that asks again is collected again.");
    page.done(notice, "/exchange").await
}

async fn load(app: &Administration, frame: Frame, query: exchange::Query, may: bool) -> page::Result<ExchangePage> {
    let (asked, now) = (query.clone(), app.console.env().now());
    let exchange = app.console.pool().read(move |tx| exchange::load(tx, &asked, now)).await?;
    Ok(ExchangePage { frame, query, exchange, may, failed: None })
}

/// What became of the requests that an answer was about, in a few sentences.
pub fn words(report: &Report) -> String {
    let Report { activated, refused, invalid, unasked, known_before, still_open, .. } = report;
    let mut words = format!("{activated} activated, {refused} refused.");
    if *invalid > 0 {
        words += &format!(" {invalid} do not verify, and are not kept.");
    }
    if *unasked > 0 {
        words += &format!(" {unasked} fit no request: the machine has asked anew, or its request was dropped.");
    }
    if *known_before > 0 {
        words += &format!(" {known_before} were imported before, and change nothing.");
    }
    if *still_open > 0 {
        words += &format!(" {still_open} more went out and have no result yet; they can go out again.");
    }
    words
}

/// A request for sample pages.
fn sample_request(number: u32, state: Standing) -> Request {
    let is_answered = matches!(state, Standing::Activated | Standing::Refused);
    Request {
        client: format!("643dc4a6418151f3f4848fe4{number:08x}"),
        name: (!number.is_multiple_of(3)).then(|| format!("lab{number}.example.com")),
        address: format!("192.0.2.{}", number % 250),
        publisher: "aurora".to_owned(),
        edition: "desk-enterprise-2026".to_owned(),
        since: 1_799_900_000 + u64::from(number),
        exported: (state != Standing::Waiting).then_some(1_799_950_000),
        answered: is_answered.then_some(1_799_990_000),
        state,
        code: (state == Standing::Refused).then(|| "mak-exhausted".to_owned()),
        detail: (state == Standing::Refused).then(|| "2 of 2 activations of this key are used".to_owned()),
        is_expired: false,
    }
}

/// An edition of which requests wait, for sample pages.
pub fn sample_open(requests: u64) -> OpenEdition {
    OpenEdition {
        publisher: "aurora".to_owned(),
        edition: "desk-enterprise-2026".to_owned(),
        name: "Aurora Desk Enterprise 2026".to_owned(),
        requests,
    }
}

/// Its states.
pub fn samples() -> Result<Vec<Sample>, askama::Error> {
    let page = |requests: Vec<Request>, counts, open, next: Option<&str>| ExchangePage {
        frame: Frame::sample(&PRODUCT, "/exchange"),
        query: exchange::Query::default(),
        exchange: Exchange { counts, open, requests, next: next.map(str::to_owned) },
        may: true,
        failed: None,
    };
    let states = [Standing::Waiting, Standing::Exported, Standing::Activated, Standing::Refused];
    let typical =
        || (0..8).zip(states.into_iter().cycle()).map(|(number, state)| sample_request(number, state)).collect();
    let counts = Counts { waiting: 2, exported: 2, activated: 2, refused: 2 };
    let full = (0..50).map(|number| sample_request(number, Standing::Waiting)).collect();
    let many = Counts { waiting: 9800, exported: 200, ..Counts::default() };
    let expected = "a file of type keymuster-catalogue+cose, and not the results of an exchange";
    let failed = Some(Failed::sample(&keymuster_core::codes::DOCUMENT_WRONG_TYPE, expected));
    let nothing = ExchangePage {
        query: exchange::Query { search: "<nobody>".to_owned(), ..exchange::Query::default() },
        ..page(Vec::new(), counts, vec![sample_open(4)], None)
    };
    Ok(vec![
        ("exchange-empty", page(Vec::new(), Counts::default(), Vec::new(), None).render()?),
        ("exchange-typical", page(typical(), counts, vec![sample_open(4)], None).render()?),
        ("exchange-full", page(full, many, vec![sample_open(10_000)], Some("1")).render()?),
        ("exchange-nothing-found", nothing.render()?),
        ("exchange-error", ExchangePage { failed, ..page(typical(), counts, vec![sample_open(4)], None) }.render()?),
    ])
}
