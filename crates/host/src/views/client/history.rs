//! What a client was granted and gave back, from the ledger, without reading the ledger.
//!
//! Each lease names the lease that its client showed when it asked. So the history is followed backwards from the newest
//! entry, one look per entry. What a client shows is its own word: an entry of another client ends the way.

use std::collections::BTreeSet;

use keymuster_core::document::from_payload;
use keymuster_core::id::ClientId;
use keymuster_core::lease::{self, Position};
use keymuster_core::request::ClientRequest;
use keymuster_core::time::Timestamp;
use keymuster_service::database::Failure;
use keymuster_service::sql::Transaction;
use serde::Serialize;
use utoipa::ToSchema;

use crate::site::Site;
use crate::store::client::Client;
use crate::store::ledger::{self, Kind};

/// How many entries are followed.
const FOLLOWED: usize = 50;

/// The newest entries.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = ClientHistory)]
pub struct History {
    /// The newest first, at most fifty.
    pub entries: Vec<Entry>,
    /// Whether the way led to a lease that the client asked for without showing one: its first one, or the first since it
    /// began anew.
    pub is_complete: bool,
}

/// An entry of the ledger.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = ClientHistoryEntry)]
pub struct Entry {
    /// Its place.
    pub sequence: u64,
    /// When it was recorded, in seconds since 1970.
    pub at: u64,
    /// `granted`, or `given back`.
    pub act: &'static str,
    /// The edition's id.
    pub edition: String,
    /// When the lease ended or ends.
    pub expires: Option<u64>,
    /// How many clients were counted, and how many were needed.
    pub count: Option<[u64; 2]>,
    /// The pool and the fence of the seat.
    pub seat: Option<String>,
}

/// Follows the history of a client back from the newest entries of its editions.
pub(super) fn load(tx: &Transaction<'_>, site: &Site, id: ClientId, rows: &[Client]) -> Result<History, Failure> {
    let newest = |row: &Client| row.lease.map(|lease| lease.sequence).max(row.last.answered_by);
    let mut ahead: BTreeSet<u64> = rows.iter().filter_map(newest).collect();
    let mut history = History { entries: Vec::new(), is_complete: true };
    while let Some(sequence) = ahead.pop_last() {
        if history.entries.len() == FOLLOWED {
            history.is_complete = false;
            break;
        }
        let Some((entry, previous)) = read(tx, site, id, sequence)? else {
            history.is_complete = false;
            continue;
        };
        history.entries.push(entry);
        match previous {
            // Backwards alone: a place that lies ahead is none that the client can have held.
            Some(place) if place.host == site.host && place.sequence < sequence => {
                ahead.insert(place.sequence);
            }
            Some(_) => history.is_complete = false,
            None => {}
        }
    }
    Ok(history)
}

/// The entry at a place, if it is the client's own, and the lease that it showed.
fn read(
    tx: &Transaction<'_>,
    site: &Site,
    id: ClientId,
    sequence: u64,
) -> Result<Option<(Entry, Option<Position>)>, Failure> {
    let Some(ledger::Entry { kind, payload }) = ledger::entry(tx, sequence)? else { return Ok(None) };
    let at = ledger::recorded_at(tx, sequence)?.map_or(0, Timestamp::as_secs);
    let edition = |publisher, number: u16| {
        let held = site.publisher(publisher);
        held.map_or_else(|| number.to_string(), |held| site.names(held.number, number)[1].clone())
    };
    Ok(match kind {
        Kind::Lease => {
            let lease = lease(&payload, sequence)?;
            (lease.client == id).then(|| {
                let entry = Entry {
                    sequence,
                    at,
                    act: "granted",
                    edition: edition(&lease.publisher, lease.edition),
                    expires: Some(lease.expires.as_secs()),
                    count: Some([lease.count, u64::from(lease.threshold)]),
                    seat: lease.seat.as_ref().map(|seat| format!("{}, fence {}", seat.pool, seat.fence)),
                };
                (entry, lease.previous)
            })
        }
        Kind::Release => {
            let damaged = |why: String| Failure::damaged("ledger", "payload", sequence, why);
            let request = ClientRequest::verify(&payload).map_err(|error| damaged(error.to_string()))?;
            (request.client == id).then(|| {
                let edition = edition(&request.publisher, request.edition);
                let entry = Entry { sequence, at, act: "given back", edition, expires: None, count: None, seat: None };
                (entry, request.previous)
            })
        }
    })
}

/// The lease of an entry.
pub(super) fn lease(payload: &[u8], sequence: u64) -> Result<lease::Lease, Failure> {
    from_payload(payload).map_err(|error| Failure::damaged("ledger", "payload", sequence, error.to_string()))
}
