//! Minting the secret keys of customers: host keys and MAKs.
//!
//! A key is made, written down and audited in one transaction; it is shown once, and its tag is stored nowhere.

use std::str::FromStr;

use keymuster_core::catalogue::{Catalogue, Edition};
use keymuster_core::duration::{Duration, NotADuration};
use keymuster_core::entitlement::{Pool, SEAT_SECS_MAX};
use keymuster_core::id::Slug;
use keymuster_core::key::{KeyKind, ProductKey};
use keymuster_core::lease::LeaseKind;
use keymuster_service::console::By;
use keymuster_service::console::permission::Keys;
use keymuster_service::nearest::unknown;
use keymuster_service::sql::{Connection, Transaction};

use crate::authority::Authority;
use crate::caller::Caller;
use crate::error::Error;
use crate::store::product_key::{HostWorth, MakWorth, Minted, Worth};
use crate::{store, store::audit};

/// Draws before giving up; one draw in nine makes no key, so this many failures mean that no serial is left.
const DRAWS_MAX: u32 = 1000;

/// A host key that a customer bought.
#[derive(Clone, Debug)]
pub struct HostOrder {
    /// The form that it was ordered with, if it was a form: sent twice, it mints one key.
    pub form: Option<String>,
    /// The customer.
    pub customer: Slug,
    /// The group.
    pub group: Slug,
    /// What it is worth, but for the pools.
    pub worth: HostWorth,
    /// Its seat pools.
    pub pools: Vec<PoolOrder>,
}

/// Seats of an edition.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PoolOrder {
    /// The edition, which also names the pool.
    pub edition: Slug,
    /// How many.
    pub seats: u32,
    /// How long one lease of a seat lasts.
    pub term: Duration,
    /// How long a seat stays reserved after its end.
    pub guard: Duration,
}

/// A MAK that a customer bought.
#[derive(Clone, Debug)]
pub struct MakOrder {
    /// The form that it was ordered with, if it was a form: sent twice, it mints one key.
    pub form: Option<String>,
    /// The customer.
    pub customer: Slug,
    /// The edition.
    pub edition: Slug,
    /// What it is worth.
    pub worth: MakWorth,
}

/// Mints a host key.
pub fn mint_host_key(
    authority: &Authority,
    db: &mut Connection,
    order: HostOrder,
    by: &By<Keys>,
) -> Result<(ProductKey, Minted), Error> {
    let tx = store::begin(db)?;
    let catalogue = authority.catalogue(&tx)?;
    let group = catalogue.groups.iter().find(|group| group.id == order.group).ok_or_else(|| {
        let known = catalogue.groups.iter().map(|group| group.id.as_str());
        Error::Rule(unknown("group", order.group.as_str(), known))
    })?;
    let term_secs_max = authority.issuer.entitlement_secs_max;
    if order.worth.term_secs > term_secs_max {
        let days = term_secs_max / keymuster_core::time::DAY;
        return Err(Error::Rule(format!("the issuer certificate allows terms of at most {days} days")));
    }
    let pools = order.pools.iter().map(|pool| pool_of(pool, &catalogue)).collect::<Result<_, _>>()?;
    let worth = Worth::Host(HostWorth { pools, ..order.worth });
    let minted =
        mint(authority, &tx, Order { form: order.form, customer: order.customer, number: group.number, worth }, by)?;
    tx.commit()?;
    Ok(minted)
}

/// Mints a MAK.
pub fn mint_mak(
    authority: &Authority,
    db: &mut Connection,
    order: MakOrder,
    by: &By<Keys>,
) -> Result<(ProductKey, Minted), Error> {
    let tx = store::begin(db)?;
    let catalogue = authority.catalogue(&tx)?;
    let number = edition_named(&catalogue, &order.edition)?.number;
    let order = Order { form: order.form, customer: order.customer, number, worth: Worth::Mak(order.worth) };
    let minted = mint(authority, &tx, order, by)?;
    tx.commit()?;
    Ok(minted)
}

/// The edition with this name, or an error that knows the nearest one.
pub fn edition_named<'c>(catalogue: &'c Catalogue, edition: &Slug) -> Result<&'c Edition, Error> {
    catalogue.edition_named(edition.as_str()).ok_or_else(|| {
        let known = catalogue.editions.iter().map(|edition| edition.id.as_str());
        Error::Rule(unknown("edition", edition.as_str(), known))
    })
}

fn pool_of(order: &PoolOrder, catalogue: &Catalogue) -> Result<Pool, Error> {
    let edition = edition_named(catalogue, &order.edition)?;
    if edition.kind != LeaseKind::Seat {
        return Err(Error::Rule(format!("edition {} is licensed by volume, so it has no pool of seats", edition.id)));
    }
    if order.term.as_secs() > SEAT_SECS_MAX {
        return Err(Error::Rule(format!("the term of pool {} is longer than a day", edition.id)));
    }
    Ok(Pool {
        id: edition.id.clone(),
        edition: edition.number,
        seats: order.seats,
        term_secs: order.term.as_secs(),
        guard_secs: order.guard.as_secs(),
    })
}

/// An order whose names have been looked up.
struct Order {
    form: Option<String>,
    customer: Slug,
    number: u16,
    worth: Worth,
}

fn mint(
    authority: &Authority,
    tx: &Transaction<'_>,
    order: Order,
    by: &By<Keys>,
) -> Result<(ProductKey, Minted), Error> {
    let Order { form, customer, number, worth } = order;
    if let Some(earlier) = form.as_deref().map(|form| store::product_key::of_order(tx, form)).transpose()?.flatten() {
        let last_five = authority.key_of(&earlier)?.last_five();
        let detail =
            format!("this form has minted the key …{last_five} already, which was shown then; take a new form");
        return Err(Error::Rule(detail));
    }
    let found = store::customer::find(tx, &customer)?.ok_or_else(|| no_customer(tx, &customer))?;
    if found.stopped.is_some() {
        return Err(Error::Rule(format!("customer {customer} is stopped")));
    }
    let kind = if matches!(worth, Worth::Host(_)) { KeyKind::Host } else { KeyKind::Mak };
    for _ in 0..DRAWS_MAX {
        let [a, b, c] = authority.env.random();
        let serial = u32::from_be_bytes([0, a, b, c]);
        let Some(key) = authority.tags.key(&authority.publisher.slug, kind, number, serial) else { continue };
        let (id, minted_at) = (key.id(), by.at());
        let (customer, worth) = (customer.clone(), worth.clone());
        let minted = Minted { id, customer, number, serial, minted_at, worth, activations_used: 0, revoked: None };
        if store::product_key::insert(tx, &minted, form.as_deref())? {
            let detail = format!("{kind} for customer {}", minted.customer);
            audit::append(tx, &Caller::from(by), "mint key", &id.to_string(), &detail)?;
            return Ok((key, minted));
        }
    }
    Err(Error::Rule(format!("no serial is left for a {kind} with number {number}; use another number")))
}

/// The error about a customer that is not in the database.
pub fn no_customer(tx: &Transaction<'_>, customer: &Slug) -> Error {
    match store::customer::list(tx) {
        Ok(known) => Error::Rule(unknown("customer", customer.as_str(), known.iter().map(|known| known.slug.as_str()))),
        Err(failure) => failure.into(),
    }
}

/// `render-farm=8,term=30m`.
impl FromStr for PoolOrder {
    type Err = String;

    fn from_str(text: &str) -> Result<PoolOrder, String> {
        let mut parts = text.split(',');
        let (edition, seats) = parts.next().and_then(|first| first.split_once('=')).ok_or("expected EDITION=SEATS")?;
        let edition = edition.trim().parse().map_err(|error| format!("{edition:?}: {error}"))?;
        let seats = seats.trim().parse().ok().filter(|seats| *seats > 0).ok_or("SEATS is a whole number from 1")?;
        let default = |text: &str| text.parse().map_err(|error: NotADuration| error.to_string());
        let mut order = PoolOrder { edition, seats, term: default("1h")?, guard: default("10m")? };
        for part in parts {
            let (name, value) = part.split_once('=').ok_or("expected term=DURATION or guard=DURATION")?;
            let value = default(value)?;
            match name.trim() {
                "term" => order.term = value,
                "guard" => order.guard = value,
                other => return Err(format!("there is no {other:?}; a pool has term and guard")),
            }
        }
        Ok(order)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pools_are_an_edition_seats_and_maybe_times() {
        for (text, expected) in [
            ("render-farm=8", Some((8, 3600, 600))),
            ("render-farm=8,term=30m", Some((8, 1800, 600))),
            ("render-farm=8,guard=1 minute,term=1 day", Some((8, 86_400, 60))),
            ("render-farm", None),
            ("render-farm=0", None),
            ("render-farm=x", None),
            ("Render=8", None),
            ("render-farm=8,term", None),
            ("render-farm=8,term=soon", None),
            ("render-farm=8,seats=1h", None),
        ] {
            let found = text.parse::<PoolOrder>().ok();
            let numbers = found.map(|order| (order.seats, order.term.as_secs(), order.guard.as_secs()));
            assert_eq!(numbers, expected, "{text}");
        }
    }
}
