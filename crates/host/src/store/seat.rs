//! The seats that are held, and the newest fence of each pool.

use std::collections::HashMap;

use keymuster_core::entitlement::Pool;
use keymuster_core::id::ClientId;
use keymuster_core::seats::{Held, SeatUse};
use keymuster_core::time::Timestamp;
use keymuster_service::database::Failure;
use keymuster_service::sql::{OptionalExtension, Row, Transaction, params};

use super::{integer, number, parsed, seconds, timestamp};

/// How a pool stands for one client. A seat counts until it is free, whether or not its row is still there.
pub fn usage(
    tx: &Transaction<'_>,
    publisher: i64,
    pool: &Pool,
    client: ClientId,
    now: Timestamp,
) -> Result<SeatUse, Failure> {
    let id = client.to_string();
    let sql = "SELECT COUNT(*), MIN(free_at) FROM seat \
               WHERE publisher = ?1 AND pool = ?2 AND free_at > ?3 AND client_id <> ?4";
    let (others, next_end): (i64, Option<i64>) = tx
        .prepare_cached(sql)?
        .query_row(params![publisher, pool.id.as_str(), seconds(now), id], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let sql = "SELECT fence, free_at, reclaimed_at FROM seat WHERE publisher = ?1 AND pool = ?2 AND client_id = ?3";
    let held = |row: &Row<'_>| {
        let (fence, free_at) = (number(row.get(0)?), timestamp(row.get(1)?));
        Ok(Held { fence, free_at, is_reclaimed: row.get::<_, Option<i64>>(2)?.is_some() })
    };
    let own = tx.prepare_cached(sql)?.query_row(params![publisher, pool.id.as_str(), id], held).optional()?;
    let newest_fence = newest_fence(tx, publisher, pool.id.as_str())?;
    Ok(SeatUse { own, others: number(others), next_end: next_end.map(timestamp), newest_fence })
}

/// A seat and its holder.
#[derive(Clone, Copy, Debug)]
pub struct Taken<'a> {
    /// The pool's name.
    pub pool: &'a str,
    /// Who holds it.
    pub client: ClientId,
    /// The seat.
    pub seat: Held,
    /// Since when, where the client does not hold it already.
    pub since: Timestamp,
}

/// Gives a seat to a client or keeps it there, and forgets seats of the pool that are free.
pub fn take(tx: &Transaction<'_>, publisher: i64, taken: &Taken<'_>, now: Timestamp) -> Result<(), Failure> {
    let Taken { pool, client, seat, since } = taken;
    let sql = "DELETE FROM seat WHERE publisher = ?1 AND pool = ?2 AND free_at <= ?3";
    tx.prepare_cached(sql)?.execute(params![publisher, pool, seconds(now)])?;
    let sql = "INSERT INTO seat (publisher, pool, client_id, fence, free_at, taken_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
               ON CONFLICT (publisher, pool, client_id) DO UPDATE SET fence = excluded.fence, free_at = excluded.free_at";
    let row = params![publisher, pool, client.to_string(), integer(seat.fence), seconds(seat.free_at), seconds(*since)];
    tx.prepare_cached(sql)?.execute(row)?;
    let sql = "INSERT INTO pool (publisher, pool, newest_fence) VALUES (?1, ?2, ?3) \
               ON CONFLICT (publisher, pool) DO UPDATE SET newest_fence = excluded.newest_fence \
               WHERE pool.newest_fence < excluded.newest_fence";
    tx.prepare_cached(sql)?.execute(params![publisher, pool, integer(seat.fence)])?;
    Ok(())
}

/// How many others have held their seats for longer than a client has held its own.
pub fn held_longer(
    tx: &Transaction<'_>,
    publisher: i64,
    pool: &str,
    client: ClientId,
    now: Timestamp,
) -> Result<u64, Failure> {
    let sql = "SELECT COUNT(*) FROM seat s JOIN seat o ON o.publisher = s.publisher AND o.pool = s.pool \
               AND (coalesce(o.taken_at, 0), o.client_id) < (coalesce(s.taken_at, 0), s.client_id) \
               WHERE s.publisher = ?1 AND s.pool = ?2 AND s.client_id = ?3 AND s.free_at > ?4 AND o.free_at > ?4";
    let row = params![publisher, pool, client.to_string(), seconds(now)];
    Ok(tx.prepare_cached(sql)?.query_row(row, |row| Ok(number(row.get(0)?)))?)
}

/// The highest fence that was ever given in a pool; 0 where none was.
pub fn newest_fence(tx: &Transaction<'_>, publisher: i64, pool: &str) -> Result<u64, Failure> {
    let sql = "SELECT newest_fence FROM pool WHERE publisher = ?1 AND pool = ?2";
    let fence: Option<i64> =
        tx.prepare_cached(sql)?.query_row(params![publisher, pool], |row| row.get(0)).optional()?;
    Ok(fence.map_or(0, number))
}

/// The fence of the seat that a client holds in a pool.
pub fn fence(tx: &Transaction<'_>, publisher: i64, pool: &str, client: ClientId) -> Result<Option<u64>, Failure> {
    let sql = "SELECT fence FROM seat WHERE publisher = ?1 AND pool = ?2 AND client_id = ?3";
    let fence = tx.prepare_cached(sql)?.query_row(params![publisher, pool, client.to_string()], |row| row.get(0));
    Ok(fence.optional()?.map(number))
}

/// Frees the seat of a client.
pub fn free(tx: &Transaction<'_>, publisher: i64, pool: &str, client: ClientId) -> Result<(), Failure> {
    let sql = "DELETE FROM seat WHERE publisher = ?1 AND pool = ?2 AND client_id = ?3";
    tx.prepare_cached(sql)?.execute(params![publisher, pool, client.to_string()])?;
    Ok(())
}

/// Seats in use now, per pool of a publisher.
pub fn in_use(tx: &Transaction<'_>, publisher: i64, now: Timestamp) -> Result<Vec<(String, u64)>, Failure> {
    let sql = "SELECT pool, COUNT(*) FROM seat WHERE publisher = ?1 AND free_at > ?2 GROUP BY pool ORDER BY pool";
    let mut statement = tx.prepare_cached(sql)?;
    let rows = statement.query_map(params![publisher, seconds(now)], |row| Ok((row.get(0)?, number(row.get(1)?))))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// All holders of a pool now, with their seats.
pub fn held(
    tx: &Transaction<'_>,
    publisher: i64,
    pool: &str,
    now: Timestamp,
) -> Result<HashMap<ClientId, Held>, Failure> {
    let sql = "SELECT client_id, fence, free_at, reclaimed_at FROM seat \
               WHERE publisher = ?1 AND pool = ?2 AND free_at > ?3";
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows = statement.query(params![publisher, pool, seconds(now)])?;
    let mut held = HashMap::new();
    while let Some(row) = rows.next()? {
        let client: String = row.get(0)?;
        let is_reclaimed = row.get::<_, Option<i64>>(3)?.is_some();
        let seat = Held { fence: number(row.get(1)?), free_at: timestamp(row.get(2)?), is_reclaimed };
        held.insert(parsed(&client, "seat", "client_id", &client)?, seat);
    }
    Ok(held)
}

/// A seat that is held, with what is known of its holder.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Holder {
    /// Who holds it.
    pub client: ClientId,
    /// Its fence.
    pub fence: u64,
    /// When others may have it, unless its holder renews or releases it.
    pub free_at: Timestamp,
    /// Since when it is held, where that was noted.
    pub taken_at: Option<Timestamp>,
    /// When an administrator reclaimed it.
    pub reclaimed_at: Option<Timestamp>,
    /// The machine's name, where it is sent.
    pub name: Option<String>,
    /// From where the machine asked last.
    pub address: Option<String>,
}

/// Who holds the seats of a pool for an edition, in the order of their fences, behind one of them, at most `limit`.
pub fn holders(
    tx: &Transaction<'_>,
    (publisher, pool, edition): (i64, &str, u16),
    after: u64,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<Holder>, Failure> {
    let sql = "SELECT s.client_id, s.fence, s.free_at, s.taken_at, s.reclaimed_at, d.name, d.address FROM seat s \
               LEFT JOIN client c ON c.publisher = s.publisher AND c.client_id = s.client_id AND c.edition = ?3 \
               LEFT JOIN client_detail d ON d.number = c.number \
               WHERE s.publisher = ?1 AND s.pool = ?2 AND s.free_at > ?4 AND s.fence > ?5 ORDER BY s.fence LIMIT ?6";
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows = statement.query(params![publisher, pool, edition, seconds(now), integer(after), limit])?;
    let mut holders = Vec::new();
    while let Some(row) = rows.next()? {
        let client: String = row.get(0)?;
        holders.push(Holder {
            client: parsed(&client, "seat", "client_id", &client)?,
            fence: number(row.get(1)?),
            free_at: timestamp(row.get(2)?),
            taken_at: row.get::<_, Option<i64>>(3)?.map(timestamp),
            reclaimed_at: row.get::<_, Option<i64>>(4)?.map(timestamp),
            name: row.get(5)?,
            address: row.get(6)?,
        });
    }
    Ok(holders)
}

/// The pools in which a client holds a seat, with the seat.
pub fn of_client(
    tx: &Transaction<'_>,
    publisher: i64,
    client: ClientId,
    now: Timestamp,
) -> Result<Vec<(String, Held)>, Failure> {
    let sql = "SELECT p.pool, s.fence, s.free_at, s.reclaimed_at FROM pool p CROSS JOIN seat s \
               ON s.publisher = p.publisher AND s.pool = p.pool AND s.client_id = ?2 \
               WHERE p.publisher = ?1 AND s.free_at > ?3 ORDER BY p.pool";
    let mut statement = tx.prepare_cached(sql)?;
    let rows = statement.query_map(params![publisher, client.to_string(), seconds(now)], |row| {
        let (fence, free_at) = (number(row.get(1)?), timestamp(row.get(2)?));
        Ok((row.get(0)?, Held { fence, free_at, is_reclaimed: row.get::<_, Option<i64>>(3)?.is_some() }))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Marks a seat that is held as reclaimed: it is not renewed. Returns whether there is one that was not yet.
pub fn reclaim(
    tx: &Transaction<'_>,
    publisher: i64,
    pool: &str,
    client: ClientId,
    now: Timestamp,
) -> Result<bool, Failure> {
    let sql = "UPDATE seat SET reclaimed_at = ?4 \
               WHERE publisher = ?1 AND pool = ?2 AND client_id = ?3 AND free_at > ?4 AND reclaimed_at IS NULL";
    Ok(tx.execute(sql, params![publisher, pool, client.to_string(), seconds(now)])? > 0)
}
