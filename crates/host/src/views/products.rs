//! Whose products this host knows: the licence pack of each publisher, and how every edition stands.

use keymuster_core::catalogue::{Catalogue, Edition, Group};
use keymuster_core::chain::Chain;
use keymuster_core::lease::LeaseKind;
use keymuster_core::time::Timestamp;
use keymuster_service::database::Failure;
use keymuster_service::sql::Transaction;
use serde::Serialize;
use utoipa::ToSchema;

use crate::pack::program_version;
use crate::site::{Publisher, Site};
use crate::standing::{self, EditionStanding, Need};
use crate::store;

/// A licence pack. Times are seconds since 1970.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = LicencePack)]
pub struct Pack {
    /// The publisher's name for machines.
    pub publisher: String,
    /// The publisher's name for people.
    pub name: String,
    /// Its version; a newer one is higher.
    pub version: u32,
    /// When it was signed.
    pub issued: u64,
    /// How many groups it describes.
    pub groups: usize,
    /// How many editions it describes.
    pub editions: usize,
    /// The oldest version of this program that can work with it.
    pub host_min: String,
    /// The version of this program.
    pub host: String,
    /// Which of the publisher's revocation lists came with it.
    pub revocations: Option<u64>,
    /// How many entitlements, hosts, customers and issuers that list names.
    pub revoked: usize,
    /// Where the authority answers, by the trust file.
    pub authority: Option<String>,
    /// The publisher's root keys, of which the trust file tells.
    pub roots: Vec<String>,
}

/// A publisher with everything that it sells.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = PublisherProducts)]
pub struct Products {
    /// Its licence pack.
    pub pack: Pack,
    /// Its families.
    pub families: Vec<Family>,
    /// What no installed key covers.
    pub needs: Vec<Need>,
    /// Whether a host key of it is installed.
    pub has_keys: bool,
}

/// Groups that are counted together, the highest first.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = ProductFamily)]
pub struct Family {
    /// Its name for machines.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// Its groups.
    pub groups: Vec<GroupOf>,
}

/// What one host key stands for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = ProductGroup)]
pub struct GroupOf {
    /// Its name for machines.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// Its height in the hierarchy: 0 for the lowest.
    pub rank: u8,
    /// Its generation; larger is newer.
    pub generation: u16,
    /// The names of the groups that a key of it covers.
    pub covers: Vec<String>,
    /// Its editions.
    pub editions: Vec<EditionOf>,
}

/// What a setup key or a MAK names.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = ProductEdition)]
pub struct EditionOf {
    /// How it stands here.
    #[serde(flatten)]
    pub standing: EditionStanding,
    /// Whether clients hold a lease for long, or a floating seat for hours.
    pub kind: Kind,
    /// Distinct clients that must have asked before one is activated, by what counts here.
    pub threshold: u32,
    /// The public setup key: with it a machine asks a host.
    pub setup_key: String,
    /// Features that each lease carries.
    pub features: Vec<String>,
}

/// How an edition is licensed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = LicenceKind)]
pub enum Kind {
    /// By volume.
    Volume,
    /// By floating seats.
    Seat,
}

/// The licence packs that are held.
pub fn packs(tx: &Transaction<'_>) -> Result<Vec<Pack>, Failure> {
    Site::load(tx)?.publishers.iter().map(pack).collect()
}

/// Every publisher with its products.
pub fn load(tx: &Transaction<'_>, now: Timestamp) -> Result<Vec<Products>, Failure> {
    Site::load(tx)?.publishers.iter().map(|held| products(tx, held, now)).collect()
}

fn products(tx: &Transaction<'_>, held: &Publisher, now: Timestamp) -> Result<Products, Failure> {
    let keys = store::host_key::of_publisher(tx, held.number)?;
    let standings = standing::in_names(held, &keys, now);
    let catalogue = &*held.catalogue;
    let edition = |(edition, standing): (&Edition, &EditionStanding)| EditionOf {
        standing: standing.clone(),
        kind: if edition.kind == LeaseKind::Seat { Kind::Seat } else { Kind::Volume },
        threshold: threshold(held, edition),
        setup_key: edition.setup_key.key().reveal(),
        features: edition.features.iter().flatten().map(ToString::to_string).collect(),
    };
    let group = |group: &Group| GroupOf {
        id: group.id.to_string(),
        name: group.name.to_string(),
        rank: group.rank,
        generation: group.generation,
        covers: covers(catalogue, group),
        editions: catalogue
            .editions
            .iter()
            .zip(&standings)
            .filter(|(edition, _)| edition.group == group.number)
            .map(edition)
            .collect(),
    };
    let family = |family: &keymuster_core::catalogue::Family| {
        let mut groups: Vec<&Group> = catalogue.groups.iter().filter(|group| group.family == family.number).collect();
        groups.sort_by_key(|group| std::cmp::Reverse((group.generation, group.rank)));
        Family {
            id: family.id.to_string(),
            name: family.name.to_string(),
            groups: groups.into_iter().map(group).collect(),
        }
    };
    Ok(Products {
        pack: pack(held)?,
        families: catalogue.families.iter().map(family).collect(),
        needs: standing::needs(held, &keys, now),
        has_keys: !keys.is_empty(),
    })
}

/// The threshold as the entitlement that lasts longest has it, raised where the customer raised it.
fn threshold(held: &Publisher, edition: &Edition) -> u32 {
    let group = held.catalogue.group_of(edition);
    let agreed = held
        .entitlements
        .iter()
        .filter_map(|granted| Some((granted.entitlement.stop_at, granted.entitlement.threshold(edition, group?)?)));
    let signed = agreed.max_by_key(|(stop_at, _)| *stop_at).map_or(edition.threshold, |(_, threshold)| threshold);
    held.choices.threshold(edition.number, signed).value
}

fn covers(catalogue: &Catalogue, group: &Group) -> Vec<String> {
    let cover = group.cover(None);
    catalogue.groups.iter().filter(|other| cover.includes(other)).map(|other| other.name.to_string()).collect()
}

fn pack(held: &Publisher) -> Result<Pack, Failure> {
    let catalogue = &held.catalogue;
    let damaged = |why: String| Failure::damaged("publisher", "pack", held.trust.publisher.as_str(), why);
    let chain = Chain::new(&held.trust, &held.pack, None).map_err(|error| damaged(error.to_string()))?;
    let list = chain.revocations();
    let revoked =
        list.map(|list| list.entitlements.len() + list.hosts.len() + list.customers.len() + list.issuers.len());
    Ok(Pack {
        publisher: held.trust.publisher.to_string(),
        name: catalogue.name.to_string(),
        version: catalogue.version,
        issued: catalogue.issued.as_secs(),
        groups: catalogue.groups.len(),
        editions: catalogue.editions.len(),
        host_min: catalogue.host_min.to_string(),
        host: program_version().to_string(),
        revocations: list.map(|list| list.sequence),
        revoked: revoked.unwrap_or_default(),
        authority: held.trust.authority.clone(),
        roots: held.trust.roots.iter().map(|root| keymuster_core::id::to_hex(root.as_bytes())).collect(),
    })
}
