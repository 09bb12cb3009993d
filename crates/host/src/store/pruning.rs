//! What is dropped of the past, a few rows at a time, so that whoever is granted a lease never waits for it.
//!
//! Totals stay: rows that are counted somewhere are folded into one that has their sum, or leave their number in a counter.

use keymuster_core::time::Timestamp;
use keymuster_service::database::Failure;
use keymuster_service::sql::{OptionalExtension, Transaction, params};

use super::{integer, number, seconds};

/// Rows of one transaction, a few milliseconds.
pub const BATCH: u32 = 500;

/// The numbers of clients and editions of which nothing has happened since a time: not asked, no lease, not released.
pub fn gone_clients(tx: &Transaction<'_>, before: Timestamp) -> Result<Vec<i64>, Failure> {
    let sql = "SELECT number FROM client WHERE last_asked < ?1 AND lease_expires < ?1 \
               AND coalesce(released_at, 0) < ?1 LIMIT ?2";
    let mut statement = tx.prepare_cached(sql)?;
    let rows = statement.query_map(params![seconds(before), BATCH], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Forgets those of them that have not come back meanwhile; how many.
pub fn forget_clients(tx: &Transaction<'_>, gone: &[i64], before: Timestamp) -> Result<u64, Failure> {
    let sql = "DELETE FROM client WHERE number = ?1 AND last_asked < ?2 AND lease_expires < ?2 \
               AND coalesce(released_at, 0) < ?2";
    let (mut client, mut forgotten) = (tx.prepare_cached(sql)?, 0);
    let mut detail = tx.prepare_cached("DELETE FROM client_detail WHERE number = ?1")?;
    for number in gone {
        if client.execute(params![number, seconds(before)])? > 0 {
            detail.execute(params![number])?;
            forgotten += 1;
        }
    }
    Ok(forgotten)
}

/// The first entry of the ledger that some client's row names; entries before it answer nobody any more.
pub fn first_needed(tx: &Transaction<'_>) -> Result<u64, Failure> {
    let sql = "SELECT coalesce(min(sequence), 0) FROM (SELECT min(answered_by) AS sequence FROM client \
               UNION ALL SELECT min(lease_sequence) FROM client UNION ALL SELECT max(sequence) FROM ledger) AS needed";
    Ok(tx.query_row(sql, [], |row| Ok(number(row.get(0)?)))?)
}

/// Drops the oldest entries of the ledger that are from before a time and that nobody needs, and writes down where it
/// begins from here on; how many.
pub fn drop_entries(
    tx: &Transaction<'_>,
    first_needed: u64,
    before: Timestamp,
    now: Timestamp,
) -> Result<u64, Failure> {
    let sql = "SELECT max(sequence), count(*) FROM (SELECT sequence, recorded_at FROM ledger WHERE sequence < ?1 \
               ORDER BY sequence LIMIT ?2) AS oldest \
               WHERE sequence < coalesce((SELECT min(sequence) FROM (SELECT sequence, recorded_at FROM ledger \
               ORDER BY sequence LIMIT ?2) AS first WHERE recorded_at >= ?3), ?1)";
    let row = tx.prepare_cached(sql)?.query_row(params![integer(first_needed), BATCH, seconds(before)], |row| {
        Ok((row.get::<_, Option<i64>>(0)?, number(row.get(1)?)))
    });
    let (Some(last), count) = row? else { return Ok(0) };
    tx.execute("DELETE FROM pruned", [])?;
    let sql =
        "INSERT INTO pruned (sequence, head, pruned_at) SELECT sequence, head, ?2 FROM ledger WHERE sequence = ?1";
    tx.execute(sql, params![last, seconds(now)])?;
    tx.execute("DELETE FROM ledger WHERE sequence <= ?1", [last])?;
    Ok(count)
}

/// Folds the requests of hours before a time into one hour that is none, and drops what else nobody asks for any more.
pub fn fold(tx: &Transaction<'_>, before: Timestamp) -> Result<(), Failure> {
    let before = seconds(before);
    let sql = "INSERT INTO tally (hour, publisher, outcome, requests) \
               SELECT 0, publisher, outcome, SUM(requests) FROM tally WHERE hour > 0 AND hour < ?1 \
               GROUP BY publisher, outcome \
               ON CONFLICT (hour, publisher, outcome) DO UPDATE SET requests = tally.requests + excluded.requests";
    tx.execute(sql, [before])?;
    tx.execute("DELETE FROM tally WHERE hour > 0 AND hour < ?1", [before])?;
    tx.execute("DELETE FROM shared_identity WHERE newest_at < ?1", [before])?;
    tx.execute("DELETE FROM shared_address WHERE newest_at < ?1", [before])?;
    // The running writer reads this log on from its newest entry.
    let sql = "DELETE FROM release WHERE at < ?1 AND sequence < (SELECT max(sequence) FROM release) AND NOT EXISTS \
               (SELECT 1 FROM client WHERE client.publisher = release.publisher \
               AND client.client_id = release.client_id AND client.edition = release.edition \
               AND client.released_at IS NOT NULL)";
    tx.execute(sql, [before])?;
    Ok(())
}

/// The newest entry of the ledger that is gone; 0 where it is whole.
pub fn ledger_pruned(tx: &Transaction<'_>) -> Result<u64, Failure> {
    let newest = tx.query_row("SELECT sequence FROM pruned", [], |row| Ok(number(row.get(0)?))).optional()?;
    Ok(newest.unwrap_or_default())
}
