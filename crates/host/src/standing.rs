//! What the installed keys of a publisher cover and which products lack one, in names, for people and for programs.

use keymuster_core::catalogue::{Edition, Group};
use keymuster_core::coverage::{self, Holding, Standing};
use keymuster_core::key::ProductKey;
use keymuster_core::lease::LeaseKind;
use keymuster_core::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::site::Publisher;

/// How one edition stands.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct EditionStanding {
    /// The edition's name for machines.
    pub id: String,
    /// The edition's name for people.
    pub name: String,
    /// The name of its group.
    pub group: String,
    /// Whether an entitlement covers it.
    pub standing: Word,
    /// The last five symbols of the key that covers it, or will once it is activated.
    pub key: Option<String>,
    /// The lowest group whose host key would cover it, where no installed key does.
    pub needs_key_of: Option<String>,
    /// Whether such a key must come with seats.
    pub needs_seats: bool,
}

/// A standing, as programs read it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = Standing)]
pub enum Word {
    /// An entitlement covers it.
    Covered,
    /// A key is installed that waits to be activated, for the first time or again.
    Waiting,
    /// No installed key covers it.
    NeedsKey,
}

/// Products of one family that no installed key covers, in names.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct Need {
    /// Their groups, in the catalogue's order.
    pub groups: Vec<String>,
    /// The editions.
    pub editions: Vec<String>,
    /// The lowest group whose host key covers all of them, if there is one.
    pub lowest: Option<String>,
    /// Whether it must come with seats.
    pub seats: bool,
}

/// The standing of every edition of a publisher, in the catalogue's order.
pub fn standings<'a>(held: &'a Publisher, keys: &[ProductKey], now: Timestamp) -> Vec<(&'a Edition, Standing)> {
    let entitled = held.entitlements.iter().map(|granted| &*granted.entitlement);
    let entitlement = |key: &ProductKey| entitled.clone().find(|entitlement| entitlement.key == key.id());
    let holdings: Vec<Holding<'_>> = keys.iter().map(|key| Holding { key, entitlement: entitlement(key) }).collect();
    let catalogue = &*held.catalogue;
    let standing = |edition| (edition, coverage::standing(edition, catalogue, &holdings, now));
    catalogue.editions.iter().map(standing).collect()
}

/// The same in names.
pub fn in_names(held: &Publisher, keys: &[ProductKey], now: Timestamp) -> Vec<EditionStanding> {
    let group =
        |edition: &Edition| held.catalogue.group_of(edition).map_or_else(String::new, |group| group.name.to_string());
    let last_five = |index: usize| keys.get(index).map(ProductKey::last_five);
    let name = |(edition, standing): (&Edition, Standing)| {
        let (word, key) = match standing {
            Standing::Covered(by) => (Word::Covered, last_five(by)),
            Standing::Waiting(by) => (Word::Waiting, last_five(by)),
            Standing::Uncovered => (Word::NeedsKey, None),
        };
        let is_needed = word == Word::NeedsKey;
        EditionStanding {
            id: edition.id.to_string(),
            name: edition.name.to_string(),
            group: group(edition),
            standing: word,
            key,
            needs_key_of: is_needed.then(|| group(edition)),
            needs_seats: is_needed && edition.kind == LeaseKind::Seat,
        }
    };
    standings(held, keys, now).into_iter().map(name).collect()
}

/// What no installed key covers, by family, those that need seats apart.
pub fn needs(held: &Publisher, keys: &[ProductKey], now: Timestamp) -> Vec<Need> {
    let catalogue = &*held.catalogue;
    let standings = standings(held, keys, now);
    let mut needs = Vec::new();
    for family in &catalogue.families {
        for kind in [LeaseKind::Volume, LeaseKind::Seat] {
            let in_family = |edition: &Edition| {
                edition.kind == kind && catalogue.group_of(edition).is_some_and(|group| group.family == family.number)
            };
            let uncovered = standings.iter().filter(|(_, standing)| *standing == Standing::Uncovered);
            let editions: Vec<&Edition> =
                uncovered.map(|(edition, _)| *edition).filter(|edition| in_family(edition)).collect();
            if editions.is_empty() {
                continue;
            }
            let is_needed = |group: &&Group| editions.iter().any(|edition| edition.group == group.number);
            let groups: Vec<&Group> = catalogue.groups.iter().filter(is_needed).collect();
            let lowest = coverage::lowest_covering(&groups, catalogue).map(|group| group.name.to_string());
            let groups = groups.iter().map(|group| group.name.to_string()).collect();
            let editions = editions.iter().map(|edition| edition.name.to_string()).collect();
            needs.push(Need { groups, editions, lowest, seats: kind == LeaseKind::Seat });
        }
    }
    needs
}
