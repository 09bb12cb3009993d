//! The seat pools that belong to a host key.

use keymuster_core::entitlement::Pool;
use keymuster_core::key::KeyId;
use keymuster_service::database::Failure;
use keymuster_service::sql::{Transaction, params};

use super::{Columns, all, integer, write};

/// Adds a pool to a key.
pub fn insert(tx: &Transaction<'_>, key: KeyId, pool: &Pool) -> Result<(), Failure> {
    let sql = "INSERT INTO pool (product_key, id, edition, seats, term_secs, guard_secs) \
               VALUES ($1, $2, $3, $4, $5, $6)";
    let Pool { id, edition, seats, term_secs, guard_secs } = pool;
    let (edition, seats) = (integer(*edition), integer(*seats));
    write(tx, sql, params![key.to_string(), id.as_str(), edition, seats, integer(*term_secs), integer(*guard_secs)])?;
    Ok(())
}

/// The pools of a key, by name.
pub fn list(tx: &Transaction<'_>, key: KeyId) -> Result<Vec<Pool>, Failure> {
    let sql = "SELECT id, edition, seats, term_secs, guard_secs FROM pool WHERE product_key = $1 ORDER BY id";
    all(tx, sql, [key.to_string()], |row| {
        let columns = Columns::of("pool", "id", row);
        Ok(Pool {
            id: columns.text("id")?,
            edition: columns.number("edition")?,
            seats: columns.number("seats")?,
            term_secs: columns.number("term_secs")?,
            guard_secs: columns.number("guard_secs")?,
        })
    })
}
