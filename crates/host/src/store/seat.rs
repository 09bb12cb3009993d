//! The seats that are held, and the newest fence of each pool.

use keymuster_core::entitlement::Pool;
use keymuster_core::id::ClientId;
use keymuster_core::seats::{Held, SeatUse};
use keymuster_core::time::Timestamp;
use keymuster_service::database::Failure;
use rusqlite::{OptionalExtension, Transaction, params};

use super::{integer, number, seconds, timestamp};

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
    let sql = "SELECT fence, free_at FROM seat WHERE publisher = ?1 AND pool = ?2 AND client_id = ?3";
    let own = tx
        .prepare_cached(sql)?
        .query_row(params![publisher, pool.id.as_str(), id], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let sql = "SELECT newest_fence FROM pool WHERE publisher = ?1 AND pool = ?2";
    let fence: Option<i64> =
        tx.prepare_cached(sql)?.query_row(params![publisher, pool.id.as_str()], |row| row.get(0)).optional()?;
    Ok(SeatUse {
        own: own.map(|(fence, free_at)| Held { fence: number(fence), free_at: timestamp(free_at) }),
        others: number(others),
        next_end: next_end.map(timestamp),
        newest_fence: fence.map_or(0, number),
    })
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
}

/// Gives a seat to a client or keeps it there, and forgets seats of the pool that are free.
pub fn take(tx: &Transaction<'_>, publisher: i64, taken: &Taken<'_>, now: Timestamp) -> Result<(), Failure> {
    let Taken { pool, client, seat } = taken;
    let sql = "DELETE FROM seat WHERE publisher = ?1 AND pool = ?2 AND free_at <= ?3";
    tx.prepare_cached(sql)?.execute(params![publisher, pool, seconds(now)])?;
    let sql = "INSERT INTO seat (publisher, pool, client_id, fence, free_at) VALUES (?1, ?2, ?3, ?4, ?5) \
               ON CONFLICT (publisher, pool, client_id) DO UPDATE SET fence = excluded.fence, free_at = excluded.free_at";
    let row = params![publisher, pool, client.to_string(), integer(seat.fence), seconds(seat.free_at)];
    tx.prepare_cached(sql)?.execute(row)?;
    let sql = "INSERT INTO pool (publisher, pool, newest_fence) VALUES (?1, ?2, ?3) \
               ON CONFLICT (publisher, pool) DO UPDATE SET newest_fence = excluded.newest_fence \
               WHERE pool.newest_fence < excluded.newest_fence";
    tx.prepare_cached(sql)?.execute(params![publisher, pool, integer(seat.fence)])?;
    Ok(())
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
