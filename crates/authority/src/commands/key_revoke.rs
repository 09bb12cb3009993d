//! `key revoke`: takes back a key with every entitlement that was issued for it.

use clap::Args;
use keymuster_core::id::Label;

use super::{Site, revoked};
use crate::acts::revoke::Target;
use crate::error::Error;
use crate::output::Output;
use crate::{lookup, store};

/// The options of `key revoke`.
#[derive(Debug, Args)]
pub struct Options {
    /// The key's id, or its last five symbols
    #[arg(value_name = "KEY")]
    key: String,
    /// Why, for the records
    #[arg(long, value_name = "TEXT")]
    reason: Label,
}

impl Options {
    pub fn run(self, site: &Site) -> Result<Output, Error> {
        let (authority, mut db) = site.authority()?;
        let minted = lookup::key(&authority, &store::begin(&mut db)?, &self.key)?;
        let words = format!("The {} {} is revoked", minted.kind(), authority.key_of(&minted)?.last_five());
        revoked(site, &Target::Key(minted.id), self.reason.as_str(), &words)
    }
}
