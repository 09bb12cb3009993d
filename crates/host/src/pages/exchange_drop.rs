//! Forgetting everything that is collected, after its page has said what that is.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use keymuster_service::console::Page;
use keymuster_service::console::frame::Frame;
use keymuster_service::console::page::{self, html};
use keymuster_service::console::permission::Handle;

use super::parts::counted;
use super::{PRODUCT, Sample};
use crate::administration::Administration;
use crate::views::exchange::{self, Counts};

#[derive(Template)]
#[template(path = "exchange_drop.html")]
struct DropPage {
    frame: Frame,
    counts: Counts,
}

impl DropPage {
    fn counted(&self, n: &u64, noun: &str) -> String {
        counted(*n, noun)
    }
}

/// `GET /exchange/drop`.
pub async fn show(page: Page<Handle>, State(app): State<Administration>) -> page::Result<Response> {
    let counts = app.console.pool().read(exchange::counts).await?;
    html(&DropPage { frame: page.frame(), counts })
}

/// Its states.
pub fn samples() -> Result<Vec<Sample>, askama::Error> {
    let page = |counts| DropPage { frame: Frame::sample(&PRODUCT, "/exchange"), counts };
    let typical = Counts { waiting: 12, exported: 3, activated: 40, refused: 1 };
    Ok(vec![
        ("exchange-drop-empty", page(Counts::default()).render()?),
        ("exchange-drop-typical", page(typical).render()?),
    ])
}
