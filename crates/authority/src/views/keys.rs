//! Keys that were minted for customers, by their last five symbols: the list, one key, the activations by a MAK.

use keymuster_core::catalogue::Catalogue;
use keymuster_core::document::Signed;
use keymuster_core::key::KeyId;
use keymuster_core::time::duration_words;
use keymuster_service::sql::Transaction;
use serde::Serialize;
use utoipa::ToSchema;

use super::hosts::HostRow;
use super::{Page, Query, TakenView, Time, unknown};
use crate::authority::Authority;
use crate::certify::hosts_used;
use crate::error::Error;
use crate::store;
use crate::store::product_key::{Minted, Worth};

/// Keys that are looked at for one page of a search, as their last symbols are computed one by one.
const READ_MAX: u32 = 20_000;
/// Keys that are read at one time for that.
const READ_AT_ONCE: u32 = 500;

/// A key, without its symbols.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = Key)]
pub struct KeyRow {
    /// Its id.
    pub key: String,
    /// Its last five symbols, by which people know it.
    pub last_five: String,
    /// `host` or `mak`.
    pub kind: &'static str,
    /// Whose it is.
    pub customer: String,
    /// The group (host key) or edition (MAK).
    pub covers: String,
    /// Hosts (host key) or activations (MAK) that are used.
    pub used: u64,
    /// How many there are.
    pub total: u64,
    /// When it was minted.
    pub minted_at: Time,
    /// When and why it was revoked, if it was.
    pub revoked: Option<TakenView>,
}

/// A key with what it is worth and where it is used.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct KeyDetail {
    /// The key.
    #[serde(flatten)]
    pub row: KeyRow,
    /// How long an entitlement or an activation lasts, in seconds; absent for a MAK means for ever.
    pub term_secs: Option<u64>,
    /// How often a host key may be activated on one host.
    pub activations_max: Option<u32>,
    /// The most distinct clients per family.
    pub clients_max: Option<u32>,
    /// A threshold that was agreed instead of the editions' own.
    pub threshold: Option<u32>,
    /// Floating seats.
    pub pools: Vec<PoolRow>,
    /// The hosts on which a host key was activated.
    pub hosts: Vec<KeyHost>,
}

/// Floating seats of a host key.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = KeyPool)]
pub struct PoolRow {
    /// Its name, which is the edition's.
    pub pool: String,
    /// How many seats.
    pub seats: u32,
    /// How long one lease of a seat lasts, in seconds.
    pub term_secs: u64,
    /// How long a seat stays reserved after its end, in seconds.
    pub guard_secs: u64,
}

/// A host on which a host key was activated.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct KeyHost {
    /// The host.
    #[serde(flatten)]
    pub host: HostRow,
    /// How often the key was activated on it.
    pub activations: u64,
}

/// A machine that was activated by a MAK.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = Activation)]
pub struct ActivationRow {
    /// The client's id.
    pub client: String,
    /// How often it was counted.
    pub counted: u64,
    /// When it was last counted.
    pub counted_at: Time,
    /// When its newest activation was signed.
    pub issued_at: Time,
    /// Its place in the list.
    #[serde(skip)]
    pub place: String,
}

impl KeyRow {
    /// How many are left.
    pub fn left(&self) -> u64 {
        self.total.saturating_sub(self.used)
    }

    /// What is counted.
    pub fn unit(&self) -> &'static str {
        if self.kind == "host" { "hosts" } else { "activations" }
    }

    /// The kind for people.
    pub fn kind_words(&self) -> &'static str {
        if self.kind == "host" { "host key" } else { "MAK" }
    }
}

impl KeyDetail {
    /// The term for people.
    pub fn term_words(&self) -> String {
        self.term_secs.map_or_else(|| "for ever".to_owned(), duration_words)
    }
}

impl PoolRow {
    /// Its times for people.
    pub fn words(&self) -> String {
        format!("{} each, reserved {} longer", duration_words(self.term_secs), duration_words(self.guard_secs))
    }
}

/// The names behind the numbers of keys.
#[derive(Debug)]
pub struct Catalogued<'a> {
    authority: &'a Authority,
    catalogue: Option<Signed<Catalogue>>,
}

impl Catalogued<'_> {
    /// The names of the newest catalogue, if one was signed.
    pub fn load<'a>(authority: &'a Authority, tx: &Transaction<'_>) -> Result<Catalogued<'a>, Error> {
        Ok(Catalogued { authority, catalogue: authority.newest_catalogue(tx)? })
    }

    /// A key as it is listed.
    pub fn row(&self, tx: &Transaction<'_>, minted: &Minted) -> Result<KeyRow, Error> {
        let number = minted.number;
        let catalogue = self.catalogue.as_ref();
        let (kind, name, used, total) = match &minted.worth {
            Worth::Host(worth) => {
                let name = catalogue.and_then(|all| all.group(number)).map(|group| group.id.to_string());
                ("host", name, hosts_used(&store::entitlement::hosts(tx, minted.id)?), worth.hosts_max)
            }
            Worth::Mak(worth) => {
                let name = catalogue.and_then(|all| all.edition(number)).map(|edition| edition.id.to_string());
                ("mak", name, minted.activations_used, worth.activations_max)
            }
        };
        Ok(KeyRow {
            key: minted.id.to_string(),
            last_five: self.authority.key_of(minted)?.last_five(),
            kind,
            customer: minted.customer.to_string(),
            covers: name.unwrap_or_else(|| format!("number {number}")),
            used,
            total: u64::from(total),
            minted_at: minted.minted_at.into(),
            revoked: minted.revoked.clone().map(TakenView::from),
        })
    }

    fn is_meant(&self, minted: &Minted, words: &str) -> Result<bool, Error> {
        let last_five = self.authority.key_of(minted)?.last_five().to_lowercase();
        let texts = [minted.id.to_string(), minted.customer.to_string(), last_five];
        Ok(texts.iter().any(|text| text.contains(words)))
    }
}

/// One page of the list, the newest first.
pub fn list(authority: &Authority, tx: &Transaction<'_>, query: &Query) -> Result<Page<KeyRow>, Error> {
    let after = (!query.after.is_empty()).then(|| query.after.parse::<KeyId>());
    let mut after = after.transpose().map_err(|_| Error::Rule("after is no place of this list".to_owned()))?;
    let (catalogued, words, limit) = (Catalogued::load(authority, tx)?, query.words(), query.rows());
    let is_filtered = !words.is_empty() || !query.customer.is_empty();
    let mut found = Vec::new();
    for _ in 0..READ_MAX / READ_AT_ONCE {
        let at_once = if is_filtered { READ_AT_ONCE } else { limit + 1 };
        let batch = store::product_key::newest(tx, after, at_once)?;
        let is_last = batch.len() < at_once as usize;
        after = batch.last().map(|minted| minted.id).filter(|_| !is_last);
        for minted in batch {
            let is_customers = query.customer.is_empty() || query.customer == minted.customer.as_str();
            if is_customers && catalogued.is_meant(&minted, &words)? {
                found.push(minted);
            }
        }
        if after.is_none() || found.len() > limit as usize {
            break;
        }
    }
    let is_full = found.len() > limit as usize;
    found.truncate(limit as usize + 1);
    let rows = found.iter().map(|minted| catalogued.row(tx, minted)).collect::<Result<Vec<_>, _>>()?;
    let page = Page::cut(rows, limit, |row: &KeyRow| row.key.clone());
    // Where enough was read before the page was full, the next one goes on from there.
    let read_to = after.filter(|_| !is_full).map(|key| key.to_string());
    Ok(Page { next: page.next.or(read_to), ..page })
}

/// One key.
pub fn load(authority: &Authority, tx: &Transaction<'_>, id: &str) -> Result<KeyDetail, Error> {
    let minted = find(tx, id)?;
    let row = Catalogued::load(authority, tx)?.row(tx, &minted)?;
    let mut hosts = Vec::new();
    for used in store::entitlement::hosts(tx, minted.id)? {
        let host = store::host::entitled(tx, used.host)?.ok_or_else(|| unknown("host", used.host))?;
        hosts.push(KeyHost { host: host.into(), activations: used.activations });
    }
    let (term_secs, host) = match minted.worth {
        Worth::Host(worth) => (Some(worth.term_secs), Some(worth)),
        Worth::Mak(worth) => (worth.term_secs, None),
    };
    let pools = host.iter().flat_map(|worth| &worth.pools).map(|pool| PoolRow {
        pool: pool.id.to_string(),
        seats: pool.seats,
        term_secs: pool.term_secs,
        guard_secs: pool.guard_secs,
    });
    Ok(KeyDetail {
        row,
        term_secs,
        activations_max: host.as_ref().map(|worth| worth.activations_max),
        clients_max: host.as_ref().and_then(|worth| worth.clients_max),
        threshold: host.as_ref().and_then(|worth| worth.threshold),
        pools: pools.collect(),
        hosts,
    })
}

/// One page of the activations by a MAK.
pub fn activations(tx: &Transaction<'_>, id: &str, query: &Query) -> Result<Page<ActivationRow>, Error> {
    let minted = find(tx, id)?;
    let rows = store::activation::of_key(tx, minted.id, &query.after, query.rows() + 1)?;
    let row = |listed: store::activation::Listed| ActivationRow {
        client: listed.client.to_string(),
        counted: listed.counted,
        counted_at: listed.first_at.into(),
        issued_at: listed.issued_at.into(),
        place: listed.client_key,
    };
    Ok(Page::cut(rows.into_iter().map(row).collect(), query.rows(), |row: &ActivationRow| row.place.clone()))
}

fn find(tx: &Transaction<'_>, id: &str) -> Result<Minted, Error> {
    let key: KeyId = id.parse().map_err(|_| unknown("key", "of this id"))?;
    store::product_key::find(tx, key)?.ok_or_else(|| unknown("key", key))
}
