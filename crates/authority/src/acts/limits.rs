//! From which size on taking back needs two persons. Raising a limit needs two persons as well, lowering it does not.

use std::fmt;
use std::str::FromStr;

use keymuster_service::console::By;
use keymuster_service::console::permission::Settings;
use keymuster_service::database::Failure;
use keymuster_service::sql::{Connection, Transaction};

use super::proposal::expire;
use crate::caller::Caller;
use crate::error::Error;
use crate::store::limit::{self, Limits};
use crate::store::proposal::{Proposal, Reach};
use crate::{store, store::audit};

/// What became of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Set {
    /// The limits count.
    Done,
    /// It waits for a second person, under this number.
    Proposed(u64),
}

/// Sets both limits, or proposes to.
pub fn set(db: &mut Connection, limits: Limits, by: &By<Settings>) -> Result<Set, Error> {
    let tx = store::begin(db)?;
    expire(&tx, by.at())?;
    let (before, caller) = (limit::load(&tx)?, Caller::from(by));
    let change = format!("from {before} to {limits}");
    let set = if limits.hosts <= before.hosts && limits.machines <= before.machines {
        limit::store(&tx, limits)?;
        audit::append(&tx, &caller, "set limits", "two persons", &change)?;
        Set::Done
    } else {
        let number = store::proposal::insert(&tx, &proposal(limits, by))?;
        let detail = format!("proposal {number}, {change}");
        audit::append(&tx, &caller, "propose to set limits", "two persons", &detail)?;
        Set::Proposed(number)
    };
    tx.commit()?;
    Ok(set)
}

fn proposal(limits: Limits, by: &By<Settings>) -> Proposal {
    Proposal {
        number: 0,
        kind: "set-limits".to_owned(),
        subject: limits.to_string(),
        reason: "more may be taken back by one person alone".to_owned(),
        reach: Reach::default(),
        proposed_at: by.at(),
        person: by.person().to_owned(),
        actor: by.actor().to_owned(),
        end: None,
    }
}

/// Sets what was proposed.
pub(super) fn apply(tx: &Transaction<'_>, proposal: &Proposal, caller: &Caller) -> Result<(), Error> {
    let damaged = |why| Failure::damaged("proposal", "subject", proposal.number, why);
    let limits: Limits = proposal.subject.parse().map_err(damaged)?;
    let before = limit::load(tx)?;
    limit::store(tx, limits)?;
    Ok(audit::append(tx, caller, "set limits", "two persons", &format!("from {before} to {limits}"))?)
}

/// `10 hosts, 1000 machines`.
impl fmt::Display for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} hosts, {} machines", self.hosts, self.machines)
    }
}

impl FromStr for Limits {
    type Err = String;

    fn from_str(text: &str) -> Result<Limits, String> {
        let parts = text.strip_suffix(" machines").and_then(|text| text.split_once(" hosts, "));
        let limits = parts.and_then(|(hosts, machines)| {
            Some(Limits { hosts: hosts.parse().ok()?, machines: machines.parse().ok()? })
        });
        limits.ok_or_else(|| "these are no limits".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read_as_they_are_written() {
        for limits in [Limits::default(), Limits { hosts: 0, machines: u32::MAX }] {
            assert_eq!(limits.to_string().parse(), Ok(limits));
        }
        assert!("10 hosts".parse::<Limits>().is_err() && "x hosts, 1 machines".parse::<Limits>().is_err());
    }
}
