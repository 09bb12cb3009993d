//! Seat pools: who holds what since when, what is free, and who was refused for want of a seat.
//!
//! The protocol has no queue: who is refused asks again. Those who were refused lately and hold no seat stand for it.

use keymuster_core::entitlement::Pool;
use keymuster_core::id::ClientId;
use keymuster_core::time::{DAY, Timestamp};
use keymuster_service::database::Failure;
use keymuster_service::sql::Transaction;
use serde::Serialize;
use utoipa::ToSchema;

use super::refusals::Refused;
use crate::site::{Publisher, Site};
use crate::store;

/// Holders of one page.
pub const HOLDERS: u32 = 60;
/// How many of those that wait are shown.
const WAITING: u32 = 50;
/// Whoever was refused longer ago waits no more, in seconds.
const WAITS_SECS: u64 = DAY;

/// A pool, and how it stands.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct PoolRow {
    /// The publisher's id.
    pub publisher: String,
    /// The pool's id.
    pub pool: String,
    /// The edition's id.
    pub edition: String,
    /// The edition's name.
    pub edition_name: String,
    /// How many seats it has.
    pub seats: u32,
    /// How many of them are held.
    pub held: u64,
    /// How many are free; seats that are held beyond a smaller limit leave none.
    pub free: u64,
    /// How long a seat lasts, in seconds.
    pub term_secs: u64,
    /// For how long it stays reserved after its end, in seconds.
    pub guard_secs: u64,
}

/// A pool with its holders.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct PoolPage {
    /// The pool.
    pub pool: PoolRow,
    /// Who holds its seats, in the order of their fences.
    pub holders: Vec<Holder>,
    /// Where the next page begins, as its `after`.
    pub next: Option<u64>,
    /// Who was refused within a day for want of a seat and holds none, the longest wait first; at most fifty.
    pub waiting: Vec<Refused>,
}

/// Who holds a seat.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct Holder {
    /// The client.
    pub client: String,
    /// The machine's name, where it is sent.
    pub name: Option<String>,
    /// From where it asked last.
    pub address: Option<String>,
    /// The seat's fence.
    pub fence: u64,
    /// Since when it is held, in seconds since 1970, where that was noted.
    pub taken_at: Option<u64>,
    /// When it is free, unless it is renewed or given back before.
    pub free_at: u64,
    /// When an administrator reclaimed it: it is not renewed.
    pub reclaimed_at: Option<u64>,
}

/// All pools.
pub fn all(tx: &Transaction<'_>, site: &Site, now: Timestamp) -> Result<Vec<PoolRow>, Failure> {
    let mut rows = Vec::new();
    for held in &site.publishers {
        let in_use = store::seat::in_use(tx, held.number, now)?;
        rows.extend(pools(held).into_iter().map(|pool| row(site, held, pool, &in_use)));
    }
    Ok(rows)
}

/// One pool with the holders behind a fence; `None` where there is none of these names.
pub fn one(
    tx: &Transaction<'_>,
    site: &Site,
    (publisher, pool): (&str, &str),
    after: u64,
    now: Timestamp,
) -> Result<Option<PoolPage>, Failure> {
    let Some((held, found)) = find(site, publisher, pool) else { return Ok(None) };
    let row = row(site, held, found, &store::seat::in_use(tx, held.number, now)?);
    let mut holders = store::seat::holders(tx, (held.number, pool, found.edition), after, now, HOLDERS + 1)?;
    let is_last = holders.len() <= HOLDERS as usize;
    holders.truncate(HOLDERS as usize);
    let next = if is_last { None } else { holders.last().map(|holder| holder.fence) };
    let waiting = store::refusal::waiting(tx, (held.number, pool), now.minus(WAITS_SECS), now, WAITING)?;
    Ok(Some(PoolPage {
        pool: row,
        holders: holders.into_iter().map(holder).collect(),
        next,
        waiting: waiting.into_iter().map(|kept| Refused::new(site, kept)).collect(),
    }))
}

/// A pool and the seat that a client holds in it; `None` where it holds none.
pub fn holder_of(
    tx: &Transaction<'_>,
    site: &Site,
    (publisher, pool): (&str, &str),
    client: ClientId,
    now: Timestamp,
) -> Result<Option<(PoolRow, Holder)>, Failure> {
    let Some((held, found)) = find(site, publisher, pool) else { return Ok(None) };
    let seats = store::seat::of_client(tx, held.number, client, now)?;
    let Some((_, seat)) = seats.into_iter().find(|(of, _)| of == pool) else { return Ok(None) };
    let before = (held.number, pool, found.edition);
    let holders = store::seat::holders(tx, before, seat.fence.saturating_sub(1), now, 1)?;
    let row = row(site, held, found, &store::seat::in_use(tx, held.number, now)?);
    Ok(holders.into_iter().next().filter(|holder| holder.client == client).map(|one| (row, holder(one))))
}

fn find<'a>(site: &'a Site, publisher: &str, pool: &str) -> Option<(&'a Publisher, &'a Pool)> {
    let held = site.publishers.iter().find(|held| held.trust.publisher.as_str() == publisher)?;
    let found = pools(held).into_iter().find(|found| found.id.as_str() == pool)?;
    Some((held, found))
}

/// The pools of a publisher's entitlements; of one that several have, the one that lasts longest.
fn pools(held: &Publisher) -> Vec<&Pool> {
    let mut entitlements: Vec<_> = held.entitlements.iter().map(|granted| &granted.entitlement).collect();
    entitlements.sort_by_key(|entitlement| std::cmp::Reverse(entitlement.stop_at));
    let mut pools: Vec<&Pool> = Vec::new();
    for pool in entitlements.into_iter().flat_map(|entitlement| &entitlement.pools) {
        if !pools.iter().any(|known| known.id == pool.id) {
            pools.push(pool);
        }
    }
    pools
}

fn row(site: &Site, held: &Publisher, pool: &Pool, in_use: &[(String, u64)]) -> PoolRow {
    let [publisher, edition, edition_name] = site.names(held.number, pool.edition);
    let taken = in_use.iter().find(|(id, _)| id == pool.id.as_str()).map_or(0, |(_, seats)| *seats);
    PoolRow {
        publisher,
        pool: pool.id.to_string(),
        edition,
        edition_name,
        seats: pool.seats,
        held: taken,
        free: u64::from(pool.seats).saturating_sub(taken),
        term_secs: pool.term_secs,
        guard_secs: pool.guard_secs,
    }
}

fn holder(holder: store::seat::Holder) -> Holder {
    Holder {
        client: holder.client.to_string(),
        name: holder.name,
        address: holder.address,
        fence: holder.fence,
        taken_at: holder.taken_at.map(Timestamp::as_secs),
        free_at: holder.free_at.as_secs(),
        reclaimed_at: holder.reclaimed_at.map(Timestamp::as_secs),
    }
}
