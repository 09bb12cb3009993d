//! `customer list`: all customers, and whether they are stopped.

use clap::Args;
use keymuster_service::table::table;
use serde_json::{Value, json};

use super::{Site, taken_value, taken_words};
use crate::error::Error;
use crate::output::Output;
use crate::store;

/// The options of `customer list`.
#[derive(Debug, Args)]
pub struct Options {}

impl Options {
    pub fn run(self, site: &Site) -> Result<Output, Error> {
        let mut db = site.dir.open_database()?;
        let customers = store::customer::list(&store::begin(&mut db)?)?;
        let mut rows = Vec::new();
        let mut values: Vec<Value> = Vec::new();
        for customer in &customers {
            let (slug, name) = (customer.slug.as_str(), customer.name.as_str());
            values.push(json!({
                "customer": slug,
                "name": name,
                "added_at": customer.added_at.as_secs(),
                "stopped": taken_value(customer.stopped.as_ref()),
            }));
            let stopped = taken_words(customer.stopped.as_ref());
            rows.push([slug.to_owned(), name.to_owned(), customer.added_at.to_string(), stopped]);
        }
        Ok(Output::new(values.into(), table(["CUSTOMER", "NAME", "ADDED", "STOPPED"], &rows, "no customers")))
    }
}
