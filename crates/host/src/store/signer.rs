//! The public half of the host's signing key: the key itself is never in the database.

use keymuster_core::id::to_hex;
use keymuster_core::signature::PublicKey;
use keymuster_service::database::Failure;
use keymuster_service::sql::{OptionalExtension as _, Transaction};

/// Whether a key is the host's; the first one that asks is.
pub fn is(tx: &Transaction<'_>, key: &PublicKey) -> Result<bool, Failure> {
    let own = to_hex(key.as_bytes());
    let noted = tx.query_row("SELECT public_key FROM signer", [], |row| row.get::<_, String>(0)).optional()?;
    if let Some(noted) = noted {
        return Ok(noted == own);
    }
    tx.execute("INSERT INTO signer (public_key) VALUES (?1)", [own])?;
    Ok(true)
}
