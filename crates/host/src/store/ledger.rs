//! The ledger: one entry per grant or release, in a gapless sequence, chained by a running hash.

use keymuster_core::id::{HostId, from_hex, to_hex};
use keymuster_core::ledger::Head;
use keymuster_core::time::Timestamp;
use keymuster_service::database::Failure;
use keymuster_service::sql::{OptionalExtension, Transaction, params};

use super::{from_base64, integer, number, seconds, timestamp, to_base64};

/// What an entry records.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A lease; the payload is the lease's.
    Lease,
    /// A release; the payload is the signed request.
    Release,
}

impl Kind {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Kind::Lease => "lease",
            Kind::Release => "release",
        }
    }
}

/// One entry.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What it records.
    pub kind: Kind,
    /// The payload that the running hash is taken over.
    pub payload: Vec<u8>,
}

/// The newest place, and when it was written; the empty head and no time in a new ledger.
pub fn head(tx: &Transaction<'_>, host: HostId) -> Result<(Head, Option<Timestamp>), Failure> {
    let sql = "SELECT sequence, head, recorded_at FROM ledger ORDER BY sequence DESC LIMIT 1";
    let row = tx.query_row(sql, [], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get(2)?)));
    let Some((sequence, hash, at)) = row.optional()? else { return Ok((Head::empty(host), None)) };
    let hash =
        from_hex(&hash).ok_or_else(|| Failure::damaged("ledger", "head", sequence, "not 32 bytes in hexadecimal"))?;
    Ok((Head { sequence: number(sequence), hash }, Some(timestamp(at))))
}

/// Appends an entry behind `head`, and returns the new head.
pub fn append(tx: &Transaction<'_>, head: &Head, epoch: u64, entry: &Entry, now: Timestamp) -> Result<Head, Failure> {
    let next = head.after(&entry.payload);
    let sql = "INSERT INTO ledger (sequence, epoch, recorded_at, kind, payload, head) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    tx.prepare_cached(sql)?.execute(params![
        integer(next.sequence),
        integer(epoch),
        seconds(now),
        entry.kind.as_str(),
        to_base64(&entry.payload),
        to_hex(&next.hash),
    ])?;
    Ok(next)
}

/// When an entry was recorded.
pub fn recorded_at(tx: &Transaction<'_>, sequence: u64) -> Result<Option<Timestamp>, Failure> {
    let mut statement = tx.prepare_cached("SELECT recorded_at FROM ledger WHERE sequence = ?1")?;
    Ok(statement.query_row([integer(sequence)], |row| row.get(0)).optional()?.map(timestamp))
}

/// The running hash behind an entry, as it is stored.
pub fn hash(tx: &Transaction<'_>, sequence: u64) -> Result<Option<String>, Failure> {
    let mut statement = tx.prepare_cached("SELECT head FROM ledger WHERE sequence = ?1")?;
    Ok(statement.query_row([integer(sequence)], |row| row.get(0)).optional()?)
}

/// The entry at a place.
pub fn entry(tx: &Transaction<'_>, sequence: u64) -> Result<Option<Entry>, Failure> {
    let mut statement = tx.prepare_cached("SELECT kind, payload FROM ledger WHERE sequence = ?1")?;
    let row = statement.query_row([integer(sequence)], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)));
    let Some((kind, payload)) = row.optional()? else { return Ok(None) };
    let kind = match kind.as_str() {
        "lease" => Kind::Lease,
        "release" => Kind::Release,
        _ => return Err(Failure::damaged("ledger", "kind", sequence, format!("{kind:?} is no kind of entry"))),
    };
    Ok(Some(Entry { kind, payload: from_base64(&payload, "ledger", "payload", sequence)? }))
}
