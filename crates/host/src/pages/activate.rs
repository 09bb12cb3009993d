//! Activating host keys: straight at the publisher's authority, or by a request and a response that are carried.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use keymuster_core::time::Timestamp;
use keymuster_qr::{Sent, file_in};
use keymuster_service::Problem;
use keymuster_service::console::Page;
use keymuster_service::console::frame::Frame;
use keymuster_service::console::page::{self, html, unprocessable};
use keymuster_service::console::page::{Form, Query};
use keymuster_service::console::permission;
use keymuster_service::console::upload::{Part, Upload};
use serde::Deserialize;

use super::keys::{FIVES, sample, sample_publisher};
use super::packs::brought_words;
use super::parts::{Failed, When};
use super::{PRODUCT, Sample};
use crate::acts::activation::{self, Activated};
use crate::acts::keys::installed;
use crate::administration::Administration;
use crate::views::keys::{self, Key, Keys, State as Standing};

#[derive(Template)]
#[template(path = "activate.html")]
struct ActivatePage {
    frame: Frame,
    keys: Keys,
    chosen: Chosen,
    /// Why the authority was not asked, or what it has answered.
    failed: Option<Failed>,
    /// Why a response was not taken.
    not_taken: Option<Failed>,
}

/// Which key is meant, and where its authority is asked.
#[derive(Clone, PartialEq, Eq, Default, Debug, Deserialize)]
#[serde(default)]
pub struct Chosen {
    /// The publisher's name for machines.
    pub publisher: String,
    /// The key's public name.
    pub key: String,
    /// Where to ask, instead of the address in the trust file.
    pub authority: String,
}

impl ActivatePage {
    fn is_chosen(&self, key: &Key) -> bool {
        match self.chosen.key.as_str() {
            "" => self.first().is_some_and(|first| first.id == key.id && first.publisher == key.publisher),
            chosen => key.id == chosen && key.publisher == self.chosen.publisher,
        }
    }

    /// The first key about which something is to be done, or else the first.
    fn first(&self) -> Option<&Key> {
        let keys = &self.keys.keys;
        keys.iter().find(|key| key.state != Standing::Active).or(keys.first())
    }

    fn value(&self, key: &Key) -> String {
        format!("{}/{}", key.publisher, key.id)
    }

    /// How a key stands, in a word.
    fn word(&self, key: &Key) -> &'static str {
        super::keys::badge(key).1
    }

    /// Where the keys' authorities answer, for the hint.
    fn authorities(&self) -> String {
        let known = self.keys.publishers.iter().filter_map(|held| held.authority.as_deref());
        known.collect::<Vec<_>>().join(", ")
    }
}

/// What the form for a key sends: `aurora/500078200002b`, and an address.
#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
pub struct Input {
    key: String,
    authority: String,
}

impl From<Input> for Chosen {
    fn from(input: Input) -> Chosen {
        let (publisher, key) = input.key.split_once('/').unwrap_or_default();
        Chosen { publisher: publisher.to_owned(), key: key.to_owned(), authority: input.authority.trim().to_owned() }
    }
}

/// `GET /keys/activate`.
pub async fn show(
    page: Page<permission::Keys>,
    State(app): State<Administration>,
    Query(chosen): Query<Chosen>,
) -> page::Result<Response> {
    html(&load(&page, &app, chosen).await?)
}

/// `POST /keys/activate/online`.
pub async fn online(
    page: Page<permission::Keys>,
    State(app): State<Administration>,
    Form(input): Form<Input>,
) -> page::Result<Response> {
    let chosen = Chosen::from(input);
    let (asked, env) = (chosen.clone(), app.console.env().clone());
    let activated = app.act(page.by(), move |home, by| {
        let (publisher, key) = installed(home, &asked.publisher, &asked.key)?;
        let url = Some(asked.authority.as_str()).filter(|url| !url.is_empty());
        let url = activation::authority(home, publisher, url)?;
        activation::ask(home, by, (publisher, &key), &url, &env)
    });
    match activated.await {
        Ok(activated) => page.done(words(&activated), "/keys").await,
        Err(problem) => {
            let failed = Some(Failed::of(problem)?);
            unprocessable(&ActivatePage { failed, ..load(&page, &app, chosen).await? })
        }
    }
}

/// `POST /keys/activate/response`.
pub async fn respond(
    page: Page<permission::Keys>,
    State(app): State<Administration>,
    upload: Result<Upload, Problem>,
) -> page::Result<Response> {
    let sent = upload.map(|upload| upload.files("response").into_iter().map(sent).collect::<Vec<Sent>>());
    let activated = match sent {
        Ok(sent) => app.act(page.by(), move |home, by| activation::respond_sent(home, by, &file_in(&sent)?)).await,
        Err(problem) => Err(problem),
    };
    match activated {
        Ok(activated) => page.done(words(&activated), "/keys").await,
        Err(problem) => {
            let not_taken = Some(Failed::of(problem)?);
            unprocessable(&ActivatePage { not_taken, ..load(&page, &app, Chosen::default()).await? })
        }
    }
}

/// A part of a form as what somebody sent.
pub fn sent(part: Part) -> Sent {
    let name = if part.file_name.is_empty() { "the text".to_owned() } else { part.file_name };
    Sent { name, bytes: part.bytes }
}

async fn load(page: &Page<permission::Keys>, app: &Administration, chosen: Chosen) -> page::Result<ActivatePage> {
    let now: Timestamp = page.at();
    let keys = app.console.pool().read(move |tx| keys::load(tx, now)).await?;
    Ok(ActivatePage { frame: page.frame(), keys, chosen, failed: None, not_taken: None })
}

/// What an answer has brought, in a few sentences.
pub fn words(activated: &Activated) -> String {
    let Activated { customer, .. } = activated;
    let mut words = if activated.is_repeated {
        "This response was taken before, and changes nothing: activated".to_owned()
    } else {
        "Activated".to_owned()
    };
    words += &format!(" for {customer} until {}", When::at(activated.stop_at).words);
    for pool in &activated.pools {
        words += &format!(", {} seats of {}", pool.seats, pool.id);
    }
    words += ".";
    if let Some(brought) = &activated.pack {
        words += &format!(" With it came {}", brought_words(brought));
    }
    if let Some(refused) = &activated.pack_refused {
        words += &format!(
            " The licence pack that came with it is not taken: {} ({}). {}.",
            refused.detail, refused.label, refused.remedy
        );
    }
    words
}

/// Its states.
pub fn samples() -> Result<Vec<Sample>, askama::Error> {
    let page = |keys: Vec<Key>| ActivatePage {
        frame: Frame::sample(&PRODUCT, "/keys"),
        keys: Keys { keys, publishers: vec![sample_publisher("aurora", "Aurora Systems")] },
        chosen: Chosen::default(),
        failed: None,
        not_taken: None,
    };
    let key = |last_five| sample(last_five, Standing::New);
    let states = [Standing::New, Standing::Waiting, Standing::Active, Standing::Ending, Standing::Ended];
    let full: Vec<Key> = states.iter().zip(FIVES).map(|(state, five)| sample(five, *state)).collect();
    let detail = "the authority at https://activation.aurora.example does not answer: timeout";
    let failed = Some(Failed::sample(&keymuster_core::codes::AUTHORITY_UNREACHABLE, detail));
    let missing = "of 3 QR codes these have not been read: 2";
    let not_taken = Some(Failed::sample(&keymuster_core::codes::FRAMES_MISSING, missing));
    Ok(vec![
        ("activate-empty", page(Vec::new()).render()?),
        ("activate-typical", page(vec![key("7M4QX")]).render()?),
        ("activate-full", page(full).render()?),
        ("activate-error-online", ActivatePage { failed, ..page(vec![key("7M4QX")]) }.render()?),
        ("activate-error-response", ActivatePage { not_taken, ..page(vec![key("7M4QX")]) }.render()?),
    ])
}
