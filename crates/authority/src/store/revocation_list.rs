//! The revocation lists that were signed; the newest is the one that counts.

use keymuster_core::document::Signed;
use keymuster_core::revocation::Revocations;
use keymuster_service::database::Failure;
use keymuster_service::sql::{Transaction, params};

use super::{Columns, document, first, integer, time, write};

/// Adds a list.
pub fn insert(tx: &Transaction<'_>, list: &Signed<Revocations>) -> Result<(), Failure> {
    let sql = "INSERT INTO revocation_list (sequence, issued_at, document) VALUES ($1, $2, $3)";
    write(tx, sql, params![integer(list.sequence), time(list.issued), document(list.bytes())])?;
    Ok(())
}

/// Sequence and signed bytes of the newest list.
pub fn newest(tx: &Transaction<'_>) -> Result<Option<(u64, Vec<u8>)>, Failure> {
    let sql = "SELECT sequence, document FROM revocation_list ORDER BY sequence DESC LIMIT 1";
    first(tx, sql, [], |row| {
        let columns = Columns::of("revocation_list", "sequence", row);
        Ok((columns.number("sequence")?, columns.document("document")?))
    })
}
