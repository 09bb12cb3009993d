//! `limits`: from which size on taking back needs two persons.

use clap::Args;
use serde_json::json;

use super::{Site, proposed};
use crate::acts::limits::{Set, set};
use crate::error::Error;
use crate::output::Output;
use crate::store;
use crate::store::limit::{self, Limits};

/// The options of `limits`.
#[derive(Debug, Args)]
pub struct Options {
    /// The most hosts that one person takes back alone in a day; 0 means that every act needs two persons
    #[arg(long, value_name = "N")]
    hosts: Option<u32>,
    /// The most machines that one person takes the activation from alone in a day; 0 means that every act needs two persons
    #[arg(long, value_name = "N")]
    machines: Option<u32>,
}

impl Options {
    pub fn run(self, site: &Site) -> Result<Output, Error> {
        let mut db = site.dir.open_database()?;
        let before = limit::load(&store::begin(&mut db)?)?;
        let wanted =
            Limits { hosts: self.hosts.unwrap_or(before.hosts), machines: self.machines.unwrap_or(before.machines) };
        if wanted != before
            && let Set::Proposed(number) = set(&mut db, wanted, &site.by())?
        {
            return Ok(proposed(number));
        }
        let value = json!({ "hosts": wanted.hosts, "machines": wanted.machines });
        Ok(Output::new(value, format!("One person takes back at most {wanted} in a day; more needs a second person.")))
    }
}
