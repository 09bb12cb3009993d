//! `revocations list`: everything that was taken back, and the sequence of the newest signed list.

use clap::Args;
use keymuster_service::table::table;
use serde_json::{Value, json};

use super::{Site, taken_value};
use crate::error::Error;
use crate::output::Output;
use crate::store;
use crate::store::Taken;

/// The options of `revocations list`.
#[derive(Debug, Args)]
pub struct Options {}

impl Options {
    pub fn run(self, site: &Site) -> Result<Output, Error> {
        let mut db = site.dir.open_database()?;
        let tx = store::begin(&mut db)?;
        let sequence = store::revocation_list::newest(&tx)?.map_or(0, |(sequence, _)| sequence);
        let keys = store::product_key::list(&tx)?.into_iter().map(|key| ("key", key.id.to_string(), key.revoked));
        let hosts = store::host::list(&tx)?.into_iter().map(|host| ("host", host.id.to_string(), host.revoked));
        let customers = store::customer::list(&tx)?.into_iter();
        let customers = customers.map(|customer| ("customer", customer.slug.to_string(), customer.stopped));
        let mut taken: Vec<(&str, String, Taken)> = keys
            .chain(hosts)
            .chain(customers)
            .filter_map(|(kind, name, taken)| taken.map(|taken| (kind, name, taken)))
            .collect();
        taken.sort_by_key(|(_, _, taken)| taken.at);

        let value = |(kind, name, taken): &(&str, String, Taken)| json!({ "kind": kind, "name": name, "taken": taken_value(Some(taken)) });
        let values: Vec<Value> = taken.iter().map(value).collect();
        let row =
            |(kind, name, taken): (&str, String, Taken)| [kind.to_owned(), name, taken.at.to_string(), taken.reason];
        let rows: Vec<[String; 4]> = taken.into_iter().map(row).collect();
        let text = table(["KIND", "NAME", "SINCE", "REASON"], &rows, "nothing was taken back\n");
        Ok(Output::new(
            json!({ "sequence": sequence, "entries": values }),
            format!("{text}The newest list has sequence {sequence}."),
        ))
    }
}
