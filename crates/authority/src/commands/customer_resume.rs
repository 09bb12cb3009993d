//! `customer resume`: lifts the stop of a customer.

use clap::Args;
use keymuster_core::id::Slug;

use super::{Site, revoked};
use crate::error::Error;
use crate::output::Output;
use crate::revoke::Act;

/// The options of `customer resume`.
#[derive(Debug, Args)]
pub struct Options {
    /// The customer
    #[arg(value_name = "SLUG")]
    slug: Slug,
}

impl Options {
    pub fn run(self, site: &Site) -> Result<Output, Error> {
        let words = format!("Customer {} is no longer stopped", self.slug);
        revoked(site, &Act::ResumeCustomer(self.slug), &words)
    }
}
