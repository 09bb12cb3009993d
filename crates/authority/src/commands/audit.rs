//! `audit`: who did what and when, the newest last.

use clap::Args;
use keymuster_service::table::table;
use serde_json::{Value, json};

use super::Site;
use crate::error::Error;
use crate::output::Output;
use crate::store;

/// The options of `audit`.
#[derive(Debug, Args)]
pub struct Options {
    /// How many entries are shown, from the newest one back
    #[arg(long, value_name = "N", default_value_t = 50)]
    last: u32,
}

impl Options {
    pub fn run(self, site: &Site) -> Result<Output, Error> {
        let (_, mut db) = site.authority()?;
        let tx = store::begin(&mut db)?;
        let entries = store::audit::newest(&tx, self.last)?;
        let rows: Vec<_> = entries
            .iter()
            .map(|entry| {
                [
                    entry.sequence.to_string(),
                    entry.at.to_string(),
                    entry.actor.clone(),
                    entry.act.clone(),
                    entry.subject.clone(),
                    entry.detail.clone(),
                ]
            })
            .collect();
        let values: Vec<Value> = entries
            .iter()
            .map(|entry| {
                json!({
                    "sequence": entry.sequence,
                    "at": entry.at.as_secs(),
                    "actor": entry.actor,
                    "act": entry.act,
                    "subject": entry.subject,
                    "detail": entry.detail,
                })
            })
            .collect();
        let head = ["NUMBER", "WHEN", "WHO", "ACT", "WHAT", "DETAIL"];
        Ok(Output::new(values.into(), table(head, &rows, "no entries")))
    }
}
