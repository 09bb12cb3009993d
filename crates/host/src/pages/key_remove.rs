//! Removing a host key, after its page has said what goes with it.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use keymuster_core::codes;
use keymuster_service::Problem;
use keymuster_service::console::Page;
use keymuster_service::console::frame::Frame;
use keymuster_service::console::page::Path;
use keymuster_service::console::page::{self, html};
use keymuster_service::console::permission::Keys;

use super::keys::sample;
use super::parts::When;
use super::{PRODUCT, Sample};
use crate::acts;
use crate::administration::Administration;
use crate::views::keys::{self, Loss, State as Standing};

#[derive(Template)]
#[template(path = "key_remove.html")]
struct RemovePage {
    frame: Frame,
    loss: Loss,
    until: Option<When>,
}

/// `GET /keys/{publisher}/{key}/remove`.
pub async fn show(
    page: Page<Keys>,
    State(app): State<Administration>,
    Path((publisher, id)): Path<(String, String)>,
) -> page::Result<Response> {
    page.confirmed(page.path())?;
    let now = page.at();
    let loss = app.console.pool().read(move |tx| keys::loss(tx, &publisher, &id, now)).await?;
    let loss = loss.ok_or_else(unknown)?;
    html(&RemovePage { frame: page.frame(), until: When::maybe(loss.key.stop_at), loss })
}

/// `POST /keys/{publisher}/{key}/remove`.
pub async fn act(
    page: Page<Keys>,
    State(app): State<Administration>,
    Path((publisher, id)): Path<(String, String)>,
) -> page::Result<Response> {
    page.confirmed(page.path())?;
    let removed = app.act(page.by(), move |home, by| acts::keys::remove_one(home, by, &publisher, &id)).await?;
    let mut notice = format!("Removed the host key that ends in {}", removed.keys.join(", "));
    if !removed.lost.is_empty() {
        notice += &format!("; not covered any more: {}", removed.lost.join(", "));
    }
    if !removed.is_erased {
        notice += ". A copy of it is left in the database's log: of a file until the server was stopped, of a PostgreSQL for \
                   as long as it keeps its log and backups";
    }
    page.done(notice + ".", "/keys").await
}

fn unknown() -> Problem {
    Problem::new(&codes::RECORD_UNKNOWN, "no such host key is installed; somebody may have removed it")
}

/// Its states.
pub fn samples() -> Result<Vec<Sample>, askama::Error> {
    let page = |state, lost: Vec<String>| {
        let key = sample("7M4QX", state);
        let until = When::maybe(key.stop_at);
        RemovePage { frame: Frame::sample(&PRODUCT, "/keys"), loss: Loss { key, lost }, until }
    };
    let lost = |number| (1..=number).map(|number| format!("Aurora Server Edition {number}")).collect();
    Ok(vec![
        ("key-remove-empty", page(Standing::New, Vec::new()).render()?),
        ("key-remove-typical", page(Standing::Active, lost(3)).render()?),
        ("key-remove-full", page(Standing::Ending, lost(60)).render()?),
        ("key-remove-of-one-that-ended", page(Standing::Ended, Vec::new()).render()?),
    ])
}
