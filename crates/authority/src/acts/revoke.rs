//! Taking back: keys, hosts, whole customers. Each act signs a new revocation list in the same transaction.
//!
//! What takes away more than one person may decide becomes a proposal (`docs/spec/authority-records.md`, 3).

use keymuster_core::id::{HostId, Slug};
use keymuster_core::key::KeyId;
use keymuster_core::revocation::Revocations;
use keymuster_core::time::{DAY, Timestamp};
use keymuster_service::console::By;
use keymuster_service::console::permission::Settings;
use keymuster_service::sql::{Connection, Transaction};

use super::key_mint::no_customer;
use super::proposal::expire;
use crate::authority::Authority;
use crate::caller::Caller;
use crate::error::Error;
use crate::store::Taken;
use crate::store::limit::{self, Limits};
use crate::store::proposal::{End, Outcome, Proposal, Reach};
use crate::{store, store::audit};

/// For how long the limit counts together what one person takes back.
const TOGETHER_SECS: u64 = DAY;

/// What is taken back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Target {
    /// A host key, with all entitlements that were issued for it, or a MAK.
    Key(KeyId),
    /// A host, with all its entitlements.
    Host(HostId),
    /// A customer, with all its hosts; no key of its works any more.
    Customer(Slug),
}

/// What became of an act.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Revoked {
    /// It is done, and this is the new list.
    Done(Revocations),
    /// It waits for a second person, under this number.
    Proposed(u64),
}

/// Takes something back, or proposes to where one person may not decide.
pub fn revoke(
    authority: &Authority,
    db: &mut Connection,
    target: &Target,
    reason: &str,
    by: &By<Settings>,
) -> Result<Revoked, Error> {
    let tx = store::begin(db)?;
    let caller = Caller::from(by);
    expire(&tx, by.at())?;
    check(&tx, target)?;
    let (reach, alone) = (target.reach(&tx, by.at())?, taken_alone(&tx, by)?);
    let proposal = Proposal {
        number: 0,
        kind: target.kind().to_owned(),
        subject: target.subject(),
        reason: reason.to_owned(),
        reach,
        proposed_at: by.at(),
        person: by.person().to_owned(),
        actor: by.actor().to_owned(),
        end: None,
    };
    let revoked = if may_decide_alone(limit::load(&tx)?, reach, alone) {
        let end = Some(End { outcome: Outcome::Done, at: by.at(), by: by.actor().to_owned() });
        store::proposal::insert(&tx, &Proposal { end, ..proposal })?;
        Revoked::Done(apply(authority, &tx, target, reason, &caller)?)
    } else {
        let number = store::proposal::insert(&tx, &proposal)?;
        let detail = format!("proposal {number}, of {}: {reason}", reach_words(reach));
        audit::append(&tx, &caller, target.propose_verb(), &proposal.subject, &detail)?;
        Revoked::Proposed(number)
    };
    tx.commit()?;
    Ok(revoked)
}

/// Lifts the stop of a customer. It takes nothing away, so one person decides.
pub fn resume(
    authority: &Authority,
    db: &mut Connection,
    customer: &Slug,
    by: &By<Settings>,
) -> Result<Revocations, Error> {
    let tx = store::begin(db)?;
    let caller = Caller::from(by);
    if !store::customer::resume(&tx, customer)? {
        return Err(match store::customer::find(&tx, customer)? {
            Some(_) => Error::Rule(format!("it is not true that customer {customer} is stopped")),
            None => no_customer(&tx, customer),
        });
    }
    let list = sign_list(authority, &tx, &caller)?;
    let detail = format!("revocation list {}: the stop is lifted", list.sequence);
    audit::append(&tx, &caller, "resume customer", customer.as_str(), &detail)?;
    tx.commit()?;
    Ok(list)
}

/// Takes back, writes it to the audit, and signs the list that says so.
pub(super) fn apply(
    authority: &Authority,
    tx: &Transaction<'_>,
    target: &Target,
    reason: &str,
    caller: &Caller,
) -> Result<Revocations, Error> {
    let taken = Taken { at: caller.now, reason: reason.to_owned() };
    let done = match target {
        Target::Key(id) => store::product_key::revoke(tx, *id, &taken)?,
        Target::Host(id) => store::host::revoke(tx, *id, &taken)?,
        Target::Customer(slug) => store::customer::stop(tx, slug, &taken)?,
    };
    if !done {
        check(tx, target)?;
    }
    let list = sign_list(authority, tx, caller)?;
    let detail = format!("revocation list {}: {reason}", list.sequence);
    audit::append(tx, caller, target.verb(), &target.subject(), &detail)?;
    Ok(list)
}

/// Whether there is such a thing, and it was not taken back before.
pub(super) fn check(tx: &Transaction<'_>, target: &Target) -> Result<(), Error> {
    let (what, taken) = match target {
        Target::Key(id) => {
            let key = store::product_key::find(tx, *id)?.ok_or_else(|| Error::Rule(format!("there is no key {id}")))?;
            (format!("key {id} is revoked"), key.revoked)
        }
        Target::Host(id) => {
            let host = store::host::find(tx, *id)?.ok_or_else(|| Error::Rule(format!("there is no host {id}")))?;
            (format!("host {id} is revoked"), host.revoked)
        }
        Target::Customer(slug) => {
            let customer = store::customer::find(tx, slug)?.ok_or_else(|| no_customer(tx, slug))?;
            (format!("customer {slug} is stopped"), customer.stopped)
        }
    };
    match taken {
        Some(Taken { at, reason }) => Err(Error::Rule(format!("{what} since {at}: {reason}"))),
        None => Ok(()),
    }
}

/// What this person has taken back without a second one lately.
pub fn taken_alone<P: keymuster_service::console::permission::Needs>(
    tx: &Transaction<'_>,
    by: &By<P>,
) -> Result<Reach, Error> {
    Ok(store::proposal::reach_alone(tx, by.person(), by.at().minus(TOGETHER_SECS))?)
}

/// Whether one person may take back so much, with what they have taken back before.
pub fn may_decide_alone(limits: Limits, reach: Reach, before: Reach) -> bool {
    let is_within = |limit: u32, more: u64, before: u64| limit > 0 && more + before <= u64::from(limit);
    is_within(limits.hosts, reach.hosts, before.hosts) && is_within(limits.machines, reach.machines, before.machines)
}

/// A reach for people.
pub fn reach_words(reach: Reach) -> String {
    let words = |number: u64, one: &str| format!("{number} {one}{}", if number == 1 { "" } else { "s" });
    format!("{}, {}", words(reach.hosts, "host"), words(reach.machines, "machine"))
}

impl Target {
    /// What taking it back would take away at this time.
    pub fn reach(&self, tx: &Transaction<'_>, now: Timestamp) -> Result<Reach, Error> {
        Ok(match self {
            Target::Key(id) => store::reach::of_key(tx, *id, now)?,
            Target::Host(id) => store::reach::of_host(tx, *id, now)?,
            Target::Customer(slug) => store::reach::of_customer(tx, slug, now)?,
        })
    }

    /// The target of a stored proposal.
    pub(super) fn of(proposal: &Proposal) -> Option<Target> {
        match proposal.kind.as_str() {
            "revoke-key" => proposal.subject.parse().ok().map(Target::Key),
            "revoke-host" => proposal.subject.parse().ok().map(Target::Host),
            "stop-customer" => proposal.subject.parse().ok().map(Target::Customer),
            _ => None,
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Target::Key(_) => "revoke-key",
            Target::Host(_) => "revoke-host",
            Target::Customer(_) => "stop-customer",
        }
    }

    fn verb(&self) -> &'static str {
        match self {
            Target::Key(_) => "revoke key",
            Target::Host(_) => "revoke host",
            Target::Customer(_) => "stop customer",
        }
    }

    fn propose_verb(&self) -> &'static str {
        match self {
            Target::Key(_) => "propose to revoke key",
            Target::Host(_) => "propose to revoke host",
            Target::Customer(_) => "propose to stop customer",
        }
    }

    fn subject(&self) -> String {
        match self {
            Target::Key(id) => id.to_string(),
            Target::Host(id) => id.to_string(),
            Target::Customer(slug) => slug.to_string(),
        }
    }
}

/// Signs the list anew under a number that no list of this authority had, also where its records went back to an older copy.
pub fn renumbered(authority: &Authority, tx: &Transaction<'_>, caller: &Caller) -> Result<Revocations, Error> {
    let list = next_list(authority, tx, caller)?;
    let sequence = list.sequence.max(caller.now.as_secs());
    let list = authority.sign(Revocations { sequence, ..list }, caller.now)?;
    store::revocation_list::insert(tx, &list)?;
    Ok((*list).clone())
}

fn sign_list(authority: &Authority, tx: &Transaction<'_>, caller: &Caller) -> Result<Revocations, Error> {
    let list = authority.sign(next_list(authority, tx, caller)?, caller.now)?;
    store::revocation_list::insert(tx, &list)?;
    Ok((*list).clone())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_person_decides_up_to_the_limit_and_never_where_it_is_zero() {
        let reach = |hosts, machines| Reach { hosts, machines };
        for (limits, asked, before, expected) in [
            ((10, 1000), (10, 1000), (0, 0), true),
            ((10, 1000), (11, 0), (0, 0), false),
            ((10, 1000), (0, 1001), (0, 0), false),
            ((10, 1000), (1, 1), (9, 999), true),
            ((10, 1000), (1, 1), (10, 0), false),
            ((10, 1000), (1, 1), (0, 1000), false),
            ((0, 1000), (0, 0), (0, 0), false),
            ((10, 0), (0, 0), (0, 0), false),
        ] {
            let limits = Limits { hosts: limits.0, machines: limits.1 };
            let (asked, before) = (reach(asked.0, asked.1), reach(before.0, before.1));
            assert_eq!(may_decide_alone(limits, asked, before), expected, "{limits:?} {asked:?} {before:?}");
        }
        assert_eq!(reach_words(reach(1, 1200)), "1 host, 1200 machines");
    }
}
