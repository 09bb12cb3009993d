//! The seats, played again from the ledger: never more holders than seats, fences that rise, and nobody forgotten.
//!
//! A seat counts by the rule by which the host counted it: until its lease and the pool's guard are over, or its release. The
//! number of seats is known for entitlements that the host still holds; for leases on others only the fences are compared,
//! and a pool that no entitlement names any more is left out, as nothing is known of its guard.

use std::collections::{BTreeSet, HashMap};

use keymuster_core::document::from_payload;
use keymuster_core::entitlement::Pool;
use keymuster_core::id::{ClientId, Slug};
use keymuster_core::lease::Lease;
use keymuster_core::request::ClientRequest;
use keymuster_core::time::Timestamp;
use keymuster_service::sql::Transaction;

use super::{Stopped, Wrong};
use crate::site::Site;
use crate::store::ledger::{self, Kind};
use crate::store::seat;

/// The seats of one pool.
#[derive(Default)]
struct Played {
    newest_fence: u64,
    /// Fence and end, by holder.
    holders: HashMap<ClientId, (u64, Timestamp)>,
    /// The same in the order of their ends, or a large pool would be looked through with every entry.
    ends: BTreeSet<(Timestamp, ClientId)>,
}

impl Played {
    fn take(&mut self, client: ClientId, fence: u64, free_at: Timestamp) {
        self.free(client);
        self.newest_fence = self.newest_fence.max(fence);
        self.holders.insert(client, (fence, free_at));
        self.ends.insert((free_at, client));
    }

    fn free(&mut self, client: ClientId) {
        if let Some((_, free_at)) = self.holders.remove(&client) {
            self.ends.remove(&(free_at, client));
        }
    }

    /// Frees the seats whose time is over.
    fn pass(&mut self, now: Timestamp) {
        while let Some((_, client)) = self.ends.first().copied().filter(|(free_at, _)| *free_at <= now) {
            self.free(client);
        }
    }

    fn others(&self, client: ClientId) -> u64 {
        (self.holders.len() - usize::from(self.holders.contains_key(&client))) as u64
    }
}

/// All pools, as they stand behind the entries that were played.
pub(super) struct Seats<'a> {
    tx: &'a Transaction<'a>,
    site: &'a Site,
    pools: HashMap<(Slug, Slug), Played>,
    /// Which pool the newest lease of a client for an edition is of.
    of_client: HashMap<(Slug, ClientId, u16), Slug>,
}

impl<'a> Seats<'a> {
    pub(super) fn new(tx: &'a Transaction<'a>, site: &'a Site) -> Seats<'a> {
        Seats { tx, site, pools: HashMap::new(), of_client: HashMap::new() }
    }

    pub(super) fn granted(&mut self, lease: &Lease) -> Result<(), Stopped> {
        let Some(held) = &lease.seat else { return Ok(()) };
        let sequence = lease.position.sequence;
        let Some(named) = self.named(lease) else { return Ok(()) };
        let pool = self.pool(lease);
        let free_at = pool.unwrap_or(named).free_at(lease.expires);
        let seats = pool.map(|pool| u64::from(pool.seats));
        let is_adopted = self.is_adopted(lease)?;
        let played = self.pools.entry((lease.publisher.clone(), held.pool.clone())).or_default();
        played.pass(lease.issued);
        let is_renewed = played.holders.get(&lease.client).is_some_and(|(fence, _)| *fence == held.fence);
        if !is_renewed && !is_adopted {
            if held.fence <= played.newest_fence {
                let why = format!("it gives fence {} of pool {} a second time", held.fence, held.pool);
                return Err(Wrong::entry(sequence, why));
            }
            let others = played.others(lease.client);
            if let Some(seats) = seats.filter(|seats| others >= *seats) {
                let why =
                    format!("it gives a seat of pool {}, of which {others} of {seats} were held by others", held.pool);
                return Err(Wrong::entry(sequence, why));
            }
        }
        played.take(lease.client, held.fence, free_at);
        self.of_client.insert((lease.publisher.clone(), lease.client, lease.edition), held.pool.clone());
        Ok(())
    }

    pub(super) fn released(&mut self, release: &ClientRequest) {
        let holder = (release.publisher.clone(), release.client, release.edition);
        let Some(pool) = self.of_client.remove(&holder) else { return };
        if let Some(played) = self.pools.get_mut(&(holder.0, pool)) {
            played.free(release.client);
        }
    }

    /// Compares the holders of this moment with the table that the host decides by; returns how many there are.
    pub(super) fn compare(&self, now: Timestamp) -> Result<u64, Stopped> {
        let mut number = 0;
        for ((publisher, pool), played) in &self.pools {
            let Some(held) = self.site.publisher(publisher) else { continue };
            let newest = seat::newest_fence(self.tx, held.number, pool.as_str())?;
            if newest < played.newest_fence {
                let why = format!("pool {pool} goes on behind fence {newest}, and has given {}", played.newest_fence);
                return Err(Wrong::host(why + ": fences would be given twice"));
            }
            let mut stored = seat::held(self.tx, held.number, pool.as_str(), now)?;
            for (client, (fence, free_at)) in played.holders.iter().filter(|(_, (_, free_at))| *free_at > now) {
                let kept = stored.remove(client).filter(|kept| kept.fence >= *fence && kept.free_at >= *free_at);
                if kept.is_none() {
                    let why = format!("it holds fence {fence} of pool {pool} until {free_at}, and the table of seats");
                    return Err(Wrong::client(client, None, why + " does not say so: it could be given to another"));
                }
                number += 1;
            }
            // After a return the table also has seats of the lost time, which were adopted.
            if let Some(client) = stored.keys().next().filter(|_| self.site.returned.is_none()) {
                let why = format!("the table of seats has it in pool {pool}, and no entry gave it a seat");
                return Err(Wrong::client(client, None, why));
            }
        }
        Ok(number)
    }

    /// The pool of a lease, where the entitlement that it stands on is still held.
    fn pool(&self, lease: &Lease) -> Option<&'a Pool> {
        let granted = self.site.publisher(&lease.publisher)?.granted(lease.entitlement)?;
        let held = lease.seat.as_ref()?;
        granted.entitlement.pools.iter().find(|pool| pool.id == held.pool)
    }

    /// A pool of this name in any entitlement that is held.
    fn named(&self, lease: &Lease) -> Option<&'a Pool> {
        let pool = &lease.seat.as_ref()?.pool;
        let entitlements = &self.site.publisher(&lease.publisher)?.entitlements;
        entitlements.iter().flat_map(|granted| &granted.entitlement.pools).find(|held| held.id == *pool)
    }

    /// Whether its holder had the seat by a lease of the time that was lost.
    fn is_adopted(&self, lease: &Lease) -> Result<bool, Stopped> {
        let Some(shown) = lease.previous else { return Ok(false) };
        if shown.host != lease.position.host || shown.epoch >= lease.position.epoch {
            return Ok(false);
        }
        // The place alone may be that of an entry by which the host went on behind the copy.
        let entry = ledger::entry(self.tx, shown.sequence)?.filter(|entry| entry.kind == Kind::Lease);
        let known = entry.and_then(|entry| from_payload::<Lease>(&entry.payload).ok());
        Ok(known.is_none_or(|known| (known.client, known.position) != (lease.client, shown)))
    }
}
