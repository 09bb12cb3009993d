//! `customer add`: a new customer.

use clap::Args;
use keymuster_core::id::{Label, Slug};
use serde_json::json;

use super::Site;
use crate::error::Error;
use crate::output::Output;
use crate::store;
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
        let caller = site.caller();
        let mut db = site.dir.open_database()?;
        let tx = store::begin(&mut db)?;
        let customer = Customer { slug: self.slug, name: self.name, added_at: caller.now, stopped: None };
        let Customer { slug, name, .. } = &customer;
        if !store::customer::insert(&tx, &customer)? {
            return Err(Error::Rule(format!("there is a customer {slug} already")));
        }
        store::audit::append(&tx, &caller, "add customer", slug.as_str(), name.as_str())?;
        tx.commit()?;
        let value = json!({ "customer": slug.as_str(), "name": name.as_str() });
        Ok(Output::new(value, format!("Customer {slug} ({name}) is added.")))
    }
}
