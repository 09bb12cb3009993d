//! `entitlement list`: what hosts were granted, the newest first.

use clap::Args;
use keymuster_service::table::table;
use serde_json::{Value, json};

use super::Site;
use crate::error::Error;
use crate::output::Output;
use crate::store;

/// The options of `entitlement list`.
#[derive(Debug, Args)]
pub struct Options {}

impl Options {
    pub fn run(self, site: &Site) -> Result<Output, Error> {
        let mut db = site.dir.open_database()?;
        let entitlements = store::entitlement::list(&store::begin(&mut db)?)?;
        let mut rows = Vec::new();
        let mut values: Vec<Value> = Vec::new();
        for issued in &entitlements {
            let (id, host, key) = (issued.id.to_string(), issued.host.to_string(), issued.key.to_string());
            values.push(json!({
                "entitlement": id,
                "host": host,
                "key": key,
                "issued_at": issued.issued_at.as_secs(),
                "stop_at": issued.stop_at.as_secs(),
            }));
            rows.push([id, host, key, issued.issued_at.to_string(), issued.stop_at.to_string()]);
        }
        let head = ["ENTITLEMENT", "HOST", "KEY", "ISSUED", "STOPS"];
        Ok(Output::new(values.into(), table(head, &rows, "no entitlements")))
    }
}
