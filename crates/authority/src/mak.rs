//! Activating a client by a MAK: counted once per key and client, and free when repeated.
//!
//! Whatever this writes, it writes in one transaction; a refusal writes nothing but itself.

use keymuster_core::activation::Activation;
use keymuster_core::bundle::Bundle;
use keymuster_core::catalogue::{Catalogue, Edition};
use keymuster_core::document::Signed;
use keymuster_core::key::{KeyKind, ProductKey};
use keymuster_core::refusal::Refusal;
use keymuster_core::request::{Act, ClientRequest};
use keymuster_core::time::Timestamp;
use keymuster_service::sql::{Connection, Transaction};

use crate::authority::{Authority, usable};
use crate::caller::Caller;
use crate::error::Error;
use crate::refused::{About, settle};
use crate::store::activation::Activated;
use crate::store::product_key::{MakWorth, Minted, Worth};
use crate::{store, store::audit, store::tally};

/// Answers a client's request with its activation; the same request gets the same bytes again.
pub fn activate(
    authority: &Authority,
    db: &mut Connection,
    request: &Signed<ClientRequest>,
    caller: &Caller,
) -> Result<Bundle, Error> {
    let tx = store::begin(db)?;
    let decided = decide(authority, &tx, request, caller);
    let typed = request.key.as_ref().map_or("", |key| key.as_str());
    settle(authority, tx, decided, &About::client(request, typed), caller)
}

fn decide(
    authority: &Authority,
    tx: &Transaction<'_>,
    request: &Signed<ClientRequest>,
    caller: &Caller,
) -> Result<Bundle, Error> {
    authority.check_publisher(&request.publisher)?;
    let typed = request.key.as_ref().filter(|_| request.act == Act::Mak);
    let typed = typed.ok_or(Refusal::WrongWay { why: "an authority activates by MAK only; a host gives leases" })?;
    let key = authority.read_key(typed.as_str(), KeyKind::Mak)?;
    let mut mak = Mak::open(authority, tx, &key)?;
    let activation = mak.activate(request, caller)?;
    let customer = mak.minted.customer;
    let bundle = authority.answer(tx, Bundle { activation: Some(activation.into()), ..Bundle::default() })?;
    let (client, edition) = (request.client, request.edition);
    tracing::info!(%client, %customer, key = key.last_five(), edition, "activated a client");
    Ok(bundle)
}

/// A MAK at work, within one transaction.
pub struct Mak<'a> {
    authority: &'a Authority,
    tx: &'a Transaction<'a>,
    catalogue: Signed<Catalogue>,
    minted: Minted,
    worth: MakWorth,
    /// How many of its activations are used.
    used: u64,
}

impl<'a> Mak<'a> {
    /// A MAK that may be used.
    pub fn open(authority: &'a Authority, tx: &'a Transaction<'a>, key: &ProductKey) -> Result<Mak<'a>, Error> {
        let (minted, _) = usable(tx, key)?;
        let Worth::Mak(worth) = minted.worth.clone() else { return Err(Refusal::KeyUnknown.into()) };
        let catalogue = authority.catalogue(tx)?;
        let used = minted.activations_used;
        Ok(Mak { authority, tx, catalogue, minted, worth, used })
    }

    /// The signed activation that answers a request; that of before, where it is repeated.
    pub fn activate(&mut self, request: &ClientRequest, caller: &Caller) -> Result<Vec<u8>, Error> {
        let unknown = Refusal::EditionUnknown { edition: request.edition, catalogue_version: self.catalogue.version };
        let edition = self.catalogue.edition(request.edition).cloned().ok_or(unknown)?;
        if self.minted.number != edition.number {
            return Err(Refusal::KeyNotThisEdition { edition: edition.id }.into());
        }
        match store::activation::answering(self.tx, request.request)? {
            Some(earlier) => Ok(self.repeated(earlier, request)?),
            None => self.issue(&edition, request, caller),
        }
    }

    /// The activation that answered this request before, if it is the same request.
    fn repeated(&self, earlier: Activated, request: &ClientRequest) -> Result<Vec<u8>, Refusal> {
        if earlier.key != self.minted.id || earlier.client_key != request.client_key {
            return Err(Refusal::RequestConflict);
        }
        Ok(earlier.document)
    }

    /// Decides on a new activation, signs it and writes it down.
    fn issue(&mut self, edition: &Edition, request: &ClientRequest, caller: &Caller) -> Result<Vec<u8>, Error> {
        let Mak { authority, tx, minted, worth, .. } = self;
        let earlier = store::activation::of_client(tx, minted.id, &request.client_key)?;
        let count = count(worth, self.used, earlier.as_ref(), caller.now)?;
        let activation = Activation {
            publisher: request.publisher.clone(),
            client: request.client,
            client_key: request.client_key,
            edition: edition.number,
            request: request.request,
            key: minted.id,
            issued: caller.now,
            expires: worth.term_secs.map(|term| count.since.plus(term)),
            features: edition.features.clone(),
            extensions: None,
        };
        let activation = authority.sign(activation, caller.now)?;
        store::activation::put(tx, &activation, count.counted, count.since)?;
        if count.added > 0 {
            // Repeats are left out: they change nothing, and whoever has the key could fill the disk with them.
            self.used += count.added;
            store::product_key::count(tx, minted.id, count.added)?;
            tally::add(tx, tally::Kind::Activation, count.added, caller.now)?;
            let (used, total) = (self.used, worth.activations_max);
            let detail = format!("key {}, {used} of {total} used", minted.id);
            audit::append(tx, caller, "activate client", &request.client.to_string(), &detail)?;
            if is_running_low(used, worth) {
                tracing::warn!(key = %minted.id, used, total, "a MAK is nearly used up");
            }
        }
        Ok(activation.bytes().to_vec())
    }
}

/// How an activation is counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Count {
    /// How often the client is counted from this activation on.
    counted: u64,
    /// How many of those this activation adds.
    added: u64,
    /// From when its term runs.
    since: Timestamp,
}

/// A client that holds a running activation is counted already; another one costs one of the key's activations.
fn count(worth: &MakWorth, used: u64, earlier: Option<&Activated>, now: Timestamp) -> Result<Count, Refusal> {
    let is_running = |earlier: &&Activated| worth.term_secs.is_none_or(|term| now <= earlier.first_at.plus(term));
    if let Some(running) = earlier.filter(is_running) {
        return Ok(Count { counted: running.counted, added: 0, since: running.first_at });
    }
    let total = u64::from(worth.activations_max);
    if used >= total {
        return Err(Refusal::MakExhausted { used, total });
    }
    Ok(Count { counted: earlier.map_or(0, |earlier| earlier.counted) + 1, added: 1, since: now })
}

/// From four fifths on, the publisher should know: somebody may be draining the key.
fn is_running_low(used: u64, worth: &MakWorth) -> bool {
    used * 5 >= u64::from(worth.activations_max) * 4
}

#[cfg(test)]
mod tests {
    use keymuster_core::id::RequestId;
    use keymuster_core::signature::SecretKey;

    use super::*;

    #[test]
    fn a_client_is_counted_once_until_its_activation_has_ended() {
        let at = Timestamp::from_secs;
        let counted = |counted, added, since| Ok(Count { counted, added, since: at(since) });
        let exhausted = |used| Err(Refusal::MakExhausted { used, total: 3 });
        let for_ever = None;
        for (term_secs, used, earlier, now, expected) in [
            (for_ever, 0, None, 1000, counted(1, 1, 1000)),
            (for_ever, 2, None, 1000, counted(1, 1, 1000)),
            (for_ever, 3, None, 1000, exhausted(3)),
            (for_ever, 3, Some((1, 10)), 1_000_000, counted(1, 0, 10)),
            (Some(100), 1, Some((1, 10)), 110, counted(1, 0, 10)),
            (Some(100), 1, Some((1, 10)), 111, counted(2, 1, 111)),
            (Some(100), 3, Some((2, 10)), 110, counted(2, 0, 10)),
            (Some(100), 3, Some((2, 10)), 111, exhausted(3)),
            // A clock that is set back does not cost an activation.
            (Some(100), 3, Some((1, 10)), 5, counted(1, 0, 10)),
        ] {
            let earlier = earlier.map(|(counted, first_at)| Activated {
                key: "60bb99b0f5fcd".parse().unwrap(),
                client_key: SecretKey::from_seed(&[1; 32]).public(),
                request: RequestId::from_bytes([1; 16]),
                counted,
                first_at: at(first_at),
                document: Vec::new(),
            });
            let worth = MakWorth { activations_max: 3, term_secs };
            assert_eq!(count(&worth, used, earlier.as_ref(), at(now)), expected, "{used} used, {earlier:?} at {now}");
        }
    }

    #[test]
    fn four_fifths_are_running_low() {
        for (used, activations_max, low) in [(3, 5, false), (4, 5, true), (5, 5, true), (79, 100, false), (1, 1, true)]
        {
            assert_eq!(is_running_low(used, &MakWorth { activations_max, term_secs: None }), low, "{used}");
        }
    }
}
