//! Client ids by which more than one machine has asked: clones of one image, or a machine and its restored copy.

use keymuster_core::id::ClientId;
use keymuster_core::time::Timestamp;
use keymuster_service::database::Failure;
use rusqlite::{Transaction, params};

use super::{number, parsed, seconds, timestamp};

/// What was noticed of one client id.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shared {
    /// The id.
    pub client: ClientId,
    /// When it was noticed first, and last.
    pub seen: (Timestamp, Timestamp),
    /// How often.
    pub times: u64,
    /// The address that asked, and the one that had asked before it.
    pub addresses: [String; 2],
}

/// Notes that two copies of one client have asked.
pub fn note(
    tx: &Transaction<'_>,
    publisher: i64,
    client: ClientId,
    addresses: [&str; 2],
    now: Timestamp,
) -> Result<(), Failure> {
    let sql = "INSERT INTO shared_identity (publisher, client_id, first_at, newest_at, times, address, other_address) \
               VALUES (?1, ?2, ?3, ?3, 1, ?4, ?5) \
               ON CONFLICT (publisher, client_id) DO UPDATE SET newest_at = excluded.newest_at, \
               times = shared_identity.times + 1, address = excluded.address, other_address = excluded.other_address";
    let [address, other] = addresses;
    tx.prepare_cached(sql)?.execute(params![publisher, client.to_string(), seconds(now), address, other])?;
    Ok(())
}

/// Those that were noticed since `since`, the newest first, at most `limit`.
pub fn since(tx: &Transaction<'_>, publisher: i64, since: Timestamp, limit: u32) -> Result<Vec<Shared>, Failure> {
    let sql = "SELECT client_id, first_at, newest_at, times, address, other_address FROM shared_identity \
               WHERE publisher = ?1 AND newest_at >= ?2 ORDER BY newest_at DESC, client_id LIMIT ?3";
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows = statement.query(params![publisher, seconds(since), limit])?;
    let mut shared = Vec::new();
    while let Some(row) = rows.next()? {
        let id: String = row.get(0)?;
        shared.push(Shared {
            client: parsed(&id, "shared_identity", "client_id", &id)?,
            seen: (timestamp(row.get(1)?), timestamp(row.get(2)?)),
            times: number(row.get(3)?),
            addresses: [row.get(4)?, row.get(5)?],
        });
    }
    Ok(shared)
}
