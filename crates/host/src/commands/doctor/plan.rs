//! Which editions to ask about: one for each family and each way in which editions of it stand with this host.
//!
//! The first edition of a question speaks for all of them, so editions share one only if the host judges them alike.

use std::collections::BTreeMap;

use keymuster_core::catalogue::{Edition, Family, Group};
use keymuster_core::key::ProductKey;
use keymuster_core::lease::LeaseKind;

use crate::site::Publisher;

/// How an edition stands with the host.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Standing {
    /// An entitlement covers it, the one at this index; so many clients are needed.
    Counted { threshold: u32, entitlement: usize },
    /// It is licensed by seats, and an entitlement has a pool for it.
    Seats { edition: u16 },
    /// A host key is installed that covers it, and has no entitlement that counts.
    Waiting,
    /// No host key that is installed covers it: it is not for this host.
    Apart,
}

/// A question to the host.
#[derive(Debug)]
pub struct Question<'a> {
    /// The family of the editions.
    pub family: &'a Family,
    /// How they stand.
    pub standing: Standing,
    /// The editions, never none; the first is asked for.
    pub editions: Vec<&'a Edition>,
}

/// All questions about the products of a publisher, by family in the order of the catalogue.
pub fn questions<'a>(held: &'a Publisher, keys: &[ProductKey]) -> Vec<Question<'a>> {
    let mut questions = Vec::new();
    for family in &held.catalogue.families {
        let mut by_standing: BTreeMap<Standing, Vec<&Edition>> = BTreeMap::new();
        for edition in &held.catalogue.editions {
            if let Some(group) = held.catalogue.group_of(edition).filter(|group| group.family == family.number) {
                by_standing.entry(standing(held, keys, edition, group)).or_default().push(edition);
            }
        }
        let of_family = by_standing.into_iter().map(|(standing, editions)| Question { family, standing, editions });
        questions.extend(of_family);
    }
    questions
}

fn standing(held: &Publisher, keys: &[ProductKey], edition: &Edition, group: &Group) -> Standing {
    let entitlements = held.entitlements.iter().map(|granted| &*granted.entitlement);
    let covering = match edition.kind {
        LeaseKind::Seat => {
            let has_pool = entitlements.clone().any(|own| own.pools.iter().any(|pool| pool.edition == edition.number));
            has_pool.then_some(Standing::Seats { edition: edition.number })
        }
        LeaseKind::Volume => {
            let covering = entitlements.clone().enumerate();
            let covering =
                covering.filter_map(|(index, own)| Some((own.stop_at, index, own.threshold(edition, group)?)));
            // Where several cover it, the host grants on the one that lasts longest.
            covering.max().map(|(_, entitlement, signed)| {
                let threshold = held.choices.threshold(edition.number, signed).value;
                Standing::Counted { threshold, entitlement }
            })
        }
    };
    let is_waiting = |key: &&ProductKey| !entitlements.clone().any(|own| own.key == key.id());
    let covers =
        |key: &ProductKey| held.catalogue.group(key.fields().number).is_some_and(|own| own.cover(None).includes(group));
    let otherwise = || if keys.iter().filter(is_waiting).any(covers) { Standing::Waiting } else { Standing::Apart };
    covering.unwrap_or_else(otherwise)
}
