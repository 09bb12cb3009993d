//! Taking back: keys, hosts, whole customers. Each act signs a new revocation list in the same transaction.

use keymuster_core::id::{HostId, Slug};
use keymuster_core::key::KeyId;
use keymuster_core::revocation::Revocations;
use rusqlite::{Connection, Transaction};

use crate::authority::Authority;
use crate::caller::Caller;
use crate::error::Error;
use crate::mint::no_customer;
use crate::store::Taken;
use crate::{store, store::audit};

/// What is taken back, or given back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Act {
    /// A host key, with all entitlements that were issued for it, or a MAK.
    RevokeKey(KeyId, String),
    /// A host, with all its entitlements.
    RevokeHost(HostId, String),
    /// A customer, with all its hosts; no key of its works any more.
    StopCustomer(Slug, String),
    /// The end of a stop.
    ResumeCustomer(Slug),
}

/// Does it, and returns the new list.
pub fn revoke(authority: &Authority, db: &mut Connection, act: &Act, caller: &Caller) -> Result<Revocations, Error> {
    let tx = store::begin(db)?;
    let (verb, subject, reason) = apply(&tx, act, caller)?;
    let list = next_list(authority, &tx, caller)?;
    let list = authority.sign(list, caller.now)?;
    store::revocation_list::insert(&tx, &list)?;
    let detail = format!("revocation list {}{reason}", list.sequence);
    audit::append(&tx, caller, verb, &subject, &detail)?;
    tx.commit()?;
    Ok((*list).clone())
}

/// Writes what is taken back; returns the audit's words for it.
fn apply(tx: &Transaction<'_>, act: &Act, caller: &Caller) -> Result<(&'static str, String, String), Error> {
    let taken = |reason: &str| Taken { at: caller.now, reason: reason.to_owned() };
    let (done, verb, subject, reason) = match act {
        Act::RevokeKey(id, reason) => {
            (store::product_key::revoke(tx, *id, &taken(reason))?, "revoke key", id.to_string(), reason.as_str())
        }
        Act::RevokeHost(id, reason) => {
            (store::host::revoke(tx, *id, &taken(reason))?, "revoke host", id.to_string(), reason.as_str())
        }
        Act::StopCustomer(slug, reason) => {
            (store::customer::stop(tx, slug, &taken(reason))?, "stop customer", slug.to_string(), reason.as_str())
        }
        Act::ResumeCustomer(slug) => {
            (store::customer::resume(tx, slug)?, "resume customer", slug.to_string(), "the stop is lifted")
        }
    };
    if done { Ok((verb, subject, format!(": {reason}"))) } else { Err(why_not(tx, act)?) }
}

/// Why nothing was there to be changed.
fn why_not(tx: &Transaction<'_>, act: &Act) -> Result<Error, Error> {
    let already = |what: String, taken: Option<Taken>| match taken {
        Some(Taken { at, reason }) => Error::Rule(format!("{what} since {at}: {reason}")),
        // Somebody else gave it back in between, or it never was taken.
        None => Error::Rule(format!("it is not true that {what}")),
    };
    Ok(match act {
        Act::RevokeKey(id, _) => match store::product_key::find(tx, *id)? {
            Some(key) => already(format!("key {id} is revoked"), key.revoked),
            None => Error::Rule(format!("there is no key {id}")),
        },
        Act::RevokeHost(id, _) => match store::host::find(tx, *id)? {
            Some(host) => already(format!("host {id} is revoked"), host.revoked),
            None => Error::Rule(format!("there is no host {id}")),
        },
        Act::StopCustomer(slug, _) | Act::ResumeCustomer(slug) => match store::customer::find(tx, slug)? {
            Some(customer) => already(format!("customer {slug} is stopped"), customer.stopped),
            None => no_customer(tx, slug),
        },
    })
}

/// The list as it follows from all rows; what has ended by itself is left out, so that the list stays short.
fn next_list(authority: &Authority, tx: &Transaction<'_>, caller: &Caller) -> Result<Revocations, Error> {
    let newest = store::revocation_list::newest(tx)?.map_or(0, |(sequence, _)| sequence);
    let customers = store::customer::list(tx)?.into_iter().filter(|customer| customer.stopped.is_some());
    Ok(Revocations {
        publisher: authority.publisher.slug.clone(),
        sequence: newest + 1,
        issued: caller.now,
        entitlements: store::entitlement::of_revoked_keys(tx, caller.now)?,
        hosts: store::entitlement::revoked_hosts(tx, caller.now)?,
        customers: customers.map(|customer| customer.slug).collect(),
        issuers: Vec::new(),
        extensions: None,
    })
}
