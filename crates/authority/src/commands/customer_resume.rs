//! `customer resume`: lifts the stop of a customer.

use clap::Args;
use keymuster_core::id::Slug;

use super::{Site, list_output};
use crate::acts::revoke::resume;
use crate::error::Error;
use crate::output::Output;

/// The options of `customer resume`.
#[derive(Debug, Args)]
pub struct Options {
    /// The customer
    #[arg(value_name = "SLUG")]
    slug: Slug,
}

impl Options {
    pub fn run(self, site: &Site) -> Result<Output, Error> {
        let (authority, mut db) = site.authority()?;
        let list = resume(&authority, &mut db, &self.slug, &site.by())?;
        Ok(list_output(&list, &format!("Customer {} is no longer stopped", self.slug)))
    }
}
