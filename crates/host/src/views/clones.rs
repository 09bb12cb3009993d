//! Client ids by which more than one machine has asked: each as a tree of the addresses from which it was used.
//!
//! What is recorded is drawn and no more: an id that a copy took when it was re-armed is a new client, and nothing tells
//! the host where it came from.

use keymuster_core::id::ClientId;
use keymuster_core::time::{DAY, Timestamp};
use keymuster_service::database::Failure;
use keymuster_service::sql::Transaction;
use serde::Serialize;
use utoipa::ToSchema;

use crate::site::Site;
use crate::store;
use crate::store::shared_identity::{self, Shared, Used};

/// How many ids are shown, so that a page of them stays light.
const SHOWN: u32 = 20;
/// An id that was noticed last before so many seconds is shown no more.
const SHOWN_SECS: u64 = 365 * DAY;

/// A client id that more than one machine has used.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct Lineage {
    /// The publisher's id.
    pub publisher: String,
    /// The client's id.
    pub client: String,
    /// When it was noticed first, in seconds since 1970.
    pub first_at: u64,
    /// When it was noticed last.
    pub newest_at: u64,
    /// How often.
    pub times: u64,
    /// The address from which it asked last, as far as its row is still kept.
    pub address_now: Option<String>,
    /// When it last asked.
    pub last_asked: Option<u64>,
    /// From where it was used, the first address first; at most fifty are kept.
    pub places: Vec<Place>,
}

/// An address from which a shared id was used when that was noticed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = ClonePlace)]
pub struct Place {
    /// The address; `-` where none was noted.
    pub address: String,
    /// The machine's name, where it is sent.
    pub name: Option<String>,
    /// When it was noticed there first, in seconds since 1970; absent where that was not kept.
    pub first_at: Option<u64>,
    /// When it was noticed there last.
    pub newest_at: Option<u64>,
    /// How often.
    pub times: Option<u64>,
}

/// Those that were noticed last first.
pub fn load(tx: &Transaction<'_>, site: &Site, now: Timestamp) -> Result<Vec<Lineage>, Failure> {
    let mut clones = Vec::new();
    for held in &site.publishers {
        for shared in shared_identity::since(tx, held.number, now.minus(SHOWN_SECS), SHOWN)? {
            clones.push(read(tx, site, held.number, shared)?);
        }
    }
    clones.sort_by_key(|clone| std::cmp::Reverse(clone.newest_at));
    clones.truncate(SHOWN as usize);
    Ok(clones)
}

/// That of one client.
pub fn of_client(
    tx: &Transaction<'_>,
    site: &Site,
    publisher: i64,
    client: ClientId,
) -> Result<Option<Lineage>, Failure> {
    let shared = shared_identity::of_client(tx, publisher, client)?;
    shared.map(|shared| read(tx, site, publisher, shared)).transpose()
}

fn read(tx: &Transaction<'_>, site: &Site, publisher: i64, shared: Shared) -> Result<Lineage, Failure> {
    let Shared { client, seen: (first, newest), times, addresses } = shared;
    let mut places: Vec<Place> = shared_identity::addresses(tx, publisher, client)?.into_iter().map(place).collect();
    // What was noticed before the addresses were kept has the last two.
    for address in addresses {
        if !places.iter().any(|place| place.address == address) {
            places.push(Place { address, name: None, first_at: None, newest_at: None, times: None });
        }
    }
    let rows = store::client::of_id(tx, publisher, client)?;
    let last = rows.iter().max_by_key(|row| row.last_asked);
    let address_now = match last {
        Some(row) => store::client::place(tx, publisher, client, row.edition)?.map(|(address, _)| address),
        None => None,
    };
    let held = site.numbered(publisher);
    Ok(Lineage {
        publisher: held.map_or_else(|| publisher.to_string(), |held| held.trust.publisher.to_string()),
        client: client.to_string(),
        first_at: first.as_secs(),
        newest_at: newest.as_secs(),
        times,
        address_now,
        last_asked: last.filter(|row| row.released_at.is_none()).map(|row| row.last_asked.as_secs()),
        places,
    })
}

fn place(used: Used) -> Place {
    Place {
        address: used.address,
        name: used.name,
        first_at: Some(used.seen.0.as_secs()),
        newest_at: Some(used.seen.1.as_secs()),
        times: Some(used.times),
    }
}
