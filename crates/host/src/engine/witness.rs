//! A lease that a client shows and the ledger does not have: proof that the ledger was set back (`docs/spec/ledger.md`, 4).
//!
//! Only the host's own signature proves anything. It is verified for places alone that look unknown, so a sound ledger pays
//! nothing for it, and a hostile client can cost the writer one verification for each request.

use keymuster_core::document::{Signed, payload};
use keymuster_core::lease::Lease;
use keymuster_core::ledger::Head;
use keymuster_core::request::ClientRequest;
use keymuster_service::database::Failure;
use keymuster_service::sql::Transaction;

use crate::site::Publisher;
use crate::store::{ledger, pruning};

/// The ledger, as far as a place is compared with it.
pub(super) struct Ledger<'a> {
    pub(super) tx: &'a Transaction<'a>,
    pub(super) epoch: u64,
    pub(super) head: Head,
}

/// The lease that the client shows, if this host signed it for this client and the ledger does not have it. `newest` is the
/// sequence of the client's newest lease by its row.
pub(super) fn lost(
    known: &Ledger<'_>,
    publisher: &Publisher,
    request: &ClientRequest,
    newest: Option<u64>,
) -> Result<Option<Signed<Lease>>, Failure> {
    let (Some(shown), Some(bytes)) = (request.previous, request.shown_lease()) else { return Ok(None) };
    if shown.epoch <= known.epoch && newest == Some(shown.sequence) {
        return Ok(None);
    }
    let Some(granted) = publisher.entitlements.first() else { return Ok(None) };
    let Ok(lease) = Signed::<Lease>::verify(bytes, &granted.entitlement.host_key) else { return Ok(None) };
    let is_its_own = lease.client == request.client && lease.client_key == request.client_key;
    let is_shown = lease.position == shown && lease.publisher == request.publisher && lease.edition == request.edition;
    Ok((is_its_own && is_shown && !has(known, &lease)?).then_some(lease))
}

/// Whether the ledger has a lease, or had one at its place and has pruned it.
fn has(known: &Ledger<'_>, lease: &Lease) -> Result<bool, Failure> {
    let place = &lease.position;
    if place.epoch > known.epoch || place.sequence > known.head.sequence {
        return Ok(false);
    }
    match ledger::entry(known.tx, place.sequence)? {
        Some(entry) => Ok(payload(lease).is_ok_and(|payload| payload == entry.payload)),
        None => Ok(place.sequence <= pruning::ledger_pruned(known.tx)?),
    }
}
