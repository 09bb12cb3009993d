//! Customers, and whether they are stopped.

use keymuster_core::id::{Label, Slug};
use keymuster_core::time::Timestamp;
use keymuster_service::database::Failure;
use keymuster_service::sql::{Row, Transaction, params};

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

/// A customer with what belongs to it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Counted {
    /// The customer.
    pub customer: Customer,
    /// How many keys were minted for it.
    pub keys: u64,
    /// How many hosts it has.
    pub hosts: u64,
}

const COUNTED: &str = "SELECT slug, name, added_at, stopped_at, stop_reason, \
                       (SELECT COUNT(id) FROM product_key WHERE product_key.customer = customer.slug) AS keys, \
                       (SELECT COUNT(id) FROM host WHERE host.customer = customer.slug) AS hosts FROM customer";

/// Customers whose slug or name contains a text in lower case, by slug, after one of them; at most `limit`.
pub fn page(tx: &Transaction<'_>, words: &str, after: &str, limit: u32) -> Result<Vec<Counted>, Failure> {
    let sql = format!(
        "{COUNTED} WHERE slug > $1 AND ($2 = '' OR INSTR(LOWER(slug || ' ' || name), $2) > 0) ORDER BY slug LIMIT $3"
    );
    all(tx, &sql, params![after, words, limit], read_counted)
}

/// One customer with what belongs to it.
pub fn counted(tx: &Transaction<'_>, slug: &Slug) -> Result<Option<Counted>, Failure> {
    first(tx, &format!("{COUNTED} WHERE slug = $1"), [slug.as_str()], read_counted)
}

/// How many there are.
pub fn count(tx: &Transaction<'_>) -> Result<u64, Failure> {
    let count = first(tx, "SELECT COUNT(slug) AS customers FROM customer", [], |row| {
        Columns::of("customer", "customers", row).number("customers")
    })?;
    Ok(count.unwrap_or(0))
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

fn read_counted(row: &Row<'_>) -> Result<Counted, Failure> {
    let columns = Columns::of("customer", "slug", row);
    Ok(Counted { customer: read(row)?, keys: columns.number("keys")?, hosts: columns.number("hosts")? })
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
