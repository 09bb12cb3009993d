//! Who was refused lately, and why.

use askama::Template;
use axum::extract::State as Shared;
use axum::response::Response;
use keymuster_core::time::Timestamp;
use keymuster_service::console::Page;
use keymuster_service::console::frame::Frame;
use keymuster_service::console::page::Query;
use keymuster_service::console::page::{self, html};
use keymuster_service::console::permission::Look;
use keymuster_service::database::Failure;

use super::parts::{When, counted, sample_id};
use super::{PRODUCT, Sample};
use crate::administration::Administration;
use crate::site::Site;
use crate::views::refusals::{self, CodeCount, Refused};

#[derive(Template)]
#[template(path = "refusals.html")]
struct RefusalsPage {
    frame: Frame,
    query: refusals::Query,
    page: refusals::Page,
    now: Timestamp,
}

impl RefusalsPage {
    fn when(&self, secs: &u64) -> When {
        When::near(*secs, self.now)
    }

    fn is_searched(&self) -> bool {
        !(self.query.search.is_empty() && self.query.code.is_empty())
    }

    fn shown(&self) -> String {
        let more = if self.page.next.is_some() { ", and there are more" } else { "" };
        format!("{}{more}", counted(self.page.refusals.len() as u64, "refusal"))
    }

    fn first(&self) -> String {
        if self.query.after.is_some() { self.link(None) } else { String::new() }
    }

    fn next(&self) -> String {
        self.page.next.map_or_else(String::new, |after| self.link(Some(after)))
    }

    fn link(&self, after: Option<u64>) -> String {
        let mut link = form_urlencoded::Serializer::new("/refusals?".to_owned());
        link.append_pair("search", &self.query.search).append_pair("code", &self.query.code);
        if let Some(after) = after {
            link.append_pair("after", &after.to_string());
        }
        link.finish()
    }
}

/// `GET /refusals`.
pub async fn show(
    page: Page<Look>,
    Shared(app): Shared<Administration>,
    Query(query): Query<refusals::Query>,
) -> page::Result<Response> {
    let asked = query.clone();
    let read = move |tx: &keymuster_service::sql::Transaction<'_>| refusals::load(tx, &Site::load(tx)?, &asked);
    let found = app.console.pool().read::<_, Failure, _>(read).await?;
    html(&RefusalsPage { frame: page.frame(), query, page: found, now: page.at() })
}

/// A refusal for samples.
pub(super) fn sample(number: u64) -> Refused {
    let (code, km, detail) = match number % 5 {
        3 => ("clock-skew", "KM-203", "the client's clock is 9 hours behind the host's"),
        4 => ("edition-not-covered", "KM-205", "no activated key covers the edition desk-2026"),
        _ => ("threshold-not-met", "KM-201", "12 of 25 clients have asked within the counting window"),
    };
    Refused {
        sequence: number,
        publisher: "aurora".to_owned(),
        edition: "desk-2026".to_owned(),
        edition_name: "Aurora Desk 2026".to_owned(),
        client: sample_id(number),
        name: (number % 3 != 1).then(|| format!("ws-{number:04}.example.com")),
        address: format!("10.4.2.{}", number % 250),
        code: code.to_owned(),
        number: Some(km.to_owned()),
        detail: detail.to_owned(),
        pool: None,
        first_at: 1_799_900_000,
        at: 1_800_000_000 - number * 97,
        times: number,
    }
}

/// Its states.
pub fn samples() -> Result<Vec<Sample>, askama::Error> {
    let page = |search: &str, refusals: Vec<Refused>, next| RefusalsPage {
        frame: Frame::sample(&PRODUCT, "/clients"),
        query: refusals::Query { search: search.to_owned(), ..refusals::Query::default() },
        page: refusals::Page {
            codes: vec![CodeCount { code: "threshold-not-met".to_owned(), clients: refusals.len() as u64 * 3 / 5 }],
            refusals,
            next,
        },
        now: Timestamp::from_secs(1_800_000_000),
    };
    Ok(vec![
        ("refusals-empty", page("", Vec::new(), None).render()?),
        ("refusals-typical", page("", (1..6).map(sample).collect(), None).render()?),
        ("refusals-full", page("ws", (1..51).map(sample).collect(), Some(1)).render()?),
        ("refusals-nothing-found", page("<nobody>", Vec::new(), None).render()?),
    ])
}
