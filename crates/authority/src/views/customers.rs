//! Customers: the list, and all that a support desk wants to know of one.

use keymuster_core::id::Slug;
use keymuster_service::sql::Transaction;
use serde::Serialize;
use utoipa::ToSchema;

use super::hosts::HostRow;
use super::keys::{Catalogued, KeyRow};
use super::refusals::RefusalRow;
use super::{Page, Query, TakenView, Time, unknown};
use crate::authority::Authority;
use crate::error::Error;
use crate::store;
use crate::store::customer::Counted;

/// Rows of each list on a customer's page; the rest is a link away.
const ROWS: u32 = 20;

/// A customer.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = Customer)]
pub struct CustomerRow {
    /// Its name for machines.
    pub customer: String,
    /// Its name for people.
    pub name: String,
    /// Since when it is one.
    pub added_at: Time,
    /// When and why it was stopped, if it is.
    pub stopped: Option<TakenView>,
    /// How many keys were minted for it.
    pub keys: u64,
    /// How many hosts it has.
    pub hosts: u64,
}

/// A customer with what belongs to it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct CustomerDetail {
    /// The customer.
    #[serde(flatten)]
    pub customer: CustomerRow,
    /// Its newest keys, at most 20.
    pub newest_keys: Vec<KeyRow>,
    /// The hosts that asked last, at most 20.
    pub newest_hosts: Vec<HostRow>,
    /// What was refused last, at most 20.
    pub newest_refusals: Vec<RefusalRow>,
}

/// One page of the list, by name.
pub fn list(tx: &Transaction<'_>, query: &Query) -> Result<Page<CustomerRow>, Error> {
    let rows = store::customer::page(tx, &query.words(), &query.after, query.rows() + 1)?;
    let rows = rows.into_iter().map(CustomerRow::from).collect();
    Ok(Page::cut(rows, query.rows(), |row: &CustomerRow| row.customer.clone()))
}

/// One customer.
pub fn load(authority: &Authority, tx: &Transaction<'_>, slug: &str) -> Result<CustomerDetail, Error> {
    let slug: Slug = slug.parse().map_err(|_| unknown("customer", slug))?;
    let customer = store::customer::counted(tx, &slug)?.ok_or_else(|| unknown("customer", &slug))?;
    let catalogued = Catalogued::load(authority, tx)?;
    let keys = store::product_key::of_customer(tx, &slug, ROWS)?;
    let hosts = store::host::page(tx, "", slug.as_str(), None, ROWS)?;
    let refusals = store::refusal::newest(tx, store::refusal::Of::Customer(slug.as_str()), None, ROWS)?;
    Ok(CustomerDetail {
        customer: customer.into(),
        newest_keys: keys.iter().map(|key| catalogued.row(tx, key)).collect::<Result<_, _>>()?,
        newest_hosts: hosts.into_iter().map(HostRow::from).collect(),
        newest_refusals: refusals.into_iter().map(RefusalRow::from).collect(),
    })
}

impl From<Counted> for CustomerRow {
    fn from(counted: Counted) -> CustomerRow {
        let Counted { customer, keys, hosts } = counted;
        CustomerRow {
            customer: customer.slug.to_string(),
            name: customer.name.to_string(),
            added_at: customer.added_at.into(),
            stopped: customer.stopped.map(TakenView::from),
            keys,
            hosts,
        }
    }
}
