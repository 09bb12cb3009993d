//! What administrators did, with search and export.

pub mod export;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use keymuster_core::time::Timestamp;
use keymuster_service::Problem;
use keymuster_service::console::Page;
use keymuster_service::console::frame::Frame;

use keymuster_service::console::page::{self, Query, html, unprocessable};
use keymuster_service::console::permission::Look;

use super::parts::When;
use super::{PRODUCT, Sample};
use crate::administration::Administration;
use crate::views::audit::{self, Act, NotADay, PAGE};
use export::Form;

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage {
    frame: Frame,
    query: audit::Query,
    audit: audit::Page,
    error: Option<NotADay>,
}

impl AuditPage {
    fn new(frame: Frame, query: audit::Query, audit: audit::Page) -> AuditPage {
        AuditPage { frame, query, audit, error: None }
    }

    fn when(&self, secs: &u64) -> When {
        When::at(*secs)
    }

    /// The link to a page with the same filter.
    fn link(&self, path: &str, after: Option<u64>) -> String {
        let audit::Query { search, actor, act, from, until, .. } = &self.query;
        let mut link = form_urlencoded::Serializer::new(format!("{path}?"));
        for (name, value) in [("search", search), ("actor", actor), ("act", act), ("from", from), ("until", until)] {
            if !value.is_empty() {
                link.append_pair(name, value);
            }
        }
        if let Some(after) = after {
            link.append_pair("after", &after.to_string());
        }
        link.finish().trim_end_matches('?').to_owned()
    }

    /// The link to older entries; empty where there are none.
    fn older(&self) -> String {
        self.audit.next.map_or_else(String::new, |next| self.link("/audit", Some(next)))
    }

    /// The link back to the newest entries; empty where they are shown.
    fn newest(&self) -> String {
        self.query.after.map_or_else(String::new, |_| self.link("/audit", None))
    }

    /// What stands in a field for a day, which can hold nothing else; the error names what was entered.
    fn day<'a>(&self, entered: &'a str) -> &'a str {
        let is_wrong = self.error.is_some() && Timestamp::of_day(entered.trim()).is_none();
        if is_wrong { "" } else { entered }
    }

    fn shown(&self) -> String {
        let numbers = self.audit.entries.first().zip(self.audit.entries.last());
        numbers.map_or_else(String::new, |(first, last)| format!("Entries {} to {}", first.sequence, last.sequence))
    }

    fn is_filtered(&self) -> bool {
        self.link("/audit", None) != "/audit"
    }
}

/// `GET /audit`.
pub async fn show(
    page: Page<Look>,
    State(app): State<Administration>,
    Query(query): Query<audit::Query>,
) -> page::Result<Response> {
    match query.filter() {
        Ok(filter) => {
            let (after, limit) = (query.after, query.limit.unwrap_or(PAGE));
            let audit = app.console.pool().read(move |tx| audit::load(tx, &filter, after, limit)).await?;
            html(&AuditPage::new(page.frame(), query, audit))
        }
        Err(wrong) => {
            let nothing = audit::Page { entries: Vec::new(), next: None };
            unprocessable(&AuditPage { error: Some(wrong), ..AuditPage::new(page.frame(), query, nothing) })
        }
    }
}

/// `GET /audit.csv`.
pub async fn csv(
    _page: Page<Look>,
    State(app): State<Administration>,
    Query(query): Query<audit::Query>,
) -> page::Result<Response> {
    file(&app, &query, Form::Csv).await
}

/// `GET /audit.json`.
pub async fn json(
    _page: Page<Look>,
    State(app): State<Administration>,
    Query(query): Query<audit::Query>,
) -> page::Result<Response> {
    file(&app, &query, Form::Json).await
}

async fn file(app: &Administration, query: &audit::Query, form: Form) -> page::Result<Response> {
    let filter = query.filter().map_err(Problem::from)?;
    Ok(export::stream(app.console.pool(), filter, form).await?)
}

/// Its states.
pub fn samples() -> Result<Vec<Sample>, askama::Error> {
    let acts = [
        ("ada", "publisher added", "publisher aurora", "licence pack version 7"),
        ("ada", "key installed", "host key …7M4QX", "publisher aurora, group desk-2026"),
        ("ada", "host activated", "host key …7M4QX", "until 2027-08-28"),
        ("command line (root)", "setting changed", "renewal-interval", "7d to 14d"),
        ("olaf", "seat reclaimed", "ws-0142.example.com", "pool cad: she has left"),
        ("grace (token nightly)", "requests exported", "desk-enterprise-2026", "40 requests"),
        ("ada", "account added", "olaf", "operator"),
    ];
    let entry = |sequence: u64| {
        let at = 1_800_000_000 - (51 - sequence) * 53_171;
        let (actor, act, subject, detail) = acts[usize::try_from(sequence - 1).unwrap_or(0) % acts.len()];
        Act {
            sequence,
            at,
            when: Timestamp::from_secs(at).to_string(),
            actor: actor.to_owned(),
            act: act.to_owned(),
            subject: subject.to_owned(),
            detail: detail.to_owned(),
            head: "5f2b1c09d3e84a76".repeat(4),
        }
    };
    let sample = |search: &str, entries: Vec<Act>, next| {
        let query = audit::Query { search: search.to_owned(), ..audit::Query::default() };
        AuditPage::new(Frame::sample(&PRODUCT, "/audit"), query, audit::Page { entries, next })
    };
    let wrong = audit::Query { from: "yesterday".to_owned(), ..audit::Query::default() };
    let wrong = AuditPage { error: wrong.filter().err(), query: wrong, ..sample("", Vec::new(), None) };
    Ok(vec![
        ("audit-empty", sample("", Vec::new(), None).render()?),
        ("audit-typical", sample("", (1..8).rev().map(entry).collect(), None).render()?),
        ("audit-full", sample("key", (1..51).rev().map(entry).collect(), Some(1)).render()?),
        ("audit-error", wrong.render()?),
        ("audit-nothing-found", sample("<nobody>", Vec::new(), None).render()?),
    ])
}
