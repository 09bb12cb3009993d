//! Client ids by which more than one machine has asked: clones of one image, or a machine and its restored copy.

use keymuster_core::id::ClientId;
use keymuster_core::time::Timestamp;
use keymuster_service::database::Failure;
use keymuster_service::sql::{Row, Transaction, params};

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

/// How many addresses are kept of one client id; further ones are not, so that nobody fills the disk with them.
pub const ADDRESSES_MAX: u32 = 50;

/// From where a copy has asked, and the machine's name, where it is sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place<'a> {
    /// The address.
    pub address: &'a str,
    /// The name.
    pub name: Option<&'a str>,
}

/// Notes that two copies of one client have asked: the one that asks, and the one that had asked before it.
pub fn note(
    tx: &Transaction<'_>,
    publisher: i64,
    client: ClientId,
    places: [Place<'_>; 2],
    now: Timestamp,
) -> Result<(), Failure> {
    for place in places {
        note_address(tx, publisher, client, place, now)?;
    }
    let sql = "INSERT INTO shared_identity (publisher, client_id, first_at, newest_at, times, address, other_address) \
               VALUES (?1, ?2, ?3, ?3, 1, ?4, ?5) \
               ON CONFLICT (publisher, client_id) DO UPDATE SET newest_at = excluded.newest_at, \
               times = shared_identity.times + 1, address = excluded.address, other_address = excluded.other_address";
    let [address, other] = places.map(|place| place.address);
    tx.prepare_cached(sql)?.execute(params![publisher, client.to_string(), seconds(now), address, other])?;
    Ok(())
}

fn note_address(
    tx: &Transaction<'_>,
    publisher: i64,
    client: ClientId,
    place: Place<'_>,
    now: Timestamp,
) -> Result<(), Failure> {
    let sql = "INSERT INTO shared_address (publisher, client_id, address, name, first_at, newest_at, times) \
               SELECT ?1, ?2, ?3, ?4, ?5, ?5, 1 WHERE (SELECT count(*) FROM shared_address \
               WHERE publisher = ?1 AND client_id = ?2 AND address <> ?3) < ?6 \
               ON CONFLICT (publisher, client_id, address) DO UPDATE SET name = excluded.name, \
               newest_at = excluded.newest_at, times = shared_address.times + 1";
    let row = params![publisher, client.to_string(), place.address, place.name, seconds(now), ADDRESSES_MAX];
    tx.prepare_cached(sql)?.execute(row)?;
    Ok(())
}

/// An address from which a shared client id was used when that was noticed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Used {
    /// The address.
    pub address: String,
    /// The machine's name, where it is sent.
    pub name: Option<String>,
    /// When it was noticed there first, and last.
    pub seen: (Timestamp, Timestamp),
    /// How often.
    pub times: u64,
}

/// The addresses of a client id, the first one first.
pub fn addresses(tx: &Transaction<'_>, publisher: i64, client: ClientId) -> Result<Vec<Used>, Failure> {
    let sql = "SELECT address, name, first_at, newest_at, times FROM shared_address \
               WHERE publisher = ?1 AND client_id = ?2 ORDER BY first_at, address";
    let mut statement = tx.prepare_cached(sql)?;
    let rows = statement.query_map(params![publisher, client.to_string()], |row| {
        Ok(Used {
            address: row.get(0)?,
            name: row.get(1)?,
            seen: (timestamp(row.get(2)?), timestamp(row.get(3)?)),
            times: number(row.get(4)?),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

const COLUMNS: &str = "client_id, first_at, newest_at, times, address, other_address FROM shared_identity";

/// Those that were noticed since `since`, the newest first, at most `limit`.
pub fn since(tx: &Transaction<'_>, publisher: i64, since: Timestamp, limit: u32) -> Result<Vec<Shared>, Failure> {
    let sql = format!(
        "SELECT {COLUMNS} WHERE publisher = ?1 AND newest_at >= ?2 ORDER BY newest_at DESC, client_id LIMIT ?3"
    );
    let mut statement = tx.prepare_cached(&sql)?;
    let mut rows = statement.query(params![publisher, seconds(since), limit])?;
    let mut shared = Vec::new();
    while let Some(row) = rows.next()? {
        shared.push(read(&row)?);
    }
    Ok(shared)
}

/// What was noticed of a client id.
pub fn of_client(tx: &Transaction<'_>, publisher: i64, client: ClientId) -> Result<Option<Shared>, Failure> {
    let sql = format!("SELECT {COLUMNS} WHERE publisher = ?1 AND client_id = ?2");
    let mut statement = tx.prepare_cached(&sql)?;
    let mut rows = statement.query(params![publisher, client.to_string()])?;
    rows.next()?.map(|row| read(&row)).transpose()
}

fn read(row: &Row<'_>) -> Result<Shared, Failure> {
    let id: String = row.get(0)?;
    Ok(Shared {
        client: parsed(&id, "shared_identity", "client_id", &id)?,
        seen: (timestamp(row.get(1)?), timestamp(row.get(2)?)),
        times: number(row.get(3)?),
        addresses: [row.get(4)?, row.get(5)?],
    })
}
