//! What the customer chose, by name; `publisher` 0 is the host itself.

use std::collections::BTreeMap;

use keymuster_core::time::Timestamp;
use keymuster_service::database::Failure;
use keymuster_service::sql::{Transaction, params};

use super::{fixed, seconds, timestamp};

/// The number that stands for the host itself.
pub const HOST: i64 = 0;

/// A choice as it is stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stored {
    /// The value, in the words in which it is shown.
    pub value: String,
    /// Who chose it.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// All choices for one publisher, or for the host, by name.
pub fn of(tx: &Transaction<'_>, publisher: i64) -> Result<BTreeMap<String, Stored>, Failure> {
    let mut statement = tx.prepare_cached("SELECT name, value, set_by, set_at FROM setting WHERE publisher = ?1")?;
    let stored = |row: &keymuster_service::sql::Row<'_>| {
        let stored = Stored { value: row.get(1)?, by: row.get(2)?, at: timestamp(row.get(3)?) };
        Ok((row.get(0)?, stored))
    };
    let rows = statement.query_map([publisher], stored)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The value that counts of each setting of one publisher, or of the host: what is given, or else what was chosen.
pub fn values(tx: &Transaction<'_>, publisher: i64) -> Result<BTreeMap<String, String>, Failure> {
    let chosen = of(tx, publisher)?.into_iter().map(|(name, stored)| (name, stored.value));
    let given = fixed::of(tx, publisher)?.into_iter().map(|(name, fixed)| (name, fixed.value));
    Ok(chosen.chain(given).collect())
}

/// Notes a choice.
pub fn set(tx: &Transaction<'_>, publisher: i64, name: &str, choice: &Stored) -> Result<(), Failure> {
    let sql = "INSERT INTO setting (publisher, name, value, set_at, set_by) VALUES (?1, ?2, ?3, ?4, ?5) \
               ON CONFLICT (publisher, name) DO UPDATE \
               SET value = excluded.value, set_at = excluded.set_at, set_by = excluded.set_by";
    tx.execute(sql, params![publisher, name, choice.value, seconds(choice.at), choice.by])?;
    Ok(())
}

/// Takes a choice back; whether there was one.
pub fn clear(tx: &Transaction<'_>, publisher: i64, name: &str) -> Result<bool, Failure> {
    Ok(tx.execute("DELETE FROM setting WHERE publisher = ?1 AND name = ?2", params![publisher, name])? > 0)
}
