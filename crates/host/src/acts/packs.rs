//! Taking a licence pack over, from a file or from the publisher's authority, and what it has brought.
//!
//! Nothing goes back: see [`pack::judge`].

use anyhow::{Context as _, anyhow, ensure};
use keymuster_core::bundle::Bundle;
use keymuster_core::chain::Chain;
use keymuster_core::document;
use keymuster_core::invalid::Invalid;
use keymuster_core::issuer::Issuer;
use keymuster_core::key::ProductKey;
use keymuster_core::trust::Trust;
use keymuster_service::console::By;
use keymuster_service::console::permission::Keys;
use keymuster_service::database;
use keymuster_service::sql::Connection;
use serde::Serialize;
use utoipa::ToSchema;

use crate::certify;
use crate::pack::{self, NotTaken, Taken, kept};
use crate::site::{Home, Publisher, Site};
use crate::standing::{self, EditionStanding, Need};
use crate::store::{self, audit};

/// What a licence pack has brought.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct Brought {
    /// The publisher's name for machines.
    pub publisher: String,
    /// The publisher's name for people.
    pub name: String,
    /// The version that is held.
    pub version: u32,
    /// The version that was held; absent where the publisher is new.
    pub version_before: Option<u32>,
    /// Whether it is the very pack that was held.
    pub is_held_already: bool,
    /// Groups that were not known before.
    pub new_groups: Vec<String>,
    /// Editions that were not known before.
    pub new_editions: Vec<EditionStanding>,
    /// Editions that the pack does not describe any more.
    pub gone_editions: Vec<String>,
    /// The keys whose entitlement counted before and does not any more.
    pub left_out: Vec<LeftOut>,
    /// All editions that no installed key covers.
    pub needs: Vec<Need>,
    /// Whether a host key of the publisher is installed.
    pub has_keys: bool,
}

/// A key whose entitlement a pack has put out of force.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct LeftOut {
    /// The last five symbols of the key.
    pub last_five: String,
    /// Why, in words.
    pub why: String,
}

/// Takes a pack over: for the publisher of `trust`, or without that for the known one whose root keys vouch for the pack.
pub fn import(home: &mut Home, by: &By<Keys>, trust: Option<Trust>, pack: &Bundle) -> anyhow::Result<Brought> {
    let tx = database::begin(&mut home.db)?;
    let site = Site::load(&tx)?;
    let (held, trust) = match trust {
        Some(trust) => (site.publisher(&trust.publisher), trust),
        None => {
            let found = owner(&site, pack).map(|index| &site.publishers[index]);
            let held = found.ok_or_else(|| {
                let why = "the licence pack is of no publisher that this host knows: name its trust file with --trust";
                anyhow!(Invalid::SignerUnknown).context(why)
            })?;
            (Some(held), held.trust.clone())
        }
    };
    if let Some(held) = held {
        ensure!(held.trust.roots == trust.roots, "publisher {} is known with other root keys", trust.publisher);
    }
    let known = held.map(|held| Chain::new(&trust, &held.pack, None)).transpose()?;
    let known = known.and_then(|chain| chain.revocations().cloned());
    let chain = Chain::new(&trust, pack, known).map_err(NotTaken::Invalid)?;
    let catalogue = pack::judge(pack, &chain, held)?;
    let is_the_same = held.is_some_and(|held| kept(&held.pack) == kept(pack));
    let act = match held {
        _ if is_the_same => None,
        None => {
            let bytes = kept(pack).to_bytes();
            store::publisher::add(&tx, &trust.publisher, &trust.to_string(), &bytes, by.at())?;
            Some("publisher added")
        }
        Some(held) => {
            pack::replace(&tx, held, pack)?;
            Some("licence pack replaced")
        }
    };
    if let Some(act) = act {
        let detail = format!("licence pack version {}", catalogue.version);
        let act = audit::Act { actor: by.actor(), act, subject: trust.publisher.as_str(), detail: &detail };
        audit::record(&tx, act, by.at())?;
    }
    home.site = Site::load(&tx)?;
    tx.commit()?;
    let after = home.site.publisher(&trust.publisher).cloned().context("the publisher that was added is not there")?;
    Brought::by(&Taken { before: held.cloned(), after }, &mut home.db, by)
}

/// The place of the publisher whose root signed the issuers of a bundle; nothing is verified by that.
pub fn owner(site: &Site, bundle: &Bundle) -> Option<usize> {
    let mut signers = bundle.issuers.iter().flatten().filter_map(|issuer| document::signer_of::<Issuer>(issuer).ok());
    let knows = |held: &Publisher, signer| held.trust.roots.iter().any(|root| root.signer() == signer);
    signers.find_map(|signer| site.publishers.iter().position(|held| knows(held, signer)))
}

/// Asks a publisher's authority for its newest pack, and takes it over; `url` is where to ask instead of the address in the
/// trust file. A pack is public and signed, so the connection may be a plain one.
pub fn fetch(home: &mut Home, by: &By<Keys>, publisher: usize, url: Option<&str>) -> anyhow::Result<Brought> {
    let trust = home.site.publishers[publisher].trust.clone();
    let url = certify::address(&home.site.publishers[publisher], url)?.context(
        "the trust file names no authority; name one with --authority, or import a file: keymuster-host pack import FILE",
    )?;
    let fetched = pack::fetch(&url)?;
    import(home, by, Some(trust), &fetched)
}

impl Brought {
    /// Compares what was held with what is, for the keys that are installed.
    pub(super) fn by(taken: &Taken, db: &mut Connection, by: &By<Keys>) -> anyhow::Result<Brought> {
        let Taken { before, after } = taken;
        let tx = db.transaction()?;
        let keys = store::host_key::of_publisher(&tx, after.number)?;
        tx.commit()?;
        let known = before.as_ref().map(|before| &before.catalogue);
        let groups = after.catalogue.groups.iter();
        let new_groups = groups.filter(|group| known.is_some_and(|known| known.group(group.number).is_none()));
        let is_new = |edition: &EditionStanding| known.is_none_or(|known| known.edition_named(&edition.id).is_none());
        let is_gone = |id: &str| after.catalogue.edition_named(id).is_none();
        let gone = known.into_iter().flat_map(|known| &known.editions).filter(|edition| is_gone(edition.id.as_str()));
        Ok(Brought {
            publisher: after.trust.publisher.to_string(),
            name: after.catalogue.name.to_string(),
            version: after.catalogue.version,
            version_before: known.map(|known| known.version),
            is_held_already: before.as_ref().is_some_and(|before| before.pack == after.pack),
            new_groups: new_groups.map(|group| group.name.to_string()).collect(),
            new_editions: standing::in_names(after, &keys, by.at()).into_iter().filter(is_new).collect(),
            gone_editions: gone.map(|edition| edition.name.to_string()).collect(),
            left_out: before.as_ref().map(|before| left_out(before, after, &keys)).unwrap_or_default(),
            needs: standing::needs(after, &keys, by.at()),
            has_keys: !keys.is_empty(),
        })
    }
}

/// The keys whose entitlement this pack has put out of force.
fn left_out(before: &Publisher, after: &Publisher, keys: &[ProductKey]) -> Vec<LeftOut> {
    let counted = |key: &ProductKey| before.entitlements.iter().any(|granted| granted.entitlement.key == key.id());
    let why = |key: &ProductKey| after.left_out.iter().find(|(left_out, _)| *left_out == key.id());
    let lost = keys.iter().filter(|key| counted(key));
    lost.filter_map(|key| Some(LeftOut { last_five: key.last_five(), why: why(key)?.1.to_string() })).collect()
}

/// Takes a pack over from the bytes of its file, and of the trust file where its publisher is not known yet.
pub fn import_file(home: &mut Home, by: &By<Keys>, trust: Option<&[u8]>, pack: &[u8]) -> anyhow::Result<Brought> {
    let trust = trust.map(|bytes| String::from_utf8_lossy(bytes).parse::<Trust>()).transpose()?;
    import(home, by, trust, &Bundle::parse_file(pack)?)
}
