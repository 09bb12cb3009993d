//! The entitlements that were issued: one row for each activation of a host key on a host.

use keymuster_core::document::Signed;
use keymuster_core::entitlement::Entitlement;
use keymuster_core::id::{EntitlementId, HostId, RequestId};
use keymuster_core::key::KeyId;
use keymuster_core::time::Timestamp;
use keymuster_service::database::Failure;
use keymuster_service::sql::{Row, Transaction, params};

use super::{Columns, all, document, first, time, write};

/// An entitlement as it is listed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Issued {
    /// Its id.
    pub id: EntitlementId,
    /// The key it was issued for.
    pub key: KeyId,
    /// The host it belongs to.
    pub host: HostId,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// When it ends.
    pub stop_at: Timestamp,
    /// Its signed bytes.
    pub document: Vec<u8>,
}

/// One host on which a host key was activated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HostUse {
    /// The host.
    pub host: HostId,
    /// How often the key was activated on it.
    pub activations: u64,
    /// Whether the host was revoked since, which makes room for another.
    pub is_revoked: bool,
}

/// Adds an entitlement.
pub fn insert(tx: &Transaction<'_>, entitlement: &Signed<Entitlement>) -> Result<(), Failure> {
    let sql = "INSERT INTO entitlement (id, request, product_key, host, issued_at, stop_at, document) \
               VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let values = params![
        entitlement.id.to_string(),
        entitlement.request.to_string(),
        entitlement.key.to_string(),
        entitlement.host.to_string(),
        time(entitlement.issued),
        time(entitlement.stop_at),
        document(entitlement.bytes()),
    ];
    write(tx, sql, values)?;
    Ok(())
}

/// The one that answered this request.
pub fn answering(tx: &Transaction<'_>, request: RequestId) -> Result<Option<Issued>, Failure> {
    let sql = "SELECT id, product_key, host, issued_at, stop_at, document FROM entitlement WHERE request = $1";
    first(tx, sql, [request.to_string()], read)
}

/// All entitlements, the newest first.
pub fn list(tx: &Transaction<'_>) -> Result<Vec<Issued>, Failure> {
    let sql = "SELECT id, product_key, host, issued_at, stop_at, document FROM entitlement \
               ORDER BY issued_at DESC, id";
    all(tx, sql, [], read)
}

/// Those of a host, the newest first, at most `limit`.
pub fn of_host(tx: &Transaction<'_>, host: HostId, limit: u32) -> Result<Vec<Issued>, Failure> {
    let sql = "SELECT id, product_key, host, issued_at, stop_at, document FROM entitlement WHERE host = $1 \
               ORDER BY issued_at DESC, id LIMIT $2";
    all(tx, sql, params![host.to_string(), limit], read)
}

/// The hosts on which a key was activated, in the order of their ids.
pub fn hosts(tx: &Transaction<'_>, key: KeyId) -> Result<Vec<HostUse>, Failure> {
    let sql = "SELECT host.id AS id, COUNT(entitlement.id) AS activations, COUNT(host.revoked_at) AS revoked \
               FROM entitlement JOIN host ON host.id = entitlement.host \
               WHERE entitlement.product_key = $1 GROUP BY host.id ORDER BY host.id";
    all(tx, sql, [key.to_string()], |row| {
        let columns = Columns::of("entitlement", "id", row);
        let is_revoked = columns.number::<u64>("revoked")? > 0;
        Ok(HostUse { host: columns.text("id")?, activations: columns.number("activations")?, is_revoked })
    })
}

/// Those of revoked keys that have not ended by themselves, in the order of their ids.
pub fn of_revoked_keys(tx: &Transaction<'_>, now: Timestamp) -> Result<Vec<EntitlementId>, Failure> {
    let sql = "SELECT entitlement.id AS id FROM entitlement JOIN product_key \
               ON product_key.id = entitlement.product_key \
               WHERE product_key.revoked_at IS NOT NULL AND entitlement.stop_at >= $1 ORDER BY entitlement.id";
    all(tx, sql, [time(now)], |row| Columns::of("entitlement", "id", row).text("id"))
}

/// The revoked hosts with an entitlement that has not ended by itself, in the order of their ids.
pub fn revoked_hosts(tx: &Transaction<'_>, now: Timestamp) -> Result<Vec<HostId>, Failure> {
    let sql = "SELECT DISTINCT host.id AS id FROM host JOIN entitlement ON entitlement.host = host.id \
               WHERE host.revoked_at IS NOT NULL AND entitlement.stop_at >= $1 ORDER BY host.id";
    all(tx, sql, [time(now)], |row| Columns::of("host", "id", row).text("id"))
}

fn read(row: &Row<'_>) -> Result<Issued, Failure> {
    let columns = Columns::of("entitlement", "id", row);
    Ok(Issued {
        id: columns.text("id")?,
        key: columns.text("product_key")?,
        host: columns.text("host")?,
        issued_at: columns.time("issued_at")?,
        stop_at: columns.time("stop_at")?,
        document: columns.document("document")?,
    })
}
