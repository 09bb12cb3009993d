//! Which product key may be installed where: decided from the key and the catalogue alone, before anything is sent.

use crate::catalogue::{Catalogue, Edition, Group};
use crate::key::{KeyKind, ProductKey, publisher_mark};
use crate::refusal::Refusal;

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
            return Err(Refusal::KeyAlreadyCovered { last_five: other.last_five(), group: held.name.clone() });
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
