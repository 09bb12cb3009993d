//! What administrators did, with search and export.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use keymuster_service::console::Page;
use keymuster_service::console::frame::Frame;
use keymuster_service::console::page::Query;
use keymuster_service::console::page::{self, html};
use keymuster_service::console::permission::Look;

use super::{PRODUCT, Sample};
use crate::administration::Administration;
use crate::views::audit::{self, Act};

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage {
    frame: Frame,
    query: audit::Query,
    audit: audit::Page,
}

impl AuditPage {
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
    let entry = |sequence| Act {
        sequence,
        at: 1_800_000_000,
        when: "2027-01-15 08:00:00Z".to_owned(),
        actor: "ada".to_owned(),
        act: "mint key".to_owned(),
        subject: "500078200002b".to_owned(),
        detail: "host key for customer contoso".to_owned(),
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
