//! The overview: how the host stands, who is counted, what is due, what to do next.

use std::path::Path;

use keymuster_core::catalogue::Family;
use keymuster_core::time::{DAY, HOUR, Timestamp};
use keymuster_service::sql::Transaction;
use serde::Serialize;
use utoipa::ToSchema;

use super::clients::State;
use super::status::{self, Report};
use crate::forecast::Outlook;
use crate::glance::{Look, Snapshot};
use crate::site::{Publisher, Site};
use crate::store;
use crate::store::tally::Tally;

/// Hours that are shown one by one.
const HOURS: u64 = 24;
/// Days that are shown one by one.
const DAYS: u64 = 30;

/// Everything at one glance.
#[derive(Debug, Serialize, ToSchema)]
pub struct Overview {
    /// What `keymuster-host status` tells as well; the counts in it are of this moment.
    pub status: Report,
    /// What is known of all clients together; absent while a large ledger is read for it.
    pub clients: Option<Clients>,
    /// Requests in each of the last 24 hours, the earliest first.
    pub hours: Vec<Requests>,
    /// Requests on each of the last 30 days, the earliest first.
    pub days: Vec<Requests>,
}

/// All clients together, at one moment.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = ClientsTogether)]
pub struct Clients {
    /// The moment, in seconds since 1970.
    pub at: u64,
    /// Clients and editions in each state.
    pub states: Vec<InState>,
    /// All of them.
    pub total: u64,
    /// Renewals that are due on each of the next 14 days.
    pub renewals: Vec<u64>,
    /// Leases that run out on each of the next 30 days, unless they are renewed.
    pub ends: Vec<u64>,
}

/// Clients in a state.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = ClientsInState)]
pub struct InState {
    /// The state.
    pub state: State,
    /// How many.
    pub clients: u64,
}

/// Requests in a stretch of time.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, ToSchema)]
pub struct Requests {
    /// When it begins, in seconds since 1970.
    pub at: u64,
    /// Leases that were granted.
    pub granted: u64,
    /// Refusals.
    pub refused: u64,
    /// Everything else: leases that were given back, tries.
    pub other: u64,
}

/// Loads the overview.
pub fn load(tx: &Transaction<'_>, data_dir: &Path, look: &Look, now: Timestamp) -> anyhow::Result<Overview> {
    let site = Site::load(tx)?;
    let status = status::load(tx, &site, data_dir, |held, family| outlook(look, held, family, now), now)?;
    let hour = now.minus(now.as_secs() % HOUR);
    let day = now.minus(now.as_secs() % DAY);
    let tallies = store::tally::all_since(tx, day.minus((DAYS - 1) * DAY))?;
    Ok(Overview {
        status,
        clients: look.snapshot.as_deref().map(Clients::of),
        hours: stretches(&tallies, hour.minus((HOURS - 1) * HOUR), HOUR, HOURS),
        days: stretches(&tallies, day.minus((DAYS - 1) * DAY), DAY, DAYS),
    })
}

/// The count of this moment, with what the snapshot foretells.
pub(crate) fn outlook(look: &Look, held: &Publisher, family: &Family, now: Timestamp) -> Outlook {
    let scope = (held.number, family.number);
    let count = look.counts.iter().find(|counted| counted.scope == scope).map_or(0, |counted| counted.count);
    let foretold = look.snapshot.as_ref().and_then(|snapshot| snapshot.outlooks.get(&scope));
    let outlook = foretold.cloned().unwrap_or_else(|| Outlook::of(held, family, None, now));
    Outlook { count, ..outlook }
}

impl Clients {
    fn of(snapshot: &Snapshot) -> Clients {
        let states = State::ALL.map(|state| InState { state, clients: snapshot.in_state(state) });
        Clients {
            at: snapshot.at.as_secs(),
            states: states.to_vec(),
            total: snapshot.total(),
            renewals: snapshot.renewals.to_vec(),
            ends: snapshot.ends.to_vec(),
        }
    }
}

/// Sums of tallies in stretches of so many seconds from a moment on.
fn stretches(tallies: &[Tally], begin: Timestamp, secs: u64, number: u64) -> Vec<Requests> {
    let mut stretches: Vec<Requests> =
        (0..number).map(|place| Requests { at: begin.plus(place * secs).as_secs(), ..Requests::default() }).collect();
    for tally in tallies.iter().filter(|tally| tally.hour >= begin) {
        let place = usize::try_from(tally.hour.secs_since(begin) / secs).unwrap_or(usize::MAX);
        let Some(stretch) = stretches.get_mut(place) else { continue };
        let sum = match &*tally.outcome {
            "granted" => &mut stretch.granted,
            "released" | "reported" | "activated" => &mut stretch.other,
            _ => &mut stretch.refused,
        };
        *sum += tally.requests;
    }
    stretches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_fall_into_their_stretches() {
        let begin = Timestamp::from_secs(1_800_000_000 / HOUR * HOUR);
        let tally = |hours: u64, outcome: &str, requests| Tally {
            hour: begin.plus(hours * HOUR),
            outcome: outcome.to_owned(),
            requests,
        };
        let before = Tally { hour: begin.minus(HOUR), outcome: "granted".to_owned(), requests: 9 };
        let tallies = [
            before,
            tally(0, "granted", 1),
            tally(0, "clock-skew", 2),
            tally(0, "seats-exhausted", 3),
            tally(1, "released", 4),
            tally(2, "granted", 5),
        ];
        let found = stretches(&tallies, begin, HOUR, 2);
        let sums = |requests: &Requests| [requests.granted, requests.refused, requests.other];
        assert_eq!(found.iter().map(sums).collect::<Vec<_>>(), [[1, 5, 0], [0, 0, 4]]);
        assert_eq!(found[1].at, begin.plus(HOUR).as_secs());
    }
}
