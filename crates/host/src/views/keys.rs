//! The installed host keys: what each stands for, until when it is activated, and what to do about it.

use keymuster_core::catalogue::{Catalogue, Group};
use keymuster_core::entitlement::Cover;
use keymuster_core::key::{KeyId, ProductKey};
use keymuster_core::time::Timestamp;
use keymuster_service::database::Failure;
use keymuster_service::sql::Transaction;
use serde::Serialize;
use utoipa::ToSchema;

use crate::acts::activation::PoolSeats;
use crate::acts::keys as acts;
use crate::site::{Publisher, Site};
use crate::store;

/// All keys, and the publishers whose keys can be installed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = HostKeys)]
pub struct Keys {
    /// The keys, by publisher.
    pub keys: Vec<Key>,
    /// The publishers.
    pub publishers: Vec<PublisherName>,
}

/// A publisher by its names.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct PublisherName {
    /// For machines.
    pub id: String,
    /// For people.
    pub name: String,
    /// Where its authority answers, by the trust file.
    pub authority: Option<String>,
}

/// One installed key. Times are seconds since 1970.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = HostKey)]
pub struct Key {
    /// The publisher's name for machines.
    pub publisher: String,
    /// The publisher's name for people.
    pub publisher_name: String,
    /// The key's public name.
    pub id: String,
    /// The last five symbols of the key.
    pub last_five: String,
    /// The name of the group that it stands for.
    pub group: String,
    /// The names of the groups that it covers, or will once it is activated.
    pub covers: Vec<String>,
    /// How it stands.
    pub state: State,
    /// The customer, as the publisher names them.
    pub customer: Option<String>,
    /// When the entitlement was signed.
    pub issued: Option<u64>,
    /// From when on it is to be renewed.
    pub warn_at: Option<u64>,
    /// Until when it is activated.
    pub stop_at: Option<u64>,
    /// The most distinct clients per family, where there is a limit.
    pub clients_max: Option<u64>,
    /// Floating seats.
    pub pools: Vec<PoolSeats>,
    /// Why the entitlement that is held does not count.
    pub left_out: Option<Why>,
    /// When a request was made that has no answer yet.
    pub waits_since: Option<u64>,
}

/// How a key stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = HostKeyState)]
pub enum State {
    /// It was never activated.
    New,
    /// A request was made, and no answer was taken yet.
    Waiting,
    /// It is activated.
    Active,
    /// It is activated, and to be renewed.
    Ending,
    /// Its entitlement has ended.
    Ended,
    /// Its entitlement does not count, mostly because it was revoked.
    LeftOut,
}

/// A reason.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct Why {
    /// The name of the stable code.
    pub code: &'static str,
    /// In words.
    pub why: String,
}

/// What would be lost with a key.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = HostKeyLoss)]
pub struct Loss {
    /// The key.
    pub key: Key,
    /// The names of the editions that nothing else covers.
    pub lost: Vec<String>,
}

/// Loads all keys.
pub fn load(tx: &Transaction<'_>, now: Timestamp) -> Result<Keys, Failure> {
    let site = Site::load(tx)?;
    let mut keys = Vec::new();
    for held in &site.publishers {
        for key in store::host_key::of_publisher(tx, held.number)? {
            keys.push(view(tx, held, &key, now)?);
        }
    }
    Ok(Keys { keys, publishers: publishers(&site) })
}

/// The publishers of a host.
pub fn publishers(site: &Site) -> Vec<PublisherName> {
    let name = |held: &Publisher| PublisherName {
        id: held.trust.publisher.to_string(),
        name: held.catalogue.name.to_string(),
        authority: held.trust.authority.clone(),
    };
    site.publishers.iter().map(name).collect()
}

/// Loads one key and what would be lost with it, where it is installed.
pub fn loss(tx: &Transaction<'_>, publisher: &str, id: &str, now: Timestamp) -> Result<Option<Loss>, Failure> {
    let site = Site::load(tx)?;
    let Some((held, key)) = find(tx, &site, publisher, id)? else { return Ok(None) };
    let held = &site.publishers[held];
    let lost = acts::loss(tx, &site, &[(held.number, key.id())], now)?;
    Ok(Some(Loss { key: view(tx, held, &key, now)?, lost }))
}

/// An installed key by its publisher and its public name, and the place of that publisher in the site.
pub fn find(
    tx: &Transaction<'_>,
    site: &Site,
    publisher: &str,
    id: &str,
) -> Result<Option<(usize, ProductKey)>, Failure> {
    let Ok(id) = id.parse::<KeyId>() else { return Ok(None) };
    let held = site.publishers.iter().position(|held| held.trust.publisher.as_str() == publisher);
    let Some(held) = held else { return Ok(None) };
    let keys = store::host_key::of_publisher(tx, site.publishers[held].number)?;
    Ok(keys.into_iter().find(|key| key.id() == id).map(|key| (held, key)))
}

fn view(tx: &Transaction<'_>, held: &Publisher, key: &ProductKey, now: Timestamp) -> Result<Key, Failure> {
    let entitlement = held.entitlements.iter().map(|granted| &granted.entitlement).find(|held| held.key == key.id());
    let left_out = held.left_out.iter().find(|(left_out, _)| *left_out == key.id());
    let group = held.catalogue.group(key.fields().number);
    let own_cover = || group.map(|group| group.cover(None)).into_iter().collect();
    let covers = entitlement.map_or_else(own_cover, |entitlement| entitlement.covers.clone());
    let asked = match (entitlement, left_out) {
        (None, None) => store::entitlement::last_asked(tx, held.number, key.id())?,
        _ => None,
    };
    let state = match (entitlement, left_out, &asked) {
        (Some(entitlement), ..) if entitlement.stop_at <= now => State::Ended,
        (Some(entitlement), ..) if entitlement.warn_at <= now => State::Ending,
        (Some(_), ..) => State::Active,
        (None, Some(_), _) => State::LeftOut,
        (None, None, Some(_)) => State::Waiting,
        (None, None, None) => State::New,
    };
    let pools = entitlement.into_iter().flat_map(|entitlement| &entitlement.pools);
    Ok(Key {
        publisher: held.trust.publisher.to_string(),
        publisher_name: held.catalogue.name.to_string(),
        id: key.id().to_string(),
        last_five: key.last_five(),
        group: group.map_or_else(|| "unknown group".to_owned(), |group| group.name.to_string()),
        covers: covered(&held.catalogue, &covers),
        state,
        customer: entitlement.map(|entitlement| entitlement.customer_name.to_string()),
        issued: entitlement.map(|entitlement| entitlement.issued.as_secs()),
        warn_at: entitlement.map(|entitlement| entitlement.warn_at.as_secs()),
        stop_at: entitlement.map(|entitlement| entitlement.stop_at.as_secs()),
        clients_max: entitlement.and_then(|entitlement| entitlement.clients_max),
        pools: pools.map(|pool| PoolSeats { id: pool.id.to_string(), seats: pool.seats }).collect(),
        left_out: left_out.map(|(_, why)| Why { code: why.code().name, why: why.to_string() }),
        waits_since: asked.map(|asked| asked.at.as_secs()),
    })
}

fn covered(catalogue: &Catalogue, covers: &[Cover]) -> Vec<String> {
    let is_covered = |group: &&Group| covers.iter().any(|cover| cover.includes(group));
    catalogue.groups.iter().filter(is_covered).map(|group| group.name.to_string()).collect()
}
