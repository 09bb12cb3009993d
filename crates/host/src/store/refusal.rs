//! The last refusal of each client and edition (`docs/spec/refusals.md`, 4).
//!
//! Client ids can be invented, so the table is bounded: what lies too far behind the newest is dropped.

use keymuster_core::id::ClientId;
use keymuster_core::refusal::Refusal;
use keymuster_core::request::ClientRequest;
use keymuster_core::time::Timestamp;
use keymuster_service::database::Failure;
use keymuster_service::sql::{Row, Transaction, params};

use super::{number, parsed, seconds, timestamp};

/// How far the oldest refusal that is kept lies behind the newest.
pub const KEPT: u32 = 10_000;

/// A refusal that is to be kept.
#[derive(Clone, Copy, Debug)]
pub struct Said<'a> {
    /// The request.
    pub request: &'a ClientRequest,
    /// What it was answered.
    pub refusal: &'a Refusal,
    /// From where it came.
    pub address: &'a str,
    /// When the client's last request was answered, if the last one was.
    pub answered_at: Option<Timestamp>,
}

/// A refusal that was kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Kept {
    /// Its number: rises with every refusal.
    pub sequence: u64,
    /// The publisher's number.
    pub publisher: i64,
    /// Who was refused.
    pub client: ClientId,
    /// For which edition.
    pub edition: u16,
    /// The name of the code.
    pub code: String,
    /// The sentence with the numbers.
    pub detail: String,
    /// The pool that was asked for.
    pub pool: Option<String>,
    /// From where the client asked.
    pub address: String,
    /// The machine's name, where it is sent.
    pub name: Option<String>,
    /// When refusals of this code began, and when the last one was.
    pub seen: (Timestamp, Timestamp),
    /// How many there were.
    pub times: u64,
}

/// Keeps a refusal in place of the one before. It goes on with the series of that one if the code is the same and the
/// client was not answered in between.
pub fn note(tx: &Transaction<'_>, publisher: i64, said: &Said<'_>, now: Timestamp) -> Result<(), Failure> {
    let Said { request, refusal, address, answered_at } = said;
    let pool = match refusal {
        Refusal::SeatsExhausted { pool, .. } | Refusal::SeatReclaimed { pool, .. } => Some(pool),
        _ => request.pool.as_ref(),
    };
    let newest: i64 =
        tx.prepare_cached("SELECT coalesce(max(sequence), 0) FROM refusal")?.query_row([], |row| row.get(0))?;
    let row = params![
        newest + 1,
        publisher,
        request.client.to_string(),
        request.edition,
        refusal.code().name,
        refusal.to_string(),
        pool.map(|pool| pool.as_str()),
        address,
        request.name.as_ref().map(|name| name.as_str()),
        seconds(now),
        answered_at.map_or(0, seconds),
    ];
    let sql = "INSERT INTO refusal (sequence, publisher, client_id, edition, code, detail, pool, address, name, first_at, at, \
               times) SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?10, 1 WHERE ?11 = ?11 \
               ON CONFLICT (publisher, client_id, edition) DO UPDATE SET sequence = excluded.sequence, \
               code = excluded.code, detail = excluded.detail, pool = excluded.pool, address = excluded.address, \
               name = excluded.name, at = excluded.at, \
               first_at = CASE WHEN refusal.code = excluded.code AND refusal.at >= ?11 THEN refusal.first_at \
               ELSE excluded.first_at END, \
               times = CASE WHEN refusal.code = excluded.code AND refusal.at >= ?11 THEN refusal.times + 1 ELSE 1 END";
    tx.prepare_cached(sql)?.execute(row)?;
    Ok(())
}

/// Drops what lies too far behind the newest.
pub fn drop_oldest(tx: &Transaction<'_>) -> Result<(), Failure> {
    let sql = "DELETE FROM refusal WHERE sequence <= (SELECT max(sequence) FROM refusal) - ?1";
    tx.prepare_cached(sql)?.execute([KEPT])?;
    Ok(())
}

const COLUMNS: &str =
    "sequence, publisher, client_id, edition, code, detail, pool, address, name, first_at, at, times FROM refusal";

/// Those before a number that contain a text and have a code, the newest first, at most `limit`; an empty text or code
/// leaves all.
pub fn before(
    tx: &Transaction<'_>,
    before: Option<u64>,
    (text, code): (&str, &str),
    limit: u32,
) -> Result<Vec<Kept>, Failure> {
    let sql = format!(
        "SELECT {COLUMNS} WHERE sequence < ?1 AND (?2 = '' OR code = ?2) AND (?3 = '' OR instr(lower(client_id || ' ' || \
         address || ' ' || coalesce(name, '') || ' ' || detail), ?3) > 0) ORDER BY sequence DESC LIMIT ?4"
    );
    let before = before.map_or(i64::MAX, super::integer);
    let mut statement = tx.prepare_cached(&sql)?;
    let mut rows = statement.query(params![before, code, text.to_lowercase(), limit])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read(&row)?);
    }
    Ok(found)
}

/// Which codes there are, with how many clients.
pub fn codes(tx: &Transaction<'_>) -> Result<Vec<(String, u64)>, Failure> {
    let mut statement = tx.prepare_cached("SELECT code, count(*) FROM refusal GROUP BY code ORDER BY code")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, number(row.get(1)?))))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The last refusal of a client and edition.
pub fn of_client(
    tx: &Transaction<'_>,
    publisher: i64,
    client: ClientId,
    edition: u16,
) -> Result<Option<Kept>, Failure> {
    let sql = format!("SELECT {COLUMNS} WHERE publisher = ?1 AND client_id = ?2 AND edition = ?3");
    let mut statement = tx.prepare_cached(&sql)?;
    let mut rows = statement.query(params![publisher, client.to_string(), edition])?;
    rows.next()?.map(|row| read(&row)).transpose()
}

/// Editions that a client was refused of which it has no row: it broke a rule before it was counted.
pub fn editions(tx: &Transaction<'_>, publisher: i64, client: ClientId) -> Result<Vec<u16>, Failure> {
    let sql = "SELECT edition FROM refusal WHERE publisher = ?1 AND client_id = ?2 ORDER BY edition";
    let mut statement = tx.prepare_cached(sql)?;
    let rows = statement.query_map(params![publisher, client.to_string()], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Clients that were refused since `since` for want of a seat in a pool and hold none now, the longest wait first.
pub fn waiting(
    tx: &Transaction<'_>,
    (publisher, pool): (i64, &str),
    since: Timestamp,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<Kept>, Failure> {
    let sql = format!(
        "SELECT {COLUMNS} WHERE publisher = ?1 AND pool = ?2 AND code = 'seats-exhausted' AND at >= ?3 \
         AND NOT EXISTS (SELECT 1 FROM seat s WHERE s.publisher = refusal.publisher AND s.pool = refusal.pool \
         AND s.client_id = refusal.client_id AND s.free_at > ?4) ORDER BY first_at, sequence LIMIT ?5"
    );
    let mut statement = tx.prepare_cached(&sql)?;
    let mut rows = statement.query(params![publisher, pool, seconds(since), seconds(now), limit])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read(&row)?);
    }
    Ok(found)
}

fn read(row: &Row<'_>) -> Result<Kept, Failure> {
    let client: String = row.get(2)?;
    Ok(Kept {
        sequence: number(row.get(0)?),
        publisher: row.get(1)?,
        client: parsed(&client, "refusal", "client_id", &client)?,
        edition: row.get(3)?,
        code: row.get(4)?,
        detail: row.get(5)?,
        pool: row.get(6)?,
        address: row.get(7)?,
        name: row.get(8)?,
        seen: (timestamp(row.get(9)?), timestamp(row.get(10)?)),
        times: number(row.get(11)?),
    })
}
