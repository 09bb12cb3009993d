//! `proposal withdraw`: takes a proposal off the table, one's own or somebody else's.

use clap::Args;
use serde_json::json;

use super::Site;
use crate::acts::proposal::withdraw;
use crate::error::Error;
use crate::output::Output;

/// The options of `proposal withdraw`.
#[derive(Debug, Args)]
pub struct Options {
    /// The proposal, as `proposal list` numbers it
    #[arg(value_name = "NUMBER")]
    number: u64,
}

impl Options {
    pub fn run(self, site: &Site) -> Result<Output, Error> {
        withdraw(&mut site.dir.open_database()?, self.number, &site.by())?;
        let text = format!("Proposal {} is withdrawn; nothing has changed.", self.number);
        Ok(Output::new(json!({ "proposal": self.number }), text))
    }
}
