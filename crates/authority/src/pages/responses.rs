//! Requests that administrators carry here as files or pictures, and the answers to them.

use askama::Template;
use axum::extract::multipart::{MultipartError, MultipartRejection};
use axum::extract::{Multipart, State};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keymuster_core::codes;
use keymuster_qr::{Code, Sent, file_in};
use keymuster_service::Problem;
use keymuster_service::console::Page;
use keymuster_service::console::api::Path;
use keymuster_service::console::frame::Frame;
use keymuster_service::console::page::{self, html, unprocessable};
use keymuster_service::console::permission::{Handle, Look};

use super::pack::download;
use super::parts::{Failed, May};
use super::{PRODUCT, Sample, samples as sample};
use crate::acts::respond::respond;
use crate::administration::Administration;
use crate::error::Error;
use crate::views::responses::{self, ResponseRow};

/// Where requests are sent.
pub const PATH: &str = "/responses";
/// Files of one request: as many as a request has codes.
const FILES_MAX: usize = keymuster_core::frames::FRAMES_MAX;

#[derive(Template)]
#[template(path = "responses.html")]
struct ResponsesPage {
    frame: Frame,
    responses: Vec<ResponseRow>,
    failed: Option<Failed>,
    may: May,
}

#[derive(Template)]
#[template(path = "response.html")]
struct ResponsePage {
    frame: Frame,
    response: ResponseRow,
    /// Where the pictures of its QR codes are; none where it is too large for them.
    codes: Vec<String>,
}

/// `GET /responses`.
pub async fn show(page: Page<Look>, State(app): State<Administration>) -> page::Result<Response> {
    let responses = app.look(|_, tx| responses::list(tx)).await?;
    html(&ResponsesPage { frame: page.frame(), responses, failed: None, may: May::of(&page) })
}

/// `POST /responses`.
pub async fn send(
    page: Page<Handle>,
    State(app): State<Administration>,
    form: Result<Multipart, MultipartRejection>,
) -> page::Result<Response> {
    let failed = match read(form).await {
        Ok(sent) => {
            let answered = app.act(page.by(), move |authority, db, by| respond(authority, db, &file_in(&sent)?, by));
            match answered.await {
                Ok(response) => {
                    return page.done("The request is answered.", format!("/responses/{}", response.id)).await;
                }
                Err(problem) => Failed::of(problem)?,
            }
        }
        Err(failed) => failed,
    };
    let responses = app.look(|_, tx| responses::list(tx)).await?;
    unprocessable(&ResponsesPage { frame: page.frame(), responses, failed: Some(failed), may: May::of(&page) })
}

/// The files of the form; a browser sends one without a name where none was chosen.
async fn read(form: Result<Multipart, MultipartRejection>) -> Result<Vec<Sent>, Failed> {
    let mut form = form.map_err(|rejection| Failed::field("request", rejection.body_text()))?;
    let broken = |error: MultipartError| Failed::field("request", error.body_text());
    let mut sent = Vec::new();
    while let Some(field) = form.next_field().await.map_err(broken)? {
        let name = field.file_name().unwrap_or_default().to_owned();
        let bytes = field.bytes().await.map_err(broken)?.to_vec();
        if !name.is_empty() || !bytes.is_empty() {
            sent.push(Sent { name, bytes });
        }
        if sent.len() > FILES_MAX {
            return Err(Failed::field("request", format!("a request has at most {FILES_MAX} QR codes")));
        }
    }
    if sent.is_empty() {
        Err(Failed::field("request", "choose the file, or the pictures of its QR codes"))
    } else {
        Ok(sent)
    }
}

/// `GET /responses/{response}`.
pub async fn show_one(
    page: Page<Look>,
    State(app): State<Administration>,
    Path(id): Path<String>,
) -> page::Result<Response> {
    let (response, codes) = app.look(move |_, tx| responses::load(tx, &id)).await?;
    let codes = (1..=codes).map(|number| format!("{PATH}/{}/codes/{number}", response.response)).collect();
    html(&ResponsePage { frame: page.frame(), response, codes })
}

/// `GET /responses/{response}/file`.
pub async fn file(_: Page<Look>, State(app): State<Administration>, Path(id): Path<String>) -> page::Result<Response> {
    let (response, bytes) = app
        .look(move |_, tx| {
            let (response, _) = responses::load(tx, &id)?;
            let bytes = responses::file(tx, &response.response)?;
            Ok((response, bytes))
        })
        .await?;
    Ok(download(&format!("{}-{}.response", response.kind, &response.response[..8]), bytes))
}

/// `GET /responses/{response}/codes/{number}`: a picture.
pub async fn code(
    _: Page<Look>,
    State(app): State<Administration>,
    Path((id, number)): Path<(String, usize)>,
) -> page::Result<Response> {
    let picture = app.look(move |_, tx| {
        let codes = responses::codes(tx, &id)?;
        let code = number.checked_sub(1).and_then(|place| codes.get(place));
        let unknown = || Error::Denied { code: &codes::RECORD_UNKNOWN, detail: format!("there is no code {number}") };
        Ok(code.ok_or_else(unknown)?.png())
    });
    Ok(([(header::CONTENT_TYPE, "image/png")], picture.await?).into_response())
}

/// Its states.
pub fn samples() -> Result<Vec<Sample>, askama::Error> {
    let list = |rows: u64, failed| {
        let responses = (0..rows).map(sample::response).collect();
        ResponsesPage { frame: Frame::sample(&PRODUCT, PATH), responses, failed, may: May::ALL }.render()
    };
    // A sample has no server that would hand out the pictures.
    let pictures = Code::of(&[7; 300], keymuster_core::frames::DATA_MAX).unwrap_or_default();
    let picture = |code: &Code| format!("data:image/png;base64,{}", STANDARD.encode(code.png()));
    let one = |n: u64, codes: Vec<String>| {
        ResponsePage { frame: Frame::sample(&PRODUCT, PATH), response: sample::response(n), codes }.render()
    };
    let refused = Failed::of(Problem::new(&codes::HOSTS_EXHAUSTED, "6 of 6 hosts are used")).ok();
    Ok(vec![
        ("responses-empty", list(0, None)?),
        ("responses-typical", list(4, None)?),
        ("responses-full", list(50, None)?),
        ("responses-error", list(2, refused)?),
        ("response-host", one(0, pictures.iter().map(picture).collect())?),
        ("response-exchange", one(2, Vec::new())?),
    ])
}
