//! `customer add`: a new customer.

use clap::Args;
use keymuster_core::id::{Label, Slug};
use serde_json::json;

use super::Site;
use crate::acts::customer_add::add_customer;
use crate::error::Error;
use crate::output::Output;
use crate::store::customer::Customer;

/// The options of `customer add`.
#[derive(Debug, Args)]
pub struct Options {
    /// The customer's name for machines; entitlements and revocation lists carry it
    #[arg(value_name = "SLUG")]
    slug: Slug,
    /// The customer's name for people
    #[arg(long, value_name = "LABEL")]
    name: Label,
}

impl Options {
    pub fn run(self, site: &Site) -> Result<Output, Error> {
        let mut db = site.dir.open_database()?;
        let Customer { slug, name, .. } = add_customer(&mut db, self.slug, self.name, &site.by())?;
        let value = json!({ "customer": slug.as_str(), "name": name.as_str() });
        Ok(Output::new(value, format!("Customer {slug} ({name}) is added.")))
    }
}
