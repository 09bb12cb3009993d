//! Installing a host key, and taking one off again with its entitlement; what was granted runs on.

use anyhow::bail;
use keymuster_core::codes;
use keymuster_core::coverage::{Standing, installable_host_key};
use keymuster_core::key::{ProductKey, publisher_mark};
use keymuster_core::time::Timestamp;
use keymuster_service::console::By;
use keymuster_service::console::permission::Keys;
use keymuster_service::database::{self, Failure};
use keymuster_service::exit::Coded;
use keymuster_service::sql::Transaction;
use serde::Serialize;
use utoipa::ToSchema;

use crate::site::{Home, Publisher, Site};
use crate::standing;
use crate::store::{self, audit, host_key::Place};

/// A host key that was installed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct Installed {
    /// The publisher's name for machines.
    pub publisher: String,
    /// The key's public name.
    pub id: String,
    /// The last five symbols of the key.
    pub last_five: String,
    /// The name of the group that it stands for.
    pub group: String,
    /// The names of the groups that it covers.
    pub covers: Vec<String>,
}

/// A key that is to be removed.
#[derive(Clone, Debug)]
pub struct Marked {
    /// Where it is.
    pub place: Place,
    /// Its last five symbols.
    pub last_five: String,
    /// The publisher's name for machines.
    pub publisher: String,
    /// The name of its group for people.
    pub group: String,
    /// Until when it is activated, if it is.
    pub stop_at: Option<Timestamp>,
    /// What the entry in the audit says of it.
    detail: String,
}

/// What went with keys that were removed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct Removed {
    /// The last five symbols of each key.
    pub keys: Vec<String>,
    /// The names of the editions that are not covered any more.
    pub lost: Vec<String>,
    /// Whether no copy of a key is left in the files; one that is goes when all programs that read the database have ended.
    pub is_erased: bool,
}

/// The place of the publisher whose key this is, where keys tell it.
pub fn publisher_of(site: &Site, key: &ProductKey) -> Option<usize> {
    let is_of = |held: &Publisher| publisher_mark(&held.trust.publisher) == key.fields().mark;
    let mut found = (0..).zip(&site.publishers).filter(|(_, held)| is_of(held)).map(|(index, _)| index);
    // Marks are short, so that two publishers may have the same one.
    let first = found.next();
    first.filter(|_| found.next().is_none())
}

/// Checks a key and installs it, before anything is sent anywhere.
pub fn install(home: &mut Home, by: &By<Keys>, publisher: usize, key: &ProductKey) -> anyhow::Result<Installed> {
    let held = &home.site.publishers[publisher];
    let tx = database::begin(&mut home.db)?;
    let installed = store::host_key::of_publisher(&tx, held.number)?;
    let group = installable_host_key(key, &installed, &held.catalogue)?;
    store::host_key::add(&tx, held.number, key, by.at())?;
    let detail = format!("publisher {}, group {}", held.trust.publisher, group.id);
    let subject = format!("host key …{}", key.last_five());
    let act = audit::Act { actor: by.actor(), act: "key installed", subject: &subject, detail: &detail };
    audit::record(&tx, act, by.at())?;
    tx.commit()?;
    let cover = group.cover(None);
    let covered = held.catalogue.groups.iter().filter(|group| cover.includes(group));
    Ok(Installed {
        publisher: held.trust.publisher.to_string(),
        id: key.id().to_string(),
        last_five: key.last_five(),
        group: group.name.to_string(),
        covers: covered.map(|group| group.name.to_string()).collect(),
    })
}

/// The installed keys that are meant, of one publisher or of all.
pub fn marked(
    tx: &Transaction<'_>,
    site: &Site,
    publisher: Option<usize>,
    is_meant: impl Fn(&ProductKey) -> bool,
) -> Result<Vec<Marked>, Failure> {
    let mut marked = Vec::new();
    for (index, held) in site.publishers.iter().enumerate() {
        if publisher.is_some_and(|publisher| publisher != index) {
            continue;
        }
        let keys = store::host_key::of_publisher(tx, held.number)?;
        marked.extend(keys.iter().filter(|key| is_meant(key)).map(|key| mark(held, key)));
    }
    Ok(marked)
}

fn mark(held: &Publisher, key: &ProductKey) -> Marked {
    let group = held.catalogue.group(key.fields().number);
    let publisher = &held.trust.publisher;
    let entitled = held.entitlements.iter().find(|granted| granted.entitlement.key == key.id());
    Marked {
        place: (held.number, key.id()),
        last_five: key.last_five(),
        publisher: publisher.to_string(),
        group: group.map_or_else(|| "unknown group".to_owned(), |group| group.name.to_string()),
        stop_at: entitled.map(|granted| granted.entitlement.stop_at),
        detail: format!("publisher {publisher}, group {}", group.map_or("unknown", |group| group.id.as_str())),
    }
}

/// The names of the editions that are covered now, and would not be without these keys.
pub fn loss(tx: &Transaction<'_>, site: &Site, keys: &[Place], now: Timestamp) -> Result<Vec<String>, Failure> {
    let mut lost = Vec::new();
    for held in &site.publishers {
        let before = store::host_key::of_publisher(tx, held.number)?;
        let mut after = before.clone();
        after.retain(|key| !keys.contains(&(held.number, key.id())));
        let is_covered = |standing: &Standing| matches!(standing, Standing::Covered(_));
        let both = standing::standings(held, &before, now).into_iter().zip(standing::standings(held, &after, now));
        let gone = both.filter(|((_, before), (_, after))| is_covered(before) && !is_covered(after));
        lost.extend(gone.map(|((edition, _), _)| edition.name.to_string()));
    }
    Ok(lost)
}

/// Removes keys with what was asked and granted for them.
pub fn remove(home: &mut Home, by: &By<Keys>, marked: &[Marked]) -> anyhow::Result<Removed> {
    if marked.is_empty() {
        bail!("no host key was named");
    }
    let places: Vec<Place> = marked.iter().map(|marked| marked.place).collect();
    let tx = home.db.transaction()?;
    let lost = loss(&tx, &home.site, &places, by.at())?;
    tx.commit()?;
    let is_erased = store::host_key::remove(&mut home.db, &places, |tx| {
        for Marked { last_five, detail, .. } in marked {
            let subject = format!("host key …{last_five}");
            let act = audit::Act { actor: by.actor(), act: "key removed", subject: &subject, detail };
            audit::record(tx, act, by.at())?;
        }
        Ok(())
    })?;
    let tx = home.db.transaction()?;
    home.site = Site::load(&tx)?;
    tx.commit()?;
    Ok(Removed { keys: marked.iter().map(|marked| marked.last_five.clone()).collect(), lost, is_erased })
}

/// Installs a key as somebody typed it, for the publisher of this name or, without a name, for the one whose key it is.
pub fn install_text(home: &mut Home, by: &By<Keys>, publisher: &str, text: &str) -> anyhow::Result<Installed> {
    let key = ProductKey::parse(text.trim())?;
    let publisher = match publisher {
        "" => publisher_of(&home.site, &key).map_or_else(|| home.site.choose(None), Ok)?,
        named => home.site.choose(Some(named))?,
    };
    install(home, by, publisher, &key)
}

/// Removes one key, by its publisher and its public name.
pub fn remove_one(home: &mut Home, by: &By<Keys>, publisher: &str, id: &str) -> anyhow::Result<Removed> {
    let publisher = home.site.choose(Some(publisher)).map_err(|_| unknown())?;
    let is_meant = |key: &ProductKey| key.id().to_string() == id;
    let marked = marked(&home.db.transaction()?, &home.site, Some(publisher), is_meant)?;
    if marked.is_empty() {
        return Err(unknown());
    }
    remove(home, by, &marked)
}

/// Nobody has installed such a key, or somebody has removed it.
fn unknown() -> anyhow::Error {
    let detail = "no such host key is installed; somebody may have removed it".to_owned();
    Coded { code: &codes::RECORD_UNKNOWN, detail }.into()
}

/// An installed key by its publisher and its public name, and the place of that publisher in the site.
pub fn installed(home: &mut Home, publisher: &str, id: &str) -> anyhow::Result<(usize, ProductKey)> {
    let index = home.site.choose(Some(publisher)).map_err(|_| unknown())?;
    let keys = store::host_key::of_publisher(&home.db.transaction()?, home.site.publishers[index].number)?;
    let key = keys.into_iter().find(|key| key.id().to_string() == id).ok_or_else(unknown)?;
    Ok((index, key))
}
