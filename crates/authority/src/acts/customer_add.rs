//! A new customer.

use keymuster_core::id::{Label, Slug};
use keymuster_service::console::By;
use keymuster_service::console::permission::Keys;
use keymuster_service::sql::Connection;

use crate::caller::Caller;
use crate::error::Error;
use crate::store::customer::Customer;
use crate::{store, store::audit};

/// Adds a customer, whose slug entitlements and revocation lists carry.
pub fn add_customer(db: &mut Connection, slug: Slug, name: Label, by: &By<Keys>) -> Result<Customer, Error> {
    let tx = store::begin(db)?;
    let customer = Customer { slug, name, added_at: by.at(), stopped: None };
    if !store::customer::insert(&tx, &customer)? {
        return Err(Error::Rule(format!("there is a customer {} already", customer.slug)));
    }
    audit::append(&tx, &Caller::from(by), "add customer", customer.slug.as_str(), customer.name.as_str())?;
    tx.commit()?;
    Ok(customer)
}
