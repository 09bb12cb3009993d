//! `host list`: all hosts that were certified.

use clap::Args;
use keymuster_service::table::table;
use serde_json::{Value, json};

use super::{Site, taken_value, taken_words};
use crate::error::Error;
use crate::output::Output;
use crate::store;

/// The options of `host list`.
#[derive(Debug, Args)]
pub struct Options {}

impl Options {
    pub fn run(self, site: &Site) -> Result<Output, Error> {
        let mut db = site.dir.open_database()?;
        let hosts = store::host::list(&store::begin(&mut db)?)?;
        let mut rows = Vec::new();
        let mut values: Vec<Value> = Vec::new();
        for host in &hosts {
            let name = host.name.as_ref().map(|name| name.as_str());
            values.push(json!({
                "host": host.id.to_string(),
                "customer": host.customer.as_str(),
                "name": name,
                "clients": host.clients,
                "first_seen_at": host.first_seen_at.as_secs(),
                "last_seen_at": host.last_seen_at.as_secs(),
                "revoked": taken_value(host.revoked.as_ref()),
            }));
            rows.push([
                host.id.to_string(),
                host.customer.to_string(),
                name.unwrap_or("-").to_owned(),
                host.clients.map_or("-".to_owned(), |clients| clients.to_string()),
                host.last_seen_at.to_string(),
                taken_words(host.revoked.as_ref()),
            ]);
        }
        let head = ["HOST", "CUSTOMER", "NAME", "CLIENTS", "LAST SEEN", "REVOKED"];
        Ok(Output::new(values.into(), table(head, &rows, "no hosts")))
    }
}
