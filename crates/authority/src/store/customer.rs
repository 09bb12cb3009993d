//! Customers, and whether they are stopped.

use keymuster_core::id::{Label, Slug};
use keymuster_core::time::Timestamp;
use keymuster_service::database::Failure;
use rusqlite::{Row, Transaction, params};

use super::{Columns, Taken, all, first, time, write};

/// A customer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Customer {
    /// Its name for machines.
    pub slug: Slug,
    /// Its name for people.
    pub name: Label,
    /// Since when it is one.
    pub added_at: Timestamp,
    /// When and why all its activations were stopped.
    pub stopped: Option<Taken>,
}

/// Adds a customer; false if there is one with this slug.
pub fn insert(tx: &Transaction<'_>, customer: &Customer) -> Result<bool, Failure> {
    let sql = "INSERT INTO customer (slug, name, added_at) VALUES ($1, $2, $3) ON CONFLICT (slug) DO NOTHING";
    let Customer { slug, name, added_at, .. } = customer;
    Ok(write(tx, sql, params![slug.as_str(), name.as_str(), time(*added_at)])? == 1)
}

/// The customer with this slug.
pub fn find(tx: &Transaction<'_>, slug: &Slug) -> Result<Option<Customer>, Failure> {
    let sql = "SELECT slug, name, added_at, stopped_at, stop_reason FROM customer WHERE slug = $1";
    first(tx, sql, [slug.as_str()], read)
}

/// All customers, by slug.
pub fn list(tx: &Transaction<'_>) -> Result<Vec<Customer>, Failure> {
    all(tx, "SELECT slug, name, added_at, stopped_at, stop_reason FROM customer ORDER BY slug", [], read)
}

/// Stops a customer who is not stopped; false if there is none such.
pub fn stop(tx: &Transaction<'_>, slug: &Slug, stopped: &Taken) -> Result<bool, Failure> {
    let sql = "UPDATE customer SET stopped_at = $1, stop_reason = $2 WHERE slug = $3 AND stopped_at IS NULL";
    Ok(write(tx, sql, params![time(stopped.at), stopped.reason, slug.as_str()])? == 1)
}

/// Lifts the stop of a customer; false if there is none.
pub fn resume(tx: &Transaction<'_>, slug: &Slug) -> Result<bool, Failure> {
    let sql = "UPDATE customer SET stopped_at = NULL, stop_reason = NULL \
               WHERE slug = $1 AND stopped_at IS NOT NULL";
    Ok(write(tx, sql, [slug.as_str()])? == 1)
}

fn read(row: &Row<'_>) -> Result<Customer, Failure> {
    let columns = Columns::of("customer", "slug", row);
    Ok(Customer {
        slug: columns.text("slug")?,
        name: columns.text("name")?,
        added_at: columns.time("added_at")?,
        stopped: columns.taken("stopped_at", "stop_reason")?,
    })
}
