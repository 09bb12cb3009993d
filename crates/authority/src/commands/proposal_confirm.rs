//! `proposal confirm`: does what somebody else has proposed.

use clap::Args;
use serde_json::json;

use super::{Site, list_output};
use crate::acts::proposal::confirm;
use crate::error::Error;
use crate::output::Output;

/// The options of `proposal confirm`.
#[derive(Debug, Args)]
pub struct Options {
    /// The proposal, as `proposal list` numbers it
    #[arg(value_name = "NUMBER")]
    number: u64,
}

impl Options {
    pub fn run(self, site: &Site) -> Result<Output, Error> {
        let (authority, mut db) = site.authority()?;
        let words = format!("Proposal {} is confirmed", self.number);
        Ok(match confirm(&authority, &mut db, self.number, &site.by())? {
            Some(list) => list_output(&list, &words),
            None => Output::new(json!({ "proposal": self.number }), format!("{words}, and done.")),
        })
    }
}
