//! The hosts that were certified, each with the key that belongs to its id for ever.

use keymuster_core::id::{HostId, Label, Slug};
use keymuster_core::signature::PublicKey;
use keymuster_core::time::Timestamp;
use keymuster_service::database::Failure;
use rusqlite::{Row, Transaction, params};

use super::{Columns, Taken, all, first, integer, public_key, time, write};

/// A host.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Host {
    /// Its id.
    pub id: HostId,
    /// The key with which it signs.
    pub host_key: PublicKey,
    /// The customer of its newest entitlement.
    pub customer: Slug,
    /// Its name, where it told one.
    pub name: Option<Label>,
    /// Distinct clients that it counted when it last asked.
    pub clients: Option<u64>,
    /// When it first asked.
    pub first_seen_at: Timestamp,
    /// When it last asked.
    pub last_seen_at: Timestamp,
    /// When and why it was revoked.
    pub revoked: Option<Taken>,
}

/// Adds a host, or brings what it told of itself up to date; its key and its first time stay.
pub fn put(tx: &Transaction<'_>, host: &Host) -> Result<(), Failure> {
    let sql = "INSERT INTO host (id, host_key, customer, name, clients, first_seen_at, last_seen_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO UPDATE SET customer = excluded.customer, \
               name = excluded.name, clients = excluded.clients, last_seen_at = excluded.last_seen_at";
    let values = params![
        host.id.to_string(),
        public_key(&host.host_key),
        host.customer.as_str(),
        host.name.as_ref().map(Label::as_str),
        host.clients.map(integer),
        time(host.first_seen_at),
        time(host.last_seen_at),
    ];
    write(tx, sql, values)?;
    Ok(())
}

/// The host with this id.
pub fn find(tx: &Transaction<'_>, id: HostId) -> Result<Option<Host>, Failure> {
    let sql = "SELECT id, host_key, customer, name, clients, first_seen_at, last_seen_at, revoked_at, revoke_reason \
               FROM host WHERE id = $1";
    first(tx, sql, [id.to_string()], read)
}

/// All hosts, by customer and age.
pub fn list(tx: &Transaction<'_>) -> Result<Vec<Host>, Failure> {
    let sql = "SELECT id, host_key, customer, name, clients, first_seen_at, last_seen_at, revoked_at, revoke_reason \
               FROM host ORDER BY customer, first_seen_at, id";
    all(tx, sql, [], read)
}

/// Revokes a host that is not revoked; false if there is none such.
pub fn revoke(tx: &Transaction<'_>, id: HostId, revoked: &Taken) -> Result<bool, Failure> {
    let sql = "UPDATE host SET revoked_at = $1, revoke_reason = $2 WHERE id = $3 AND revoked_at IS NULL";
    Ok(write(tx, sql, params![time(revoked.at), revoked.reason, id.to_string()])? == 1)
}

fn read(row: &Row<'_>) -> Result<Host, Failure> {
    let columns = Columns::of("host", "id", row);
    Ok(Host {
        id: columns.text("id")?,
        host_key: columns.public_key("host_key")?,
        customer: columns.text("customer")?,
        name: columns.text_if_any("name")?,
        clients: columns.number_if_any("clients")?,
        first_seen_at: columns.time("first_seen_at")?,
        last_seen_at: columns.time("last_seen_at")?,
        revoked: columns.taken("revoked_at", "revoke_reason")?,
    })
}
