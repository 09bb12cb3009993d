//! A key that was just minted: the one time that it is shown, with how to hand it over.

use askama::Template;
use axum::response::Response;
use keymuster_core::key::ProductKey;
use keymuster_service::console::frame::Frame;
use keymuster_service::console::page::{self, html};

use super::{PRODUCT, Sample};
use crate::commands::worth_words;
use crate::store::product_key::{self, Worth};

/// The page.
#[derive(Template)]
#[template(path = "minted.html")]
pub struct Minted {
    frame: Frame,
    /// The whole key.
    key: String,
    id: String,
    last_five: String,
    customer: String,
    covers: String,
    worth: String,
    is_mak: bool,
}

impl Minted {
    /// The page of a key.
    pub fn new(frame: Frame, key: &ProductKey, minted: &product_key::Minted, covers: String) -> Minted {
        Minted {
            frame,
            key: key.reveal(),
            id: minted.id.to_string(),
            last_five: key.last_five(),
            customer: minted.customer.to_string(),
            covers,
            worth: worth_words(&minted.worth),
            is_mak: matches!(minted.worth, Worth::Mak(_)),
        }
    }

    /// The answer; caches keep none of what a console answers.
    pub fn answer(&self) -> page::Result<Response> {
        html(self)
    }
}

/// Its states.
pub fn samples() -> Result<Vec<Sample>, askama::Error> {
    let page = |is_mak: bool, covers: &str, worth: &str| {
        Minted {
            frame: Frame::sample(&PRODUCT, "/keys"),
            key: "GDVC8-QHX68-699TG-DTXQ8-6K264".to_owned(),
            id: "500078200002b".to_owned(),
            last_five: "6K264".to_owned(),
            customer: "muster-works".to_owned(),
            covers: covers.to_owned(),
            worth: worth.to_owned(),
            is_mak,
        }
        .render()
    };
    Ok(vec![
        ("minted-host-key", page(false, "server-c-2026", "6 hosts, 10 activations each, 225 days")?),
        ("minted-mak", page(true, "desk-enterprise-2026", "500 activations, for ever")?),
    ])
}
