//! The codes for people: a list to search, and a page for each.

use askama::Template;
use axum::response::Response;
use keymuster_core::codes::{self, Code};

use super::super::page::{Path, Query as QueryOf};
use super::{Explained, Query, named, search};
use crate::Problem;
use crate::console::frame::Frame;
use crate::console::page::{self, Page, html, see_other};
use crate::console::permission::Look;
use crate::console::{Console, Product};

/// A chapter of the list.
struct Chapter {
    title: &'static str,
    codes: Vec<Explained>,
}

#[derive(Template)]
#[template(path = "codes.html")]
struct CodesPage {
    frame: Frame,
    query: Query,
    /// What the search names beyond doubt.
    named: Option<Explained>,
    chapters: Vec<Chapter>,
}

impl CodesPage {
    fn new(frame: Frame, query: Query) -> CodesPage {
        let found = search(&query.search);
        let chapter = |(title, codes): (&'static str, &'static [&'static Code])| {
            let codes: Vec<Explained> =
                codes.iter().copied().filter(|code| found.contains(code)).map(Explained::from).collect();
            (!codes.is_empty()).then_some(Chapter { title, codes })
        };
        let chapters = codes::chapters().filter_map(chapter).collect();
        CodesPage { frame, named: named(&query.search).map(Explained::from), chapters, query }
    }
}

#[derive(Template)]
#[template(path = "code.html")]
struct CodePage {
    frame: Frame,
    code: Explained,
}

/// `GET /codes`.
pub async fn list(page: Page<Look>, QueryOf(query): QueryOf<Query>) -> page::Result<Response> {
    html(&CodesPage::new(page.frame(), query))
}

/// `GET /codes/{code}`; a number, or a code of Microsoft KMS, leads to the page with the name.
pub async fn show(page: Page<Look>, Path(text): Path<String>) -> page::Result<Response> {
    let Some(code) = named(&text) else {
        let detail = format!("there is no code {text:?}; /codes lists all");
        return Err(Problem::new(&codes::RECORD_UNKNOWN, detail).into());
    };
    if code.name != text {
        return Ok(see_other(&format!("/codes/{}", code.name)));
    }
    html(&CodePage { frame: page.frame(), code: code.into() })
}

/// Their states, for the storybook.
pub fn samples(product: &'static Product) -> Result<Vec<(&'static str, String)>, askama::Error> {
    let list =
        |search: &str| CodesPage::new(Frame::sample(product, "/codes"), Query { search: search.to_owned() }).render();
    let one = |code: &'static Code| CodePage { frame: Frame::sample(product, "/codes"), code: code.into() }.render();
    Ok(vec![
        ("codes-full", list("")?),
        ("codes-typical", list("dns key")?),
        ("codes-log-line", list("refused code=threshold-not-met count=12 need=25")?),
        ("codes-empty", list("<nothing>")?),
        ("code-typical", one(&codes::THRESHOLD_NOT_MET)?),
        ("code-without-status", one(&codes::DNS_KEY_MISMATCH)?),
    ])
}

/// The routes, for any program with a console.
pub fn routes<S>() -> crate::console::routes::Routes<S>
where
    S: Clone + Send + Sync + 'static,
    Console: axum::extract::FromRef<S>,
{
    crate::console::routes::Routes::new().get("/codes", list).get("/codes/{code}", show)
}
