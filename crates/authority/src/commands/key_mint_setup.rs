//! `key mint setup`: the public setup key of an edition.

use clap::Args;
use keymuster_core::id::Slug;
use serde_json::json;

use super::Site;
use crate::acts::key_mint::edition_named;
use crate::error::Error;
use crate::output::Output;
use crate::store;

/// The options of `key mint setup`.
#[derive(Debug, Args)]
pub struct Options {
    /// The edition
    #[arg(long, value_name = "ID")]
    edition: Slug,
}

impl Options {
    pub fn run(self, site: &Site) -> Result<Output, Error> {
        let (authority, mut db) = site.authority()?;
        let catalogue = authority.catalogue(&store::begin(&mut db)?)?;
        let edition = edition_named(&catalogue, &self.edition)?;
        let key = edition.setup_key.key().reveal();
        Ok(Output::new(json!({ "key": key, "edition": edition.id.as_str(), "number": edition.number }), key))
    }
}
