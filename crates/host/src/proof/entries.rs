//! The entries: one after the other without a gap, each in its epoch, each sealed by the running hash.

use std::ops::ControlFlow;

use keymuster_core::document::from_payload;
use keymuster_core::id::{from_hex, to_hex};
use keymuster_core::lease::Lease;
use keymuster_core::ledger::Head;
use keymuster_core::request::{Act, ClientRequest};
use keymuster_core::time::Timestamp;
use keymuster_service::sql::{OptionalExtension as _, Row, Transaction};

use super::clients::Holders;
use super::seats::Seats;
use super::{Proof, Stopped, Wrong};
use crate::site::Site;
use crate::store::epoch::{self, Return};
use crate::store::{from_base64, number, timestamp};

/// After how many entries somebody is told.
const TELL_EVERY: u64 = 10_000;

/// One entry as it is stored.
struct Entry {
    sequence: u64,
    epoch: u64,
    recorded_at: Timestamp,
    kind: String,
    payload: Vec<u8>,
    hash: String,
}

/// Who holds what, by the entries that were read so far.
pub(super) struct Played<'a> {
    pub(super) seats: Seats<'a>,
    pub(super) holders: Holders<'a>,
}

/// Recomputes the ledger from its beginning, or from where it was pruned; returns the head that results.
pub(super) fn prove(
    tx: &Transaction<'_>,
    site: &Site,
    played: &mut Played<'_>,
    proof: &mut Proof,
    tell: &mut dyn FnMut(&str, u64, u64),
) -> Result<Head, Stopped> {
    let returns = epoch::all(tx)?;
    let mut head = beginning(tx, site)?;
    proof.pruned = head.sequence;
    let newest: i64 = tx.query_row("SELECT coalesce(max(sequence), 0) FROM ledger", [], |row| row.get(0))?;
    let all = number(newest).saturating_sub(head.sequence);
    let sql = "SELECT sequence, epoch, recorded_at, kind, payload, head FROM ledger ORDER BY sequence";
    tx.each_row(sql, [], |row| {
        let entry = read(row, &head)?;
        if entry.epoch != epoch_at(&returns, entry.sequence) {
            let (found, due) = (entry.epoch, epoch_at(&returns, entry.sequence));
            return Err(Wrong::entry(entry.sequence, format!("it is of epoch {found}, and epoch {due} was due")));
        }
        let after = head.after(&entry.payload);
        if to_hex(&after.hash) != entry.hash {
            return Err(Wrong::entry(
                entry.sequence,
                "its hash does not follow from its payload and the entry before it",
            ));
        }
        examine(&entry, &head, site, played, proof)?;
        head = after;
        proof.entries += 1;
        if proof.entries.is_multiple_of(TELL_EVERY) {
            tell("entries", proof.entries, all);
        }
        Ok(ControlFlow::Continue(()))
    })?;
    if site.epoch != epoch_at(&returns, u64::MAX) {
        let due = epoch_at(&returns, u64::MAX);
        return Err(Wrong::host(format!("the host is in epoch {}, and began epoch {due} last", site.epoch)));
    }
    Ok(head)
}

/// Where the first entry is chained to.
fn beginning(tx: &Transaction<'_>, site: &Site) -> Result<Head, Stopped> {
    let row = tx.query_row("SELECT sequence, head FROM pruned", [], |row| Ok((row.get(0)?, row.get::<_, String>(1)?)));
    let Some((sequence, hash)) = row.optional()? else { return Ok(Head::empty(site.host)) };
    let hash = from_hex(&hash).ok_or_else(|| Wrong::host("the hash at which the ledger was pruned cannot be read"))?;
    Ok(Head { sequence: number(sequence), hash })
}

fn read(row: &Row<'_>, head: &Head) -> Result<Entry, Stopped> {
    let (sequence, due) = (number(row.get(0)?), head.sequence + 1);
    if sequence != due {
        return Err(Wrong::entry(due, format!("it is missing, and entry {sequence} is there")));
    }
    let unreadable = |column: &str| Wrong::entry(sequence, format!("its {column} cannot be read"));
    let payload: String = row.get(4).map_err(|_| unreadable("payload"))?;
    Ok(Entry {
        sequence,
        epoch: number(row.get(1).map_err(|_| unreadable("epoch"))?),
        recorded_at: timestamp(row.get(2).map_err(|_| unreadable("time"))?),
        kind: row.get(3).map_err(|_| unreadable("kind"))?,
        payload: from_base64(&payload, "ledger", "payload", sequence).map_err(|_| unreadable("payload"))?,
        hash: row.get(5).map_err(|_| unreadable("hash"))?,
    })
}

/// The epoch in which an entry was due: the one that began last before it.
fn epoch_at(returns: &[Return], sequence: u64) -> u64 {
    returns.iter().rfind(|begun| begun.sequence < sequence).map_or(1, |begun| begun.epoch)
}

/// What the entry says, against its place and what is held when it is written.
fn examine(
    entry: &Entry,
    before: &Head,
    site: &Site,
    played: &mut Played<'_>,
    proof: &mut Proof,
) -> Result<(), Stopped> {
    let sequence = entry.sequence;
    match entry.kind.as_str() {
        "lease" => {
            let lease: Lease = from_payload(&entry.payload)
                .map_err(|error| Wrong::entry(sequence, format!("it holds no lease: {error}")))?;
            let place = &lease.position;
            let is_its_own = (place.host, place.epoch, place.sequence) == (site.host, entry.epoch, sequence);
            if !is_its_own || place.head != before.short() {
                return Err(Wrong::entry(sequence, "its lease names another place of the ledger"));
            }
            if lease.issued != entry.recorded_at {
                return Err(Wrong::entry(sequence, "its time is not that of its lease"));
            }
            played.seats.granted(&lease)?;
            played.holders.granted(&lease);
            proof.leases += 1;
        }
        "release" => {
            let release = ClientRequest::verify(&entry.payload)
                .map_err(|error| Wrong::entry(sequence, format!("it holds no signed release: {error}")))?;
            if release.act != Act::Release {
                return Err(Wrong::entry(sequence, "its request asks for something else than a release"));
            }
            played.seats.released(&release);
            played.holders.released(&release);
            proof.releases += 1;
        }
        other => return Err(Wrong::entry(sequence, format!("{other:?} is no kind of entry"))),
    }
    Ok(())
}
