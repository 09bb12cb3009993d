//! `customer stop`: no key of a customer works any more, and its hosts are on the revocation list.

use clap::Args;
use keymuster_core::id::{Label, Slug};

use super::{Site, revoked};
use crate::acts::revoke::Target;
use crate::error::Error;
use crate::output::Output;

/// The options of `customer stop`.
#[derive(Debug, Args)]
pub struct Options {
    /// The customer
    #[arg(value_name = "SLUG")]
    slug: Slug,
    /// Why, for the records
    #[arg(long, value_name = "TEXT")]
    reason: Label,
}

impl Options {
    pub fn run(self, site: &Site) -> Result<Output, Error> {
        let words = format!("Customer {} is stopped", self.slug);
        revoked(site, &Target::Customer(self.slug), self.reason.as_str(), &words)
    }
}
