//! What administrators did, with search and export.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use keymuster_core::time::Timestamp;
use keymuster_service::console::Page;
use keymuster_service::console::frame::Frame;
use keymuster_service::console::page::Query;
use keymuster_service::console::page::{self, html};
use keymuster_service::console::permission::Look;

use super::{PRODUCT, Sample};
use crate::administration::Administration;
use crate::views::Time;
use crate::views::audit::{self, Act};

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage {
    frame: Frame,
    query: audit::Query,
    audit: audit::Page,
}

impl AuditPage {
    fn at(&self, entry: &Act) -> Time {
        Timestamp::from_secs(entry.at).into()
    }

    /// The link to older entries.
    fn older(&self) -> Option<String> {
        let mut link = form_urlencoded::Serializer::new("/audit?".to_owned());
        link.append_pair("search", &self.query.search);
        Some(link.append_pair("after", &self.audit.next?.to_string()).finish())
    }
}

/// `GET /audit`.
pub async fn show(
    page: Page<Look>,
    State(app): State<Administration>,
    Query(query): Query<audit::Query>,
) -> page::Result<Response> {
    let asked = query.clone();
    let audit = app.console.pool().read(move |tx| audit::load(tx, &asked)).await?;
    html(&AuditPage { frame: page.frame(), query, audit })
}

/// Its states.
pub fn samples() -> Result<Vec<Sample>, askama::Error> {
    let acts = [
        ("ada", "add customer", "muster-works", "Muster Works"),
        ("ada", "mint key", "500078200002b", "host key for customer muster-works"),
        ("9e3779b97f4a7c15f39cc0605cedc835", "certify", "500078200002b", "entitlement until 2027-08-28"),
        ("grace (token nightly)", "mint key", "500078200002c", "MAK for customer nordwind"),
        ("olaf", "answer request", "9e3779b97f4a7c15", "40 clients are activated, 1 is refused"),
        ("ada", "propose", "stop customer nordwind", "12 hosts, 14310 machines"),
    ];
    let entry = |sequence: u64| {
        let at = 1_800_000_000 - (51 - sequence) * 53_171;
        let (actor, act, subject, detail) = acts[sequence as usize % acts.len()];
        Act {
            sequence,
            at,
            when: Timestamp::from_secs(at).to_string(),
            actor: actor.to_owned(),
            act: act.to_owned(),
            subject: subject.to_owned(),
            detail: detail.to_owned(),
        }
    };
    let sample = |search: &str, entries: Vec<Act>, next| AuditPage {
        frame: Frame::sample(&PRODUCT, "/audit"),
        query: audit::Query { search: search.to_owned(), ..audit::Query::default() },
        audit: audit::Page { entries, next },
    };
    Ok(vec![
        ("audit-empty", sample("", Vec::new(), None).render()?),
        ("audit-typical", sample("", (1..8).rev().map(entry).collect(), None).render()?),
        ("audit-full", sample("key", (1..51).rev().map(entry).collect(), Some(1)).render()?),
        ("audit-nothing-found", sample("<nobody>", Vec::new(), None).render()?),
    ])
}
