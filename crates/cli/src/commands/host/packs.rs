//! Licence packs and publishers at a host.

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::json;

use super::{Around, Asked, Show, files, one, rows, words};
use crate::answer::note;
use crate::failure::Failure;
use crate::remote::shown::Column;
use crate::remote::{Ask, Part, encoded};

#[derive(Debug, Subcommand)]
pub enum Packs {
    /// Show the licence packs that the host holds.
    List,
    /// Take over a newer licence pack of a publisher that the host knows.
    Import {
        /// The licence pack.
        file: PathBuf,
    },
    /// Let the host ask a publisher's authority for its newest licence pack, and take it over.
    Fetch {
        /// The authority's address, instead of the one in the trust file.
        #[arg(long, value_name = "URL")]
        authority: Option<String>,
    },
}

#[derive(Debug, Subcommand)]
pub enum Publishers {
    /// Show all publishers.
    List,
    /// Show what a publisher sells, and how each edition stands.
    Show {
        /// The publisher's name for machines.
        name: String,
    },
    /// Add a publisher by its trust file and its licence pack, or give a known one a newer pack.
    Add {
        /// The trust file. It decides whose signatures count: have it from the publisher, and not from a stranger.
        #[arg(long, value_name = "FILE")]
        trust: PathBuf,
        /// The licence pack.
        #[arg(long, value_name = "FILE")]
        pack: PathBuf,
    },
}

const PACKS: &[Column] = &[
    ("PUBLISHER", "publisher"),
    ("NAME", "name"),
    ("VERSION", "version"),
    ("ISSUED", "issued"),
    ("GROUPS", "groups"),
    ("EDITIONS", "editions"),
    ("NEEDS HOST", "host_min"),
    ("AUTHORITY", "authority"),
];
const PUBLISHERS: &[Column] = &[
    ("PUBLISHER", "pack/publisher"),
    ("NAME", "pack/name"),
    ("PACK", "pack/version"),
    ("EDITIONS", "pack/editions"),
    ("HAS KEYS", "has_keys"),
    ("AUTHORITY", "pack/authority"),
];

impl Packs {
    pub(super) fn asked(&self, at: &Around<'_>) -> Result<Asked, Failure> {
        Ok(match self {
            Packs::List => rows(Ask::get("/packs"), "", PACKS, "no licence packs"),
            Packs::Import { file } => one(Ask::file("/packs", files::document(file)?), Show::Words(words::brought)),
            Packs::Fetch { authority } => {
                let mut body = json!({});
                for (name, value) in [("publisher", at.publisher), ("authority", authority.as_deref())] {
                    if let Some(value) = value {
                        body[name] = json!(value);
                    }
                }
                note("the host asks the publisher's authority …");
                one(Ask::act("POST", "/packs/fetch", Some(body)), Show::Words(words::brought))
            }
        })
    }
}

impl Publishers {
    pub(super) fn asked(&self) -> Result<Asked, Failure> {
        Ok(match self {
            Publishers::List => rows(Ask::get("/publishers"), "", PUBLISHERS, "the host knows no publisher"),
            Publishers::Show { name } => {
                one(Ask::get(&format!("/publishers/{}", encoded(name))), Show::Words(words::products))
            }
            Publishers::Add { trust, pack } => {
                let parts = vec![
                    Part { field: "trust", bytes: files::document(trust)? },
                    Part { field: "pack", bytes: files::document(pack)? },
                ];
                one(Ask::form("/publishers", parts), Show::Words(words::brought))
            }
        })
    }
}
