//! The list of clients, and its export.

mod export;

use askama::Template;
use axum::extract::State as Shared;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use keymuster_core::codes;
use keymuster_core::time::Timestamp;
use keymuster_service::Problem;
use keymuster_service::console::Page;
use keymuster_service::console::frame::Frame;
use keymuster_service::console::page::Query;
use keymuster_service::console::page::{self, html, unprocessable};
use keymuster_service::console::permission::Look;

use super::parts::{When, counted, sample_id};
use super::{PRODUCT, Sample};
use crate::administration::Administration;
use crate::site::Site;
use crate::views::clients::{self, ClientRow, Search, State, Wrong};

#[derive(Template)]
#[template(path = "clients.html")]
struct ClientsPage {
    frame: Frame,
    query: clients::Query,
    page: clients::Page,
    wrong: Option<Wrong>,
    /// All clients, where nothing is filtered.
    total: Option<u64>,
    /// The ids of the publishers.
    publishers: Vec<String>,
    now: Timestamp,
}

impl ClientsPage {
    fn states(&self) -> [State; 7] {
        State::ALL
    }

    fn is_searched(&self) -> bool {
        let clients::Query { search, publisher, edition, state, address, shared, .. } = &self.query;
        [search, publisher, edition, state, address, shared].into_iter().any(|text| !text.is_empty())
    }

    fn when(&self, secs: &u64) -> When {
        When::near(*secs, self.now)
    }

    /// What the page shows of how many.
    fn shown(&self) -> String {
        let rows = self.page.rows.len() as u64;
        match self.page.matches.or(self.total) {
            Some(all) => format!("{rows} of {}", counted(all, "client")),
            None if self.page.next.is_some() => format!("{}, and there are more", counted(rows, "client")),
            None => counted(rows, "client"),
        }
    }

    /// The link that sorts by a column, the other way round where it is sorted by it.
    fn sorted(&self, sort: &str) -> String {
        let direction = match (self.is_sorted_by(sort), self.direction()) {
            (true, "up") => "down",
            (true, _) => "up",
            (false, _) => "",
        };
        link("/clients", &clients::Query { sort: sort.into(), direction: direction.into(), ..self.begin() })
    }

    /// For the head of a column.
    fn order(&self, sort: &str) -> &'static str {
        match (self.is_sorted_by(sort), self.direction()) {
            (false, _) => "",
            (true, "up") => "ascending",
            (true, _) => "descending",
        }
    }

    fn is_sorted_by(&self, sort: &str) -> bool {
        self.query.sort == sort || (self.query.sort.is_empty() && sort == "asked")
    }

    fn direction(&self) -> &str {
        match (&*self.query.direction, &*self.query.sort) {
            ("", "name") => "up",
            ("", _) => "down",
            (direction, _) => direction,
        }
    }

    fn begin(&self) -> clients::Query {
        clients::Query { after: String::new(), ..self.query.clone() }
    }

    fn first(&self) -> String {
        if self.query.after.is_empty() { String::new() } else { link("/clients", &self.begin()) }
    }

    fn next(&self) -> String {
        let next = self.page.next.clone();
        next.map_or_else(String::new, |after| link("/clients", &clients::Query { after, ..self.query.clone() }))
    }

    fn export(&self, path: &str) -> String {
        link(path, &self.begin())
    }
}

/// The address of a list.
fn link(path: &str, query: &clients::Query) -> String {
    let clients::Query { search, publisher, edition, state, address, shared, sort, direction, after, .. } = query;
    let members = [
        ("search", search),
        ("publisher", publisher),
        ("edition", edition),
        ("state", state),
        ("address", address),
        ("shared", shared),
        ("sort", sort),
        ("direction", direction),
        ("after", after),
    ];
    let mut text = form_urlencoded::Serializer::new(String::new());
    for (name, value) in members.into_iter().filter(|(_, value)| !value.is_empty()) {
        text.append_pair(name, value);
    }
    let text = text.finish();
    if text.is_empty() { path.to_owned() } else { format!("{path}?{text}") }
}

/// `GET /clients`.
pub async fn show(
    page: Page<Look>,
    Shared(app): Shared<Administration>,
    Query(query): Query<clients::Query>,
) -> page::Result<Response> {
    let (asked, now) = (query.clone(), page.at());
    let look = app.glance.look().await.map_err(Problem::from)?;
    let (found, publishers) = app
        .console
        .pool()
        .read(move |tx| {
            let site = Site::load(tx)?;
            let publishers = site.publishers.iter().map(|held| held.trust.publisher.to_string()).collect::<Vec<_>>();
            let found = match Search::new(&site, &asked, now) {
                Ok(search) => Ok((clients::load(tx, &search)?, search.is_everything())),
                Err(wrong) => Err(wrong),
            };
            Ok::<_, keymuster_service::database::Failure>((found, publishers))
        })
        .await?;
    let frame = page.frame();
    match found {
        Ok((found, is_everything)) => {
            let total = look.snapshot.filter(|_| is_everything).map(|snapshot| snapshot.total());
            html(&ClientsPage { frame, query, page: found, wrong: None, total, publishers, now })
        }
        Err(wrong) => {
            let nothing = clients::Page { rows: Vec::new(), next: None, is_partial: false, matches: None };
            let wrong = Some(wrong);
            unprocessable(&ClientsPage { frame, query, page: nothing, wrong, total: None, publishers, now })
        }
    }
}

/// `GET /clients.csv`: everything that matches.
pub async fn csv(
    page: Page<Look>,
    Shared(app): Shared<Administration>,
    Query(query): Query<clients::Query>,
) -> page::Result<Response> {
    export::stream(&app, query, page.at(), export::Form::Csv).await
}

/// `GET /clients.json`: everything that matches.
pub async fn json(
    page: Page<Look>,
    Shared(app): Shared<Administration>,
    Query(query): Query<clients::Query>,
) -> page::Result<Response> {
    export::stream(&app, query, page.at(), export::Form::Json).await
}

/// Its states.
pub fn samples() -> Result<Vec<Sample>, askama::Error> {
    let row = |number: u64| ClientRow {
        publisher: "aurora".to_owned(),
        edition: "desk-2026".to_owned(),
        edition_name: "Aurora Desk 2026".to_owned(),
        client: sample_id(number),
        name: (number % 5 != 3).then(|| format!("ws-{number:04}.example.com")),
        address: format!("10.4.2.{}", number % 250),
        system: Some("Linux 6.1".to_owned()),
        product_version: Some("1.4.2".to_owned()),
        state: State::ALL[usize::try_from(number).unwrap_or_default() % 7],
        first_asked: 1_790_000_000 - number * 90_061,
        last_asked: (number % 7 != 6).then_some(1_800_000_000 - number * 613),
        lease_expires: match number % 7 {
            0 | 1 => Some(1_810_000_000 + number * 4_211),
            2 => Some(1_801_000_000 + number * 4_211),
            3 => Some(1_799_600_000 - number * 4_211),
            _ => None,
        },
        is_shared: number % 11 == 4,
    };
    let sample = |query: clients::Query, rows: Vec<ClientRow>, next: Option<&str>| {
        let page = clients::Page { rows, next: next.map(str::to_owned), is_partial: false, matches: None };
        ClientsPage {
            frame: Frame::sample(&PRODUCT, "/clients"),
            query,
            page,
            wrong: None,
            total: None,
            publishers: vec!["aurora".to_owned(), "borealis".to_owned()],
            now: Timestamp::from_secs(1_800_000_000),
        }
    };
    let searched =
        clients::Query { search: "ws-<1>".to_owned(), state: "ended".to_owned(), ..clients::Query::default() };
    let mut partial = sample(searched.clone(), (3..25).step_by(7).map(row).collect(), Some("place"));
    partial.page.is_partial = true;
    let mut full = sample(clients::Query::default(), (1..51).map(row).collect(), Some("place"));
    full.total = Some(1_000_000);
    let mut error = sample(searched.clone(), Vec::new(), None);
    error.wrong = Some(Wrong { field: "search", message: "at most 128 bytes can be searched for".to_owned() });
    Ok(vec![
        ("clients-empty", sample(clients::Query::default(), Vec::new(), None).render()?),
        ("clients-typical", sample(clients::Query::default(), (1..9).map(row).collect(), None).render()?),
        ("clients-full", full.render()?),
        ("clients-partial", partial.render()?),
        ("clients-nothing-found", sample(searched, Vec::new(), None).render()?),
        ("clients-error", error.render()?),
    ])
}
