//! The second person: confirming and withdrawing what somebody else has proposed (`docs/spec/authority-records.md`, 3).

use keymuster_core::codes;
use keymuster_core::revocation::Revocations;
use keymuster_core::time::{DAY, Timestamp};
use keymuster_service::console::permission::Settings;
use keymuster_service::console::{By, account};
use keymuster_service::database::Failure;
use keymuster_service::sql::{Connection, Transaction};

use super::limits;
use super::revoke::{Target, apply};
use crate::authority::Authority;
use crate::caller::{Actor, Caller};
use crate::error::Error;
use crate::store::proposal::{End, Outcome, Proposal};
use crate::{store, store::audit};

/// For how long a proposal waits.
pub const WAITS_SECS: u64 = 7 * DAY;

/// Does what somebody else has proposed; the new revocation list, where there is one.
pub fn confirm(
    authority: &Authority,
    db: &mut Connection,
    number: u64,
    by: &By<Settings>,
) -> Result<Option<Revocations>, Error> {
    let tx = store::begin(db)?;
    expire(&tx, by.at())?;
    let proposal = waiting(&tx, number)?;
    check_second(&tx, &proposal, by)?;
    let caller = Caller::from(by);
    let detail = format!("{} of {}, by {}", proposal.kind, proposal.subject, proposal.actor);
    audit::append(&tx, &caller, "confirm proposal", &number.to_string(), &detail)?;
    let list = match Target::of(&proposal) {
        Some(target) => Some(apply(authority, &tx, &target, &proposal.reason, &caller)?),
        None => {
            limits::apply(&tx, &proposal, &caller)?;
            None
        }
    };
    end(&tx, number, Outcome::Confirmed, &caller)?;
    tx.commit()?;
    Ok(list)
}

/// Takes a proposal off the table, one's own or somebody else's.
pub fn withdraw(db: &mut Connection, number: u64, by: &By<Settings>) -> Result<(), Error> {
    let tx = store::begin(db)?;
    expire(&tx, by.at())?;
    let proposal = waiting(&tx, number)?;
    let caller = Caller::from(by);
    end(&tx, number, Outcome::Withdrawn, &caller)?;
    let detail = format!("{} of {}, by {}", proposal.kind, proposal.subject, proposal.actor);
    audit::append(&tx, &caller, "withdraw proposal", &number.to_string(), &detail)?;
    Ok(tx.commit()?)
}

/// Ends what has waited too long. Whoever looks at or decides on proposals calls this first.
pub fn expire(tx: &Transaction<'_>, now: Timestamp) -> Result<usize, Error> {
    let mut expired = 0;
    for proposal in store::proposal::pending(tx)? {
        if now < proposal.proposed_at.plus(WAITS_SECS) {
            continue;
        }
        let caller = Caller { actor: Actor::Person("authority".to_owned()), now };
        end(tx, proposal.number, Outcome::Expired, &caller)?;
        let detail = format!("{} of {}, by {}", proposal.kind, proposal.subject, proposal.actor);
        audit::append(tx, &caller, "expire proposal", &proposal.number.to_string(), &detail)?;
        expired += 1;
    }
    Ok(expired)
}

/// Whether somebody is a second person for a proposal.
pub fn check_second(tx: &Transaction<'_>, proposal: &Proposal, by: &By<Settings>) -> Result<(), Error> {
    let refused = |detail: String| Err(Error::Denied { code: &codes::SECOND_PERSON_NEEDED, detail });
    if proposal.person.eq_ignore_ascii_case(by.person()) {
        return refused(format!("{} has proposed this, and somebody else has to confirm it", proposal.person));
    }
    let account = account::named(tx, by.person())?;
    if account.is_some_and(|account| account.created_at > proposal.proposed_at) {
        return refused(format!("the account {} was made after this was proposed", by.person()));
    }
    Ok(())
}

fn waiting(tx: &Transaction<'_>, number: u64) -> Result<Proposal, Error> {
    let unknown = || Error::Denied { code: &codes::RECORD_UNKNOWN, detail: format!("there is no proposal {number}") };
    let proposal = store::proposal::find(tx, number)?.ok_or_else(unknown)?;
    match &proposal.end {
        None => Ok(proposal),
        Some(End { outcome, at, by }) => Err(Error::Denied {
            code: &codes::PROPOSAL_ENDED,
            detail: format!("proposal {number} was {} at {at}, by {by}", outcome.name()),
        }),
    }
}

fn end(tx: &Transaction<'_>, number: u64, outcome: Outcome, caller: &Caller) -> Result<(), Error> {
    let end = End { outcome, at: caller.now, by: caller.actor.to_string() };
    if store::proposal::end(tx, number, &end)? {
        return Ok(());
    }
    Err(Failure::damaged("proposal", "outcome", number, "it changed within a transaction").into())
}
