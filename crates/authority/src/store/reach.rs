//! What taking something back would take away (`docs/spec/authority-records.md`, 3).

use keymuster_core::id::{HostId, Slug};
use keymuster_core::key::KeyId;
use keymuster_core::time::Timestamp;
use keymuster_service::database::Failure;
use keymuster_service::sql::{Transaction, params};

use super::proposal::Reach;
use super::{Columns, first, time};

/// That of a key: the hosts that live on it, or the activations that were counted with it.
pub fn of_key(tx: &Transaction<'_>, key: KeyId, now: Timestamp) -> Result<Reach, Failure> {
    let reach = hosts(tx, "product_key.id = $1", &key.to_string(), now)?;
    let maks = activations(tx, "id = $1", &key.to_string())?;
    Ok(Reach { machines: reach.machines + maks, ..reach })
}

/// That of a host.
pub fn of_host(tx: &Transaction<'_>, host: HostId, now: Timestamp) -> Result<Reach, Failure> {
    hosts(tx, "host.id = $1", &host.to_string(), now)
}

/// That of a customer: of all its keys.
pub fn of_customer(tx: &Transaction<'_>, customer: &Slug, now: Timestamp) -> Result<Reach, Failure> {
    let reach = hosts(tx, "product_key.customer = $1", customer.as_str(), now)?;
    let maks = activations(tx, "customer = $1", customer.as_str())?;
    Ok(Reach { machines: reach.machines + maks, ..reach })
}

/// The hosts with a living entitlement for a key that meets the condition, and the machines behind each: the clients it
/// told of, or the seats of its pools, whichever is more.
fn hosts(tx: &Transaction<'_>, condition: &str, value: &str, now: Timestamp) -> Result<Reach, Failure> {
    let sql = format!(
        "SELECT COUNT(id) AS hosts, \
         CAST(COALESCE(SUM(CASE WHEN clients > seats THEN clients ELSE seats END), 0) AS BIGINT) AS machines FROM \
         (SELECT host.id AS id, COALESCE(host.clients, 0) AS clients, \
         (SELECT COALESCE(SUM(pool.seats), 0) FROM pool WHERE pool.product_key IN \
         (SELECT other.product_key FROM entitlement AS other WHERE other.host = host.id AND other.stop_at >= $2)) AS seats \
         FROM product_key JOIN entitlement ON entitlement.product_key = product_key.id \
         JOIN host ON host.id = entitlement.host \
         WHERE {condition} AND entitlement.stop_at >= $2 AND host.revoked_at IS NULL AND product_key.revoked_at IS NULL \
         GROUP BY host.id, host.clients) AS reached"
    );
    let reach = first(tx, &sql, params![value, time(now)], |row| {
        let columns = Columns::of("host", "hosts", row);
        Ok(Reach { hosts: columns.number("hosts")?, machines: columns.number("machines")? })
    })?;
    Ok(reach.unwrap_or_default())
}

/// The activations that were counted with MAKs that are not revoked.
fn activations(tx: &Transaction<'_>, condition: &str, value: &str) -> Result<u64, Failure> {
    let sql = format!(
        "SELECT CAST(COALESCE(SUM(activations_used), 0) AS BIGINT) AS used FROM product_key \
         WHERE {condition} AND kind = 'mak' AND revoked_at IS NULL"
    );
    let used = first(tx, &sql, [value], |row| Columns::of("product_key", "used", row).number("used"))?;
    Ok(used.unwrap_or(0))
}
