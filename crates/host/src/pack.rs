//! Licence packs: which may take the place of what is held, and what of them is kept.
//!
//! Nothing goes back: a pack with an older catalogue or older revocations than those held is refused, and so is one that
//! this program is too old for.

use anyhow::anyhow;
use keymuster_core::bundle::Bundle;
use keymuster_core::catalogue::Catalogue;
use keymuster_core::chain::Chain;
use keymuster_core::document::{Document as _, Signed};
use keymuster_core::id::Slug;
use keymuster_core::invalid::Invalid;
use keymuster_core::refusal::Refusal;
use keymuster_service::sql::Transaction;

use crate::certify;
use crate::site::Publisher;
use crate::store;

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
pub fn kept(pack: &Bundle) -> Bundle {
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

/// Fetches the newest pack from the authority at `url`. It is public and signed, so the connection may be a plain one.
pub fn fetch(url: &str) -> anyhow::Result<Bundle> {
    certify::get(url, "/v1/pack")
}
