//! `key list`: the keys that were minted for customers, by their last five symbols, and how much of them is used.

use clap::Args;
use keymuster_core::id::Slug;
use keymuster_service::sql::Transaction;
use keymuster_service::table::table;
use serde_json::{Map, Value, json};

use super::{Site, key_mint_host, key_mint_mak, taken_value, taken_words};
use crate::authority::Authority;
use crate::certify::hosts_used;
use crate::error::Error;
use crate::output::Output;
use crate::store;
use crate::store::product_key::{Minted, Worth};

/// The options of `key list`.
#[derive(Debug, Args)]
pub struct Options {
    /// Only the keys of this customer
    #[arg(long, value_name = "SLUG")]
    customer: Option<Slug>,
}

impl Options {
    pub fn run(self, site: &Site) -> Result<Output, Error> {
        let (authority, mut db) = site.authority()?;
        let tx = store::begin(&mut db)?;
        let mut rows = Vec::new();
        let mut values: Vec<Value> = Vec::new();
        let is_asked = |minted: &Minted| self.customer.as_ref().is_none_or(|customer| *customer == minted.customer);
        for minted in store::product_key::list(&tx)?.into_iter().filter(is_asked) {
            let Description { what, usage, revoked, value } = describe(&authority, &tx, &minted)?;
            let last_five = authority.key_of(&minted)?.last_five();
            rows.push([last_five, minted.customer.to_string(), minted.kind().to_string(), what, usage, revoked]);
            values.push(value.into());
        }
        let head = ["KEY", "CUSTOMER", "KIND", "FOR", "USED", "REVOKED"];
        Ok(Output::new(values.into(), table(head, &rows, "no keys")))
    }
}

/// One key for people and machines.
pub(super) struct Description {
    /// The group or edition.
    pub what: String,
    /// Used and total.
    pub usage: String,
    pub revoked: String,
    pub value: Map<String, Value>,
}

/// Describes one key.
pub(super) fn describe(authority: &Authority, tx: &Transaction<'_>, minted: &Minted) -> Result<Description, Error> {
    let catalogue = authority.catalogue(tx)?;
    let number = minted.number;
    let (what, used, total, unit, members) = match &minted.worth {
        Worth::Host(worth) => {
            let group = catalogue.group(number).map(|group| group.id.to_string());
            let used = hosts_used(&store::entitlement::hosts(tx, minted.id)?);
            (group, used, worth.hosts_max, "hosts", key_mint_host::worth_members(worth))
        }
        Worth::Mak(worth) => {
            let edition = catalogue.edition(number).map(|edition| edition.id.to_string());
            let used = minted.activations_used;
            (edition, used, worth.activations_max, "activations", key_mint_mak::worth_members(worth))
        }
    };
    let what = what.unwrap_or_else(|| format!("number {number}, which is not in the catalogue"));
    let mut value = members;
    let common = json!({
        "id": minted.id.to_string(),
        "last_five": authority.key_of(minted)?.last_five(),
        "kind": if matches!(minted.worth, Worth::Host(_)) { "host" } else { "mak" },
        "customer": minted.customer.as_str(),
        "for": what,
        "minted_at": minted.minted_at.as_secs(),
        "used": used,
        "total": total,
        "revoked": taken_value(minted.revoked.as_ref()),
    });
    if let Value::Object(common) = common {
        value.extend(common);
    }
    let usage = format!("{used} of {total} {unit}");
    Ok(Description { what, usage, revoked: taken_words(minted.revoked.as_ref()), value })
}
