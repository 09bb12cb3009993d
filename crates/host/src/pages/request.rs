//! The request for one host key, to be carried to the publisher: as QR codes on the screen or on paper, or as a file.
//!
//! It holds the whole host key, so making it is an act, and looking at it needs the permission to work with keys.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keymuster_core::frames::DATA_MAX;
use keymuster_qr::Code;
use keymuster_service::Problem;
use keymuster_service::console::Page;
use keymuster_service::console::frame::Frame;
use keymuster_service::console::page::{self, html, see_other};
use keymuster_service::console::page::{Form, Query};
use keymuster_service::console::permission::Keys;
use keymuster_service::console::upload::SecretFile;

use super::activate::{Chosen, Input};
use super::{PRODUCT, Sample};
use crate::acts::activation;
use crate::acts::keys::installed;
use crate::administration::Administration;

#[derive(Template)]
#[template(path = "request.html")]
struct RequestPage {
    frame: Frame,
    chosen: Chosen,
    last_five: String,
    /// The codes as pictures, each as the address of its data.
    codes: Vec<String>,
    bytes: usize,
}

impl RequestPage {
    fn new(frame: Frame, chosen: Chosen, last_five: String, file: &[u8]) -> Result<RequestPage, Problem> {
        let codes = Code::of(file, DATA_MAX).map_err(anyhow::Error::from)?;
        let picture = |code: &Code| format!("data:image/png;base64,{}", STANDARD.encode(code.png()));
        Ok(RequestPage { frame, chosen, last_five, codes: codes.iter().map(picture).collect(), bytes: file.len() })
    }

    fn query(&self) -> String {
        let Chosen { publisher, key, .. } = &self.chosen;
        form_urlencoded::Serializer::new(String::new())
            .append_pair("publisher", publisher)
            .append_pair("key", key)
            .finish()
    }
}

/// `POST /keys/activate/request`.
pub async fn act(
    page: Page<Keys>,
    State(app): State<Administration>,
    Form(input): Form<Input>,
) -> page::Result<Response> {
    let chosen = Chosen::from(input);
    let (asked, env) = (chosen.clone(), app.console.env().clone());
    app.act(page.by(), move |home, by| {
        let (publisher, key) = installed(home, &asked.publisher, &asked.key)?;
        activation::request(home, by, publisher, &key, &env)
    })
    .await?;
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("publisher", &chosen.publisher)
        .append_pair("key", &chosen.key)
        .finish();
    Ok(see_other(&format!("/keys/activate/request?{query}")))
}

/// `GET /keys/activate/request`.
pub async fn show(
    page: Page<Keys>,
    State(app): State<Administration>,
    Query(chosen): Query<Chosen>,
) -> page::Result<Response> {
    let (last_five, file) = open(&page, &app, &chosen).await?;
    html(&RequestPage::new(page.frame(), chosen, last_five, &file)?)
}

/// `GET /keys/activate/request/file`.
pub async fn file(
    page: Page<Keys>,
    State(app): State<Administration>,
    Query(chosen): Query<Chosen>,
) -> page::Result<Response> {
    let (last_five, file) = open(&page, &app, &chosen).await?;
    Ok(SecretFile { name: format!("{}-{last_five}.request", chosen.publisher), bytes: file }.answer())
}

/// The request that was made and waits for its answer.
async fn open(page: &Page<Keys>, app: &Administration, chosen: &Chosen) -> page::Result<(String, Vec<u8>)> {
    let asked = chosen.clone();
    let by = page.by();
    let found = app.act(by, move |home, by| {
        let (publisher, key) = installed(home, &asked.publisher, &asked.key)?;
        let file = activation::open_request(home, publisher, &key, by.at())?;
        Ok(file.map(|file| (key.last_five(), file)))
    });
    match found.await? {
        Some(found) => Ok(found),
        None => {
            let query = form_urlencoded::Serializer::new(String::new())
                .append_pair("publisher", &chosen.publisher)
                .append_pair("key", &chosen.key)
                .finish();
            Err(page::PageError::Elsewhere(format!("/keys/activate?{query}")))
        }
    }
}

/// Its states.
pub fn samples() -> Result<Vec<Sample>, askama::Error> {
    let chosen = || Chosen { publisher: "aurora".to_owned(), key: "500078200002b".to_owned(), ..Chosen::default() };
    let page = |bytes: usize| {
        let file: Vec<u8> = (0..bytes).map(|n| u8::try_from(n * n % 251).unwrap_or_default()).collect();
        RequestPage::new(Frame::sample(&PRODUCT, "/keys"), chosen(), "7M4QX".to_owned(), &file)
            .map_err(|_| askama::Error::Fmt)
    };
    Ok(vec![("request-typical", page(420)?.render()?), ("request-full", page(3000)?.render()?)])
}
