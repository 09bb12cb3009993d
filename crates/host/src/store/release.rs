//! Releases of clients by an administrator, and what was taken back of them (`docs/spec/counting.md`, 10).
//!
//! A released client's last time is 0, so that no count of the database includes it; what it was stands here. The running
//! writer reads this log on and learns whom it counts no more.

use keymuster_core::id::ClientId;
use keymuster_core::time::Timestamp;
use keymuster_service::database::Failure;
use keymuster_service::sql::{Transaction, params};

use super::{integer, number, parsed, seconds, timestamp};

/// What an entry records.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Act {
    /// The client was released.
    Released,
    /// The release was taken back.
    Kept,
}

/// One entry: a client and edition.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Its number.
    pub sequence: u64,
    /// What was done.
    pub act: Act,
    /// The publisher's number.
    pub publisher: i64,
    /// The client.
    pub client: ClientId,
    /// The edition's number.
    pub edition: u16,
    /// When it was done.
    pub at: Timestamp,
    /// When the client had last asked.
    pub asked_at: Timestamp,
}

/// Releases a client: all its editions that are not released already. Returns how many.
pub fn release(tx: &Transaction<'_>, publisher: i64, client: ClientId, now: Timestamp) -> Result<usize, Failure> {
    let row = params![publisher, client.to_string(), seconds(now)];
    let sql = "INSERT INTO release (sequence, act, publisher, client_id, edition, at, asked_at) \
               SELECT (SELECT coalesce(max(sequence), 0) FROM release) + row_number() OVER (ORDER BY edition), \
               'released', publisher, client_id, edition, ?3, last_asked FROM client \
               WHERE publisher = ?1 AND client_id = ?2 AND released_at IS NULL";
    let released = tx.execute(sql, row)?;
    let sql = "UPDATE client SET released_at = ?3, last_asked = 0 \
               WHERE publisher = ?1 AND client_id = ?2 AND released_at IS NULL";
    tx.execute(sql, row)?;
    Ok(released)
}

/// Takes back what is released of a client. Returns how many editions.
pub fn keep(tx: &Transaction<'_>, publisher: i64, client: ClientId, now: Timestamp) -> Result<usize, Failure> {
    let asked_at = "SELECT r.asked_at FROM release r WHERE r.publisher = client.publisher \
                    AND r.client_id = client.client_id AND r.edition = client.edition ORDER BY r.sequence DESC LIMIT 1";
    let row = params![publisher, client.to_string(), seconds(now)];
    let sql = format!(
        "INSERT INTO release (sequence, act, publisher, client_id, edition, at, asked_at) \
         SELECT (SELECT coalesce(max(sequence), 0) FROM release) + row_number() OVER (ORDER BY edition), \
         'kept', publisher, client_id, edition, ?3, ({asked_at}) FROM client \
         WHERE publisher = ?1 AND client_id = ?2 AND released_at IS NOT NULL"
    );
    let kept = tx.execute(&sql, row)?;
    let sql = format!(
        "UPDATE client SET released_at = NULL, last_asked = ({asked_at}) \
         WHERE publisher = ?1 AND client_id = ?2 AND released_at IS NOT NULL"
    );
    tx.execute(&sql, params![publisher, client.to_string()])?;
    Ok(kept)
}

/// The number of the newest entry; 0 where there is none.
pub fn newest(tx: &Transaction<'_>) -> Result<u64, Failure> {
    let sql = "SELECT coalesce(max(sequence), 0) FROM release";
    Ok(tx.prepare_cached(sql)?.query_row([], |row| Ok(number(row.get(0)?)))?)
}

/// The entries behind a number, in their order.
pub fn after(tx: &Transaction<'_>, sequence: u64) -> Result<Vec<Entry>, Failure> {
    let sql = "SELECT sequence, act, publisher, client_id, edition, at, asked_at FROM release \
               WHERE sequence > ?1 ORDER BY sequence";
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows = statement.query([integer(sequence)])?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next()? {
        let sequence = number(row.get(0)?);
        let act = match &*row.get::<_, String>(1)? {
            "released" => Act::Released,
            "kept" => Act::Kept,
            other => return Err(Failure::damaged("release", "act", sequence, format!("{other:?} is no act"))),
        };
        entries.push(Entry {
            sequence,
            act,
            publisher: row.get(2)?,
            client: parsed(&row.get::<_, String>(3)?, "release", "client_id", sequence)?,
            edition: row.get(4)?,
            at: timestamp(row.get(5)?),
            asked_at: timestamp(row.get(6)?),
        });
    }
    Ok(entries)
}
