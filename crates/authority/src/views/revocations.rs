//! What is taken back, and the newest signed list that says so.

use keymuster_service::sql::Transaction;
use serde::Serialize;
use utoipa::ToSchema;

use super::Time;
use crate::error::Error;
use crate::store;
use crate::store::Taken;

/// Entries that are shown; the list itself is always whole.
const ROWS_MAX: usize = 1000;

/// Everything that is taken back, the newest first.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = Revocations)]
pub struct RevocationsView {
    /// The number of the newest signed list; 0 where there is none yet.
    pub sequence: u64,
    /// What is taken back, at most 1,000.
    pub entries: Vec<RevocationRow>,
}

/// One thing that is taken back.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = Revocation)]
pub struct RevocationRow {
    /// `key`, `host` or `customer`.
    pub kind: &'static str,
    /// The id of the key or host, or the customer.
    pub name: String,
    /// Since when.
    pub at: Time,
    /// Why.
    pub reason: String,
}

impl RevocationRow {
    /// Its page.
    pub fn href(&self) -> String {
        format!("/{}s/{}", self.kind, self.name)
    }
}

/// Loads them.
pub fn load(tx: &Transaction<'_>) -> Result<RevocationsView, Error> {
    let sequence = store::revocation_list::newest(tx)?.map_or(0, |(sequence, _)| sequence);
    let keys = store::product_key::list(tx)?.into_iter().map(|key| ("key", key.id.to_string(), key.revoked));
    let hosts = store::host::list(tx)?.into_iter().map(|host| ("host", host.id.to_string(), host.revoked));
    let customers = store::customer::list(tx)?.into_iter();
    let customers = customers.map(|customer| ("customer", customer.slug.to_string(), customer.stopped));
    let row = |(kind, name, taken): (&'static str, String, Option<Taken>)| {
        taken.map(|Taken { at, reason }| RevocationRow { kind, name, at: at.into(), reason })
    };
    let mut entries: Vec<RevocationRow> = keys.chain(hosts).chain(customers).filter_map(row).collect();
    entries.sort_by_key(|entry| std::cmp::Reverse(entry.at));
    entries.truncate(ROWS_MAX);
    Ok(RevocationsView { sequence, entries })
}
