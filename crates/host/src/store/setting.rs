//! What the customer chose, by name; `publisher` 0 is the host itself.

use std::collections::BTreeMap;

use keymuster_core::time::Timestamp;
use keymuster_service::database::Failure;
use rusqlite::{Transaction, params};

use super::seconds;

/// The number that stands for the host itself.
pub const HOST: i64 = 0;

/// All choices for one publisher, or for the host, by name.
pub fn of(tx: &Transaction<'_>, publisher: i64) -> Result<BTreeMap<String, String>, Failure> {
    let mut statement = tx.prepare_cached("SELECT name, value FROM setting WHERE publisher = ?1")?;
    let rows = statement.query_map([publisher], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Notes a choice.
pub fn set(
    tx: &Transaction<'_>,
    publisher: i64,
    name: &str,
    value: &str,
    by: (&str, Timestamp),
) -> Result<(), Failure> {
    let sql = "INSERT INTO setting (publisher, name, value, set_at, set_by) VALUES (?1, ?2, ?3, ?4, ?5) \
               ON CONFLICT (publisher, name) DO UPDATE \
               SET value = excluded.value, set_at = excluded.set_at, set_by = excluded.set_by";
    tx.execute(sql, params![publisher, name, value, seconds(by.1), by.0])?;
    Ok(())
}

/// Takes a choice back; whether there was one.
pub fn clear(tx: &Transaction<'_>, publisher: i64, name: &str) -> Result<bool, Failure> {
    Ok(tx.execute("DELETE FROM setting WHERE publisher = ?1 AND name = ?2", params![publisher, name])? > 0)
}
