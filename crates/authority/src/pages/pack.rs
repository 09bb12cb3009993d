//! The newest licence pack: what it holds, and the file.

use askama::Template;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use keymuster_core::codes;
use keymuster_service::Problem;
use keymuster_service::console::Page;
use keymuster_service::console::frame::Frame;
use keymuster_service::console::page::{self, html};
use keymuster_service::console::permission::Look;

use super::{PRODUCT, Sample, samples as sample};
use crate::administration::Administration;
use crate::pack::newest;
use crate::views::pack::{self, EditionRow, GroupRow, PackView};

#[derive(Template)]
#[template(path = "pack.html")]
struct PackPage {
    frame: Frame,
    pack: Option<PackView>,
}

/// `GET /pack`.
pub async fn show(page: Page<Look>, State(app): State<Administration>) -> page::Result<Response> {
    let pack = app.look(pack::load).await?;
    html(&PackPage { frame: page.frame(), pack })
}

/// `GET /pack/file`.
pub async fn file(page: Page<Look>, State(app): State<Administration>) -> page::Result<Response> {
    let pack = app.look(pack::load).await?;
    let missing = || Problem::new(&codes::CATALOGUE_MISSING, "no catalogue was signed yet");
    let version = pack.ok_or_else(missing)?.version;
    let bundle = app.act(page.by(), |authority, db, _| newest(authority, db)).await?;
    let name = format!("{}-{version}.pack", app.app.authority().publisher.slug);
    Ok(download(&name, bundle.to_file()))
}

/// A file to be kept under a name of letters, digits, dashes and points.
pub fn download(name: &str, bytes: Vec<u8>) -> Response {
    let disposition = format!("attachment; filename=\"{name}\"");
    let kind = "application/octet-stream".to_owned();
    ([(header::CONTENT_TYPE, kind), (header::CONTENT_DISPOSITION, disposition)], bytes).into_response()
}

/// Its states.
pub fn samples() -> Result<Vec<Sample>, askama::Error> {
    let edition = |n: u16| EditionRow {
        edition: format!("edition-{n}"),
        number: n,
        name: format!("Edition {n}"),
        threshold: 5 * u32::from(n % 6),
        setup_key: "FJ6B3-QVQCM-YCVB7-BJB3P-8KDBJ".to_owned(),
    };
    let page = |editions: u16| {
        let group = |n: u16| GroupRow { group: format!("group-{n}"), name: format!("Group {n}") };
        let pack = (editions > 0).then(|| PackView {
            version: 7,
            issued_at: sample::ago(20),
            groups: (0..editions / 3 + 1).map(group).collect(),
            editions: (0..editions).map(edition).collect(),
        });
        PackPage { frame: Frame::sample(&PRODUCT, "/pack"), pack }.render()
    };
    Ok(vec![("pack-empty", page(0)?), ("pack-typical", page(6)?), ("pack-full", page(80)?)])
}
