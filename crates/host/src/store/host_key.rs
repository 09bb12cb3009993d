//! The installed host keys. They are secrets: whoever reads this file can use them up at the authority.

use keymuster_core::key::ProductKey;
use keymuster_core::time::Timestamp;
use keymuster_service::database::Failure;
use rusqlite::{Transaction, params};

use super::{parsed_key, seconds};

/// The host keys of a publisher, in the order of their ids.
pub fn of_publisher(tx: &Transaction<'_>, publisher: i64) -> Result<Vec<ProductKey>, Failure> {
    let sql = "SELECT key_id, product_key FROM host_key WHERE publisher = ?1 ORDER BY key_id";
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows = statement.query([publisher])?;
    let mut keys = Vec::new();
    while let Some(row) = rows.next()? {
        let (id, text): (String, String) = (row.get(0)?, row.get(1)?);
        keys.push(parsed_key(&text, "host_key", &id)?);
    }
    Ok(keys)
}

/// Installs a key.
pub fn add(tx: &Transaction<'_>, publisher: i64, key: &ProductKey, now: Timestamp) -> Result<(), Failure> {
    let sql = "INSERT INTO host_key (publisher, key_id, product_key, installed_at) VALUES (?1, ?2, ?3, ?4)";
    tx.execute(sql, params![publisher, key.id().to_string(), key.reveal(), seconds(now)])?;
    Ok(())
}
