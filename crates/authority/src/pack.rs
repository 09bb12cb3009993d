//! Licence packs: signing a catalogue as the current one, and handing the current one out.

use keymuster_core::bundle::Bundle;
use keymuster_core::catalogue::Catalogue;
use keymuster_service::sql::{Connection, Transaction};

use crate::authority::Authority;
use crate::caller::Caller;
use crate::error::Error;
use crate::{store, store::audit};

/// What became of a catalogue that was to be signed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pack {
    /// The pack.
    pub bundle: Bundle,
    /// Whether this very catalogue had been signed before, so that nothing has changed.
    pub was_signed: bool,
}

/// Signs a catalogue and makes it the current one.
///
/// The version has to rise, or hosts and clients that hold the old one would not take the new one.
/// A catalogue that says what the current one says is not signed again, so the command may be repeated.
pub fn sign(authority: &Authority, db: &mut Connection, catalogue: Catalogue, caller: &Caller) -> Result<Pack, Error> {
    check(authority, &catalogue)?;
    let tx = store::begin(db)?;
    if let Some(current) = authority.newest_catalogue(&tx)? {
        if (Catalogue { issued: current.issued, ..catalogue.clone() }) == *current {
            return Ok(Pack { bundle: pack_of(authority, &tx, current.bytes())?, was_signed: true });
        }
        if catalogue.version <= current.version {
            let (version, signed) = (catalogue.version, current.version);
            let advice = format!("raise `version` to {}", signed.saturating_add(1));
            return Err(Error::Rule(format!("version {version} is not above {signed}, which is signed; {advice}")));
        }
    }
    let signed = authority.sign(catalogue, caller.now)?;
    store::catalogue::insert(&tx, &signed)?;
    let detail = format!("{} editions", signed.editions.len());
    audit::append(&tx, caller, "sign catalogue", &format!("version {}", signed.version), &detail)?;
    let bundle = pack_of(authority, &tx, signed.bytes())?;
    tx.commit()?;
    Ok(Pack { bundle, was_signed: false })
}

/// Whether this authority may sign a catalogue with this content.
pub fn check(authority: &Authority, catalogue: &Catalogue) -> Result<(), Error> {
    let own = &authority.publisher.slug;
    if catalogue.publisher != *own {
        return Err(Error::Rule(format!("the catalogue is of publisher {}, this is {own}'s", catalogue.publisher)));
    }
    let days = authority.issuer.lease_secs_max / keymuster_core::time::DAY;
    if catalogue.policy.lease_secs > authority.issuer.lease_secs_max {
        return Err(Error::Rule(format!("policy.lease: the issuer certificate allows leases of at most {days} days")));
    }
    Ok(())
}

/// The current pack.
pub fn newest(authority: &Authority, db: &mut Connection) -> Result<Bundle, Error> {
    let tx = store::begin(db)?;
    let catalogue = authority.catalogue(&tx)?;
    pack_of(authority, &tx, catalogue.bytes())
}

fn pack_of(authority: &Authority, tx: &Transaction<'_>, catalogue: &[u8]) -> Result<Bundle, Error> {
    authority.answer(tx, Bundle { catalogue: Some(catalogue.to_vec().into()), ..Bundle::default() })
}
