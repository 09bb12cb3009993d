//! The installed host keys. They are secrets: whoever reads this file can use them up at the authority.

use keymuster_core::key::{KeyId, ProductKey};
use keymuster_core::time::Timestamp;
use keymuster_service::database::{self, Failure};
use keymuster_service::sql::Value;
use keymuster_service::sql::{Connection, Transaction, params, params_from_iter};

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

/// The tables in which a key leaves traces, and their columns, of which the first two name the key. The rows of the second one
/// refer to the first.
const TABLES: [(&str, &[&str]); 2] = [
    ("host_key", &["publisher", "key_id", "product_key", "installed_at"]),
    ("entitlement", &["publisher", "key_id", "request", "requested_at", "answer"]),
];

/// A key of a publisher.
pub type Place = (i64, KeyId);

/// Removes keys with what was asked and answered for them, and returns whether no trace of them is left in the files.
///
/// SQLite leaves copies of rows behind in its pages when it moves them, and a request carries the whole key. So both tables
/// are emptied as a whole, which overwrites their pages, and the others' rows are written anew; then the write-ahead log,
/// which still has the old pages, is cut off. That fails where another program keeps reading. What a PostgreSQL leaves
/// behind nobody knows here.
pub fn remove(
    db: &mut Connection,
    keys: &[Place],
    record: impl FnOnce(&Transaction<'_>) -> Result<(), Failure>,
) -> Result<bool, Failure> {
    // Rows of a table that others refer to would be deleted one by one.
    set_foreign_keys(db, false)?;
    let tx = database::begin(db)?;
    let kept = TABLES.map(|(table, columns)| read_rows(&tx, table, columns));
    for (table, _) in TABLES.iter().rev() {
        tx.execute(&format!("DELETE FROM {table}"), [])?;
    }
    for ((table, columns), rows) in TABLES.into_iter().zip(kept) {
        let values = vec!["?"; columns.len()].join(", ");
        let mut insert = tx.prepare(&format!("INSERT INTO {table} ({}) VALUES ({values})", columns.join(", ")))?;
        for row in rows?.into_iter().filter(|row| !keys.iter().any(|key| is_of(row, key))) {
            insert.execute(params_from_iter(row))?;
        }
    }
    record(&tx)?;
    tx.commit()?;
    set_foreign_keys(db, true)?;
    let Some(file) = db.sqlite() else { return Ok(false) };
    let was_busy: bool = file.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    Ok(!was_busy)
}

fn set_foreign_keys(db: &Connection, are_checked: bool) -> Result<(), Failure> {
    db.sqlite().map_or(Ok(()), |file| Ok(file.pragma_update(None, "foreign_keys", are_checked)?))
}

fn read_rows(tx: &Transaction<'_>, table: &str, columns: &[&str]) -> Result<Vec<Vec<Value>>, Failure> {
    let mut statement = tx.prepare(&format!("SELECT {} FROM {table}", columns.join(", ")))?;
    let rows = statement.query_map([], |row| (0..columns.len()).map(|column| row.get(column)).collect())?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn is_of(row: &[Value], (publisher, key): &Place) -> bool {
    row.starts_with(&[Value::Integer(*publisher), Value::Text(key.to_string())])
}
