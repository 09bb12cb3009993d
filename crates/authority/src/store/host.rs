//! The hosts that were certified, each with the key that belongs to its id for ever.

use keymuster_core::id::{HostId, Label, Slug};
use keymuster_core::signature::PublicKey;
use keymuster_core::time::Timestamp;
use keymuster_service::database::Failure;
use keymuster_service::sql::{Row, Transaction, params};

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

/// A host, and until when its last entitlement lasts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entitled {
    /// The host.
    pub host: Host,
    /// When its last entitlement ends.
    pub until: Option<Timestamp>,
}

const ENTITLED: &str = "SELECT host.id AS id, host_key, host.customer AS customer, name, clients, first_seen_at, \
                        last_seen_at, revoked_at, revoke_reason, \
                        (SELECT MAX(stop_at) FROM entitlement WHERE entitlement.host = host.id) AS until FROM host";

/// One host with its last entitlement.
pub fn entitled(tx: &Transaction<'_>, id: HostId) -> Result<Option<Entitled>, Failure> {
    first(tx, &format!("{ENTITLED} WHERE host.id = $1"), [id.to_string()], read_entitled)
}

/// Hosts whose id, name or customer contains a text in lower case, of one customer unless `customer` is empty, those that
/// asked last first, after one of them; at most `limit`.
pub fn page(
    tx: &Transaction<'_>,
    words: &str,
    customer: &str,
    after: Option<HostId>,
    limit: u32,
) -> Result<Vec<Entitled>, Failure> {
    let place = after.map(|id| find(tx, id)).transpose()?.flatten();
    let (at, id) = place.map_or((i64::MAX, String::new()), |host| (time(host.last_seen_at), host.id.to_string()));
    let sql = format!(
        "{ENTITLED} WHERE (last_seen_at < $1 OR (last_seen_at = $1 AND host.id < $2)) \
         AND ($3 = '' OR host.customer = $3) \
         AND ($4 = '' OR INSTR(LOWER(host.id || ' ' || COALESCE(name, '') || ' ' || host.customer), $4) > 0) \
         ORDER BY last_seen_at DESC, host.id DESC LIMIT $5"
    );
    all(tx, &sql, params![at, id, customer, words, limit], read_entitled)
}

/// Hosts that are not revoked and whose last entitlement ends in a span of time, the next to end first.
pub fn ending(tx: &Transaction<'_>, from: Timestamp, to: Timestamp, limit: u32) -> Result<Vec<Entitled>, Failure> {
    let sql = format!(
        "{ENTITLED} WHERE revoked_at IS NULL AND host.id IN \
         (SELECT host FROM entitlement WHERE stop_at >= $1 AND stop_at <= $2) \
         AND NOT EXISTS (SELECT 1 FROM entitlement WHERE entitlement.host = host.id AND stop_at > $2) \
         ORDER BY until, host.id LIMIT $3"
    );
    all(tx, &sql, params![time(from), time(to), limit], read_entitled)
}

/// Hosts that are not revoked and have not asked since a time, those that are silent longest first.
pub fn silent(tx: &Transaction<'_>, since: Timestamp, limit: u32) -> Result<Vec<Entitled>, Failure> {
    let sql =
        format!("{ENTITLED} WHERE revoked_at IS NULL AND last_seen_at < $1 ORDER BY last_seen_at, host.id LIMIT $2");
    all(tx, &sql, params![time(since), limit], read_entitled)
}

/// How many are not revoked.
pub fn count(tx: &Transaction<'_>) -> Result<u64, Failure> {
    let count = first(tx, "SELECT COUNT(id) AS hosts FROM host WHERE revoked_at IS NULL", [], |row| {
        Columns::of("host", "hosts", row).number("hosts")
    })?;
    Ok(count.unwrap_or(0))
}

/// Revokes a host that is not revoked; false if there is none such.
pub fn revoke(tx: &Transaction<'_>, id: HostId, revoked: &Taken) -> Result<bool, Failure> {
    let sql = "UPDATE host SET revoked_at = $1, revoke_reason = $2 WHERE id = $3 AND revoked_at IS NULL";
    Ok(write(tx, sql, params![time(revoked.at), revoked.reason, id.to_string()])? == 1)
}

fn read_entitled(row: &Row<'_>) -> Result<Entitled, Failure> {
    let until = Columns::of("host", "id", row).number_if_any("until")?;
    Ok(Entitled { host: read(row)?, until: until.map(Timestamp::from_secs) })
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
