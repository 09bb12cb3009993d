//! `unit`: the unit with which systemd runs this program.

use clap::Args;
use keymuster_service::unit;
use serde_json::json;

use super::Site;
use crate::error::Error;
use crate::output::Output;

const PACKAGED: &str = include_str!("../../../../packaging/systemd/keymuster-authority.service");

/// The options of `unit`.
#[derive(Debug, Args)]
pub struct Options {}

impl Options {
    pub fn run(self, site: &Site) -> Result<Output, Error> {
        let config = site.loader.is_named.then_some(&*site.loader.path);
        let unit = unit::of_this_program(PACKAGED, "keymuster-authority", site.dir.path(), config);
        let unit = unit.map_err(|error| Error::Rule(error.to_string()))?;
        let output = Output::new(json!({ "unit": unit.text }), unit.text);
        Ok(match unit.caution {
            Some(caution) => output.note(caution),
            None => output,
        })
    }
}
