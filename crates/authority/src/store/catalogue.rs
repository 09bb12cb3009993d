//! Signed catalogues: every version that was signed, of which the newest is the current one.

use keymuster_core::catalogue::Catalogue;
use keymuster_core::document::Signed;
use keymuster_service::database::Failure;
use keymuster_service::sql::{Transaction, params};

use super::{Columns, document, first, integer, time, write};

/// Adds a version.
pub fn insert(tx: &Transaction<'_>, catalogue: &Signed<Catalogue>) -> Result<(), Failure> {
    let sql = "INSERT INTO catalogue (version, issued_at, document) VALUES ($1, $2, $3)";
    let (version, issued) = (integer(catalogue.version), time(catalogue.issued));
    write(tx, sql, params![version, issued, document(catalogue.bytes())])?;
    Ok(())
}

/// The signed bytes of the newest version.
pub fn newest(tx: &Transaction<'_>) -> Result<Option<Vec<u8>>, Failure> {
    let sql = "SELECT version, document FROM catalogue ORDER BY version DESC LIMIT 1";
    first(tx, sql, [], |row| Columns::of("catalogue", "version", row).document("document"))
}
