//! Keeping what was refused, in the transaction that refuses, so that a support desk can explain it
//! (`docs/spec/authority-records.md`, 1).

use keymuster_core::id::Label;
use keymuster_core::key::ProductKey;
use keymuster_core::refusal::Refusal;
use keymuster_core::request::{ClientRequest, HostRequest};
use keymuster_service::sql::Transaction;

use crate::authority::Authority;
use crate::caller::Caller;
use crate::error::Error;
use crate::store;
use crate::store::refusal::Refused;

/// What a request is about.
#[derive(Clone, Debug)]
pub struct About<'a> {
    kind: &'static str,
    subject: String,
    name: Option<&'a Label>,
    /// The secret key as it was sent. It is stored nowhere.
    typed: &'a str,
}

impl<'a> About<'a> {
    /// A host's request.
    pub fn host(request: &'a HostRequest) -> About<'a> {
        let (subject, name) = (request.host.to_string(), request.name.as_ref());
        About { kind: "host", subject, name, typed: request.key.as_str() }
    }

    /// A client's request, with the key that came with it or beside it.
    pub fn client(request: &'a ClientRequest, typed: &'a str) -> About<'a> {
        About { kind: "client", subject: request.client.to_string(), name: request.name.as_ref(), typed }
    }

    /// An exchange as a whole.
    pub fn exchange(typed: &'a str) -> About<'a> {
        About { kind: "client", subject: "exchange".to_owned(), name: None, typed }
    }
}

/// Commits what was decided. A refusal, before which nothing may have been written, is kept in its place.
pub fn settle<T>(
    authority: &Authority,
    tx: Transaction<'_>,
    decided: Result<T, Error>,
    about: &About<'_>,
    caller: &Caller,
) -> Result<T, Error> {
    match &decided {
        Ok(_) => tx.commit()?,
        Err(Error::Refused(refusal)) => {
            keep(authority, &tx, refusal, about, caller)?;
            tx.commit()?;
        }
        Err(_) => {}
    }
    decided
}

/// Writes one refusal.
pub fn keep(
    authority: &Authority,
    tx: &Transaction<'_>,
    refusal: &Refusal,
    about: &About<'_>,
    caller: &Caller,
) -> Result<(), Error> {
    let key = ProductKey::parse(about.typed).ok();
    // A key with a wrong tag is somebody's guess, and belongs to nobody.
    let made = key.as_ref().filter(|key| authority.tags.made(key));
    let minted = made.map(|key| store::product_key::find(tx, key.id())).transpose()?.flatten();
    let refused = Refused {
        customer: minted.map(|minted| minted.customer.to_string()).unwrap_or_default(),
        key: key.map(|key| key.id().to_string()).unwrap_or_default(),
        kind: about.kind,
        subject: about.subject.clone(),
        name: about.name.map(ToString::to_string),
        code: refusal.code().name,
        detail: refusal.to_string(),
    };
    Ok(store::refusal::put(tx, &refused, &caller.actor.to_string(), caller.now)?)
}
