//! The host's own row: its id and the epoch of its ledger.

use keymuster_core::id::HostId;
use keymuster_core::time::Timestamp;
use keymuster_service::database::Failure;
use keymuster_service::sql::{OptionalExtension, Transaction, params};

use super::{integer, number, parsed, seconds};

/// Who this host is.
#[derive(Clone, Copy, Debug)]
pub struct Host {
    /// Its id.
    pub id: HostId,
    /// The epoch of its ledger.
    pub epoch: u64,
}

/// The host's row; `None` in a new database.
pub fn load(tx: &Transaction<'_>) -> Result<Option<Host>, Failure> {
    let row = tx.query_row("SELECT host_id, epoch FROM host", [], |row| Ok((row.get::<_, String>(0)?, row.get(1)?)));
    let Some((id, epoch)) = row.optional()? else { return Ok(None) };
    Ok(Some(Host { id: parsed(&id, "host", "host_id", &id)?, epoch: number(epoch) }))
}

/// Writes the row of a new host.
pub fn create(tx: &Transaction<'_>, host: Host, now: Timestamp) -> Result<(), Failure> {
    let sql = "INSERT INTO host (host_id, epoch, created_at, probed_at) VALUES (?1, ?2, ?3, ?3)";
    tx.execute(sql, params![host.id.to_string(), integer(host.epoch), seconds(now)])?;
    Ok(())
}

/// Writes something harmless, to find out whether the database can be written.
pub fn probe(tx: &Transaction<'_>, now: Timestamp) -> Result<(), Failure> {
    tx.execute("UPDATE host SET probed_at = ?1", [seconds(now)])?;
    Ok(())
}
