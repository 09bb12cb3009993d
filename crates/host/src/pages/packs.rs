//! Licence packs: which are held, taking a newer one over, and adding a publisher.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use keymuster_core::codes;
use keymuster_service::Problem;
use keymuster_service::console::Page;
use keymuster_service::console::frame::Frame;
use keymuster_service::console::page::Form;
use keymuster_service::console::page::{self, html, unprocessable};
use keymuster_service::console::permission::{Keys, Look};
use keymuster_service::console::upload::Upload;
use serde::Deserialize;

use super::parts::{Failed, When};
use super::{PRODUCT, Sample};
use crate::acts::packs::{self as acts, Brought};
use crate::administration::Administration;
use crate::standing::EditionStanding;
use crate::views::products::{self, Pack};

/// How many names stand in a sentence before it says how many more there are.
const NAMES_MAX: usize = 6;

#[derive(Template)]
#[template(path = "packs.html")]
struct PacksPage {
    frame: Frame,
    packs: Vec<Pack>,
    may: bool,
    authority: String,
    failed: Option<(Place, Failed)>,
}

/// The forms of the page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    Import,
    Fetch,
    Publisher,
}

impl PacksPage {
    fn issued(&self, pack: &Pack) -> When {
        When::at(pack.issued)
    }

    fn failed_import(&self) -> Option<&Failed> {
        self.failed_at(Place::Import)
    }

    fn failed_fetch(&self) -> Option<&Failed> {
        self.failed_at(Place::Fetch)
    }

    fn failed_publisher(&self) -> Option<&Failed> {
        self.failed_at(Place::Publisher)
    }

    fn failed_at(&self, form: Place) -> Option<&Failed> {
        self.failed.as_ref().filter(|(at, _)| *at == form).map(|(_, failed)| failed)
    }
}

/// What the form that asks an authority sends.
#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
pub struct Input {
    publisher: String,
    authority: String,
}

/// `GET /products/packs`.
pub async fn show(page: Page<Look>, State(app): State<Administration>) -> page::Result<Response> {
    let may = page.account().may::<Keys>();
    html(&load(&app, page.frame(), may).await?)
}

/// `POST /products/packs/import`.
pub async fn import(
    page: Page<Keys>,
    State(app): State<Administration>,
    upload: Result<Upload, Problem>,
) -> page::Result<Response> {
    let pack = upload.and_then(|upload| one_file(upload, "pack", "licence pack"));
    let brought = match pack {
        Ok(pack) => app.act(page.by(), move |home, by| acts::import_file(home, by, None, &pack)).await,
        Err(problem) => Err(problem),
    };
    answer(&page, &app, Place::Import, brought, String::new()).await
}

/// `POST /products/packs/publisher`.
pub async fn add_publisher(
    page: Page<Keys>,
    State(app): State<Administration>,
    upload: Result<Upload, Problem>,
) -> page::Result<Response> {
    let files = upload.and_then(|upload| {
        let trust = one_file(upload.clone(), "trust", "trust file")?;
        Ok((trust, one_file(upload, "pack", "licence pack")?))
    });
    let brought = match files {
        Ok((trust, pack)) => {
            app.act(page.by(), move |home, by| acts::import_file(home, by, Some(trust.as_slice()), &pack)).await
        }
        Err(problem) => Err(problem),
    };
    answer(&page, &app, Place::Publisher, brought, String::new()).await
}

/// `POST /products/packs/fetch`.
pub async fn fetch(
    page: Page<Keys>,
    State(app): State<Administration>,
    Form(input): Form<Input>,
) -> page::Result<Response> {
    let Input { publisher, authority } = input;
    let url = authority.trim().to_owned();
    let brought = app.act(page.by(), move |home, by| {
        let publisher = home.site.choose(Some(publisher.as_str()).filter(|name| !name.is_empty()))?;
        acts::fetch(home, by, publisher, Some(url.as_str()).filter(|url| !url.is_empty()))
    });
    answer(&page, &app, Place::Fetch, brought.await, authority).await
}

async fn answer(
    page: &Page<Keys>,
    app: &Administration,
    form: Place,
    brought: Result<Brought, Problem>,
    authority: String,
) -> page::Result<Response> {
    match brought {
        Ok(brought) => page.done(capital(&brought_words(&brought)), "/products/packs").await,
        Err(problem) => {
            let failed = Some((form, Failed::of(problem)?));
            unprocessable(&PacksPage { failed, authority, ..load(app, page.frame(), true).await? })
        }
    }
}

/// The one file of a field.
pub fn one_file(upload: Upload, field: &str, what: &str) -> Result<Vec<u8>, Problem> {
    let mut files = upload.files(field).into_iter();
    match (files.next(), files.next()) {
        (Some(file), None) => Ok(file.bytes),
        (None, _) => Err(Problem::new(&codes::INPUT_INVALID, format!("choose the {what}"))),
        (Some(_), Some(_)) => Err(Problem::new(&codes::INPUT_INVALID, format!("choose one {what}"))),
    }
}

async fn load(app: &Administration, frame: Frame, may: bool) -> page::Result<PacksPage> {
    let packs = app.console.pool().read(products::packs).await?;
    Ok(PacksPage { frame, packs, may, authority: String::new(), failed: None })
}

/// What a licence pack has brought, in a few sentences, the first without a capital.
pub fn brought_words(brought: &Brought) -> String {
    let Brought { publisher, name, version, .. } = brought;
    let mut words = format!("licence pack version {version} of {name} ({publisher}): ");
    words += &match brought.version_before {
        _ if brought.is_held_already => "this host holds it already.".to_owned(),
        None => format!("the publisher is added, with {} editions.", brought.new_editions.len()),
        Some(before) if before == *version => "issuers or revocations are newer.".to_owned(),
        Some(before) => format!("it replaces version {before}."),
    };
    if !brought.new_groups.is_empty() {
        words += &format!(" New groups: {}.", names(&brought.new_groups));
    }
    if brought.version_before.is_some() && !brought.new_editions.is_empty() {
        let name = |edition: &EditionStanding| edition.name.clone();
        words += &format!(" New editions: {}.", names(&brought.new_editions.iter().map(name).collect::<Vec<_>>()));
    }
    if !brought.gone_editions.is_empty() {
        words += &format!(" No longer described: {}.", names(&brought.gone_editions));
    }
    for left_out in &brought.left_out {
        let (last_five, why) = (&left_out.last_five, &left_out.why);
        words += &format!(" The entitlement of the key that ends in {last_five} does not count any more: {why}.");
    }
    if !brought.has_keys {
        words += " Now install a host key.";
    }
    words
}

fn names(all: &[String]) -> String {
    let shown = all.iter().take(NAMES_MAX).map(String::as_str).collect::<Vec<_>>().join(", ");
    match all.len().saturating_sub(NAMES_MAX) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// A pack for sample pages.
pub fn sample(publisher: &str, name: &str) -> Pack {
    Pack {
        publisher: publisher.to_owned(),
        name: name.to_owned(),
        version: 7,
        issued: 1_795_000_000,
        groups: 6,
        editions: 14,
        host_min: "0.1.0".to_owned(),
        host: "0.1.0".to_owned(),
        revocations: (publisher == "aurora").then_some(12),
        revoked: 3,
        authority: Some(format!("https://activation.{publisher}.example")),
        roots: vec!["d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a".to_owned()],
    }
}

/// Its states.
pub fn samples() -> Result<Vec<Sample>, askama::Error> {
    let page = |packs: Vec<Pack>| PacksPage {
        frame: Frame::sample(&PRODUCT, "/products"),
        packs,
        may: true,
        authority: String::new(),
        failed: None,
    };
    let aurora = || sample("aurora", "Aurora Systems");
    let many = (0..12).map(|n| sample(&format!("publisher-{n}"), &format!("Publisher {n}"))).collect();
    let older = Failed::sample(&codes::OLDER_THAN_HELD, "the licence pack has version 6, this host holds 7");
    let failed = Some((Place::Import, older));
    Ok(vec![
        ("packs-empty", page(Vec::new()).render()?),
        ("packs-typical", page(vec![aurora()]).render()?),
        ("packs-full", page(many).render()?),
        ("packs-error", PacksPage { failed, ..page(vec![aurora()]) }.render()?),
        ("packs-for-a-viewer", PacksPage { may: false, ..page(vec![aurora()]) }.render()?),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_names_are_counted() {
        let all: Vec<String> = (1..=8).map(|n| n.to_string()).collect();
        assert_eq!(names(&all), "1, 2, 3, 4, 5, 6 and 2 more");
        assert_eq!(names(&all[..2]), "1, 2");
    }
}
