//! Which product key may be installed where, and what the installed ones cover: decided from keys, catalogue and
//! entitlements alone, before anything is sent.

use crate::catalogue::{Catalogue, Edition, Group};
use crate::entitlement::Entitlement;
use crate::key::{KeyKind, ProductKey, publisher_mark};
use crate::lease::LeaseKind;
use crate::refusal::Refusal;
use crate::time::Timestamp;

/// Whether a host may install `key` beside those that it has; the group that it stands for, if so.
///
/// A key whose group is covered by the group of an installed key is refused, naming that key.
pub fn installable_host_key<'c>(
    key: &ProductKey,
    installed: &[ProductKey],
    catalogue: &'c Catalogue,
) -> Result<&'c Group, Refusal> {
    check_owner(key, KeyKind::Host, catalogue)?;
    let group = group_of_key(key, catalogue)?;
    if installed.iter().any(|other| other.id() == key.id()) {
        return Err(Refusal::KeyAlreadyInstalled { last_five: key.last_five() });
    }
    for other in installed {
        let covering = catalogue.group(other.fields().number).filter(|held| held.cover(None).includes(group));
        if let Some(held) = covering {
            let (last_five, covered) = (other.last_five(), group.name.clone());
            return Err(Refusal::KeyAlreadyCovered { last_five, group: held.name.clone(), covered });
        }
    }
    Ok(group)
}

/// Whether `key` is a key with which a client activates `edition`: its setup key or one of its MAKs.
pub fn check_client_key(key: &ProductKey, edition: &Edition, catalogue: &Catalogue) -> Result<KeyKind, Refusal> {
    let kind = key.fields().kind;
    if kind == KeyKind::Host {
        return Err(Refusal::KeyWrongKind { found: "host key", wanted: "setup key or MAK" });
    }
    check_owner(key, kind, catalogue)?;
    let belongs = match kind {
        KeyKind::Setup => edition.setup_key.key().id() == key.id(),
        KeyKind::Mak | KeyKind::Host => key.fields().number == edition.number,
    };
    if belongs { Ok(kind) } else { Err(Refusal::KeyNotThisEdition { edition: edition.id.clone() }) }
}

/// An installed host key, and the entitlement for it where the host holds one that counts.
#[derive(Clone, Copy, Debug)]
pub struct Holding<'a> {
    /// The key.
    pub key: &'a ProductKey,
    /// Its entitlement.
    pub entitlement: Option<&'a Entitlement>,
}

/// How an edition stands on a host.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// An entitlement covers it: that of the holding with this index, which of several lasts longest.
    Covered(usize),
    /// A key is installed whose group covers it, that of the holding with this index, but it has no entitlement now.
    Waiting(usize),
    /// No installed key covers it, or none with seats. A host key of its own group is the lowest that would.
    Uncovered,
}

/// How an edition of the catalogue stands on a host with these keys.
pub fn standing(edition: &Edition, catalogue: &Catalogue, holdings: &[Holding<'_>], now: Timestamp) -> Standing {
    let Some(group) = catalogue.group_of(edition) else { return Standing::Uncovered };
    let covers = |entitlement: &Entitlement| match edition.kind {
        LeaseKind::Volume => entitlement.threshold(edition, group).is_some(),
        LeaseKind::Seat => entitlement.pools.iter().any(|pool| pool.edition == edition.number),
    };
    let active = |holding: &Holding<'_>| holding.entitlement.filter(|held| covers(held)).map(|held| held.stop_at);
    let longest = (0..).zip(holdings).filter_map(|(index, holding)| Some((active(holding)?, index))).max();
    if let Some((_, index)) = longest.filter(|(stop_at, _)| now < *stop_at) {
        return Standing::Covered(index);
    }
    let includes =
        |key: &ProductKey| catalogue.group(key.fields().number).is_some_and(|own| own.cover(None).includes(group));
    let waits = |holding: &Holding<'_>| match holding.entitlement {
        Some(entitlement) => covers(entitlement),
        // What its entitlement will cover is not known before it is there; of its group alone it can be said.
        None => includes(holding.key),
    };
    holdings.iter().position(waits).map_or(Standing::Uncovered, Standing::Waiting)
}

/// The lowest group whose host key covers all of `groups`, if there is one.
pub fn lowest_covering<'c>(groups: &[&Group], catalogue: &'c Catalogue) -> Option<&'c Group> {
    let covers_all = |group: &&Group| groups.iter().all(|needed| group.cover(None).includes(needed));
    catalogue.groups.iter().filter(covers_all).min_by_key(|group| (group.rank, group.generation))
}

fn check_owner(key: &ProductKey, wanted: KeyKind, catalogue: &Catalogue) -> Result<(), Refusal> {
    let fields = key.fields();
    if fields.mark != publisher_mark(&catalogue.publisher) {
        return Err(Refusal::KeyWrongPublisher { publisher: catalogue.publisher.clone() });
    }
    if fields.kind != wanted {
        return Err(Refusal::KeyWrongKind { found: kind_words(fields.kind), wanted: kind_words(wanted) });
    }
    Ok(())
}

fn kind_words(kind: KeyKind) -> &'static str {
    match kind {
        KeyKind::Setup => "setup key",
        KeyKind::Host => "host key",
        KeyKind::Mak => "MAK",
    }
}

fn group_of_key<'c>(key: &ProductKey, catalogue: &'c Catalogue) -> Result<&'c Group, Refusal> {
    let number = key.fields().number;
    let unknown = || Refusal::KeyNumberUnknown { number, catalogue_version: catalogue.version };
    catalogue.group(number).ok_or_else(unknown)
}
