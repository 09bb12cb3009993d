//! `catalogue keys`: the editions of the current catalogue with their public setup keys.

use clap::Args;
use keymuster_service::table::table;
use serde_json::{Value, json};

use super::Site;
use crate::error::Error;
use crate::output::Output;
use crate::store;

/// The options of `catalogue keys`.
#[derive(Debug, Args)]
pub struct Options {}

impl Options {
    pub fn run(self, site: &Site) -> Result<Output, Error> {
        let (authority, mut db) = site.authority()?;
        let catalogue = authority.catalogue(&store::begin(&mut db)?)?;
        let mut rows = Vec::new();
        let mut values: Vec<Value> = Vec::new();
        for edition in &catalogue.editions {
            let key = edition.setup_key.key().reveal();
            let name = edition.name.as_str();
            values.push(json!({
                "edition": edition.id.as_str(), "number": edition.number, "name": name, "setup_key": key,
            }));
            rows.push([edition.id.to_string(), edition.number.to_string(), key, name.to_owned()]);
        }
        Ok(Output::new(values.into(), table(["EDITION", "NUMBER", "SETUP KEY", "NAME"], &rows, "no editions")))
    }
}
