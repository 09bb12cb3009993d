//! Requests that wait for an exchange with the authority, and what became of them: one for each client and edition.

use keymuster_core::document::Signed;
use keymuster_core::id::{ClientId, RequestId};
use keymuster_core::request::ClientRequest;
use keymuster_core::time::Timestamp;
use keymuster_service::database::Failure;
use keymuster_service::sql::{Row, Transaction, params};

use super::{from_base64, number, parsed, seconds, timestamp, to_base64};

/// One request that was collected.
#[derive(Clone, Debug)]
pub struct Collected {
    /// The publisher's number.
    pub publisher: i64,
    /// The request, verified again.
    pub request: Signed<ClientRequest>,
    /// Where it came from.
    pub address: String,
    /// When it was collected.
    pub since: Timestamp,
    /// When it was last exported.
    pub exported: Option<Timestamp>,
    /// What became of it, and since when that is known.
    pub result: Option<(Timestamp, Verdict)>,
}

/// What the authority decided on a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// A bundle of the activation and its issuers.
    Activated(Vec<u8>),
    /// The name of a code, and the sentence with the numbers.
    Refused(String, String),
}

const COLUMNS: &str = "publisher, client_id, edition, request, address, collected_at, exported_at, answered_at, answer, \
                       refusal, detail";

/// What is collected of one client, for all its editions.
pub fn of_client(tx: &Transaction<'_>, publisher: i64, client: ClientId) -> Result<Vec<Collected>, Failure> {
    let sql = format!("SELECT {COLUMNS} FROM collected WHERE publisher = ?1 AND client_id = ?2 ORDER BY edition");
    select(tx, &sql, params![publisher, client.to_string()])
}

/// The request with this id. Ids are random, so there is one at most, unless somebody repeats another's.
pub fn of_request(tx: &Transaction<'_>, request: RequestId) -> Result<Vec<Collected>, Failure> {
    select(tx, &format!("SELECT {COLUMNS} FROM collected WHERE request_id = ?1"), params![request.to_string()])
}

/// Everything that is collected, the oldest first.
pub fn all(tx: &Transaction<'_>) -> Result<Vec<Collected>, Failure> {
    select(tx, &format!("SELECT {COLUMNS} FROM collected ORDER BY collected_at, client_id, edition"), [])
}

/// How a request stands, in one word: `waiting`, `exported`, `activated` or `refused`.
const STATE: &str = "CASE WHEN answer IS NOT NULL THEN 'activated' WHEN refusal IS NOT NULL THEN 'refused' \
                     WHEN exported_at IS NOT NULL THEN 'exported' ELSE 'waiting' END";

/// Which requests are looked at.
#[derive(Clone, Copy, Debug)]
pub struct Chosen<'a> {
    /// Words that the client's id, name or address contains, in any case; or nothing.
    pub search: &'a str,
    /// How they stand, in one word, or nothing.
    pub state: &'a str,
    /// The last one of the page before: when it was collected, its client and its edition.
    pub after: Option<(Timestamp, &'a str, u16)>,
}

/// Those that are looked at, the oldest first, at most `limit`.
pub fn page(tx: &Transaction<'_>, chosen: &Chosen<'_>, limit: u32) -> Result<Vec<Collected>, Failure> {
    let sql = format!(
        "SELECT {COLUMNS} FROM collected \
         WHERE (collected_at, client_id, edition) > (?1, ?2, ?3) AND (?4 = '' OR {STATE} = ?4) \
         AND (?5 = '' OR instr(lower(client_id || ' ' || coalesce(name, '') || ' ' || address), ?5) > 0) \
         ORDER BY collected_at, client_id, edition LIMIT ?6"
    );
    let (at, client, edition) =
        chosen.after.map_or((-1, "", 0), |(at, client, edition)| (seconds(at), client, edition));
    select(tx, &sql, params![at, client, edition, chosen.state, chosen.search.to_lowercase(), limit])
}

/// How many requests stand in each way.
pub fn states(tx: &Transaction<'_>) -> Result<Vec<(String, u64)>, Failure> {
    let mut statement = tx.prepare_cached(&format!("SELECT {STATE} AS state, COUNT(*) FROM collected GROUP BY 1"))?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, number(row.get(1)?))))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// How many requests that were collected since `begin` have no result, by publisher and edition.
pub fn open_editions(tx: &Transaction<'_>, begin: Timestamp) -> Result<Vec<(i64, u16, u64)>, Failure> {
    let sql = "SELECT publisher, edition, COUNT(*) FROM collected \
               WHERE collected_at >= ?1 AND answered_at IS NULL GROUP BY publisher, edition ORDER BY publisher, edition";
    let mut statement = tx.prepare_cached(sql)?;
    let rows = statement.query_map([seconds(begin)], |row| Ok((row.get(0)?, row.get(1)?, number(row.get(2)?))))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// How many requests are collected.
pub fn count(tx: &Transaction<'_>) -> Result<u64, Failure> {
    let mut statement = tx.prepare_cached("SELECT COUNT(*) FROM collected")?;
    Ok(number(statement.query_row([], |row| row.get(0))?))
}

/// How many requests of a publisher that were collected since `begin` have no result.
pub fn waiting(tx: &Transaction<'_>, publisher: i64, begin: Timestamp) -> Result<u64, Failure> {
    let sql = "SELECT COUNT(*) FROM collected WHERE publisher = ?1 AND collected_at >= ?2 AND answered_at IS NULL";
    let mut statement = tx.prepare_cached(sql)?;
    Ok(number(statement.query_row(params![publisher, seconds(begin)], |row| row.get(0))?))
}

/// How many requests that were collected since `begin` were exported and have no result.
pub fn exported(tx: &Transaction<'_>, begin: Timestamp) -> Result<u64, Failure> {
    let sql = "SELECT COUNT(*) FROM collected \
               WHERE collected_at >= ?1 AND exported_at IS NOT NULL AND answered_at IS NULL";
    Ok(number(tx.prepare_cached(sql)?.query_row([seconds(begin)], |row| row.get(0))?))
}

/// Keeps a request, in place of an older one of the same client and edition and its result.
pub fn put(
    tx: &Transaction<'_>,
    publisher: i64,
    request: &Signed<ClientRequest>,
    address: &str,
    now: Timestamp,
) -> Result<(), Failure> {
    let sql = "INSERT INTO collected (publisher, client_id, edition, request_id, request, address, name, collected_at) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) \
               ON CONFLICT (publisher, client_id, edition) DO UPDATE SET request_id = excluded.request_id, \
               request = excluded.request, address = excluded.address, name = excluded.name, \
               collected_at = excluded.collected_at, exported_at = NULL, answered_at = NULL, answer = NULL, \
               refusal = NULL, detail = NULL";
    tx.prepare_cached(sql)?.execute(params![
        publisher,
        request.client.to_string(),
        request.edition,
        request.request.to_string(),
        to_base64(request.bytes()),
        address,
        request.name.as_ref().map(|name| name.as_str()),
        seconds(now),
    ])?;
    Ok(())
}

/// Notes that a request was exported.
pub fn note_export(tx: &Transaction<'_>, collected: &Collected, now: Timestamp) -> Result<(), Failure> {
    let sql = "UPDATE collected SET exported_at = ?4 WHERE publisher = ?1 AND client_id = ?2 AND edition = ?3";
    let Collected { publisher, request, .. } = collected;
    tx.prepare_cached(sql)?.execute(params![publisher, request.client.to_string(), request.edition, seconds(now)])?;
    Ok(())
}

/// Notes what became of a request.
pub fn set_result(
    tx: &Transaction<'_>,
    collected: &Collected,
    verdict: &Verdict,
    now: Timestamp,
) -> Result<(), Failure> {
    let sql = "UPDATE collected SET answered_at = ?4, answer = ?5, refusal = ?6, detail = ?7 \
               WHERE publisher = ?1 AND client_id = ?2 AND edition = ?3";
    let (answer, refusal, detail) = match verdict {
        Verdict::Activated(bundle) => (Some(to_base64(bundle)), None, None),
        Verdict::Refused(code, detail) => (None, Some(code), Some(detail)),
    };
    let Collected { publisher, request, .. } = collected;
    let (client, now) = (request.client.to_string(), seconds(now));
    tx.prepare_cached(sql)?.execute(params![publisher, client, request.edition, now, answer, refusal, detail])?;
    Ok(())
}

/// Drops what was collected before `begin`; how much that was.
pub fn drop_before(tx: &Transaction<'_>, begin: Timestamp) -> Result<usize, Failure> {
    Ok(tx.prepare_cached("DELETE FROM collected WHERE collected_at < ?1")?.execute([seconds(begin)])?)
}

/// Drops what was collected of one client; how much that was.
pub fn drop_client(tx: &Transaction<'_>, client: ClientId) -> Result<usize, Failure> {
    Ok(tx.prepare_cached("DELETE FROM collected WHERE client_id = ?1")?.execute([client.to_string()])?)
}

/// Drops everything; how much that was.
pub fn drop_all(tx: &Transaction<'_>) -> Result<usize, Failure> {
    Ok(tx.prepare_cached("DELETE FROM collected")?.execute([])?)
}

fn select(
    tx: &Transaction<'_>,
    sql: &str,
    params: impl keymuster_service::sql::Params,
) -> Result<Vec<Collected>, Failure> {
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    let mut collected = Vec::new();
    while let Some(row) = rows.next()? {
        collected.push(read(&row)?);
    }
    Ok(collected)
}

fn read(row: &Row<'_>) -> Result<Collected, Failure> {
    let (client, edition): (String, i64) = (row.get(1)?, row.get(2)?);
    let place = format!("{client}, edition {edition}");
    let damaged = |column: &str, why: String| Failure::damaged("collected", column, &place, why);
    let bytes = from_base64(&row.get::<_, String>(3)?, "collected", "request", &place)?;
    let request = ClientRequest::verify(&bytes).map_err(|error| damaged("request", error.to_string()))?;
    if request.client != parsed(&client, "collected", "client_id", &place)? || i64::from(request.edition) != edition {
        return Err(damaged("request", "of another client or edition".to_owned()));
    }
    let answered: Option<i64> = row.get(7)?;
    let (answer, refusal): (Option<String>, Option<String>) = (row.get(8)?, row.get(9)?);
    let verdict = match (answer, refusal) {
        (Some(bundle), None) => Some(Verdict::Activated(from_base64(&bundle, "collected", "answer", &place)?)),
        (None, Some(code)) => Some(Verdict::Refused(code, row.get::<_, Option<String>>(10)?.unwrap_or_default())),
        (None, None) => None,
        _ => return Err(damaged("refusal", "both an activation and a refusal".to_owned())),
    };
    Ok(Collected {
        publisher: row.get(0)?,
        request,
        address: row.get(4)?,
        since: timestamp(row.get(5)?),
        exported: row.get::<_, Option<i64>>(6)?.map(timestamp),
        result: answered.map(timestamp).zip(verdict),
    })
}
