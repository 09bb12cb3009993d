//! What was asked of an authority for each host key, and what it answered.

use keymuster_core::key::KeyId;
use keymuster_core::time::Timestamp;
use keymuster_service::database::Failure;
use keymuster_service::sql::{OptionalExtension, Transaction, params};

use super::{from_base64, parsed, seconds, timestamp, to_base64};

/// The last request for one host key.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The signed request.
    pub request: Vec<u8>,
    /// When it was made.
    pub at: Timestamp,
}

/// The answers that are held for a publisher, by host key: bundles with an entitlement and its issuers.
pub fn answers(tx: &Transaction<'_>, publisher: i64) -> Result<Vec<(KeyId, Vec<u8>)>, Failure> {
    let sql = "SELECT key_id, answer FROM entitlement WHERE publisher = ?1 AND answer IS NOT NULL ORDER BY key_id";
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows = statement.query([publisher])?;
    let mut answers = Vec::new();
    while let Some(row) = rows.next()? {
        let (key, answer): (String, String) = (row.get(0)?, row.get(1)?);
        let id = parsed(&key, "entitlement", "key_id", &key)?;
        answers.push((id, from_base64(&answer, "entitlement", "answer", key)?));
    }
    Ok(answers)
}

/// The last request for a key.
pub fn last_asked(tx: &Transaction<'_>, publisher: i64, key: KeyId) -> Result<Option<Asked>, Failure> {
    let sql = "SELECT request, requested_at FROM entitlement WHERE publisher = ?1 AND key_id = ?2";
    let read =
        tx.query_row(sql, params![publisher, key.to_string()], |row| Ok((row.get::<_, String>(0)?, row.get(1)?)));
    let Some((request, at)) = read.optional()? else { return Ok(None) };
    Ok(Some(Asked { request: from_base64(&request, "entitlement", "request", key)?, at: timestamp(at) }))
}

/// Notes a request before it is sent; an answer that is held stays.
pub fn note_request(tx: &Transaction<'_>, publisher: i64, key: KeyId, asked: &Asked) -> Result<(), Failure> {
    let sql = "INSERT INTO entitlement (publisher, key_id, request, requested_at) VALUES (?1, ?2, ?3, ?4) \
               ON CONFLICT (publisher, key_id) DO UPDATE SET request = excluded.request, requested_at = excluded.requested_at";
    tx.execute(sql, params![publisher, key.to_string(), to_base64(&asked.request), seconds(asked.at)])?;
    Ok(())
}

/// Keeps an answer.
pub fn set_answer(tx: &Transaction<'_>, publisher: i64, key: KeyId, answer: &[u8]) -> Result<(), Failure> {
    let sql = "UPDATE entitlement SET answer = ?3 WHERE publisher = ?1 AND key_id = ?2";
    tx.execute(sql, params![publisher, key.to_string(), to_base64(answer)])?;
    Ok(())
}
