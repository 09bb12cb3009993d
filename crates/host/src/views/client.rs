//! One client: everything that a support desk asks.

mod history;

use keymuster_core::id::{ClientId, to_hex};
use keymuster_core::time::Timestamp;
use keymuster_service::database::Failure;
use keymuster_service::sql::Transaction;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;

use super::clients::{Kept, State, Terms};
use super::refusals::Refused;
use crate::site::{Publisher, Site};
use crate::store::client::{self, Client};
use crate::store::{self, ledger};
pub use history::{Entry, History};

/// A client of one publisher.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = ClientDetail)]
pub struct Detail {
    /// The publisher's id.
    pub publisher: String,
    /// The client's id.
    pub client: String,
    /// The first 16 bytes of the SHA-256 of its key; absent where it was refused before anything of it was kept.
    pub key_fingerprint: Option<String>,
    /// The machine's name, where it is sent.
    pub name: Option<String>,
    /// From where it asked last.
    pub address: Option<String>,
    /// Its operating system, where it is sent.
    pub system: Option<String>,
    /// Its editions.
    pub editions: Vec<Edition>,
    /// Whether more than one machine has asked by this id.
    pub is_shared: bool,
    /// When an administrator released it, in seconds since 1970.
    pub released_at: Option<u64>,
    /// What it was granted and gave back.
    pub history: History,
}

/// An edition of a client.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = ClientEdition)]
pub struct Edition {
    /// The edition's id.
    pub edition: String,
    /// The edition's name.
    pub name: String,
    /// How it stands; absent where it was refused before anything of it was kept.
    pub state: Option<State>,
    /// The product's version, where it is sent.
    pub product_version: Option<String>,
    /// When it was seen first, in seconds since 1970.
    pub first_asked: Option<u64>,
    /// When it was last counted.
    pub last_asked: Option<u64>,
    /// Its newest lease, unless it gave it back.
    pub lease: Option<Lease>,
    /// Its last refusal, if one is remembered.
    pub refusal: Option<Refused>,
}

/// A lease.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = ClientLease)]
pub struct Lease {
    /// Its place in the ledger.
    pub sequence: u64,
    /// When it was granted, in seconds since 1970.
    pub issued: u64,
    /// From when the client asks for the next one.
    pub renew_after: u64,
    /// When it ends.
    pub expires: u64,
    /// How many clients were counted when it was granted.
    pub count: u64,
    /// How many were needed.
    pub threshold: u32,
    /// The pool and fence of its seat.
    pub seat: Option<Seat>,
}

/// The seat of a lease.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = ClientSeat)]
pub struct Seat {
    /// The pool.
    pub pool: String,
    /// The fence.
    pub fence: u64,
    /// When it is free, where the client holds it now.
    pub free_at: Option<u64>,
    /// Whether an administrator has reclaimed it.
    pub is_reclaimed: bool,
}

/// Loads a client; `None` where none of this id is known.
pub fn load(
    tx: &Transaction<'_>,
    site: &Site,
    held: &Publisher,
    id: ClientId,
    now: Timestamp,
) -> Result<Option<Detail>, Failure> {
    let rows = client::of_id(tx, held.number, id)?;
    let mut numbers: Vec<u16> = rows.iter().map(|row| row.edition).collect();
    numbers.extend(store::refusal::editions(tx, held.number, id)?);
    numbers.sort_unstable();
    numbers.dedup();
    let (mut editions, mut described) = (Vec::new(), Vec::new());
    for number in numbers {
        let row = rows.iter().find(|row| row.edition == number);
        let listed = client::list::row(tx, held.number, id, number)?;
        editions.push(edition(tx, site, held, (id, number, row), now)?);
        if let (Some(listed), Some(edition)) = (&listed, editions.last_mut()) {
            edition.first_asked = Some(listed.first_asked.as_secs());
            edition.product_version.clone_from(&listed.product_version);
        }
        described.extend(listed);
    }
    if editions.is_empty() {
        return Ok(None);
    }
    let newest = described.iter().max_by_key(|listed| listed.last_asked);
    let refused = editions.iter().find_map(|edition| edition.refusal.as_ref());
    let key = rows.first().map(|row| to_hex(&Sha256::digest(row.client_key)[..16]));
    Ok(Some(Detail {
        publisher: held.trust.publisher.to_string(),
        client: id.to_string(),
        key_fingerprint: key,
        name: newest.map_or_else(|| refused.and_then(|refused| refused.name.clone()), |newest| newest.name.clone()),
        address: newest.map(|newest| newest.address.clone()).or_else(|| refused.map(|refused| refused.address.clone())),
        system: newest.and_then(|newest| newest.system.clone()),
        is_shared: described.iter().any(|listed| listed.is_shared),
        released_at: rows.iter().filter_map(|row| row.released_at).max().map(Timestamp::as_secs),
        history: history::load(tx, site, id, &rows)?,
        editions,
    }))
}

fn edition(
    tx: &Transaction<'_>,
    site: &Site,
    held: &Publisher,
    (id, number, row): (ClientId, u16, Option<&Client>),
    now: Timestamp,
) -> Result<Edition, Failure> {
    let [_, edition, name] = site.names(held.number, number);
    let refusal = store::refusal::of_client(tx, held.number, id, number)?;
    let lease = match row.and_then(|row| row.lease) {
        Some(newest) => lease(tx, held, id, newest.sequence, now)?,
        None => None,
    };
    Ok(Edition {
        edition,
        name,
        state: row.map(|row| state(site, held, row, now)),
        product_version: None,
        first_asked: None,
        last_asked: row.filter(|row| row.released_at.is_none()).map(|row| row.last_asked.as_secs()),
        lease,
        refusal: refusal.map(|kept| Refused::new(site, kept)),
    })
}

fn state(site: &Site, held: &Publisher, row: &Client, now: Timestamp) -> State {
    let kept = Kept {
        last_asked: row.last_asked,
        lease_expires: row.lease.map(|lease| lease.expires),
        is_released: row.released_at.is_some(),
        is_answered: row.last.answered_by.is_some(),
    };
    let terms = Terms::of(site).get(&(held.number, row.edition)).copied().unwrap_or_default();
    State::of(kept, terms, now)
}

fn lease(
    tx: &Transaction<'_>,
    held: &Publisher,
    id: ClientId,
    sequence: u64,
    now: Timestamp,
) -> Result<Option<Lease>, Failure> {
    let Some(ledger::Entry { kind: ledger::Kind::Lease, payload }) = ledger::entry(tx, sequence)? else {
        return Ok(None);
    };
    let granted = history::lease(&payload, sequence)?;
    let mut seat = granted.seat.as_ref().map(|seat| Seat {
        pool: seat.pool.to_string(),
        fence: seat.fence,
        free_at: None,
        is_reclaimed: false,
    });
    if let Some(seat) = &mut seat {
        let seats = store::seat::of_client(tx, held.number, id, now)?;
        if let Some((_, now_held)) =
            seats.iter().find(|(pool, now_held)| *pool == seat.pool && now_held.fence == seat.fence)
        {
            seat.free_at = Some(now_held.free_at.as_secs());
            seat.is_reclaimed = now_held.is_reclaimed;
        }
    }
    Ok(Some(Lease {
        sequence,
        issued: granted.issued.as_secs(),
        renew_after: granted.renew_after.as_secs(),
        expires: granted.expires.as_secs(),
        count: granted.count,
        threshold: granted.threshold,
        seat,
    }))
}
