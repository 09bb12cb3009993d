//! Licence packs: taking one over, from a file or from the publisher's authority.
//!
//! Nothing goes back: a pack with an older catalogue or older revocations than those held is refused, and so is one that
//! this program is too old for.

use anyhow::{Context as _, anyhow, ensure};
use keymuster_core::bundle::Bundle;
use keymuster_core::catalogue::Catalogue;
use keymuster_core::chain::Chain;
use keymuster_core::document::{self, Document as _, Signed};
use keymuster_core::id::Slug;
use keymuster_core::invalid::Invalid;
use keymuster_core::issuer::Issuer;
use keymuster_core::refusal::Refusal;
use keymuster_core::trust::Trust;
use keymuster_service::Env;
use rusqlite::{Transaction, TransactionBehavior};

use crate::certify;
use crate::site::{Home, Publisher, Site};
use crate::store::{self, audit};

/// This program's version, to be compared with what a catalogue demands.
pub fn program_version() -> Slug {
    env!("CARGO_PKG_VERSION").parse().expect("the version of a package is a slug")
}

/// Why a pack is not taken over.
#[derive(Debug)]
pub enum NotTaken {
    /// It does not verify, or holds no catalogue.
    Invalid(Invalid),
    /// What is held is newer; the text says what of it.
    Older(String),
    /// It needs a newer version of this program.
    HostTooOld(Refusal),
}

impl From<NotTaken> for anyhow::Error {
    fn from(why: NotTaken) -> anyhow::Error {
        match why {
            NotTaken::Invalid(invalid) => anyhow!(invalid).context("the licence pack does not verify"),
            NotTaken::Older(detail) => anyhow!(Invalid::OlderThanHeld).context(detail),
            NotTaken::HostTooOld(refusal) => refusal.into(),
        }
    }
}

/// The catalogue of a pack, where the pack may take the place of what is held; `chain` knows the revocations that are held.
pub fn judge(pack: &Bundle, chain: &Chain<'_>, held: Option<&Publisher>) -> Result<Signed<Catalogue>, NotTaken> {
    let none = || Invalid::WrongType { expected: Catalogue::TYPE, found: "a file without one".to_owned() };
    let bytes = pack.catalogue.as_ref().ok_or_else(none).map_err(NotTaken::Invalid)?;
    let catalogue = chain.catalogue(bytes).map_err(NotTaken::Invalid)?;
    if let Some(held) = held {
        let (found, known) = (catalogue.version, held.catalogue.version);
        if found < known {
            return Err(NotTaken::Older(format!("the licence pack has version {found}, this host holds {known}")));
        }
        if chain.revocations().map(Signed::bytes) != pack.revocations.as_ref().map(|bytes| bytes.as_slice()) {
            return Err(NotTaken::Older("the licence pack's revocations are older than those held".to_owned()));
        }
    }
    catalogue.check_host(&program_version()).map_err(NotTaken::HostTooOld)?;
    Ok(catalogue)
}

/// What of a bundle is kept as the licence pack.
fn kept(pack: &Bundle) -> Bundle {
    Bundle {
        catalogue: pack.catalogue.clone(),
        issuers: pack.issuers.clone(),
        revocations: pack.revocations.clone(),
        ..Bundle::default()
    }
}

/// Puts a pack that was judged in the place of the one that is held.
pub fn replace(tx: &Transaction<'_>, held: &Publisher, pack: &Bundle) -> anyhow::Result<()> {
    Ok(store::publisher::set_pack(tx, held.number, &kept(pack).to_bytes())?)
}

/// A pack that was taken over: the publisher as it was before, and as it is now.
#[derive(Debug)]
pub struct Taken {
    /// As it was; `None` where it is new.
    pub before: Option<Publisher>,
    /// As it is.
    pub after: Publisher,
}

/// Takes a pack over: for the publisher of `trust`, or without that for the known one whose root keys vouch for the pack.
pub fn import(home: &mut Home, trust: Option<Trust>, pack: &Bundle, env: &Env) -> anyhow::Result<Taken> {
    let now = env.now();
    let tx = home.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let site = Site::load(&tx)?;
    let (held, trust) = match trust {
        None => owner(&site, pack).map(|held| (Some(held), held.trust.clone()))?,
        Some(trust) => (site.publisher(&trust.publisher), trust),
    };
    if let Some(held) = held {
        ensure!(held.trust.roots == trust.roots, "publisher {} is known with other root keys", trust.publisher);
    }
    let known = held.map(|held| Chain::new(&trust, &held.pack, None)).transpose()?;
    let known = known.and_then(|chain| chain.revocations().cloned());
    let chain = Chain::new(&trust, pack, known).map_err(NotTaken::Invalid)?;
    let catalogue = judge(pack, &chain, held)?;
    if let Some(held) = held.filter(|held| kept(&held.pack) == kept(pack)) {
        return Ok(Taken { before: Some(held.clone()), after: held.clone() });
    }
    let act = match held {
        None => {
            store::publisher::add(&tx, &trust.publisher, &trust.to_string(), &kept(pack).to_bytes(), now)?;
            "publisher added"
        }
        Some(held) => {
            replace(&tx, held, pack)?;
            "licence pack replaced"
        }
    };
    let detail = format!("licence pack version {}", catalogue.version);
    let act = audit::Act { actor: &audit::operating_user(), act, subject: trust.publisher.as_str(), detail: &detail };
    audit::record(&tx, act, now)?;
    home.site = Site::load(&tx)?;
    tx.commit()?;
    let after = home.site.publisher(&trust.publisher).cloned().context("the publisher that was added is not there")?;
    Ok(Taken { before: held.cloned(), after })
}

/// The publisher whose root signed the issuers of a pack; nothing is verified by that.
fn owner<'s>(site: &'s Site, pack: &Bundle) -> anyhow::Result<&'s Publisher> {
    let mut signers = pack.issuers.iter().flatten().filter_map(|issuer| document::signer_of::<Issuer>(issuer).ok());
    let knows = |held: &Publisher, signer| held.trust.roots.iter().any(|root| root.signer() == signer);
    let found = signers.find_map(|signer| site.publishers.iter().find(|held| knows(held, signer)));
    found.ok_or_else(|| {
        anyhow!(Invalid::SignerUnknown)
            .context("the licence pack is of no publisher that this host knows: name its trust file with --trust")
    })
}

/// Fetches the newest pack from the authority at `url`. It is public and signed, so the connection may be a plain one.
pub fn fetch(url: &str) -> anyhow::Result<Bundle> {
    certify::get(url, "/v1/pack")
}
